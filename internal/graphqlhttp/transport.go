package graphqlhttp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"caregraph/internal/fault"
	"caregraph/internal/request"
	"caregraph/internal/viewer"
)

// Media types of an answer.
const (
	mediaGraphQL = "application/graphql-response+json"
	mediaJSON    = "application/json"
)

// serve answers a request of the GraphQL-over-HTTP specification: a query by
// GET, any operation by POST with a JSON body. A JSON body cannot be sent by a
// form of another site, so a request that changes something cannot be forged.
//
// A request that cannot be read is 4xx; one whose execution did not start has
// no data entry, and is 400 for a client that accepts
// application/graphql-response+json and 200 for one that accepts
// application/json.
func serve(w http.ResponseWriter, r *http.Request, execute func(context.Context, *graphql.RawParams, func(*ast.OperationDefinition) *gqlerror.Error) *graphql.Response) {
	media := negotiate(r.Header.Values("Accept"))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("Vary", "Accept")
	if media == "" {
		media = mediaJSON
		refuse(w, media, http.StatusNotAcceptable, "Accept must allow application/graphql-response+json or application/json.")
		return
	}
	var params graphql.RawParams
	var check func(*ast.OperationDefinition) *gqlerror.Error
	byGet := false
	if r.Method != http.MethodPost {
		check = func(o *ast.OperationDefinition) *gqlerror.Error {
			if byGet = o.Operation != ast.Query; byGet {
				return refused(fault.Invalid, "Only a query can be sent by GET.", nil)
			}
			return nil
		}
	}
	bad := readRequest(w, r, &params)
	if bad != nil {
		refuse(w, media, bad.status, bad.message)
		return
	}
	params.Headers = r.Header
	response := execute(r.Context(), &params, check)
	status := http.StatusOK
	switch {
	case byGet:
		w.Header().Set("Allow", "POST")
		status = http.StatusMethodNotAllowed
	case badToken(r.Context(), response):
		w.Header().Set("WWW-Authenticate", `Bearer realm="api", error="invalid_token"`) // RFC 6750, 3
		status = http.StatusUnauthorized
	case response.Data == nil && retryAfter(w, response):
		status = http.StatusTooManyRequests
	case response.Data == nil && media == mediaGraphQL:
		status = http.StatusBadRequest
	}
	write(w, media, status, response)
}

// readRequest reads the parameters of a request by GET or POST.
func readRequest(w http.ResponseWriter, r *http.Request, params *graphql.RawParams) *badRequest {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return readURL(r.URL.RawQuery, params)
	case http.MethodPost:
		return readBody(w, r, params)
	}
	w.Header().Set("Allow", "GET, POST")
	return &badRequest{http.StatusMethodNotAllowed, "Send GraphQL by GET or POST."}
}

// badToken tells whether an operation failed because the request's token is no
// longer good. It is answered with 401, unlike a missing token, so that the client
// renews it.
func badToken(ctx context.Context, response *graphql.Response) bool {
	_, err := viewer.FromContext(ctx)
	return errors.Is(err, viewer.ErrBadToken) && slices.ContainsFunc(response.Errors, func(e *gqlerror.Error) bool {
		return e.Extensions["code"] == string(fault.Unauthenticated)
	})
}

// retryAfter tells whether an operation was refused for now, and in the header
// Retry-After for how long.
func retryAfter(w http.ResponseWriter, response *graphql.Response) bool {
	for _, e := range response.Errors {
		if seconds, ok := e.Extensions["retryAfter"].(int); ok {
			w.Header().Set("Retry-After", strconv.Itoa(seconds))
			return true
		}
	}
	return false
}

// Refuse answers a request that is not let in.
func (h *Handler) Refuse(w http.ResponseWriter, r *http.Request, f *fault.Error) {
	response := &graphql.Response{Errors: gqlerror.List{presentFault(f)}}
	fail(r.Context(), response.Errors)
	retryAfter(w, response)
	media := negotiate(r.Header.Values("Accept"))
	write(w, cmp.Or(media, mediaJSON), f.Kind.Status(), response)
}

// NotFound answers a request for a path at which no schema is served.
func (h *Handler) NotFound(w http.ResponseWriter, r *http.Request) {
	h.Refuse(w, r, &fault.Error{Kind: fault.NotFound, Message: "Nothing is here. GraphQL is at /graphql."})
}

// badRequest is a request that cannot be read.
type badRequest struct {
	status  int
	message string
}

func refuse(w http.ResponseWriter, media string, status int, message string) {
	write(w, media, status, &graphql.Response{Errors: gqlerror.List{refused(fault.Invalid, message, nil)}})
}

func write(w http.ResponseWriter, media string, status int, response *graphql.Response) {
	answer := body(response)
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(status)
	w.Write(answer)
}

