package request

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// bodies are what clients send, well-meant or not.
var bodies = []struct {
	media, body string
	want        any // the members, or the text of the failure
}{
	{"application/json", `{}`, map[string]any{}},
	{"application/json", ` {"name": "Asha", "age": 7.0, "tags": [1, {"a": null}], "ok": true} `, map[string]any{
		"name": "Asha", "age": json.Number("7.0"), "ok": true, "tags": []any{json.Number("1"), map[string]any{"a": nil}},
	}},
	{"application/json; charset=UTF-8", `{"name":"आशा"}`, map[string]any{"name": "आशा"}},
	{"application/json", `{"name":"\ud83d\ude00 \\ud800 \\\ud83D\uDE00"}`, map[string]any{"name": `😀 \ud800 \😀`}},
	{"application/json", `{"a":9223372036854775808,"b":-0}`, map[string]any{"a": json.Number("9223372036854775808"), "b": json.Number("-0")}},
	{"application/json", "{\"name\":\"a\\u0000b\"}", map[string]any{"name": "a\x00b"}},
	{"application/json", strings.Repeat(`{"a":`, 32) + `1` + strings.Repeat(`}`, 32), nil},
	{"application/json", strings.Repeat(`{"a":`, 33) + `1` + strings.Repeat(`}`, 33), "JSON parse error - too deeply nested"},
	{"application/json", strings.Repeat(`[`, 1<<20), "JSON parse error - invalid at position 10001"},
	{"application/json", ``, "JSON parse error - invalid at position 0"},
	{"application/json", `{"a":1,}`, "JSON parse error - invalid at position 8"},
	{"application/json", `{"a":1} {}`, "JSON parse error - invalid at position 9"},
	{"application/json", `{"a":NaN}`, "JSON parse error - invalid at position 6"},
	{"application/json", `{"a":Infinity}`, "JSON parse error - invalid at position 6"},
	{"application/json", `{"a":01}`, "JSON parse error - invalid at position 7"},
	{"application/json", "{\"a\":\"\x00\"}", "JSON parse error - invalid at position 7"},
	{"application/json", `{"a":1e400}`, "JSON parse error - a number is too large"},
	{"application/json", `{"a":[-1e999999999999999999999]}`, "JSON parse error - a number is too large"},
	{"application/json", `{"a":1,"a":1}`, "JSON parse error - a key is given twice"},
	{"application/json", `{"x":[{"a":1,"\u0061":2}]}`, "JSON parse error - a key is given twice"},
	{"application/json", "{\"a\":\"\xff\"}", "JSON parse error - the text is not UTF-8"},
	{"application/json", `{"a":"\ud800"}`, "JSON parse error - half of a surrogate pair"},
	{"application/json", `{"a":"\\\uDFFF\ud83d"}`, "JSON parse error - half of a surrogate pair"},
	{"application/json", `{"a":"\ud83d\ud83d\ude00"}`, "JSON parse error - half of a surrogate pair"},
	{"application/json", `{"a":[` + strings.Repeat("1,", 9_996) + `1]}`, nil},
	{"application/json", `{"a":[` + strings.Repeat("1,", 9_998) + `1]}`, "JSON parse error - too many values"},
	{"application/json", `{"a":"\ud800x"}`, "JSON parse error - half of a surrogate pair"},
	{"application/json", `{"a":"\ude00\ud83d"}`, "JSON parse error - half of a surrogate pair"},
	{"application/json", `[1]`, "Invalid data. Expected a dictionary, but got list."},
	{"application/json", `"a"`, "Invalid data. Expected a dictionary, but got str."},
	{"application/json", `7`, "Invalid data. Expected a dictionary, but got int."},
	{"application/json", `7.5`, "Invalid data. Expected a dictionary, but got float."},
	{"application/json", `7e1`, "Invalid data. Expected a dictionary, but got float."},
	{"application/json", `true`, "Invalid data. Expected a dictionary, but got bool."},
	{"application/json", `null`, "Invalid data. Expected a dictionary, but got NoneType."},
	{"application/json", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, "The body is larger than 1 MiB."},
	{"application/json; charset=latin1", `{}`, `Unsupported media type "application/json; charset=latin1" in request.`},
	{"text/plain", `{}`, `Unsupported media type "text/plain" in request.`},
	{"", `{}`, `Unsupported media type "" in request.`},
	{"", ``, nil},
	{"application/x-www-form-urlencoded", `a=1&b=%E0%A4%86&a=2`, map[string]any{"a": "2", "b": "आ"}},
	{"application/x-www-form-urlencoded", `a=%zz`, "The body could not be read."},
	{"application/x-www-form-urlencoded", `a=1;b=2`, "The body could not be read."},
	{"application/x-www-form-urlencoded", "a=" + strings.Repeat("x", 1<<20), "The body is larger than 1 MiB."},
	{"multipart/form-data; boundary=x", part(`name="a"`, "1") + part(`name="b"`, "2 ") + "--x--\r\n", map[string]any{"a": "1", "b": "2 "}},
	{"multipart/form-data; boundary=x", part(`name="a"`, "1"), "The body could not be read."},
	{"multipart/form-data; boundary=x", part(`name="a"`, "1") + "--x\r\nContent-Disposition: form-da", "The body could not be read."},
	{"multipart/form-data; boundary=x", "--x--\r\n", map[string]any{}},
	{"multipart/form-data; boundary=x", part(`name="a"`, "1") + part(`name="b"; filename="b.txt"`, "2") + "--x--\r\n", "Files are not accepted."},
	{"multipart/form-data; boundary=x", part(`name="a"`, strings.Repeat("x", 1<<20)) + "--x--\r\n", "The body is larger than 1 MiB."},
	{"multipart/form-data", part(`name="a"`, "1") + "--x--\r\n", "The body could not be read."},
}

