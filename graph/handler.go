package graph

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"caregraph/ent"
	"caregraph/internal/auth"
	"caregraph/internal/loaded"
)

// Limits of one request, beside those of Options.
const (
	maxBody     = 1 << 20          // bytes
	maxDuration = 10 * time.Second // of an operation
)

// Options are what the configuration decides about the GraphQL door.
type Options struct {
	Introspect bool   // allow introspection and spelling suggestions
	TellCost   bool   // tell the cost of each operation in the answer's extensions
	Key        []byte // secret of the cursors
	Limits     Limits
	Documents  Documents
}

// Handler answers GraphQL requests. Its methods may be called concurrently.
type Handler struct {
	exec   *executor.Executor
	schema *ast.Schema
}

// NewHandler returns the GraphQL door to the database of the client.
func NewHandler(client *ent.Client, authn *auth.Service, log *slog.Logger, o Options) *Handler {
	schema := NewExecutableSchema(Config{Resolvers: &Resolver{client, authn, newCursors(o.Key)}})
	exec := executor.New(schema)
	known := newDocuments()
	exec.SetParserTokenLimit(o.Limits.Tokens)
	exec.SetQueryCache(known)
	exec.SetErrorPresenter(present(log))
	exec.SetRecoverFunc(recovered)
	exec.SetDisableSuggestion(!o.Introspect)
	exec.Use(persisted{o.Documents, o.Limits.Document, newKept(func(_, text string) int { return len(text) }), log})
	exec.Use(guard{o.Limits, known, o.TellCost})
	exec.Use(transaction{client})
	if o.Introspect {
		exec.Use(extension.Introspection{})
	} else {
		exec.Use(unexplored{})
	}
	return &Handler{exec, schema.Schema()}
}

// Execute runs an operation of a document of the server's own for the caller of
// the context. It may ask for 1,000 rows a page. A response without data is one
// whose execution did not start.
func (h *Handler) Execute(ctx context.Context, params *graphql.RawParams) *graphql.Response {
	ctx, cancel := context.WithTimeout(ctx, maxDuration)
	defer cancel()
	return h.execute(graphql.StartOperationTrace(context.WithValue(ctx, trustedKey{}, true)), params, nil)
}

// Rehearse is Execute for a mutation whose effects are undone at its end: it
// tells what is wrong with an input without changing anything.
func (h *Handler) Rehearse(ctx context.Context, params *graphql.RawParams) *graphql.Response {
	return h.Execute(rehearsal(ctx), params)
}

// execute runs an operation unless refuse, if given, returns an error for it.
func (h *Handler) execute(ctx context.Context, params *graphql.RawParams, refuse func(*ast.OperationDefinition) *gqlerror.Error) *graphql.Response {
	ctx = loaded.WithWriter(context.WithValue(ctx, memoKey{}, &memo{}), writeField)
	now := graphql.Now()
	params.ReadTime = graphql.TraceTiming{Start: now, End: now}
	operation, errs := h.exec.CreateOperationContext(ctx, params)
	if errs == nil && refuse != nil {
		if err := refuse(operation.Operation); err != nil {
			errs = gqlerror.List{err}
		}
	}
	if errs != nil {
		return h.exec.DispatchError(graphql.WithOperationContext(ctx, operation), errs[:min(len(errs), maxErrors)])
	}
	responses, ctx := h.exec.DispatchOperation(ctx, operation)
	response := responses(ctx)
	if response == nil { // the caller left, or time is up
		response = h.exec.DispatchError(ctx, gqlerror.List{{Err: context.Cause(ctx), Message: "timeout"}})
	}
	if response.Data == nil {
		response.Data = json.RawMessage("null")
	}
	return response
}

// ServeHTTP answers a request of GraphQL over HTTP.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), maxDuration)
	defer cancel()
	serve(w, r.WithContext(graphql.StartOperationTrace(ctx)), h.execute)
}

// Schema returns the contract.
func (h *Handler) Schema() *ast.Schema { return h.schema }
