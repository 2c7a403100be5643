// Package rest keeps the REST API that existing clients rely on. It is a shim:
// a route is a GraphQL document, executed in process for the same viewer, and a
// mapping of its input and errors. It imports no ent and holds no rule.
package rest

import (
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

	"caregraph/internal/fault"
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

// endpoint is a route with the variable that its body becomes, if it has one.
type endpoint struct {
	route
	input *ast.VariableDefinition
}

// Handler returns the whole REST surface, below /api/. It panics if a document
// does not fit the schema.
func (s *Server) Handler() http.Handler {
	parsed, errs := gqlparser.LoadQueryWithRules(s.Schema, documents, rules.NewDefaultRules())
	if errs != nil {
		panic(errs)
	}
	paths := map[string]map[string]*endpoint{}
	for _, r := range routes {
		e := &endpoint{route: r}
		for _, v := range parsed.Operations.ForName(r.operation).VariableDefinitions {
			if v.Variable == "input" || v.Variable == "refresh" {
				e.input = v
			}
		}
		if paths[r.path] == nil {
			paths[r.path] = map[string]*endpoint{}
		}
		paths[r.path][r.method] = e
	}
	mux := http.NewServeMux()
	for path, methods := range paths {
		h := s.dispatch(methods)
		mux.Handle(path, h)
		mux.Handle(path+"/{$}", h)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.reject(w, r, errNotFound) })
	return mux
}

// dispatch answers the methods of one path. Authentication is checked before
// the method.
func (s *Server) dispatch(methods map[string]*endpoint) http.Handler {
	var allow []string
	public := false
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		if e := methods[method]; e != nil {
			allow, public = append(allow, method), e.public
			if method == "GET" {
				allow = append(allow, "HEAD")
			}
		}
	}
	allowed := strings.Join(append(allow, "OPTIONS"), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.Header().Set("Allow", allowed)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if _, err := viewer.FromContext(r.Context()); err != nil && !public {
			s.reject(w, r, err)
			return
		}
		e := methods[r.Method]
		if r.Method == http.MethodHead {
			e = methods[http.MethodGet]
		}
		if e == nil {
			w.Header().Set("Allow", allowed)
			s.reject(w, r, detail{status: http.StatusMethodNotAllowed, Detail: `Method "` + r.Method + `" not allowed.`})
			return
		}
		answer := s.serve
		if e.list {
			answer = s.list
		}
		if err := answer(w, r, e); err != nil {
			s.reject(w, r, err)
		}
	})
}

// serve executes the document of an endpoint and writes its result.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, e *endpoint) error {
	variables, err := ofPath(r)
	if err != nil {
		return err
	}
	var wrong problems
	if e.input != nil {
		body, err := request.Body(w, r)
		if other, ok := errors.AsType[*request.NotObject](err); ok {
			return problems{"non_field_errors": {other.Error()}}
		}
		if err != nil {
			return err
		}
		variables[e.input.Variable], wrong = s.input(e.input, body)
	}
	if len(wrong) > 0 {
		return s.rehearse(r, e, variables, wrong)
	}
	result, err := s.execute(r, s.Execute, e, variables)
	if err == nil {
		write(w, e.status, e.reply(result))
	}
	return err
}

// ofPath returns the variables that the path gives. A record whose id is no
// number does not exist.
func ofPath(r *http.Request) (map[string]any, error) {
	if r.PathValue("id") == "" {
		return map[string]any{}, nil
	}
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return nil, errNotFound
	}
	return map[string]any{"id": id}, nil
}

// rehearse returns the problems of an input whose shape is wrong in some
// fields, with those of its other fields.
func (s *Server) rehearse(r *http.Request, e *endpoint, variables map[string]any, wrong problems) error {
	if e.public && e.status == http.StatusOK { // a sign-in; there is no more to tell
		return wrong
	}
	_, err := s.execute(r, s.Rehearse, e, variables)
	if failed, ok := errors.AsType[failure](err); ok {
		others := failed.problems()
		if len(others) == 0 {
			return err
		}
		maps.Copy(others, wrong)
		return others
	}
	return errors.Join(wrong, err)
}

