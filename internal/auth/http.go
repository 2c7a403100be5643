package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"caregraph/internal/request"
	"caregraph/internal/viewer"
)

// ErrHeader is the refusal of an Authorization header that has the scheme Bearer,
// and then no token or more than one.
var ErrHeader = errors.New("authorization header must contain two space-delimited values")

// Authenticate tells h who is calling, from the access token in the header
// Authorization. A caller without one, or with one that is refused, goes on as
// anonymous: what it asks for decides whether that is enough.
func (s *Service) Authenticate(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(s.Identify(r.Context(), r.Header.Get("Authorization"))))
	})
}

// Identify returns a context whose viewer is the bearer of the token in the value of a header
// Authorization, as Authenticate says.
func (s *Service) Identify(ctx context.Context, header string) context.Context {
	parts := strings.Fields(header)
	switch {
	case len(parts) == 0:
		return ctx
	case !strings.EqualFold(parts[0], "Bearer"): // in any case (RFC 9110, 11.1)
		return viewer.Refused(ctx, viewer.ErrForm)
	case len(parts) != 2:
		return viewer.Refused(ctx, errors.Join(viewer.ErrForm, ErrHeader))
	}
	v, err := s.Viewer(ctx, parts[1])
	if err != nil {
		return viewer.Refused(ctx, err)
	}
	request.AccountOf(ctx).By(v.UserID)
	return viewer.NewContext(ctx, v)
}
