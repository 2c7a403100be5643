// Package rest keeps the REST API that existing clients rely on. It is a shim:
// a route is a GraphQL document, executed in process for the same viewer, and a
// mapping of its input and errors. It imports no ent and holds no rule.
package rest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"caregraph/internal/auth"
	"caregraph/internal/fault"
	"caregraph/internal/request"
	"caregraph/internal/viewer"
)

// Server answers REST requests. Its fields are not changed after it is made.
type Server struct {
	Schema   *ast.Schema
	Execute  func(context.Context, *graphql.RawParams) *graphql.Response // runs a document
	Rehearse func(context.Context, *graphql.RawParams) *graphql.Response // runs it and undoes it
	Log      *slog.Logger
}

// route is one endpoint.
type route struct {
	method, path string
	document     string // its input, if it has one, is the variable $input
	status       int    // of success
	public       bool   // answers without a token, and ignores one
	lenient      bool   // does not tell what else is wrong with an input that is malformed
	reply        func(data json.RawMessage) (any, error)
}

// routes is the whole REST surface.
var routes = []route{
	{method: "POST", path: "/api/auth/register", status: http.StatusCreated, public: true, reply: registered, document: `
		mutation Register($input: RegisterInput!) {
			result: register(input: $input) { user { id username email phone role } refresh access }
		}`},
	{method: "POST", path: "/api/auth/login", status: http.StatusOK, public: true, lenient: true, reply: loggedIn, document: `
		mutation Login($input: LoginInput!) {
			result: login(input: $input) { refresh access user { id email role } }
		}`},
	{method: "POST", path: "/api/auth/token/refresh", status: http.StatusOK, public: true, lenient: true, reply: refreshed, document: `
		mutation Refresh($refresh: String!) {
			result: refreshToken(refresh: $refresh) { access }
		}`},
}

type tokens struct {
	Refresh string `json:"refresh"`
	Access  string `json:"access"`
}

func registered(data json.RawMessage) (any, error) {
	var in struct {
		User json.RawMessage `json:"user"`
		tokens
	}
	err := json.Unmarshal(data, &in)
	return struct {
		User    json.RawMessage `json:"user"`
		Message string          `json:"message"`
		Tokens  tokens          `json:"tokens"`
	}{in.User, "User registered successfully", in.tokens}, err
}

func loggedIn(data json.RawMessage) (any, error) { return data, nil }

func refreshed(data json.RawMessage) (any, error) { return data, nil }

// Handler returns the whole REST surface, below /api/. It panics if a document
// does not fit the schema.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	paths := map[string]map[string]*endpoint{}
	for _, r := range routes {
		if paths[r.path] == nil {
			paths[r.path] = map[string]*endpoint{}
		}
		paths[r.path][r.method] = s.endpoint(r)
	}
	for path, methods := range paths {
		h := s.dispatch(methods)
		mux.Handle(path, h)
		mux.Handle(path+"/{$}", h)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.reject(w, r, detail{http.StatusNotFound, map[string]any{"detail": fault.TextNotFound}})
	})
	return mux
}

// endpoint is a route whose document was parsed.
type endpoint struct {
	route
	input *ast.VariableDefinition // nil if the route has no body
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
		w.Header().Set("Cache-Control", "no-store")
		if r.Method == http.MethodOptions {
			w.Header().Set("Allow", allowed)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if _, err := viewer.FromContext(r.Context()); err != nil && !public {
			s.reject(w, r, err)
			return
		}
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		e := methods[method]
		if e == nil {
			w.Header().Set("Allow", allowed)
			s.reject(w, r, detail{http.StatusMethodNotAllowed, map[string]any{"detail": `Method "` + method + `" not allowed.`}})
			return
		}
		if err := s.serve(w, r, e); err != nil {
			s.reject(w, r, err)
		}
	})
}

// serve decodes the body, executes the document, and writes its result.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, e *endpoint) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	variables, problems := s.variables(e, body)
	params := func() *graphql.RawParams { return &graphql.RawParams{Query: e.document, Variables: variables} }
	if problems.any() {
		if !e.lenient {
			problems.add(s.Rehearse(r.Context(), params()).Errors)
		}
		return problems.ordered(s.Schema.Types[e.input.Type.Name()])
	}
	response := s.Execute(r.Context(), params())
	if len(response.Errors) > 0 {
		return failure{response.Errors}
	}
	var data struct {
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(response.Data, &data); err != nil {
		return err
	}
	reply, err := e.reply(literals(data.Result))
	if err != nil {
		return err
	}
	return write(w, e.status, reply)
}

