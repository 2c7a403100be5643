package rest

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/internal/request"
	"caregraph/internal/scalar"
)

// Key returns the name of a GraphQL field as the REST API writes it:
// dateOfBirth is date_of_birth, patientId is patient.
func Key(field string) string {
	return capital.ReplaceAllStringFunc(strings.TrimSuffix(field, "Id"), func(c string) string { return "_" + strings.ToLower(c) })
}

var capital = regexp.MustCompile(`[A-Z]`)

// Literal returns the value of a GraphQL enum as the REST API writes it: MALE
// is male, B_POSITIVE is B+.
func Literal(name string) string {
	if group := rhesus.Replace(name); group != name {
		return group
	}
	return strings.ToLower(name)
}

var rhesus = strings.NewReplacer("_POSITIVE", "+", "_NEGATIVE", "-")

// fields returns what the body of a request may have: the fields of the
// variable input of the operation, or the variable refresh.
func (s *Server) fields(operation *ast.OperationDefinition) ast.FieldList {
	for _, v := range operation.VariableDefinitions {
		switch v.Variable {
		case "input":
			return s.Schema.Types[v.Type.Name()].Fields
		case "refresh":
			return ast.FieldList{{Name: v.Variable, Type: v.Type}}
		}
	}
	return nil
}

// leftEmpty has, by operation, the fields that have no value if their text is empty: a
// form sends it for what was left empty.
var leftEmpty = map[string][]string{"Register": {"phone"}, "CreatePatient": {"bloodGroup", "email", "ageYears"}, "UpdatePatient": {"bloodGroup", "email", "ageYears"}}

// fill makes the variables input and refresh of the members of a body. It
// returns the members whose shape is wrong. Those have a stand-in, so that a
// rehearsal can tell what is wrong with the others. Empty text in one of the fields
// optional is no value.
func (s *Server) fill(variables map[string]any, fields ast.FieldList, optional []string, body map[string]any) problems {
	input, wrong := map[string]any{}, problems{}
	for _, f := range fields {
		key, message := Key(f.Name), ""
		value, given := body[key]
		if text, ok := value.(string); ok && slices.Contains(optional, f.Name) && strings.TrimSpace(text) == "" {
			value = nil
		}
		if value == nil && !f.Type.NonNull {
			if given {
				input[f.Name] = nil
			}
			continue
		}
		input[f.Name], message = coerce(s.Schema.Types[f.Type.Name()], value, f.Type.NonNull)
		switch {
		case !given:
			message = string(scalar.Required)
		case value == nil:
			message = string(scalar.Null)
		}
		if message != "" {
			wrong[key] = []string{message}
		}
	}
	variables["input"], variables["refresh"] = input, input["refresh"]
	return wrong
}

const badInteger = "A valid integer is required."

// coerce returns a member of a body as a value of the GraphQL type, or a
// stand-in and what is wrong with the member.
func coerce(t *ast.Definition, value any, required bool) (coerced any, wrong string) {
	text, isText := value.(string)
	if !isText {
		text = string(encode(value))
		_, isText = value.(json.Number)
	}
	switch {
	case t.Kind == ast.Enum:
		for _, v := range t.EnumValues {
			if Literal(v.Name) == text {
				return v.Name, ""
			}
		}
		return t.EnumValues[0].Name, `"` + text + `" is not a valid choice.`
	case t.Name == "Int", t.Name == "ID":
		n, err := strconv.ParseInt(wholeNumber.ReplaceAllString(scalar.Digits(strings.TrimSpace(text)), ""), 10, 64)
		switch {
		case err == nil:
			return n, ""
		case t.Name == "ID":
			return 0, "Incorrect type. Expected pk value, received " + request.TypeOf(value) + "."
		}
		return 0, badInteger
	case value != nil && (t.Name == "Rupees" || t.Name == "Date"):
		return text, "" // they tell themselves what is wrong with them
	case !isText:
		return "", "Not a valid string."
	case required && strings.TrimSpace(text) == "":
		return "", string(scalar.Blank)
	}
	return text, ""
}

// wholeNumber matches the decimals of a number that has none.
var wholeNumber = regexp.MustCompile(`\.0*$`)

// onlyIfTrue is a member that records have only if it is true: a record of which all
// is known has the documented members. Another one follows it.
const onlyIfTrue = "birth_date_estimated"

// literals returns JSON that GraphQL wrote in the words of the REST API: ids as
// numbers, enums as the documented literals, and an object that stands for one
// of its members, such as {"email":…} for created_by, as that member. It goes
// by the names of members, in one pass.
func literals(src []byte) []byte {
	dst := make([]byte, 0, len(src))
	for {
		quote := bytes.IndexByte(src, '"')
		if quote < 0 {
			return append(dst, src...)
		}
		name := quoted(src[quote:])
		end := quote + len(name)
		dst = append(dst, src[:end]...)
		if src = src[end:]; !bytes.HasPrefix(src, []byte(":")) {
			continue // no key
		}
		if string(name) == `"`+onlyIfTrue+`"` && bytes.HasPrefix(src, []byte(":false,")) {
			dst, src = dst[:len(dst)-len(name)], src[len(":false,"):]
			continue
		}
		dst, src = append(dst, ':'), src[1:]
		closing := 0
		switch string(name) {
		case `"patient"`, `"doctor"`, `"created_by"`:
			name, closing = quoted(src[1:]), 1
			src = src[1+len(name)+1:]
		}
		if src[0] != '"' {
			continue
		}
		value := quoted(src) // which may hold anything
		src = src[len(value)+closing:]
		switch string(name) {
		case `"id"`:
			value = value[1 : len(value)-1]
		case `"role"`, `"gender"`, `"blood_group"`:
			value = strconv.AppendQuote(nil, Literal(string(value[1:len(value)-1])))
		}
		dst = append(dst, value...)
	}
}

// quoted returns the JSON string that src begins with.
func quoted(src []byte) []byte {
	for i := 1; ; i++ {
		switch src[i] {
		case '\\':
			i++
		case '"':
			return src[:i+1]
		}
	}
}
