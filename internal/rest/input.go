package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/internal/request"
	"caregraph/internal/scalar"
)

// input returns the value of a document's variable for the members of a body,
// and the members whose shape is wrong. Those have a stand-in, so that a
// rehearsal can tell what is wrong with the others.
func (s *Server) input(variable *ast.VariableDefinition, body map[string]any) (any, problems) {
	definition := s.Schema.Types[variable.Type.Name()]
	if definition.Kind != ast.InputObject {
		return s.coerce(variable.Type, variable.Variable, body)
	}
	input := map[string]any{}
	wrong := problems{}
	for _, field := range definition.Fields {
		if _, given := body[key(field.Name)]; !given && !field.Type.NonNull {
			continue
		}
		value, p := s.coerce(field.Type, key(field.Name), body)
		input[field.Name] = value
		maps.Copy(wrong, p)
	}
	return input, wrong
}

// coerce returns a member of the body as a value of the GraphQL type.
func (s *Server) coerce(t *ast.Type, key string, body map[string]any) (any, problems) {
	definition := s.Schema.Types[t.Name()]
	value, given := body[key]
	text, isText := value.(string)
	if n, ok := value.(json.Number); ok {
		text, isText = n.String(), definition.Kind != ast.Enum
	}
	wrong := func(standIn any, message string) (any, problems) {
		if !given {
			message = string(scalar.Required)
		} else if value == nil {
			message = string(scalar.Null)
		}
		return standIn, problems{key: {message}}
	}
	if given && value == nil && !t.NonNull {
		return nil, nil
	}
	switch {
	case definition.Kind == ast.Enum:
		for _, v := range definition.EnumValues {
			if isText && literal(v.Name) == text {
				return v.Name, nil
			}
		}
		if !isText {
			shown, _ := encode(value)
			text = string(shown)
		}
		return wrong(definition.EnumValues[0].Name, fmt.Sprintf(`"%s" is not a valid choice.`, text))
	case t.Name() == "Int":
		n, err := strconv.ParseInt(wholeNumber.ReplaceAllString(strings.TrimSpace(text), ""), 10, 64)
		if err != nil {
			return wrong(0, "A valid integer is required.")
		}
		return n, nil
	case t.Name() == "ID":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return wrong(0, "Incorrect type. Expected pk value, received "+request.TypeOf(value)+".")
		}
		return n, nil
	case value != nil && (t.Name() == "Rupees" || t.Name() == "Date"):
		return text, nil // they tell themselves what is wrong with them
	case !isText:
		return wrong("", "Not a valid string.")
	case t.NonNull && strings.TrimSpace(text) == "":
		return wrong("", string(scalar.Blank))
	}
	return text, nil
}

// wholeNumber matches the decimals of a number that has none.
var wholeNumber = regexp.MustCompile(`\.0*$`)

// literal returns the value of a GraphQL enum as the REST API writes it: MALE
// is male, B_POSITIVE is B+.
func literal(name string) string {
	if group, ok := strings.CutSuffix(name, "_POSITIVE"); ok {
		return group + "+"
	}
	if group, ok := strings.CutSuffix(name, "_NEGATIVE"); ok {
		return group + "-"
	}
	return strings.ToLower(name)
}

// encode returns v as JSON in raw UTF-8.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// key returns the name of a GraphQL field as the REST API writes it:
// dateOfBirth is date_of_birth, patientId is patient.
func key(field string) string {
	var b strings.Builder
	for _, c := range strings.TrimSuffix(field, "Id") {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
