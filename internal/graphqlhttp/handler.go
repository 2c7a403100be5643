// Package graphqlhttp serves a GraphQL schema over HTTP, on gqlgen's executor:
// the transport, limits of an operation, trusted and persisted documents, one
// transaction for each mutation, and how errors are shown. It knows no type of
// the schema.
package graphqlhttp

import (
	"cmp"
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
	"go.opentelemetry.io/otel/trace"

	"caregraph/internal/fault"
	"caregraph/internal/request"
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

	// Sight returns the clinics to which the records belong that the caller of the context may
	// see, and nil if those may be all; it may name more, never fewer. by is another value when
	// the caller sees some of them by another right.
	Sight func(ctx context.Context) (clinics []int, by string, err error)

	// Share is called before an operation is executed whose answer goes to the callers of
	// others, too, who have the same right.
	Share func(ctx context.Context, others []context.Context)

	// Personal names the types of which each user sees another part.
	Personal []string

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
	Streams    Streams
	Tracer     trace.Tracer // makes spans; nil: nothing is traced
	Known      []string     // operations that the log and metrics tell by name, beside those of trusted documents
}

// Streams are what operations over long connections need that a request has around it.
type Streams struct {
	// Identify returns a context whose viewer is the bearer of the token in the value of a
	// header Authorization.
	Identify func(ctx context.Context, authorization string) context.Context

	// Admit lets the caller of the context execute an operation in the context that it returns,
	// and leave must be called after it.
	Admit func(ctx context.Context) (admitted context.Context, leave func(), refused *fault.Error)

	// Sure tells whether every change was told to Changed, Doubt or Missed that is older than a
	// second.
	Sure func() bool

	Origins []string // whose pages may connect, beside the server's own
	Most    int      // subscriptions, and connections, of a user; 0 for no limit
}

// Handler answers GraphQL requests. Its methods may be called concurrently.
type Handler struct {
	exec          *executor.Executor
	contract      Contract
	streams       Streams
	subscriptions *subscriptions
	connections   *connections
	known         map[string]bool // names of operations
	log           *slog.Logger
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
	if o.Tracer != nil {
		exec.Use(spans{o.Tracer})
	}
	exec.Use(persisted{o.Documents, o.Limits.Document, newKept(func(_, text string) int { return len(text) }), log})
	exec.Use(guard{o.Limits, contract.Alone, known, o.TellCost})
	exec.Use(transaction{contract})
	if o.Introspect {
		exec.Use(extension.Introspection{})
	} else {
		exec.Use(unexplored{})
	}
	h := &Handler{exec: exec, contract: contract, streams: o.Streams, connections: newConnections(), known: o.Documents.operations(), log: log}
	for _, name := range o.Known {
		h.known[name] = true
	}
	h.subscriptions = newSubscriptions(h)
	return h
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
	ctx, operation, refusal := h.prepare(ctx, params, func(o *ast.OperationDefinition) *gqlerror.Error {
		if refuse != nil {
			if err := refuse(o); err != nil {
				return err
			}
		}
		if o.Operation == ast.Subscription {
			return refused(fault.Invalid, "Subscribe over a WebSocket (graphql-transport-ws), or with Accept: text/event-stream.", nil)
		}
		return nil
	})
	if refusal != nil {
		return refusal
	}
	return h.run(ctx, operation)
}

// prepare returns what is executed, in the context in which it is, or what is wrong with it:
// what refuse returns, too.
func (h *Handler) prepare(ctx context.Context, params *graphql.RawParams, refuse func(*ast.OperationDefinition) *gqlerror.Error) (context.Context, *graphql.OperationContext, *graphql.Response) {
	ctx = h.contract.Begin(ctx, own(ctx))
	now := graphql.Now()
	params.ReadTime = graphql.TraceTiming{Start: now, End: now}
	operation, errs := h.exec.CreateOperationContext(ctx, params)
	if operation.Operation != nil {
		name := shorten(operation.Operation.Name)
		request.AccountOf(ctx).Name(name, own(ctx) || h.known[name])
	}
	switch {
	case own(ctx): // the server's own variables need no check
	case operation.Operation != nil:
		if wrong := checkVariables(h.Schema(), operation.Operation, params.Variables); wrong != nil {
			errs = wrong // gqlgen's own text does not name the field
		}
	case operation.Doc != nil:
		errs = gqlerror.List{noOperation(params.OperationName)}
	}
	if errs == nil {
		if err := refuse(operation.Operation); err != nil {
			errs = gqlerror.List{err}
		}
	}
	if errs != nil {
		refusal := h.exec.DispatchError(graphql.WithOperationContext(ctx, operation), errs[:min(len(errs), maxErrors)])
		fail(ctx, refusal.Errors)
		return ctx, nil, refusal
	}
	return ctx, operation, nil
}

// run executes a query or a mutation.
func (h *Handler) run(ctx context.Context, operation *graphql.OperationContext) *graphql.Response {
	responses, ctx := h.exec.DispatchOperation(ctx, operation)
	response := responses(ctx)
	if response == nil { // the caller left, or time is up
		response = h.exec.DispatchError(ctx, gqlerror.List{{Err: context.Cause(ctx), Message: "timeout"}})
	}
	if response.Data == nil {
		response.Data = json.RawMessage("null")
	}
	fail(ctx, response.Errors)
	return response
}

// fail notes with which code an operation failed, if it did.
func fail(ctx context.Context, errs gqlerror.List) {
	if len(errs) > 0 {
		code, _ := errs[0].Extensions["code"].(string)
		request.AccountOf(ctx).Fail(cmp.Or(code, string(fault.Invalid)))
	}
}

// noOperation is the refusal of a request whose operation the document does not have.
func noOperation(name string) *gqlerror.Error {
	if name == "" {
		return refused(fault.Invalid, "The document has several operations. Name the one to run in operationName.", nil)
	}
	return refused(fault.Invalid, "The document has no operation "+shorten(name)+".", nil)
}

// ServeHTTP answers a request of GraphQL over HTTP, and those of long connections.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case isSocket(r):
		h.serveSocket(w, r)
		return
	case isEventStream(r):
		h.serveEvents(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxDuration)
	defer cancel()
	serve(w, r.WithContext(graphql.StartOperationTrace(ctx)), h.execute)
}

// Schema returns the contract.
func (h *Handler) Schema() *ast.Schema { return h.contract.Schema.Schema() }
