// Package web is the dashboard: plain files, which are embedded in the binary
// and run in the browser as they stand here, without their comments. They speak
// to the server by the GraphQL contract alone, as any other client would.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzhttp"
)

// Files are the files of the dashboard.
//
//go:embed index.html *.css *.js *.svg
var Files embed.FS

// policy lets the page use what this server sends and nothing else.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// file is what is sent for one of the files.
type file struct {
	kind string // media type
	text []byte
}

// Handler serves the dashboard below /admin/.
//
// The files stand in a folder that is named by the hash of all of them, and are
// kept for good: modules import each other by relative names, so that none of one
// version meets one of another. The path of a view is answered with the page, which
// the browser asks for anew each time. Any other path is 404: with the page, which
// says so in the reader's language, unless the path names a file.
func Handler() http.Handler {
	hash, files := load()
	page := files["index.html"]
	return gzhttp.GzipHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Method not allowed.", http.StatusMethodNotAllowed)
			return
		}
		rest, _ := strings.CutPrefix(r.URL.Path, "/admin/")
		folder, name, _ := strings.Cut(rest, "/")
		if version.MatchString(folder) {
			f, ok := files[name]
			if folder != hash || !ok {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			f.send(w, r)
			return
		}
		view := isView("/" + rest)
		if !view && path.Ext(rest) != "" { // meant as a file
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", `"`+hash+`"`)
		if view && strings.Contains(r.Header.Get("If-None-Match"), hash) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if !view {
			w.Header().Del("ETag")
			w.Header().Set("Content-Type", page.kind)
			w.WriteHeader(http.StatusNotFound)
		}
		page.send(w, r)
	}))
}

// isView tells whether the dashboard shows a view at the path below /admin.
func isView(path string) bool {
	return slices.ContainsFunc(views(), func(view *regexp.Regexp) bool { return view.MatchString(path) })
}

// views returns the paths of the views, as app.js has them, and that of the
// registration.
var views = sync.OnceValue(func() []*regexp.Regexp {
	app, err := Files.ReadFile("app.js")
	if err != nil {
		panic(err) // it is in the binary
	}
	all := []*regexp.Regexp{regexp.MustCompile(`^/register$`)}
	for _, found := range route.FindAllSubmatch(app, -1) {
		all = append(all, regexp.MustCompile(strings.ReplaceAll(string(found[1]), `\/`, "/")))
	}
	return all
})

// route matches the pattern of a path in the table of app.js.
var route = regexp.MustCompile(`(?m)^\t\[/(\^.+\$)/, "cg-`)

// version matches the name of the folder of a version.
var version = regexp.MustCompile(`^[0-9a-f]{16}$`)

// load reads the files, and puts the name of their folder into the page.
var load = sync.OnceValues(func() (hash string, files map[string]file) {
	texts, sum := map[string][]byte{}, sha256.New()
	for _, name := range names() {
		text, err := Files.ReadFile(name)
		if err != nil {
			panic(err) // they are in the binary
		}
		text = comments.ReplaceAll(text, nil)
		texts[name] = text
		sum.Write([]byte(name + "\x00" + strconv.Itoa(len(text)) + "\x00"))
		sum.Write(text)
	}
	hash = hex.EncodeToString(sum.Sum(nil))[:16]
	files = map[string]file{}
	for name, text := range texts {
		if name == "index.html" {
			text = bytes.ReplaceAll(text, []byte("VERSION"), []byte(hash))
		}
		f := file{mime.TypeByExtension(path.Ext(name)), text}
		if path.Ext(name) == ".js" {
			f.kind = "text/javascript; charset=utf-8" // whatever the machine's table says
		}
		files[name] = f
	}
	return hash, files
})

// comments matches comments and indentation, which are not sent to a browser.
var comments = regexp.MustCompile(`(?m)^\t*//.*\n| // .*$|/\*(?s:.*?)\*/[ \n]?|^\t+`)

// names returns the names of the files in order.
func names() []string {
	names, err := fs.Glob(Files, "*")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	slices.Sort(names)
	return names
}

// send answers with the file.
func (f file) send(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(f.text)))
	if r.Method == http.MethodGet {
		w.Write(f.text)
	}
}

// Documents returns the GraphQL documents that the dashboard sends, by the name
// of the operation, exactly as it sends them.
func Documents() map[string]string {
	documents := map[string]string{}
	_, files := load()
	for _, f := range files {
		for _, found := range document.FindAllSubmatch(f.text, -1) {
			documents[string(found[2])] = string(found[1])
		}
	}
	return documents
}

// document matches a GraphQL document in a module, and the operation's name.
var document = regexp.MustCompile("gql`(\\s*(?:query|mutation) (\\w+)[^`]*)`")
