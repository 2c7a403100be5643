package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"caregraph/internal/fault"
	"caregraph/internal/scalar"
)

// Limits of a body.
const (
	maxBody   = 1 << 20 // bytes
	maxNested = 32      // arrays and objects inside each other
)

// endpoint parses the document of a route.
func (s *Server) endpoint(r route) *endpoint {
	doc, err := parser.ParseQuery(&ast.Source{Name: r.method + " " + r.path, Input: r.document})
	if err != nil {
		panic(err)
	}
	if errs := validator.ValidateWithRules(s.Schema, doc, rules.NewDefaultRules()); errs != nil {
		panic(errs)
	}
	e := &endpoint{route: r}
	for _, v := range doc.Operations[0].VariableDefinitions {
		if v.Variable == "input" || v.Variable == "refresh" {
			e.input = v
		}
	}
	return e
}

// readBody returns the members of a body, of JSON or of a form.
func readBody(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Header.Get("Content-Type") == "" && r.ContentLength == 0 {
		return map[string]any{}, nil
	}
	unsupported := detail{http.StatusUnsupportedMediaType, map[string]any{"detail": fmt.Sprintf("Unsupported media type %q in request.", r.Header.Get("Content-Type"))}}
	if err != nil || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return nil, unsupported
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	switch media {
	case "application/json":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, unreadable(err)
		}
		return parseJSON(body)
	case "application/x-www-form-urlencoded":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, unreadable(err)
		}
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, detail{http.StatusBadRequest, map[string]any{"detail": "The form could not be read."}}
		}
		return members(values), nil
	case "multipart/form-data":
		if err := r.ParseMultipartForm(maxBody); err != nil {
			return nil, unreadable(err)
		}
		return members(r.MultipartForm.Value), nil
	}
	return nil, unsupported
}

func unreadable(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return detail{http.StatusRequestEntityTooLarge, map[string]any{"detail": "The body is larger than 1 MiB."}}
	}
	return detail{http.StatusBadRequest, map[string]any{"detail": "The body could not be read."}}
}

func members(form url.Values) map[string]any {
	body := map[string]any{}
	for name, values := range form {
		body[name] = values[len(values)-1]
	}
	return body
}

// parseJSON returns the members of a JSON object; of a key that is given twice
// the last value counts.
func parseJSON(body []byte) (map[string]any, error) {
	bad := func(reason string) error {
		return detail{http.StatusBadRequest, map[string]any{"detail": "JSON parse error - " + reason}}
	}
	if !utf8.Valid(body) {
		return nil, bad("the text is not UTF-8")
	}
	if nested(body) > maxNested {
		return nil, bad("too deeply nested")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		reason := "unexpected end of the text"
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			reason = "unexpected character at position " + strconv.FormatInt(syntax.Offset, 10)
		}
		return nil, bad(reason)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, bad("more than one value")
	}
	if object, ok := value.(map[string]any); ok {
		return object, nil
	}
	kind := map[bool]string{true: "list", false: "NoneType"}[fmt.Sprintf("%T", value) == "[]interface {}"]
	switch value.(type) {
	case string:
		kind = "str"
	case bool:
		kind = "bool"
	case json.Number:
		kind = "int"
		if strings.ContainsAny(string(value.(json.Number)), ".eE") {
			kind = "float"
		}
	}
	return nil, problems{{"non_field_errors", "Invalid data. Expected a dictionary, but got " + kind + "."}}
}