func write(w http.ResponseWriter, status int, reply any) error {
	body, err := encode(reply)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}

// detail is a failure with a documented body.
type detail struct {
	status int
	body   any
}

func (d detail) Error() string { return http.StatusText(d.status) }

// failure is what a document ended with.
type failure struct{ errors gqlerror.List }

func (f failure) Error() string { return f.errors.Error() }

// reject writes the documented answer to a failure. It is the only place that
// knows the shapes of errors.
func (s *Server) reject(w http.ResponseWriter, r *http.Request, err error) {
	status, body := s.rejection(r, err)
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if w.Header().Get("Retry-After") == "" {
			w.Header().Set("Retry-After", "1")
		}
	}
	if err := write(w, status, body); err != nil {
		s.Log.DebugContext(r.Context(), "the caller left", "request_id", request.ID(r.Context()))
	}
}

func (s *Server) rejection(r *http.Request, err error) (status int, body any) {
	text := func(status int, detail string) (int, any) {
		return status, map[string]any{"detail": detail}
	}
	var known detail
	var failed failure
	var invalid problems
	switch {
	case errors.As(err, &known):
		return known.status, known.body
	case errors.As(err, &invalid):
		return http.StatusBadRequest, invalid
	case errors.Is(err, auth.ErrHeader):
		return http.StatusUnauthorized, coded{"Authorization header must contain two space-delimited values", "bad_authorization_header", nil}
	case errors.Is(err, auth.ErrUserGone):
		return http.StatusUnauthorized, coded{"User not found", "user_not_found", nil}
	case errors.Is(err, auth.ErrUserInactive):
		return http.StatusUnauthorized, coded{"User is inactive", "user_inactive", nil}
	case errors.Is(err, viewer.ErrBadToken):
		message := "Token is invalid or expired"
		if errors.Is(err, auth.ErrTokenType) {
			message = "Token has wrong type"
		}
		return http.StatusUnauthorized, coded{
			"Given token not valid for any token type", "token_not_valid",
			[]tokenMessage{{"AccessToken", "access", message}},
		}
	case errors.Is(err, viewer.ErrAnonymous):
		return text(http.StatusUnauthorized, "Authentication credentials were not provided.")
	case errors.As(err, &failed):
		return s.failed(r, failed.errors)
	}
	return s.failed(r, gqlerror.List{{Message: "Internal error.", Err: err, Extensions: map[string]any{"code": string(fault.Of(err)[0].Kind)}}})
}

// coded is the documented body of a token's refusal.
type coded struct {
	Detail   string         `json:"detail"`
	Code     string         `json:"code"`
	Messages []tokenMessage `json:"messages,omitempty"`
}

type tokenMessage struct {
	TokenClass string `json:"token_class"`
	TokenType  string `json:"token_type"`
	Message    string `json:"message"`
}

// failed maps the errors of a document to a status and a body.
func (s *Server) failed(r *http.Request, errs gqlerror.List) (int, any) {
	first := errs[0]
	kind, _ := first.Extensions["code"].(string)
	switch fault.Kind(kind) {
	case fault.Unauthenticated:
		if first.Message == "Token is invalid or expired" {
			return http.StatusUnauthorized, coded{first.Message, "token_not_valid", nil}
		}
		return http.StatusUnauthorized, map[string]any{"detail": first.Message}
	case fault.Invalid, fault.Conflict:
		var p problems
		p.add(errs)
		return http.StatusBadRequest, p
	}
	status := map[fault.Kind]int{
		fault.Forbidden: http.StatusForbidden, fault.NotFound: http.StatusNotFound, fault.RateLimited: http.StatusTooManyRequests,
		fault.TooComplex: http.StatusBadRequest, fault.Unavailable: http.StatusServiceUnavailable,
	}[fault.Kind(kind)]
	if status == 0 {
		s.Log.ErrorContext(r.Context(), "internal error", "request_id", request.ID(r.Context()), "err", first.Message)
		return http.StatusInternalServerError, failedReply{"Internal error.", request.ID(r.Context())}
	}
	if status == http.StatusServiceUnavailable {
		return status, failedReply{first.Message, request.ID(r.Context())}
	}
	return status, map[string]any{"detail": first.Message}
}

type failedReply struct {
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`
}

// Failed answers a request that ended in a panic.
func (s *Server) Failed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusInternalServerError)
	json.NewEncoder(w).Encode(failedReply{"Internal error.", w.Header().Get("X-Request-Id")})
}
