package graph

import (
	"bytes"
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

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"caregraph/internal/fault"
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
	var bad *badRequest
	var check func(*ast.OperationDefinition) *gqlerror.Error
	byGet := false
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		bad = readURL(r.URL.RawQuery, &params)
		check = func(o *ast.OperationDefinition) *gqlerror.Error {
			if byGet = o.Operation != ast.Query; byGet {
				return refused(fault.Invalid, "Only a query can be sent by GET.", nil)
			}
			return nil
		}
	case http.MethodPost:
		bad = readBody(w, r, &params)
	default:
		w.Header().Set("Allow", "GET, POST")
		bad = &badRequest{http.StatusMethodNotAllowed, "Send GraphQL by GET or POST."}
	}
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

// badToken tells whether an operation failed because the token that was shown
// is no longer good: unlike a missing one, that is answered with 401, so that a
// client renews it.
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
	retryAfter(w, response)
	media := negotiate(r.Header.Values("Accept"))
	write(w, cmp.Or(media, mediaJSON), f.Kind.Status(), response)
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
	body, err := json.Marshal(reply{response.Errors, response.Data, response.Extensions})
	if err != nil {
		panic(err) // what gqlgen wrote is JSON
	}
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

// reply is an answer; without data if execution did not start.
type reply struct {
	Errors     gqlerror.List   `json:"errors,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
	Extensions map[string]any  `json:"extensions,omitempty"`
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
	for _, name := range []string{"query", "operationName", "variables", "extensions"} {
		if len(values[name]) > 1 {
			return &badRequest{http.StatusBadRequest, "The parameter " + name + " is given twice."}
		}
	}
	params.Query, params.OperationName = values.Get("query"), values.Get("operationName")
	for name, into := range map[string]*map[string]any{"variables": &params.Variables, "extensions": &params.Extensions} {
		if text := values.Get(name); text != "" {
			if err := decode([]byte(text), into); err != nil {
				return &badRequest{http.StatusBadRequest, "The parameter " + name + " must be a JSON object."}
			}
		}
	}
	if params.Query == "" {
		return &badRequest{http.StatusBadRequest, "The parameter query is required."}
	}
	return nil
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
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &badRequest{http.StatusRequestEntityTooLarge, "The body is larger than 1 MiB."}
	}
	if err != nil {
		return &badRequest{http.StatusBadRequest, "The body could not be read."}
	}
	var members struct {
		Query         *string         `json:"query"`
		OperationName *string         `json:"operationName"`
		Variables     json.RawMessage `json:"variables"`
		Extensions    json.RawMessage `json:"extensions"`
	}
	if err := decode(body, &members); err != nil {
		return &badRequest{http.StatusBadRequest, "The body must be a JSON object with the members query, operationName, variables and extensions."}
	}
	if members.Query == nil || *members.Query == "" {
		return &badRequest{http.StatusBadRequest, "The member query is required."}
	}
	params.Query = *members.Query
	if members.OperationName != nil {
		params.OperationName = *members.OperationName
	}
	for _, m := range []struct {
		name string
		raw  json.RawMessage
		into *map[string]any
	}{{"variables", members.Variables, &params.Variables}, {"extensions", members.Extensions, &params.Extensions}} {
		if len(m.raw) > 0 {
			if err := decode(m.raw, m.into); err != nil {
				return &badRequest{http.StatusBadRequest, "The member " + m.name + " must be an object."}
			}
		}
	}
	return nil
}

// decode reads one JSON value and nothing after it; numbers stay exact.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	return nil
}
