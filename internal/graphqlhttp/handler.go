// Package graphqlhttp serves a GraphQL schema over HTTP, on gqlgen's executor:
// the transport, limits of an operation, trusted and persisted documents, one
// transaction for each mutation, and how errors are shown. It knows no type of
// the schema.
package graphqlhttp

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

	"caregraph/internal/fault"
)

// Limits of one request, beside those of Options.
const (
	maxBody     = 1 << 20          // bytes
	maxDuration = 10 * time.Second // of an operation
)

// Contract is what is served.
type Contract struct {
	Schema graphql.ExecutableSchema

	// Begin returns the context of one operation; own tells that its document is
	// one of the server's own.
	Begin func(ctx context.Context, own bool) context.Context

	// Transact calls f in a transaction, which it commits if f returns nil. If f
	// fails, Transact undoes what f did and returns the error of f.
	Transact func(ctx context.Context, f func(context.Context) error) error

	// Enter is called before the transaction of a mutation that a client sends with a key to
	// send it again, and leave after it. Once is called in the transaction; it returns what
	// change returns, or what it returned before, and then again is true.
	Enter func(ctx context.Context, key string) (leave func(), err error)
	Once  func(ctx context.Context, key string, request []byte, change func() ([]byte, error)) (answer []byte, again bool, err error)

	// Settle is called when an operation was executed, and before its answer leaves. If it
	// fails, the answer is this failure instead.
	Settle func(ctx context.Context, answer *graphql.Response) error

	// Alone names the mutations that check a password or cost much CPU time. Each
	// must be the only field of its operation, so that every attempt counts against
	// its limit; and each opens its own transaction, so that no database connection
	// waits while a password is hashed.
	Alone []string
}

// Options are what the configuration decides.
type Options struct {
	Introspect bool // allow introspection and spelling suggestions
	TellCost   bool // tell the cost of each operation in the answer's extensions
	Limits     Limits
	Documents  Documents
}

// Handler answers GraphQL requests. Its methods may be called concurrently.
type Handler struct {
	exec     *executor.Executor
	contract Contract
}

// New returns the handler of a contract.
func New(contract Contract, log *slog.Logger, o Options) *Handler {
	exec := executor.New(contract.Schema)
	known := newDocuments()
	exec.SetParserTokenLimit(o.Limits.Tokens)
	exec.SetQueryCache(known)
	exec.SetErrorPresenter(present(log))
	exec.SetRecoverFunc(recovered)
	exec.SetDisableSuggestion(!o.Introspect)
	exec.Use(persisted{o.Documents, o.Limits.Document, newKept(func(_, text string) int { return len(text) }), log})
	exec.Use(guard{o.Limits, contract.Alone, known, o.TellCost})
	exec.Use(transaction{contract})
	if o.Introspect {
		exec.Use(extension.Introspection{})
	} else {
		exec.Use(unexplored{})
	}
	return &Handler{exec, contract}
}

// Use adds an extension of gqlgen.
func (h *Handler) Use(e graphql.HandlerExtension) { h.exec.Use(e) }

// Execute runs an operation of a document of the server's own for the caller of
// the context. It may ask for 1,000 rows a page. A response without data is one
// whose execution did not start.
func (h *Handler) Execute(ctx context.Context, params *graphql.RawParams) *graphql.Response {
	ctx, cancel := context.WithTimeout(ctx, maxDuration)
	defer cancel()
	return h.execute(graphql.StartOperationTrace(context.WithValue(ctx, ownKey{}, true)), params, nil)
}

// Rehearse is Execute for a mutation whose effects are undone at its end: it
// tells what is wrong with an input without changing anything.
func (h *Handler) Rehearse(ctx context.Context, params *graphql.RawParams) *graphql.Response {
	return h.Execute(rehearsal(ctx), params)
}

// execute runs an operation unless refuse, if given, returns an error for it.
func (h *Handler) execute(ctx context.Context, params *graphql.RawParams, refuse func(*ast.OperationDefinition) *gqlerror.Error) *graphql.Response {
	ctx = h.contract.Begin(ctx, own(ctx))
	now := graphql.Now()
	params.ReadTime = graphql.TraceTiming{Start: now, End: now}
	operation, errs := h.exec.CreateOperationContext(ctx, params)
	switch {
	case own(ctx): // the server's own variables need no check
	case operation.Operation != nil:
		if wrong := checkVariables(h.Schema(), operation.Operation, params.Variables); wrong != nil {
			errs = wrong // gqlgen's own text does not name the field
		}
	case operation.Doc != nil:
		errs = gqlerror.List{noOperation(params.OperationName)}
	}
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

// noOperation is the refusal of a request whose operation the document does not have.
func noOperation(name string) *gqlerror.Error {
	if name == "" {
		return refused(fault.Invalid, "The document has several operations. Name the one to run in operationName.", nil)
	}
	return refused(fault.Invalid, "The document has no operation "+shorten(name)+".", nil)
}

// ServeHTTP answers a request of GraphQL over HTTP.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), maxDuration)
	defer cancel()
	serve(w, r.WithContext(graphql.StartOperationTrace(ctx)), h.execute)
}

// Schema returns the contract.
func (h *Handler) Schema() *ast.Schema { return h.contract.Schema.Schema() }
