package graphqlhttp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"caregraph/internal/fault"
	"caregraph/internal/limit"
	"caregraph/internal/reading"
)

// Limits bound what one operation may ask for; 0 switches one off. The tags are
// those of the configuration.
type Limits struct {
	Cost       int `default:"5000" help:"Objects in the answer to a GraphQL operation."`
	Depth      int `default:"12" hidden:"" help:"Levels of fields inside fields."`
	Fields     int `default:"10000" hidden:"" help:"Fields, with every fragment written out, and pairs of fields with the same name in the answer."`
	RootFields int `default:"30" hidden:"" help:"Fields at the root."`
	Aliases    int `default:"60" hidden:"" help:"Aliases."`
	Directives int `default:"5" hidden:"" help:"Directives at one place."`
	Tokens     int `default:"2000" hidden:"" help:"Lexical tokens of a document."`
	Document   int `default:"16384" hidden:"" help:"Bytes of a document."`
	Variables  int `default:"32768" hidden:"" help:"Characters of all variables."`
	List       int `default:"100" hidden:"" help:"Elements of one list in a variable or an argument."`
}

const (
	listedCost = 5   // objects that a list without pages is taken to hold
	costUnit   = 500 // objects that count as one more request
)

// guard refuses an operation that asks for too much, before it runs, with
// TOO_COMPLEX. It looks at each fragment once, so its time is linear in the
// document; gqlgen's own limit looks at a fragment at every spread, which is
// exponential.
type guard struct {
	Limits
	alone []string
	known graphql.Cache[*ast.QueryDocument] // documents that passed
	tell  bool                              // the cost of each operation, in the answer's extensions
}

// InterceptResponse tells the cost of an operation, also of a refused one.
func (g guard) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if g.tell && !own(ctx) && graphql.HasOperationContext(ctx) {
		if o := graphql.GetOperationContext(ctx); o.Operation != nil {
			w := &weigher{ctx: ctx, variables: o.Variables, fragments: map[*ast.FragmentDefinition]int{}}
			graphql.RegisterExtension(ctx, "cost", w.selections(o.Operation.SelectionSet))
		}
	}
	return next(ctx)
}

// ExtensionName returns the name of the extension.
func (guard) ExtensionName() string { return "Limits" }

// Validate accepts every schema.
func (guard) Validate(graphql.ExecutableSchema) error { return nil }

type ownKey struct{}

// own tells whether the document of the operation is one of the server's own:
// those have no limits but a larger page.
func own(ctx context.Context) bool { return ctx.Value(ownKey{}) != nil }

// over tells whether n is over a limit that is on.
func over(n, limit int) bool { return limit > 0 && n > limit }

func tooComplex(format string, args ...any) *gqlerror.Error {
	return refused(fault.TooComplex, fmt.Sprintf(format, args...), nil)
}

// MutateOperationParameters refuses a document by its size and shape, before
// it is validated: the time of validation is not linear.
func (g guard) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	if own(ctx) {
		return nil
	}
	if over(len(params.Query), g.Document) {
		return tooComplex("The document is longer than %d bytes.", g.Document)
	}
	size, longest := measure(params.Variables)
	if over(size, g.Variables) {
		return tooComplex("The variables are longer than %d characters.", g.Variables)
	}
	if over(longest, g.List) {
		return tooComplex("A list has more than %d elements.", g.List)
	}
	if _, ok := g.known.Get(ctx, params.Query); ok {
		return nil
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: params.Query}, g.Tokens)
	if err != nil {
		return nil // the parser's own error follows
	}
	s := &shaper{Limits: g.Limits, alone: g.alone, fragments: map[*ast.FragmentDefinition]*shape{}, named: doc.Fragments}
	for _, f := range doc.Fragments {
		s.fragment(f)
	}
	for _, o := range doc.Operations {
		s.directives = max(s.directives, len(o.Directives))
		for _, v := range o.VariableDefinitions {
			s.directives = max(s.directives, len(v.Directives))
		}
		if err := s.refusal(s.selections(o.SelectionSet), o); err != nil {
			return err
		}
	}
	if s.cyclic {
		return refused(fault.Invalid, "A fragment is spread inside itself.", nil)
	}
	if tooMuchWork(doc, g.Fields) {
		return tooComplex("The document has more than %d fields and pairs of the same field, with every fragment written out.", g.Fields)
	}
	return nil
}

