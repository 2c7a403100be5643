package graphqlhttp

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"caregraph/internal/fault"
)

// maxWhole is the largest integer that clients with floating-point numbers can write
// without losing precision (ECMA-262, Number.MAX_SAFE_INTEGER).
const maxWhole = 1<<53 - 1

// wholeNumbers writes the numbers without a fraction in a JSON value as integers,
// in place: 5.0 and 5e0 are 5, since JSON does not tell them apart.
func wholeNumbers(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = wholeNumbers(member)
		}
	case []any:
		for i, element := range v {
			v[i] = wholeNumbers(element)
		}
	case json.Number:
		if !strings.ContainsAny(string(v), ".eE") {
			return v
		}
		if f, err := v.Float64(); err == nil && f == math.Trunc(f) && math.Abs(f) <= maxWhole {
			return json.Number(strconv.FormatInt(int64(f), 10))
		}
	}
	return value
}

// checkVariables returns what is wrong with the variables of an operation: each
// failure has the path of the value, and the name of its field. gqlgen's own check
// tells of the first only, and takes the names of enum values in any case. Values of
// custom scalars are checked by the scalars themselves. A variable that the operation
// does not declare is ignored, as the specification says.
func checkVariables(schema *ast.Schema, o *ast.OperationDefinition, values map[string]any) gqlerror.List {
	c := variableCheck{schema: schema, path: ast.Path{ast.PathName("variable")}}
	for _, v := range o.VariableDefinitions {
		c.at = []gqlerror.Location{{Line: v.Position.Line, Column: v.Position.Column}}
		value, given := values[v.Variable]
		switch {
		case given:
			c.inside(ast.PathName(v.Variable), func() { c.value(v.Type, value) })
		case v.Type.NonNull && v.DefaultValue == nil:
			c.inside(ast.PathName(v.Variable), func() { c.refuse("The variable $%s of type %s is required.", v.Variable, v.Type) })
		}
	}
	return c.errors
}

type variableCheck struct {
	schema *ast.Schema
	path   ast.Path
	at     []gqlerror.Location
	errors gqlerror.List
}

func (c *variableCheck) inside(element ast.PathElement, check func()) {
	c.path = append(c.path, element)
	check()
	c.path = c.path[:len(c.path)-1]
}

func (c *variableCheck) refuse(format string, args ...any) {
	if len(c.errors) == maxErrors {
		return
	}
	err := refused(fault.Invalid, fmt.Sprintf(format, args...), map[string]any{"field": shorten(lastName(c.path))})
	err.Path, err.Locations = slices.Clone(c.path), c.at
	c.errors = append(c.errors, err)
}

func (c *variableCheck) value(t *ast.Type, value any) {
	list := reflect.ValueOf(value) // gqlgen has made a list of its own type of one value
	switch def := c.schema.Types[t.Name()]; {
	case value == nil:
		if t.NonNull {
			c.refuse("Expected %s, found null.", t)
		}
	case t.Elem != nil && list.Kind() != reflect.Slice: // one value stands for a list of it
		c.value(t.Elem, value)
	case t.Elem != nil:
		for i := range list.Len() {
			c.inside(ast.PathIndex(i), func() { c.value(t.Elem, list.Index(i).Interface()) })
		}
	case def.Kind == ast.InputObject:
		c.object(def, value)
	case def.Kind == ast.Enum:
		if name, ok := value.(string); !ok || def.EnumValues.ForName(name) == nil {
			c.refuse("Expected a value of %s, found %s. The values are %s.", def.Name, show(value), valuesOf(def))
		}
	case !fits(def.Name, value):
		c.refuse("Expected %s, found %s.", def.Name, show(value))
	}
}

func (c *variableCheck) object(def *ast.Definition, value any) {
	object, ok := value.(map[string]any)
	if !ok {
		c.refuse("Expected an object of %s, found %s.", def.Name, show(value))
		return
	}
	for _, field := range def.Fields {
		member, given := object[field.Name]
		c.inside(ast.PathName(field.Name), func() {
			switch {
			case given:
				c.value(field.Type, member)
			case field.Type.NonNull && field.DefaultValue == nil:
				c.refuse("The field %s of %s is required.", field.Name, def.Name)
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if def.Fields.ForName(name) == nil && name != "__typename" {
			c.inside(ast.PathName(name), func() { c.refuse("%s has no field %s.", def.Name, shorten(name)) })
		}
	}
}

// fits tells whether a value can be read as a built-in scalar. Every value fits a
// custom one.
func fits(scalar string, value any) bool {
	switch value.(type) {
	case string, json.Number:
		_, err := strconv.ParseInt(fmt.Sprint(value), 10, 64)
		return scalar != "Boolean" && (scalar != "Int" || err == nil)
	case bool:
		return !slices.Contains([]string{"Int", "Float", "ID", "String"}, scalar)
	}
	return !slices.Contains([]string{"Int", "Float", "ID", "String", "Boolean"}, scalar)
}

// show describes a value: the value itself unless it is long.
func show(value any) string {
	switch v := value.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return strconv.Quote(shorten(v))
	}
	return shorten(fmt.Sprint(value))
}

// shorten cuts a text that a caller typed, so that it can stand in a message.
func shorten(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// valuesOf lists the values of an enum.
func valuesOf(enum *ast.Definition) string {
	var names []string
	for _, v := range enum.EnumValues {
		names = append(names, v.Name)
	}
	return strings.Join(names, ", ")
}

// lastName returns the last name in a path: that of the field or argument which the
// path leads to, or in which its list is.
func lastName(path ast.Path) string {
	for _, element := range slices.Backward(path) {
		if name, ok := element.(ast.PathName); ok {
			return string(name)
		}
	}
	return ""
}