// execute returns the field result of what a document answers, in the words of
// the REST API.
func (s *Server) execute(r *http.Request, run executor, e *endpoint, variables map[string]any) (json.RawMessage, error) {
	response := run(r.Context(), &graphql.RawParams{Query: documents, OperationName: e.operation, Variables: variables})
	if len(response.Errors) > 0 {
		return nil, failure{response.Errors, variables, r.Method}
	}
	var data struct{ Result json.RawMessage }
	mustUnmarshal(response.Data, &data)
	return literals(data.Result), nil
}

// Sizes of a list in rows.
const (
	pageRows = 1_000  // read at once
	listRows = 10_000 // in an answer without ?limit=
)

// list writes the rows of a connection as one array: page after page as they
// come, so that its memory is that of a page. If the list goes on, the header
// Link tells where.
func (s *Server) list(w http.ResponseWriter, r *http.Request, e *endpoint) error {
	limit, err := number(r, "limit", listRows)
	offset, errOffset := number(r, "offset", 0)
	if err = cmp.Or(err, errOffset); err != nil {
		return err
	}
	page := rows{}
	next := func(left int) error { // reads the following page of at most left rows
		return s.read(r, e, min(left, pageRows), false, page.PageInfo.EndCursor, &page)
	}
	for left := offset; left > 0; left -= pageRows { // pass over what precedes
		if err := next(left); err != nil {
			return err
		}
		if !page.PageInfo.HasNextPage {
			write(w, e.status, []any{})
			return nil
		}
	}
	if err := next(limit); err != nil {
		return err
	}
	more := page.PageInfo.HasNextPage && limit > 0
	if more && limit > pageRows {
		var all rows
		if err := s.read(r, e, 0, true, nil, &all); err != nil {
			return err
		}
		more = all.TotalCount > offset+limit
	}
	if more {
		w.Header().Set("Link", fmt.Sprintf(`<%s?limit=%d&offset=%d>; rel="next"`, r.URL.Path, limit, offset+limit))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	w.Write(page.Nodes[:len(page.Nodes)-1]) // without the closing bracket
	for left := limit - pageRows; left > 0 && page.PageInfo.HasNextPage; left -= pageRows {
		if err := next(left); err != nil {
			panic(http.ErrAbortHandler) // too late for an error; the client sees that the answer is cut
		}
		page.Nodes[0] = ',' // instead of the opening bracket
		w.Write(page.Nodes[:len(page.Nodes)-1])
	}
	w.Write([]byte("]"))
	return nil
}

// number returns a parameter of the URL, or else the standard.
func number(r *http.Request, name string, standard int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return standard, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, problems{name: {"A valid integer is required."}}
	}
	return int(n), nil
}

// rows is a page of a connection.
type rows struct {
	PageInfo struct {
		HasNextPage bool
		EndCursor   *string
	}
	TotalCount int
	Nodes      json.RawMessage
}

func (s *Server) read(r *http.Request, e *endpoint, first int, count bool, after *string, into *rows) error {
	variables, err := ofPath(r)
	if err != nil {
		return err
	}
	variables["first"], variables["count"] = first, count
	if after != nil {
		variables["after"] = *after
	}
	result, err := s.execute(r, s.Execute, e, variables)
	if err == nil {
		mustUnmarshal(result, into)
	}
	return err
}

func write(w http.ResponseWriter, status int, reply any) {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	body, err := encode(reply)
	if err != nil {
		panic(err) // replies are of our own types
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

// Failed answers a request that ended in a panic.
func (s *Server) Failed(w http.ResponseWriter, r *http.Request) {
	s.reject(w, r, detail{status: http.StatusInternalServerError, Detail: fault.TextInternal})
}

// Refuse answers a request that is not let in.
func (s *Server) Refuse(w http.ResponseWriter, r *http.Request, f *fault.Error) { s.reject(w, r, f) }
