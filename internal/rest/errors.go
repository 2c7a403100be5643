package rest

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"caregraph/internal/auth"
	"caregraph/internal/fault"
	"caregraph/internal/request"
	"caregraph/internal/viewer"
)

// problems are the messages of invalid fields, by their keys in the request.
type problems map[string][]string

func (p problems) Error() string { return "invalid input" }

// detail is a failure that is not of a field.
type detail struct {
	status    int
	Detail    string         `json:"detail"`
	Code      string         `json:"code,omitempty"`
	Messages  []tokenMessage `json:"messages,omitempty"`
	RequestID string         `json:"request_id,omitempty"`

	retryAfter int // seconds
}

func (d detail) Error() string { return d.Detail }

type tokenMessage struct {
	Class   string `json:"token_class"`
	Type    string `json:"token_type"`
	Message string `json:"message"`
}

var errNotFound = detail{status: http.StatusNotFound, Detail: fault.TextNotFound}

// reject writes the documented answer to a failure. With rejection it is the
// only place that knows the shapes of errors.
func (s *Server) reject(w http.ResponseWriter, r *http.Request, err error) {
	if failed, ok := errors.AsType[failure](err); ok {
		err = failed.rejection()
	}
	if invalid, ok := errors.AsType[problems](err); ok {
		write(w, http.StatusBadRequest, invalid)
		return
	}
	d := rejection(err)
	switch {
	case d.status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
	case d.status == http.StatusTooManyRequests, d.status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(max(d.retryAfter, 1)))
	}
	if d.status >= http.StatusInternalServerError {
		d.RequestID = request.ID(r.Context())
	}
	if _, known := errors.AsType[detail](err); !known && d.status == http.StatusInternalServerError { // what is known is logged
		s.Log.ErrorContext(r.Context(), "rest", "request_id", d.RequestID, "err", fault.Safe(err))
	}
	write(w, d.status, d)
}

func rejection(err error) detail {
	if known, ok := errors.AsType[detail](err); ok {
		return known
	}
	if body, ok := errors.AsType[*request.BodyError](err); ok {
		return detail{status: body.Status, Detail: body.Text}
	}
	refused := detail{status: http.StatusUnauthorized}
	switch {
	case errors.Is(err, auth.ErrHeader):
		refused.Detail, refused.Code = "Authorization header must contain two space-delimited values", "bad_authorization_header"
	case errors.Is(err, auth.ErrUserGone):
		refused.Detail, refused.Code = "User not found", "user_not_found"
	case errors.Is(err, auth.ErrUserInactive):
		refused.Detail, refused.Code = "User is inactive", "user_inactive"
	case errors.Is(err, viewer.ErrBadToken):
		message := "Token is invalid or expired"
		if errors.Is(err, auth.ErrTokenType) {
			message = "Token has wrong type"
		}
		refused.Detail, refused.Code = "Given token not valid for any token type", "token_not_valid"
		refused.Messages = []tokenMessage{{"AccessToken", "access", message}}
	default:
		f := fault.Of(err)[0]
		refused.status, refused.Detail, refused.retryAfter = f.Kind.Status(), f.Message, int(math.Ceil(f.RetryAfter.Seconds()))
	}
	return refused
}

// failure is what a document ended with.
type failure struct {
	errors    gqlerror.List
	variables map[string]any
	method    string
}

func (f failure) Error() string { return "the document failed" }

func (f failure) rejection() error {
	if invalid := f.problems(); len(invalid) > 0 {
		return invalid
	}
	first := f.errors[0]
	d := detail{status: kind(first).Status(), Detail: first.Message}
	d.retryAfter, _ = first.Extensions["retryAfter"].(int)
	if first.Message == auth.TextRefresh {
		d.Code = "token_not_valid"
	}
	return d
}

func kind(err *gqlerror.Error) fault.Kind {
	code, _ := err.Extensions["code"].(string)
	return fault.Kind(code)
}

// problems returns the errors that are of the input: of a field, or a conflict
// with what is stored.
func (f failure) problems() problems {
	all := problems{}
	for _, err := range f.errors {
		field, _ := err.Extensions["field"].(string)
		name, message := key(field), err.Message
		switch k := kind(err); {
		case k == fault.NotFound && field != "":
			input, _ := f.variables["input"].(map[string]any)
			message = fmt.Sprintf(`Invalid pk "%v" - object does not exist.`, input[field])
		case k == fault.Invalid, k == fault.Conflict && f.method != http.MethodDelete:
			if field == "" {
				name = "non_field_errors"
			}
		default:
			continue
		}
		all[name] = append(all[name], message)
	}
	return all
}
