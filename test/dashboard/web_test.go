package dashboard_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"

	"caregraph/graph"
	"caregraph/internal/server"
	"caregraph/test/harness"
	"caregraph/web"
)

// How many bytes, uncompressed, may be sent until the page shows something, and for
// each module that a view loads when it is first shown.
const (
	maxPage   = 64 << 10
	maxModule = 16 << 10
)

// TestWeb checks that the dashboard is small, has nothing inline, names only
// files that exist, and asks nothing that the contract does not have.
func TestWeb(t *testing.T) {
	err := fs.WalkDir(web.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(web.Files, name)
		if err != nil {
			return err
		}
		for _, inline := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "style=", "https://", "//cdn"} {
			if strings.Contains(string(text), inline) {
				t.Errorf("%s has %q", name, inline)
			}
		}
		for _, named := range regexp.MustCompile(`(?:VERSION|from "\.|import\("\.)/([\w.]+)`).FindAllStringSubmatch(string(text), -1) {
			if _, err := fs.Stat(web.Files, named[1]); err != nil {
				t.Errorf("%s names %s, which does not exist", name, named[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	page := map[string]int{}
	var load func(name string)
	load = func(name string) {
		text, err := fs.ReadFile(web.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		page[name] = len(text)
		for _, named := range regexp.MustCompile(`from "\./([\w.]+)`).FindAllStringSubmatch(string(text), -1) {
			if page[named[1]] == 0 {
				load(named[1])
			}
		}
	}
	for _, name := range []string{"index.html", "style.css", "icon.svg", "app.js"} {
		load(name)
	}
	total := 0
	for _, size := range page {
		total += size
	}
	if total > maxPage {
		t.Errorf("the page has %d bytes until it shows something, %d too many", total, total-maxPage)
	}
	modules, err := fs.Glob(web.Files, "*.js")
	if err != nil || len(page) == 0 || len(modules) <= len(page) {
		t.Fatalf("%d of %d modules are loaded first: %v", len(page), len(modules), err)
	}
	for _, name := range modules {
		if info, err := fs.Stat(web.Files, name); err != nil || info.Size() > maxModule {
			t.Errorf("%s has more than %d bytes: %v", name, maxModule, err)
		}
	}

	schema := graph.NewExecutableSchema(graph.Config{}).Schema()
	documents := web.Documents()
	for name, text := range documents {
		if _, errs := gqlparser.LoadQueryWithRules(schema, text, nil); errs != nil {
			t.Errorf("%s: %v", name, errs)
		}
	}
	if len(documents) < 15 {
		t.Errorf("found only %d documents", len(documents))
	}
}

// TestWebFiles checks how the files are sent.
func TestWebFiles(t *testing.T) {
	a := harness.New(t, sqlite(t))
	get := func(method, path string, header ...string) *http.Response {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, a.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		return response
	}
	body := func(r *http.Response) string {
		t.Helper()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}

	if r := get("GET", "/"); r.StatusCode != http.StatusFound || r.Header.Get("Location") != "/admin/" {
		t.Errorf("/ is answered with %d to %s", r.StatusCode, r.Header.Get("Location"))
	}
	index := get("GET", "/admin/")
	page := body(index)
	policy := index.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q lacks %s", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(page, "VERSION") {
		t.Errorf("the page is %s with the policy %s", page, policy)
	}
	module := regexp.MustCompile(`/admin/[0-9a-f]{16}/app\.js`).FindString(page)
	tests := []struct {
		method, path, header, value string
		status                      int
		kind, cache                 string
	}{
		{"GET", "/admin/patients/12/edit", "", "", 200, "text/html; charset=utf-8", "no-cache"},
		{"HEAD", "/admin/patients", "", "", 200, "text/html; charset=utf-8", "no-cache"},
		{"HEAD", "/admin/anything.js", "", "", 404, "text/plain; charset=utf-8", "no-store"},
		{"GET", "/admin/", "If-None-Match", index.Header.Get("ETag"), 304, "", "no-cache"},
		{"GET", "/admin/", "If-None-Match", `"other"`, 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", module, "", "", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"HEAD", module, "", "", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", strings.Replace(module, "app.js", "style.css", 1), "", "", 200, "text/css; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", strings.Replace(module, "app.js", "icon.svg", 1), "", "", 200, "image/svg+xml", "public, max-age=31536000, immutable"},
		{"GET", strings.Replace(module, "app.js", "web.go", 1), "", "", 404, "text/plain; charset=utf-8", "no-store"},
		{"GET", strings.Replace(module, "app.js", "../web.go", 1), "", "", 307, "text/html; charset=utf-8", "no-store"},
		{"GET", "/admin/0123456789abcdef/app.js", "", "", 404, "text/plain; charset=utf-8", "no-store"},
		{"POST", "/admin/", "", "", 405, "text/plain; charset=utf-8", "no-store"},
	}
	for _, tt := range tests {
		var header []string
		if tt.header != "" {
			header = []string{tt.header, tt.value}
		}
		r := get(tt.method, tt.path, header...)
		if r.StatusCode != tt.status || r.Header.Get("Content-Type") != tt.kind || r.Header.Get("Cache-Control") != tt.cache {
			t.Errorf("%s %s: got %d %s %s", tt.method, tt.path, r.StatusCode, r.Header.Get("Content-Type"), r.Header.Get("Cache-Control"))
		}
		if text := body(r); tt.method == "HEAD" && text != "" {
			t.Errorf("%s %s has a body", tt.method, tt.path)
		}
	}

	plain := get("GET", module, "Accept-Encoding", "gzip;q=0")
	small := get("GET", module, "Accept-Encoding", "br, gzip")
	if small.Header.Get("Content-Encoding") != "gzip" || small.Header.Get("Vary") == "" || plain.Header.Get("Content-Encoding") != "" {
		t.Fatalf("gzip: got %v and %v", small.Header, plain.Header)
	}
	reader, err := gzip.NewReader(small.Body)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(reader)
	if err != nil || string(unpacked) != body(plain) {
		t.Errorf("what gzip has is another text: %v", err)
	}
}

// TestWebTrusted checks that the dashboard's documents are answered where only
// trusted ones are.
func TestWebTrusted(t *testing.T) {
	a := harness.New(t, sqlite(t), func(c *server.Config) { c.Trusted = map[string]string{} })
	asha := a.Register(t, "asha")
	for name, text := range web.Documents() {
		if reply := a.Query(t, asha, text, nil); strings.Contains(reply, "Persisted") || strings.Contains(reply, "trusted") {
			t.Errorf("%s: %s", name, reply)
		}
	}
	if reply := a.Query(t, asha, "{ viewer { id } }", nil); !strings.Contains(reply, `"errors"`) {
		t.Errorf("another document is answered with %s", reply)
	}
}

// TestWebPaths checks that a view is answered with the page, and that any other
// path is not found: with the page for a reader, and without for a file.
func TestWebPaths(t *testing.T) {
	a := harness.New(t, sqlite(t))
	for _, tt := range []struct {
		path   string
		status int
		page   bool
	}{
		{"", 200, true},
		{"register", 200, true},
		{"patients", 200, true},
		{"patients/new", 200, true},
		{"patients/12", 200, true},
		{"patients/12/edit?from=list", 200, true},
		{"doctors/7", 200, true},
		{"users/3", 200, true},
		{"nothing", 404, true},
		{"patients/0x1", 404, true},
		{"patients/12345678901", 404, true},
		{"nothing.js", 404, false},
		{"patients/1/app.js", 404, false},
		{"0123456789abcdef/app.js", 404, false},
	} {
		status, reply := a.Send(t, "GET", "/admin/"+tt.path, "", "")
		if status != tt.status || strings.Contains(reply, "<script") != tt.page {
			t.Errorf("/admin/%s: got %d %.80s", tt.path, status, reply)
		}
	}
}
