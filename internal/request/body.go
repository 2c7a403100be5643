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

// JSON returns the one value of a JSON text; numbers are json.Number. It refuses
// what stands for no text or number, and what readers understand differently.
func JSON(body []byte) (any, error) {
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
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return (&reader{d, 0}).next(0)
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

// reader reads a valid text.
type reader struct {
	*json.Decoder
	values int
}

// next returns the next value, which stands inside depth others.
func (r *reader) next(depth int) (any, error) {
	if r.values++; r.values > maxValues {
		return nil, errors.New("too many values")
	}
	token, err := r.Token()
	if number, ok := token.(json.Number); ok {
		if _, err := number.Float64(); err != nil {
			return nil, errors.New("a number is too large")
		}
	}
	opening, nested := token.(json.Delim)
	if err != nil || !nested {
		return token, err
	}
	if depth == maxNested {
		return nil, errors.New("too deeply nested")
	}
	list, object := []any{}, map[string]any{}
	for r.More() {
		var key string
		if opening == '{' {
			token, err := r.Token()
			if err != nil {
				return nil, err
			}
			key = token.(string)
			if _, twice := object[key]; twice {
				return nil, errors.New("a key is given twice")
			}
		}
		value, err := r.next(depth + 1)
		if err != nil {
			return nil, err
		}
		if opening == '{' {
			object[key] = value
		} else {
			list = append(list, value)
		}
	}
	if _, err = r.Token(); opening == '{' {
		return object, err
	}
	return list, err
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