// nested returns how deep arrays and objects are nested in a JSON text.
func nested(body []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// problems are invalid fields, by their keys in the request, in order.
type problems []problem

type problem struct{ key, message string }

func (p problems) Error() string { return "invalid input" }

func (p problems) any() bool { return len(p) > 0 }

// MarshalJSON writes {"key":["message",…],…}.
func (p problems) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	var keys []string
	for _, x := range p {
		if !slices.Contains(keys, x.key) {
			keys = append(keys, x.key)
		}
	}
	for i, key := range keys {
		var messages []string
		for _, x := range p {
			if x.key == key {
				messages = append(messages, x.message)
			}
		}
		if i > 0 {
			b.WriteByte(',')
		}
		k, _ := encode(key)
		m, err := encode(messages)
		if err != nil {
			return nil, err
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(m)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// add takes over the errors of a document, but for fields that are listed.
func (p *problems) add(errs gqlerror.List) {
	listed := map[string]bool{}
	for _, x := range *p {
		listed[x.key] = true
	}
	for _, err := range errs {
		code, _ := err.Extensions["code"].(string)
		if code != string(fault.Invalid) && code != string(fault.Conflict) {
			continue
		}
		field, _ := err.Extensions["field"].(string)
		key := "non_field_errors"
		if field != "" {
			key = snake(field)
		}
		if !listed[key] {
			*p = append(*p, problem{key, err.Message})
		}
	}
}

// ordered returns the problems in the order of the fields of the input.
func (p problems) ordered(input *ast.Definition) problems {
	rank := func(x problem) int {
		return slices.IndexFunc(input.Fields, func(f *ast.FieldDefinition) bool { return snake(f.Name) == x.key })
	}
	slices.SortStableFunc(p, func(a, b problem) int { return rank(a) - rank(b) })
	return p
}

// variables returns the variables of a document for the members of a body, and
// the members whose shape is wrong. Those have a stand-in, so that a rehearsal
// can tell what is wrong with the others.
func (s *Server) variables(e *endpoint, body map[string]any) (map[string]any, problems) {
	if e.input == nil {
		return nil, nil
	}
	definition := s.Schema.Types[e.input.Type.Name()]
	if definition.Kind != ast.InputObject {
		value, p := s.coerce(e.input.Type, e.input.Variable, body)
		return map[string]any{e.input.Variable: value}, p
	}
	input := map[string]any{}
	var all problems
	for _, field := range definition.Fields {
		_, given := body[snake(field.Name)]
		if !given && !field.Type.NonNull {
			continue
		}
		value, p := s.coerce(field.Type, snake(field.Name), body)
		input[field.Name] = value
		all = append(all, p...)
	}
	return map[string]any{e.input.Variable: input}, all
}

// coerce returns the member of the body as a value of the GraphQL type.
func (s *Server) coerce(t *ast.Type, key string, body map[string]any) (any, problems) {
	definition := s.Schema.Types[t.Name()]
	wrong := func(standIn any, message string) (any, problems) {
		return standIn, problems{{key, message}}
	}
	var standIn any = ""
	switch {
	case definition.Kind == ast.Enum:
		standIn = definition.EnumValues[0].Name
	case t.Name() == "Int":
		standIn = 0
	}
	value, given := body[key]
	switch {
	case !given:
		return wrong(standIn, string(scalar.Required))
	case value == nil && t.NonNull:
		return wrong(standIn, string(scalar.Null))
	case value == nil:
		return nil, nil
	}
	text, isText := value.(string)
	if n, ok := value.(json.Number); ok && t.Name() != "Date" && definition.Kind != ast.Enum {
		text, isText = n.String(), true
	}
	switch {
	case definition.Kind == ast.Enum:
		for _, v := range definition.EnumValues {
			if literal(v.Name) == text {
				return v.Name, nil
			}
		}
		shown, _ := encode(value)
		return wrong(standIn, fmt.Sprintf(`"%s" is not a valid choice.`, strings.Trim(string(shown), `"`)))
	case t.Name() == "Int":
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
		if err != nil {
			return wrong(standIn, "A valid integer is required.")
		}
		return n, nil
	case t.Name() == "Rupees" || t.Name() == "Date":
		return text, nil // they tell themselves what is wrong with them
	case !isText:
		return wrong(standIn, "Not a valid string.")
	case t.NonNull && strings.TrimSpace(text) == "":
		return wrong(standIn, string(scalar.Blank))
	}
	return text, nil
}

// snake returns the name of a GraphQL field as the REST API writes it.
func snake(name string) string {
	var b strings.Builder
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// literal returns the value of a GraphQL enum as the REST API writes it:
// MALE is "male", B_POSITIVE is "B+".
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
