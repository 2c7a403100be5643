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
	"regexp"
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
	value, err := decode(body)
	if err != nil {
		return nil, &BodyError{http.StatusBadRequest, "JSON parse error - " + err.Error()}
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, &NotObject{TypeOf(value)}
	}
	return object, nil
}

// decode returns the one value of a JSON text. It refuses what stands for no
// text or number, and what readers understand differently.
func decode(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("the text is not UTF-8")
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(body, new(json.RawMessage)); errors.As(err, &syntax) {
		return nil, fmt.Errorf("invalid at position %d", syntax.Offset)
	}
	if half.Match(whole.ReplaceAll(body, []byte(" "))) {
		return nil, errors.New("half of a surrogate pair")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return next(d, 0)
}

// Escapes of a JSON text, in this order: those that stand for a character, and
// those that then are half of a pair.
var (
	whole = regexp.MustCompile(`\\\\|(?i:\\ud[89ab]..\\ud[c-f])`)
	half  = regexp.MustCompile(`(?i)\\ud[89a-f]`)
)

// next returns the next value of a valid text that stands inside depth others.
func next(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
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
	for d.More() {
		var key string
		if opening == '{' {
			token, err := d.Token()
			if err != nil {
				return nil, err
			}
			key = token.(string)
			if _, twice := object[key]; twice {
				return nil, errors.New("a key is given twice")
			}
		}
		value, err := next(d, depth+1)
		if err != nil {
			return nil, err
		}
		if opening == '{' {
			object[key] = value
		} else {
			list = append(list, value)
		}
	}
	if _, err = d.Token(); opening == '{' {
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