// measure returns about how many characters a JSON value takes, whatever the
// script, and the length of its longest list.
func measure(v any) (size, longest int) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			b, l := measure(member)
			size, longest = size+len(name)+4+b, max(longest, l)
		}
	case []any:
		longest = len(v)
		for _, element := range v {
			b, l := measure(element)
			size, longest = size+1+b, max(longest, l)
		}
	case string:
		size = utf8.RuneCountInString(v) + 2
	default:
		size = 8
	}
	return size, longest
}

// shape is what a part of a document looks like with every fragment written
// out.
type shape struct{ depth, roots, aliases int }

// shapeCap keeps the arithmetic far from overflow.
const shapeCap = 1_000_000

func (s *shape) add(part shape) {
	s.depth = max(s.depth, part.depth)
	s.roots = min(s.roots+part.roots, shapeCap)
	s.aliases = min(s.aliases+part.aliases, shapeCap)
}

type shaper struct {
	Limits
	alone               []string
	named               ast.FragmentDefinitionList
	fragments           map[*ast.FragmentDefinition]*shape
	directives, longest int
	cyclic              bool // a fragment is spread inside itself
}

func (s *shaper) selections(set ast.SelectionSet) shape {
	var total shape
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			part := s.selections(selection.SelectionSet)
			part.roots = 1
			if selection.Name != "ofType" { // the wrappers of a type are few, however many are asked for
				part.depth++
			}
			if selection.Alias != selection.Name {
				part.aliases++
			}
			s.directives = max(s.directives, len(selection.Directives))
			for _, a := range selection.Arguments {
				s.longest = max(s.longest, longestList(a.Value))
			}
			total.add(part)
		case *ast.InlineFragment:
			s.directives = max(s.directives, len(selection.Directives))
			total.add(s.selections(selection.SelectionSet))
		case *ast.FragmentSpread:
			s.directives = max(s.directives, len(selection.Directives))
			total.add(s.fragment(s.named.ForName(selection.Name)))
		}
	}
	return total
}

// fragment returns the shape of a fragment; nothing for one that is unknown,
// which validation refuses, or spread inside itself.
func (s *shaper) fragment(f *ast.FragmentDefinition) shape {
	if f == nil {
		return shape{}
	}
	known, ok := s.fragments[f]
	if !ok {
		s.fragments[f] = nil // until it is known
		s.directives = max(s.directives, len(f.Directives))
		part := s.selections(f.SelectionSet)
		known = &part
		s.fragments[f] = known
	}
	if known == nil {
		s.cyclic = true
		return shape{}
	}
	return *known
}

func longestList(v *ast.Value) int {
	longest := 0
	if v.Kind == ast.ListValue {
		longest = len(v.Children)
	}
	for _, child := range v.Children {
		longest = max(longest, longestList(child.Value))
	}
	return longest
}

func (s *shaper) refusal(total shape, o *ast.OperationDefinition) *gqlerror.Error {
	switch {
	case over(total.depth, s.Depth):
		return tooComplex("The operation is nested deeper than %d fields.", s.Depth)
	case over(total.roots, s.RootFields):
		return tooComplex("The operation has more than %d fields at its root.", s.RootFields)
	case over(total.aliases, s.Aliases):
		return tooComplex("The operation has more than %d aliases.", s.Aliases)
	case over(s.directives, s.Directives):
		return tooComplex("One element has more than %d directives.", s.Directives)
	case over(s.longest, s.List):
		return tooComplex("A list has more than %d elements.", s.List)
	case total.roots > 1 && s.sensitive(o.SelectionSet, map[string]bool{}):
		return tooComplex("Each of these must be the only field of its operation: %s.", strings.Join(s.alone, ", "))
	}
	return nil
}

