package server

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"path"
	"strings"

	"github.com/wundergraph/graphql-go-tools/pkg/playground"

	"caregraph/internal/sample"
)

//go:embed playground
var playgroundPage embed.FS

// playgroundFiles is where the files of Playground are. It has the hash of them, so
// that a browser may keep them for good; TestPlaygroundPage says which.
const playgroundFiles = "/playground/1e4f2994/"

// playgroundPolicy lets the page use what this server sends and nothing else.
// Playground writes its styles into the page.
const playgroundPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// servePlayground serves GraphQL Playground, which is in the binary, at
// /playground. With the sample data, its first tab has a sign-in of a user there.
func servePlayground(mux *http.ServeMux, demo bool) {
	signIn := sample.SignIn{Email: "you@example.com", Password: "your password"}
	if demo {
		signIn = sample.SignIns[0]
	}
	var page bytes.Buffer
	err := template.Must(template.ParseFS(playgroundPage, "playground/index.html")).Execute(&page, struct {
		Files string
		sample.SignIn
	}{playgroundFiles, signIn})
	if err != nil {
		panic(err) // the page is part of the binary
	}
	mux.HandleFunc("GET /playground", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", playgroundPolicy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page.Bytes())
	})
	handlers, err := playground.New(playground.Config{PathPrefix: "/", PlaygroundPath: playgroundFiles}).Handlers()
	if err != nil {
		panic(err) // its files are part of the binary, too
	}
	for _, h := range handlers[1:] { // the first is its own page
		mux.HandleFunc("GET "+h.Path, kept(strings.TrimPrefix(path.Ext(h.Path), "."), h.Handler))
	}
	mux.HandleFunc("GET "+playgroundFiles+"start.js", kept("js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, playgroundPage, "playground/start.js")
	}))
}

// kept lets browsers keep what h answers for good.
func kept(extension string, h http.HandlerFunc) http.HandlerFunc {
	kind := map[string]string{"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "png": "image/png"}[extension]
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		h(w, r)
	}
}
