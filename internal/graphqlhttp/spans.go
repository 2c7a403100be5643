package graphqlhttp

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// spans makes a span of each operation, and of each of its root fields.
type spans struct{ trace.Tracer }

// ExtensionName returns the name of the extension.
func (spans) ExtensionName() string { return "Spans" }

// Validate accepts every schema.
func (spans) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptResponse makes the span of an operation.
func (s spans) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	operation := graphql.GetOperationContext(ctx).Operation
	kind, name := string(operation.Operation), shorten(operation.Name)
	ctx, span := s.Start(ctx, kind, trace.WithAttributes(attribute.String("graphql.operation.type", kind), attribute.String("graphql.operation.name", name)))
	defer span.End()
	response := next(ctx)
	if response != nil && len(response.Errors) > 0 {
		code, _ := response.Errors[0].Extensions["code"].(string)
		span.SetStatus(codes.Error, code)
	}
	return response
}

// InterceptRootField makes the span of a root field.
func (s spans) InterceptRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	ctx, span := s.Start(ctx, graphql.GetRootFieldContext(ctx).Field.Name)
	defer span.End()
	return next(ctx)
}
