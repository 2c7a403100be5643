package rest

import (
	"encoding/json"
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

// detail is a failure that is not of the input.
type detail struct {
	status    int
	after     int             // seconds until a try makes sense
	Detail    string          `json:"detail"`
	Merged    json.RawMessage `json:"merged_into,omitempty"` // with 404: the id of the record that this one became part of
	Code      string          `json:"code,omitempty"`
	Messages  json.RawMessage `json:"messages,omitempty"`
	RequestID string          `json:"request_id,omitempty"`
}

func (d detail) Error() string { return d.Detail }

// stale is the failure of a change that is meant for another version than the current one.
type stale struct{ current int }

func (stale) Error() string { return "stale" }

const badToken = "token_not_valid"

var errNotFound = detail{status: http.StatusNotFound, Detail: fault.TextNotFound}

// reject writes the documented answer to a failure.
func (s *Server) reject(w http.ResponseWriter, r *http.Request, err error) {
	if other, ok := errors.AsType[*request.NotObject](err); ok {
		err = problems{"non_field_errors": {other.Error()}}
	}
	if other, ok := errors.AsType[stale](err); ok {
		w.Header().Set("ETag", strconv.Quote(strconv.Itoa(other.current)))
		err = detail{status: http.StatusPreconditionFailed, Detail: fault.Stale(other.current).Message}
	}
	if invalid, ok := errors.AsType[problems](err); ok {
		write(w, http.StatusBadRequest, encode(invalid))
		return
	}
	d, known := errors.AsType[detail](err)
	if !known {
		d = describe(err)
	}
	switch {
	case d.status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
	case d.status == http.StatusTooManyRequests, d.status == http.StatusServiceUnavailable, d.status == http.StatusConflict && d.after > 0:
		w.Header().Set("Retry-After", strconv.Itoa(max(d.after, 1)))
	}
	if d.status >= http.StatusInternalServerError {
		d.RequestID = request.ID(r.Context())
	}
	if !known && d.status == http.StatusInternalServerError { // what is known is logged
		s.Log.ErrorContext(r.Context(), "rest", "request_id", d.RequestID, "err", fault.Safe(err))
	}
	write(w, d.status, encode(d))
}

// refusals are the answers to tokens; the first that fits.
var refusals = []struct {
	err          error
	detail, code string
	message      string // of the token
}{
	{auth.ErrHeader, "Authorization header must contain two space-delimited values", "bad_authorization_header", ""},
	{viewer.ErrForm, fault.TextForm, "bad_authorization_header", ""},
	{auth.ErrUserGone, "User not found", "user_not_found", ""},
	{auth.ErrUserInactive, "User is inactive", "user_inactive", ""},
	{auth.ErrTokenType, "Given token not valid for any token type", badToken, "Token has wrong type"},
	{viewer.ErrBadToken, "Given token not valid for any token type", badToken, "Token is invalid or expired"},
}

// describe returns the answer to a failure before a document is executed.
func describe(err error) detail {
	if body, ok := errors.AsType[*request.BodyError](err); ok {
		return detail{status: body.Status, Detail: body.Text}
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			d := detail{status: http.StatusUnauthorized, Detail: r.detail, Code: r.code}
			if r.message != "" {
				d.Messages = json.RawMessage(`[{"token_class":"AccessToken","token_type":"access","message":"` + r.message + `"}]`)
			}
			return d
		}
	}
	f := fault.Of(err)[0]
	return detail{status: f.Kind.Status(), Detail: f.Message, after: int(math.Ceil(f.RetryAfter.Seconds()))}
}

// failed returns what a document ended with: the problems of its input if
// there are any (of a field, or a conflict with what is stored).
func failed(errs gqlerror.List, variables map[string]any, method string) error {
	all := problems{}
	kind := func(err *gqlerror.Error) fault.Kind { return fault.Kind(fmt.Sprint(err.Extensions["code"])) }
	for _, err := range errs {
		if version, ok := err.Extensions["currentVersion"].(int); ok {
			return stale{version}
		}
		field, _ := err.Extensions["field"].(string)
		name, message := Key(field), err.Message
		switch k := kind(err); {
		case message == fault.KeyReused.Message:
			return detail{status: http.StatusUnprocessableEntity, Detail: message}
		case field == "idempotencyKey":
			return detail{status: http.StatusBadRequest, Detail: message}
		case k == fault.Conflict && err.Extensions["retryAfter"] != nil:
			return detail{status: http.StatusConflict, Detail: message, after: err.Extensions["retryAfter"].(int)}
		case k == fault.NotFound && field != "":
			input, _ := variables["input"].(map[string]any)
			message = fmt.Sprintf(`Invalid pk "%v" - object does not exist.`, input[field])
		case k != fault.Invalid && (k != fault.Conflict || method == http.MethodDelete):
			continue
		case field == "":
			name = "non_field_errors"
		}
		all[name] = append(all[name], message)
	}
	if len(all) > 0 {
		return all
	}
	d := detail{status: kind(errs[0]).Status(), Detail: errs[0].Message}
	d.after, _ = errs[0].Extensions["retryAfter"].(int)
	if into, ok := errs[0].Extensions["mergedInto"].(string); ok {
		d.Merged = json.RawMessage(into)
	}
	if d.Detail == auth.TextRefresh {
		d.Code = badToken
	}
	return d
}

// Failed answers a request that ended in a panic.
func (s *Server) Failed(w http.ResponseWriter, r *http.Request) {
	s.reject(w, r, detail{status: http.StatusInternalServerError, Detail: fault.TextInternal})
}

// Refuse answers a request that is not let in.
func (s *Server) Refuse(w http.ResponseWriter, r *http.Request, f *fault.Error) { s.reject(w, r, f) }
