package graphqlhttp

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"caregraph/internal/request"
)

// transaction makes each mutation operation one transaction: if any of its
// fields fails, nothing of it happened.
//
// A mutation that stands alone has none: it opens its own.
type transaction struct{ Contract }

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

// InterceptResponse runs a mutation in its transaction, and settles every operation.
func (t transaction) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := t.run(ctx, next)
	if response == nil || !graphql.HasOperationContext(ctx) || graphql.GetOperationContext(ctx).Operation == nil {
		return response // nothing was executed
	}
	if err := t.Settle(ctx, response); err != nil {
		graphql.AddError(ctx, err)
		errs := graphql.GetErrors(ctx)
		return &graphql.Response{Errors: errs[len(errs)-1:]}
	}
	return response
}

func (t transaction) run(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	undo := ctx.Value(rehearsalKey{}) != nil
	if !graphql.HasOperationContext(ctx) || !t.transactional(graphql.GetOperationContext(ctx)) && !undo {
		return next(ctx)
	}
	var response *graphql.Response
	execute := func(ctx context.Context) error {
		if response = next(ctx); response == nil || len(response.Errors) > 0 || undo {
			return errFailed
		}
		return nil
	}
	var err error
	if key, sent := request.RetryKey(ctx); sent && !undo {
		response, err = t.once(ctx, key, func(ctx context.Context) (*graphql.Response, error) {
			err := execute(ctx)
			return response, err
		})
	} else {
		err = t.Transact(ctx, execute)
	}
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

// once runs a mutation that has a key to be sent again in its transaction, unless it ran
// before: then the answer is the same.
func (t transaction) once(ctx context.Context, key string, execute func(context.Context) (*graphql.Response, error)) (response *graphql.Response, err error) {
	leave, err := t.Enter(ctx, key)
	if err != nil {
		return nil, err
	}
	defer leave()
	o := graphql.GetOperationContext(ctx)
	sent, err := json.Marshal([]any{o.RawQuery, o.OperationName, o.Variables})
	if err != nil {
		return nil, err
	}
	var again bool
	err = t.Transact(ctx, func(ctx context.Context) error {
		var answer []byte
		answer, again, err = t.Once(ctx, key, sent, func() ([]byte, error) {
			if response, err = execute(ctx); err != nil {
				return nil, err
			}
			return response.Data, nil
		})
		if again {
			response = &graphql.Response{Data: answer}
		}
		return err
	})
	if err == nil && again {
		request.Replayed(ctx)
	}
	return response, err
}

// transactional tells whether the operation has a mutation that does not stand
// alone.
func (t transaction) transactional(o *graphql.OperationContext) bool {
	if o.Operation == nil || o.Operation.Operation != ast.Mutation {
		return false
	}
	return slices.ContainsFunc(graphql.CollectFields(o, o.Operation.SelectionSet, []string{"Mutation"}), func(f graphql.CollectedField) bool {
		return f.Name != "__typename" && !slices.Contains(t.Alone, f.Name)
	})
}
