package graphqlhttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"caregraph/internal/fault"
	"caregraph/internal/reading"
	"caregraph/internal/request"
)

// present returns the presenter that every error passes through on its way to
// the caller: a fault's public text and code, and nothing else.
func present(log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		raw := graphql.DefaultErrorPresenter(ctx, err)
		if raw.Unwrap() == nil {
			return presentRequest(raw)
		}
		faults := fault.Of(err)
		if here := graphql.GetPath(ctx); len(raw.Path) > len(here) { // an argument, by its path
			message := "The value has another type than the schema says."
			if faults[0].Kind == fault.Invalid { // a scalar's own words
				message = faults[0].Message
			}
			faults = fault.List{{Kind: fault.Invalid, Field: lastName(raw.Path), Message: message}}
			raw.Path = here
		}
		if inside, ok := errors.AsType[*reading.FieldError](err); ok {
			raw.Locations = []gqlerror.Location{{Line: inside.Position.Line, Column: inside.Position.Column}}
		}
		last := len(faults) - 1
		for _, f := range faults[:last] {
			graphql.AddError(ctx, &gqlerror.Error{Err: f, Path: raw.Path, Locations: raw.Locations})
		}
		f := faults[last]
		shown := presentFault(f)
		shown.Path, shown.Locations = raw.Path, raw.Locations
		if f.Kind == fault.Internal || f.Kind == fault.Unavailable {
			shown.Extensions["requestId"] = request.ID(ctx)
		}
		switch f.Kind {
		case fault.Internal:
			log.ErrorContext(ctx, "internal error", "request_id", request.ID(ctx), "path", raw.Path.String(), "err", fault.Safe(err))
		case fault.Unavailable:
			log.WarnContext(ctx, "unavailable", "request_id", request.ID(ctx), "path", raw.Path.String(), "err", fault.Safe(err))
		}
		return shown
	}
}

// presentFault returns a fault as GraphQL shows it.
func presentFault(f *fault.Error) *gqlerror.Error {
	extensions := map[string]any{"code": string(f.Kind)}
	if f.Field != "" {
		extensions["field"] = Camel(f.Field)
	}
	if f.RetryAfter > 0 {
		extensions["retryAfter"] = int(math.Ceil(f.RetryAfter.Seconds()))
	}
	if f.CurrentVersion > 0 {
		extensions["currentVersion"] = f.CurrentVersion
	}
	return &gqlerror.Error{Message: f.Message, Extensions: extensions}
}

// Bounds of the errors of a request that was refused before it ran.
const (
	maxMessage = 300 // bytes of the text of one
	maxErrors  = 5
)

// presentRequest returns an error that gqlgen itself wrote: of syntax, of
// validation, of a limit. It tells about the document and never about data.
func presentRequest(raw *gqlerror.Error) *gqlerror.Error {
	extensions := map[string]any{"code": string(fault.Invalid)}
	switch code, _ := raw.Extensions["code"].(string); {
	case fault.Known(code): // of a limit of ours
		extensions = raw.Extensions
	case strings.HasPrefix(raw.Message, "exceeded "): // of gqlgen's limit of tokens
		extensions["code"] = string(fault.TooComplex)
	}
	message := raw.Message
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage-len("…")], "") + "…"
	}
	path := raw.Path
	if len(path.String()) > maxMessage {
		path = nil
	}
	return &gqlerror.Error{Message: message, Path: path, Locations: raw.Locations, Extensions: extensions}
}

// recovered turns a panic into an error, which is presented as any other. Of a
// panic with a value of our own only the type is kept, for the log.
func recovered(_ context.Context, p any) error {
	if err, ok := p.(runtime.Error); ok {
		return fmt.Errorf("panic: %w\n%s", err, debug.Stack())
	}
	return fmt.Errorf("panic: %T\n%s", p, debug.Stack())
}

// Camel returns the name of a column as GraphQL writes it.
func Camel(column string) string {
	words := strings.Split(column, "_")
	for i, w := range words {
		if i > 0 && w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}
