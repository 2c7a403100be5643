package graphqlhttp

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"caregraph/internal/fault"
)

// unexplored refuses an operation that asks for the schema, with BAD_USER_INPUT.
type unexplored struct{}

// ExtensionName returns the name of the extension.
func (unexplored) ExtensionName() string { return "NoIntrospection" }

// Validate accepts every schema.
func (unexplored) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses the fields of introspection.
func (unexplored) MutateOperationContext(_ context.Context, o *graphql.OperationContext) *gqlerror.Error {
	for _, f := range graphql.CollectFields(o, o.Operation.SelectionSet, []string{"Query"}) {
		if f.Name == "__schema" || f.Name == "__type" {
			return refused(fault.Invalid, "Introspection is off.", nil)
		}
	}
	return nil
}
