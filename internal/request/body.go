package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a body.
const (
	maxBody   = 1 << 20 // bytes
	maxNested = 32      // arrays and objects inside each other
)

// BodyError is a body that cannot be read.
type BodyError struct {
	Status int
	Text   string // for the caller
}

// Error returns the text.
func (e *BodyError) Error() string { return e.Text }

// NotObject is a body that is JSON, but no object.
type NotObject struct{ Type string }

// Error tells what the body is.
func (e *NotObject) Error() string {
	return "Invalid data. Expected a dictionary, but got " + e.Type + "."
}

// Body returns the members of a body of JSON or of a form; numbers of JSON are
// json.Number. Of a key that is given twice the last value counts. It fails
// with BodyError or NotObject.
func Body(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	header := r.Header.Get("Content-Type")
	if header == "" && r.ContentLength == 0 {
		return nil, nil
	}
	media, params, err := mime.ParseMediaType(header)
	if err != nil || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		media = "unknown"
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	switch media {
	case "application/json":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, unreadable(err)
		}
		return parseJSON(body)
	case "application/x-www-form-urlencoded", "multipart/form-data":
		if err := r.ParseMultipartForm(maxBody); err != nil && !errors.Is(err, http.ErrNotMultipart) {
			return nil, unreadable(err)
		}
		return members(r.PostForm), nil
	}
	return nil, &BodyError{http.StatusUnsupportedMediaType, fmt.Sprintf("Unsupported media type %q in request.", header)}
}

func unreadable(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &BodyError{http.StatusRequestEntityTooLarge, "The body is larger than 1 MiB."}
	}
	return &BodyError{http.StatusBadRequest, "The body could not be read."}
}

func members(form url.Values) map[string]any {
	body := map[string]any{}
	for name, values := range form {
		body[name] = values[len(values)-1]
	}
	return body
}

func parseJSON(body []byte) (map[string]any, error) {
	bad := func(reason string) error {
		return &BodyError{http.StatusBadRequest, "JSON parse error - " + reason}
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
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, bad("unexpected character at position " + strconv.FormatInt(syntax.Offset, 10))
		}
		return nil, bad("unexpected end of the text")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, bad("more than one value")
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, &NotObject{TypeOf(value)}
	}
	return object, nil
}

// TypeOf returns what the documented API calls the type of a JSON value.
func TypeOf(value any) string {
	switch v := value.(type) {
	case string:
		return "str"
	case bool:
		return "bool"
	case []any:
		return "list"
	case map[string]any:
		return "dict"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "float"
		}
		return "int"
	}
	return "NoneType"
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
