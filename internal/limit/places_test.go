package limit

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestBodies checks that a request is passed on with its body, however its
// reading ended, and that the bodies of all requests have a bound.
func TestBodies(t *testing.T) {
	cut := errors.New("cut")
	read := func(p *Places, body io.Reader) (got []byte, status int, err error) {
		h := p.Requests(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got, err = io.ReadAll(r.Body)
		}), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/", body))
		return got, w.Code, err
	}
	p := NewPlaces(2)
	for range 5 { // as often as ever
		if got, status, err := read(p, bytes.NewReader(make([]byte, 2*maxBody))); len(got) != maxBody || err != nil || status != http.StatusOK {
			t.Errorf("a large body: %d bytes, %v, %d", len(got), err, status)
		}
	}
	if got, _, err := read(p, io.MultiReader(bytes.NewReader([]byte("abc")), failing{cut})); string(got) != "abc" || !errors.Is(err, cut) {
		t.Errorf("a body that is cut: %q, %v", got, err)
	}
	p.buffered.Add(2*maxBody - 2)
	if _, status, _ := read(p, bytes.NewReader([]byte("ab"))); status != http.StatusOK {
		t.Errorf("the last bytes: %d", status)
	}
	if _, status, _ := read(p, bytes.NewReader([]byte("abc"))); status != http.StatusServiceUnavailable {
		t.Errorf("a byte more than there is room for: %d", status)
	}
	if left := p.buffered.Load(); left != 2*maxBody-2 {
		t.Errorf("%d bytes are counted", left)
	}
}