// body returns a response as JSON.
func body(response *graphql.Response) []byte {
	body := make([]byte, 0, len(response.Data)+256)
	body = append(body, '{')
	if len(response.Errors) > 0 {
		body = append(appendJSON(append(body, `"errors":`...), response.Errors), ',')
	}
	if response.Data != nil { // none if execution did not start
		body = append(append(append(body, `"data":`...), response.Data...), ',')
	}
	if len(response.Extensions) > 0 {
		body = append(appendJSON(append(body, `"extensions":`...), response.Extensions), ',')
	}
	body[len(body)-1] = '}'
	return body
}

// appendJSON appends what gqlgen has of errors and extensions, which is JSON.
func appendJSON(body []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return append(body, text...)
}

// negotiate returns the media type to answer with, after the q-values of RFC
// 9110, 12.5.1: application/json unless the other one is preferred, or nothing
// if neither is acceptable.
func negotiate(accept []string) string {
	if len(accept) == 0 {
		return mediaJSON
	}
	best := map[string]struct{ q, specific float64 }{}
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || q < 0 || q > 1 {
				continue
			}
		}
		for _, offer := range []string{mediaJSON, mediaGraphQL} {
			specific := map[string]float64{offer: 3, "application/*": 2, "*/*": 1}[media]
			if specific > best[offer].specific {
				best[offer] = struct{ q, specific float64 }{q, specific}
			}
		}
	}
	json, graphql := best[mediaJSON].q, best[mediaGraphQL].q
	switch {
	case json == 0 && graphql == 0:
		return ""
	case graphql > json, graphql == json && best[mediaGraphQL].specific > best[mediaJSON].specific:
		return mediaGraphQL
	case graphql == json && best[mediaGraphQL].specific == 3 && first(accept, mediaGraphQL, mediaJSON):
		return mediaGraphQL
	}
	return mediaJSON
}

// first tells whether a stands before b in the header.
func first(accept []string, a, b string) bool {
	header := strings.ToLower(strings.Join(accept, ","))
	return strings.Index(header, a) < strings.Index(header, b)
}

func readURL(query string, params *graphql.RawParams) *badRequest {
	values, err := url.ParseQuery(query)
	if err != nil {
		return &badRequest{http.StatusBadRequest, "The URL could not be read."}
	}
	members := map[string]any{}
	for _, name := range []string{"query", "operationName", "variables", "extensions"} {
		text := values.Get(name)
		switch {
		case len(values[name]) > 1:
			return &badRequest{http.StatusBadRequest, "The parameter " + name + " is given twice."}
		case !utf8.ValidString(text):
			return &badRequest{http.StatusBadRequest, "The parameter " + name + " must be UTF-8."}
		case text == "":
		case name == "query" || name == "operationName":
			members[name] = text
		default:
			value, err := request.JSON([]byte(text))
			if _, ok := value.(map[string]any); err != nil || value != nil && !ok {
				return &badRequest{http.StatusBadRequest, "The parameter " + name + " must be a JSON object."}
			}
			members[name] = value
		}
	}
	return read(members, "parameter", params)
}

func readBody(w http.ResponseWriter, r *http.Request, params *graphql.RawParams) *badRequest {
	media, args, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaJSON || args["charset"] != "" && !strings.EqualFold(args["charset"], "utf-8") {
		return &badRequest{http.StatusUnsupportedMediaType, "Send a body of type application/json in UTF-8."}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return &badRequest{http.StatusUnsupportedMediaType, "Send the body without a content encoding."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		w.Header().Set("Connection", "close") // nobody reads the rest
		return &badRequest{http.StatusRequestEntityTooLarge, "The body is larger than 1 MiB."}
	}
	if err != nil {
		return &badRequest{http.StatusBadRequest, "The body could not be read."}
	}
	value, err := request.JSON(body)
	if err != nil {
		return &badRequest{http.StatusBadRequest, "The body must be JSON: " + err.Error() + "."}
	}
	members, ok := value.(map[string]any)
	if !ok {
		return &badRequest{http.StatusBadRequest, "The body must be a JSON object with the members query, operationName, variables and extensions."}
	}
	return read(members, "member", params)
}

// read takes the parameters of a request from its members.
func read(members map[string]any, kind string, params *graphql.RawParams) *badRequest {
	wrong := ""
	switch {
	case !member(members, "query", &params.Query):
		wrong = "query must be a text"
	case !member(members, "operationName", &params.OperationName):
		wrong = "operationName must be a text"
	case !member(members, "variables", &params.Variables):
		wrong = "variables must be an object"
	case !member(members, "extensions", &params.Extensions):
		wrong = "extensions must be an object"
	case params.Query == "" && hashIn(params.Extensions) == "":
		wrong = "query is required"
	default:
		wholeNumbers(params.Variables)
		return nil
	}
	return &badRequest{http.StatusBadRequest, "The " + kind + " " + wrong + "."}
}

// member takes one member, of which null is as good as none. It tells whether
// the type is right.
func member[T any](members map[string]any, name string, into *T) bool {
	value, ok := members[name].(T)
	*into = value
	return ok || members[name] == nil
}