// sensitive tells whether a mutation that must stand alone is among the root
// fields.
func (s *shaper) sensitive(set ast.SelectionSet, seen map[string]bool) bool {
	return slices.ContainsFunc(set, func(selection ast.Selection) bool {
		switch selection := selection.(type) {
		case *ast.Field:
			return slices.Contains(s.alone, selection.Name)
		case *ast.InlineFragment:
			return s.sensitive(selection.SelectionSet, seen)
		case *ast.FragmentSpread:
			f := s.named.ForName(selection.Name)
			if f == nil || seen[f.Name] {
				return false
			}
			seen[f.Name] = true
			return s.sensitive(f.SelectionSet, seen)
		}
		return false
	})
}

// MutateOperationContext refuses an operation by its cost, and a page of an
// impossible size with BAD_USER_INPUT.
func (g guard) MutateOperationContext(ctx context.Context, o *graphql.OperationContext) *gqlerror.Error {
	if own(ctx) {
		return nil
	}
	w := &weigher{ctx: ctx, variables: o.Variables, fragments: map[*ast.FragmentDefinition]int{}}
	cost := w.selections(o.Operation.SelectionSet)
	if w.err != nil {
		return w.err
	}
	if over(cost, g.Cost) {
		return tooComplex("The operation may return %d objects, more than %d. Ask for smaller pages.", cost, g.Cost)
	}
	if state := limit.Take(ctx, cost/costUnit); state.Wait > 0 {
		return presentFault(fault.TooMany(state.Wait))
	}
	return nil
}

// weigher counts the objects that an operation may return.
type weigher struct {
	ctx       context.Context
	variables map[string]any
	fragments map[*ast.FragmentDefinition]int
	err       *gqlerror.Error
}

func (w *weigher) selections(set ast.SelectionSet) int {
	total := 0
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			total += w.field(s)
		case *ast.InlineFragment:
			total += w.selections(s.SelectionSet)
		case *ast.FragmentSpread:
			total += w.fragment(s.Definition)
		}
		total = min(total, shapeCap)
	}
	return total
}

func (w *weigher) fragment(f *ast.FragmentDefinition) int {
	cost, ok := w.fragments[f]
	if !ok {
		cost = w.selections(f.SelectionSet)
		w.fragments[f] = cost
	}
	return cost
}

func (w *weigher) field(f *ast.Field) int {
	if f.SelectionSet == nil || f.Definition == nil {
		return 0
	}
	inner := w.selections(f.SelectionSet)
	switch list := f.Definition.Type.Elem != nil; {
	case f.Definition.Arguments.ForName("first") != nil:
		args := f.ArgumentMap(w.variables)
		size, _, err := reading.PageSize(w.ctx, count(args["first"]), count(args["last"]))
		if err != nil && w.err == nil {
			w.err = presentFault(fault.Of(err)[0])
			w.err.Locations = []gqlerror.Location{{Line: f.Position.Line, Column: f.Position.Column}}
		}
		return min(1+size*inner, shapeCap)
	case list && (f.Name == "nodes" || f.Name == "edges"):
		return 1 + inner // its rows are counted by the connection
	case list:
		return min(listedCost*(1+inner), shapeCap)
	}
	return 1 + inner
}

// count returns the value of first or last, or nil if there is none.
func count(v any) *int {
	n, err := graphql.UnmarshalInt(v)
	if v == nil || err != nil {
		return nil
	}
	return &n
}

func refused(kind fault.Kind, message string, extensions map[string]any) *gqlerror.Error {
	if extensions == nil {
		extensions = map[string]any{}
	}
	extensions["code"] = string(kind)
	return &gqlerror.Error{Message: message, Extensions: extensions}
}