// part returns a part of a multipart body whose boundary is x.
func part(disposition, value string) string {
	return "--x\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + value + "\r\n"
}

func read(media, body string) (map[string]any, error) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", media)
	return Body(httptest.NewRecorder(), r)
}

// TestBody checks what is read of each body.
func TestBody(t *testing.T) {
	for _, tt := range bodies {
		name := tt.media + " " + tt.body[:min(len(tt.body), 40)]
		members, err := read(tt.media, tt.body)
		switch want := tt.want.(type) {
		case string:
			if err == nil || err.Error() != want {
				t.Errorf("%s: got %v, want %s", name, err, want)
			}
		case map[string]any:
			if err != nil || !reflect.DeepEqual(members, want) {
				t.Errorf("%s: got %v (%v), want %v", name, members, err, want)
			}
		default:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// FuzzBody checks that a body is read as text and numbers that can be stored,
// or refused as the caller's mistake.
func FuzzBody(f *testing.F) {
	for _, tt := range bodies {
		f.Add(tt.media, tt.body)
	}
	f.Fuzz(func(t *testing.T, media, body string) {
		members, err := read(media, body)
		var bad *BodyError
		var other *NotObject
		switch {
		case err == nil:
		case errors.As(err, &bad) && bad.Status >= 400 && bad.Status < 500:
		case errors.As(err, &other):
		default:
			t.Errorf("got %v", err)
		}
		if err != nil && members != nil {
			t.Error("members of a body that was refused")
		}
		if !strings.HasPrefix(media, "application/json") {
			return
		}
		for name, value := range members {
			if text, ok := value.(string); !utf8.ValidString(name) || ok && !utf8.ValidString(text) {
				t.Errorf("%q is no text: %q", name, text)
			}
			if _, err := json.Marshal(value); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}

// TestStatus checks the status of each failure.
func TestStatus(t *testing.T) {
	for body, want := range map[string]int{
		`{`:                              http.StatusBadRequest,
		strings.Repeat(" ", maxBody+1):   http.StatusRequestEntityTooLarge,
		`{"a":` + string([]byte{'\xff'}): http.StatusBadRequest,
	} {
		var bad *BodyError
		if _, err := read("application/json", body); !errors.As(err, &bad) || bad.Status != want {
			t.Errorf("got %v, want status %d", err, want)
		}
	}
}
