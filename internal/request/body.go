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
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of a body.
const (
	maxBody   = 1 << 20 // bytes
	maxNested = 32      // arrays and objects inside each other
	maxValues = 10_000  // of JSON, at any depth
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
// json.Number. A key of JSON is given once; of a key that a form has twice the
// last value counts. It fails with BodyError or NotObject.
func Body(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	header := r.Header.Get("Content-Type")
	if header == "" && r.ContentLength == 0 {
		return nil, nil
	}
	media, params, err := mime.ParseMediaType(header)
	if err != nil || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		media = "unknown"
	}
	switch media {
	case "application/json", "application/x-www-form-urlencoded", "multipart/form-data":
	default:
		return nil, &BodyError{http.StatusUnsupportedMediaType, fmt.Sprintf("Unsupported media type %q in request.", header)}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		w.Header().Set("Connection", "close") // nobody reads the rest
		return nil, &BodyError{http.StatusRequestEntityTooLarge, "The body is larger than 1 MiB."}
	}
	if err != nil {
		return nil, errUnreadable
	}
	if media == "application/json" {
		return parseJSON(body)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	err = r.ParseForm()
	if media == "multipart/form-data" && err == nil {
		// The standard library does not insist on the boundary at the end.
		if err = r.ParseMultipartForm(maxBody); !bytes.Contains(body, []byte("--"+params["boundary"]+"--")) {
			err = errUnreadable
		}
	}
	if err != nil {
		return nil, errUnreadable
	}
	if r.MultipartForm != nil && len(r.MultipartForm.File) > 0 {
		return nil, &BodyError{http.StatusBadRequest, "Files are not accepted."}
	}
	return members(r.PostForm), nil
}

var errUnreadable = &BodyError{http.StatusBadRequest, "The body could not be read."}

// members returns the values of a form.
func members(form url.Values) map[string]any {
	members := map[string]any{}
	for name, values := range form {
		members[name] = values[len(values)-1]
	}
	return members
}

func parseJSON(body []byte) (map[string]any, error) {
	value, err := JSON(body)
	if err != nil {
		return nil, &BodyError{http.StatusBadRequest, "JSON parse error - " + err.Error()}
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, &NotObject{TypeOf(value)}
	}
	return object, nil
}

// JSON returns the value of a JSON text; numbers are json.Number. A byte order mark
// before it is ignored (RFC 8259, 8.1). It refuses text that is no valid Unicode,
// numbers out of range, and what JSON readers understand differently, such as a key
// that is given twice.
func JSON(body []byte) (any, error) {
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	if !utf8.Valid(body) {
		return nil, errors.New("the text is not UTF-8")
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(body, new(json.RawMessage)); errors.As(err, &syntax) {
		return nil, fmt.Errorf("invalid at position %d", syntax.Offset)
	}
	if halfPair(body) {
		return nil, errors.New("half of a surrogate pair")
	}
	members, values, depth := measure(body)
	switch {
	case depth > maxNested:
		return nil, errors.New("too deeply nested")
	case values > maxValues:
		return nil, errors.New("too many values")
	}
	var value any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	kept, err := check(value)
	if err == nil && kept < members {
		err = errors.New("a key is given twice")
	}
	return value, err
}

// measure counts the members of all objects, and all values, of a valid JSON
// text, and how deep they are nested.
func measure(text []byte) (members, values, depth int) {
	inside, open := false, 0
	var last byte // that is no white space
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case inside || c == ' ' || c == '\t' || c == '\r' || c == '\n':
			continue
		case c == ':':
			members++
		case c == ',':
			values++
		case c == '{' || c == '[':
			values++
			open++
			depth = max(depth, open)
		case c == '}' || c == ']':
			open--
			if last == '{' || last == '[' {
				values-- // nothing stands in it
			}
		}
		last = c
	}
	return members, values + 1, depth
}

// check counts the members of all objects in a value, and fails if a number
// is too large.
func check(value any) (members int, err error) {
	switch v := value.(type) {
	case json.Number:
		if _, err := v.Float64(); err != nil {
			return 0, errors.New("a number is too large")
		}
	case []any:
		for _, element := range v {
			n, err := check(element)
			if err != nil {
				return 0, err
			}
			members += n
		}
	case map[string]any:
		members = len(v)
		for _, member := range v {
			n, err := check(member)
			if err != nil {
				return 0, err
			}
			members += n
		}
	}
	return members, nil
}

// halfPair tells whether an escape of a valid JSON text is half of a pair.
func halfPair(text []byte) bool {
	unit := func() (u uint64) { // of the escape that the text begins with, or 0
		if len(text) >= 6 && text[0] == '\\' && text[1] == 'u' {
			u, _ = strconv.ParseUint(string(text[2:6]), 16, 16)
		}
		return u
	}
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return false
		}
		text = text[i:]
		size := 2
		if text[1] == 'u' {
			size = 6
		}
		first := unit()
		text = text[size:]
		if utf16.IsSurrogate(rune(first)) {
			if utf16.DecodeRune(rune(first), rune(unit())) == utf8.RuneError {
				return true
			}
			text = text[size:]
		}
	}
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
