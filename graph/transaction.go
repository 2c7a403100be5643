package graph

import (
	"context"
	"errors"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/ent"
	"caregraph/internal/fault"
	"caregraph/internal/store"
	"caregraph/internal/viewer"
)

// transaction makes each mutation operation one transaction: if any of its
// fields fails, nothing of it happened.
//
// A sign-in alone has none: internal/auth opens its own, shorter one, so that
// no connection waits while a password is hashed.
type transaction struct{ client *ent.Client }

// ExtensionName returns the name of the extension.
func (transaction) ExtensionName() string { return "Transaction" }

// Validate accepts every schema.
func (transaction) Validate(graphql.ExecutableSchema) error { return nil }

type rehearsalKey struct{}

// rehearsal returns a context in which a mutation is undone at its end.
func rehearsal(ctx context.Context) context.Context {
	return context.WithValue(ctx, rehearsalKey{}, true)
}

// errFailed undoes a transaction whose errors are in the response.
var errFailed = errors.New("the operation failed")

// InterceptResponse runs a mutation in its transaction.
func (t transaction) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	undo := ctx.Value(rehearsalKey{}) != nil
	if !graphql.HasOperationContext(ctx) || !transactional(graphql.GetOperationContext(ctx)) && !undo {
		return next(ctx)
	}
	if _, err := viewer.FromContext(ctx); err != nil && fault.Of(err)[0].Kind == fault.Unavailable {
		graphql.AddError(ctx, err) // who is calling could not be found out
		return &graphql.Response{Errors: graphql.GetErrors(ctx)}
	}
	var response *graphql.Response
	err := store.InTx(ctx, t.client, func(ctx context.Context) error {
		if response = next(ctx); response == nil || len(response.Errors) > 0 || undo {
			return errFailed
		}
		return nil
	})
	switch {
	case err == nil:
		return response
	case errors.Is(err, errFailed):
		if response != nil {
			response.Data = nil
		}
		return response
	}
	graphql.AddError(ctx, err)
	return &graphql.Response{Errors: graphql.GetErrors(ctx)}
}

// transactional tells whether the operation changes more than who is signed in.
func transactional(o *graphql.OperationContext) bool {
	if o.Operation == nil || o.Operation.Operation != ast.Mutation {
		return false
	}
	return slices.ContainsFunc(graphql.CollectFields(o, o.Operation.SelectionSet, []string{"Mutation"}), func(f graphql.CollectedField) bool {
		return f.Name != "__typename" && !slices.Contains(alone, f.Name)
	})
}
