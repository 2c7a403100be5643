package graphqlhttp

import (
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
)

// work counts the steps that it takes to validate a document. Validation looks
// at every operation and every fragment together with what is spread there, and
// compares each two fields of one name that come together in an answer: a
// hundred times the same field are 4,950 pairs.
type work struct {
	fragments   map[string]*ast.FragmentDefinition
	steps, most int
}

// tooMuchWork tells whether the validation of a document takes more steps than
// most; it stops counting there, so that it takes no more steps itself. No fragment
// of the document may be spread inside itself. A most of 0 means no limit.
func tooMuchWork(doc *ast.QueryDocument, most int) bool {
	if most == 0 {
		return false
	}
	w := &work{fragments: map[string]*ast.FragmentDefinition{}, most: most}
	for _, f := range slices.Backward(doc.Fragments) { // the first of a name counts
		w.fragments[f.Name] = f
	}
	for _, o := range doc.Operations {
		w.definition(o.SelectionSet)
	}
	for _, f := range doc.Fragments {
		w.definition(f.SelectionSet)
	}
	return w.over()
}

func (w *work) over() bool { return over(w.steps, w.most) }

// definition counts the steps for an operation or a fragment.
func (w *work) definition(set ast.SelectionSet) {
	w.merge([]ast.SelectionSet{set})
	seen := map[*ast.FragmentDefinition]bool{}
	var visit func(ast.SelectionSet)
	visit = func(set ast.SelectionSet) {
		for _, selection := range set {
			if w.steps++; w.over() {
				return
			}
			switch selection := selection.(type) {
			case *ast.Field:
				for _, a := range selection.Arguments {
					w.value(a.Value)
				}
				visit(selection.SelectionSet)
			case *ast.InlineFragment: // is compared by itself as well
				w.merge([]ast.SelectionSet{selection.SelectionSet})
				visit(selection.SelectionSet)
			case *ast.FragmentSpread:
				if f := w.fragments[selection.Name]; f != nil && !seen[f] {
					seen[f] = true
					visit(f.SelectionSet)
				}
			}
		}
	}
	visit(set)
}

// value counts the steps for an argument.
func (w *work) value(v *ast.Value) {
	w.steps++
	for _, child := range v.Children {
		w.value(child.Value)
	}
}

// merge counts the pairs of fields with one name in selections that come
// together in an answer, and in what those fields select.
func (w *work) merge(sets []ast.SelectionSet) {
	type group struct {
		fields int
		inner  []ast.SelectionSet
	}
	groups := map[string]*group{}
	var collect func(ast.SelectionSet)
	collect = func(set ast.SelectionSet) {
		for _, selection := range set {
			if w.steps++; w.over() {
				return
			}
			switch selection := selection.(type) {
			case *ast.Field:
				g := groups[selection.Alias]
				if g == nil {
					g = &group{}
					groups[selection.Alias] = g
				}
				w.steps += g.fields
				g.fields++
				if len(selection.SelectionSet) > 0 {
					g.inner = append(g.inner, selection.SelectionSet)
				}
			case *ast.InlineFragment:
				collect(selection.SelectionSet)
			case *ast.FragmentSpread:
				if f := w.fragments[selection.Name]; f != nil {
					collect(f.SelectionSet)
				}
			}
		}
	}
	for _, set := range sets {
		collect(set)
	}
	for _, g := range groups {
		if len(g.inner) > 0 && !w.over() {
			w.merge(g.inner)
		}
	}
}
