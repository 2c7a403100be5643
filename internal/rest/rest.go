// Package rest keeps the REST API that existing clients rely on. It is a shim:
// a route is a GraphQL document, executed in process for the same viewer, and a
// mapping of its input and errors. It imports no ent and holds no rule.
package rest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"caregraph/internal/request"
	"caregraph/internal/viewer"
)

// Server answers REST requests. Its fields are not changed after it is made.
type Server struct {
	Schema   *ast.Schema
	Execute  executor // runs a document
	Rehearse executor // runs a document and undoes what it changed
	Log      *slog.Logger
}

type executor = func(context.Context, *graphql.RawParams) *graphql.Response

// Handler returns the whole REST surface, below /api/. It panics if a document
// does not fit the schema.
func (s *Server) Handler() http.Handler {
	parsed, errs := gqlparser.LoadQueryWithRules(s.Schema, documents, rules.NewDefaultRules())
	if errs != nil {
		panic(errs)
	}
	mux := http.NewServeMux()
	handle := func(method, path string, public bool, answer http.HandlerFunc) {
		h := func(w http.ResponseWriter, r *http.Request) {
			if _, err := viewer.FromContext(r.Context()); err != nil && !public && r.Method != http.MethodOptions {
				s.reject(w, r, err)
				return
			}
			answer(w, r)
		}
		mux.HandleFunc(method+path, h)
		mux.HandleFunc(method+path+"/{$}", h)
	}
	allow := map[string]string{} // the methods of each path
	for _, e := range routes {
		if allow[e.Path] == "" {
			handle("", e.Path, e.Public, func(w http.ResponseWriter, r *http.Request) { // any other method
				w.Header().Set("Allow", allow[e.Path]+"OPTIONS")
				if r.Method != http.MethodOptions {
					s.reject(w, r, detail{status: http.StatusMethodNotAllowed, Detail: `Method "` + r.Method + `" not allowed.`})
				} else {
					w.WriteHeader(http.StatusNoContent)
				}
			})
		}
		allow[e.Path] += strings.Replace(e.Method, "GET", "GET, HEAD", 1) + ", "
		fields := s.fields(parsed.Operations.ForName(e.Operation))
		handle(e.Method+" ", e.Path, e.Public, func(w http.ResponseWriter, r *http.Request) {
			id, err := strconv.ParseUint(cmp.Or(r.PathValue("id"), "0"), 10, 63)
			variables := map[string]any{"id": int64(id)}
			switch {
			case err != nil:
				err = errNotFound
			case e.List:
				err = s.list(w, r, e, variables)
			default:
				err = s.serve(w, r, e, fields, variables)
			}
			if err != nil {
				s.reject(w, r, err)
			}
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.reject(w, r, errNotFound) })
	return mux
}

// serve executes the document of an endpoint and writes its result. If the
// shape of some fields is wrong, it is a rehearsal, which tells what is wrong
// with the others.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, e Endpoint, fields ast.FieldList, variables map[string]any) error {
	run, wrong := s.Execute, problems{}
	if fields != nil {
		body, err := request.Body(w, r)
		if err != nil {
			return err
		}
		wrong = s.fill(variables, fields, leftEmpty[e.Operation], body)
	}
	switch {
	case len(wrong) > 0 && e.Public && e.Status == http.StatusOK: // a sign-in; there is no more to tell
		return wrong
	case len(wrong) > 0:
		run = s.Rehearse
	}
	data, err := s.conditionally(r, variables, func() ([]byte, error) { return s.execute(r, run, e, variables) })
	if others, ok := errors.AsType[problems](err); ok {
		maps.Copy(others, wrong) // in place of what the stand-ins have
	} else if err == nil && len(wrong) > 0 {
		err = wrong
	}
	if err != nil {
		return err
	}
	result := data[len(`{"result":`) : len(data)-len(`}`)]
	if e.Operation == "Register" {
		result = registered(result)
	}
	result, tag := tagged(result)
	if tag != "" && r.Method != http.MethodPut { // what was put may be stored in another form (RFC 9110, 9.3.4)
		w.Header().Set("ETag", tag)
	}
	if r.Method == http.MethodGet && matches(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	write(w, e.Status, result)
	return nil
}

// execute returns what a document answers, in the words of the REST API.
func (s *Server) execute(r *http.Request, run executor, e Endpoint, variables map[string]any) ([]byte, error) {
	response := run(r.Context(), &graphql.RawParams{Query: documents, OperationName: e.Operation, Variables: variables})
	if len(response.Errors) > 0 {
		return nil, failed(response.Errors, variables, r.Method)
	}
	return literals(response.Data), nil
}

// Sizes of a list in rows.
const (
	pageRows = 1_000  // read at once
	listRows = 10_000 // in an answer without ?limit=
)

// list writes the rows of a connection as one array: page after page as they
// come, so that its memory is that of a page. If the list goes on, the header
// Link tells where.
func (s *Server) list(w http.ResponseWriter, r *http.Request, e Endpoint, variables map[string]any) error {
	limit, offset, invalid := window(r)
	if len(invalid) > 0 {
		return invalid
	}
	var rows []byte // of the last page, without brackets
	var page struct {
		Result struct {
			PageInfo struct {
				HasNextPage bool
				EndCursor   string
			}
			TotalCount int
		}
	}
	read := func(first int, nodes, count bool) error {
		if page.Result.PageInfo.EndCursor != "" {
			variables["after"] = page.Result.PageInfo.EndCursor
		}
		variables["first"], variables["nodes"], variables["count"] = min(first, pageRows), nodes, count
		data, err := s.execute(r, s.Execute, e, variables)
		if err != nil {
			return err
		}
		head, tail, found := bytes.Cut(data, []byte(`,"nodes":[`)) // the last member: reading it would take long
		if found {
			head, rows = append(head, "}}"...), bytes.TrimSuffix(tail, []byte("]}}"))
		}
		return json.Unmarshal(head, &page)
	}
	for left := offset; left > 0 && limit > 0; left -= pageRows { // pass over what precedes
		if err := read(left, false, false); err != nil {
			return err
		}
		if !page.Result.PageInfo.HasNextPage {
			limit = 0
		}
	}
	if err := read(limit, true, false); err != nil {
		return err
	}
	goesOn := page.Result.PageInfo.HasNextPage && limit > 0
	beyond := goesOn
	if goesOn && limit > pageRows {
		if err := read(0, false, true); err != nil {
			return err
		}
		beyond = page.Result.TotalCount > offset+limit
	}
	if beyond {
		w.Header().Set("Link", fmt.Sprintf(`<%s?limit=%d&offset=%d>; rel="next"`, r.URL.Path, limit, offset+limit))
	}
	write(w, e.Status, append([]byte("["), rows...))
	for left := limit - pageRows; left > 0 && goesOn; left -= pageRows {
		if err := read(left, true, false); err != nil {
			panic(http.ErrAbortHandler) // too late for an error; the client sees that the answer is cut
		}
		if len(rows) > 0 { // else they were deleted meanwhile
			w.Write(append([]byte(","), rows...))
		}
		goesOn = page.Result.PageInfo.HasNextPage
	}
	w.Write([]byte("]"))
	return nil
}

// window returns which part of a list the URL asks for.
func window(r *http.Request) (limit, offset int, invalid problems) {
	invalid = problems{}
	number := func(name string, standard int) int {
		n, err := strconv.ParseUint(cmp.Or(r.URL.Query().Get(name), strconv.Itoa(standard)), 10, 31)
		if err != nil {
			invalid[name] = []string{badInteger}
		}
		return int(n)
	}
	return number("limit", listRows), number("offset", 0), invalid
}

// write writes JSON, unless the status is that of no content.
func write(w http.ResponseWriter, status int, body []byte) {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

// encode returns v, which is of our own types, as JSON in raw UTF-8.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
