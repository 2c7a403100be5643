package store

import (
	"context"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"caregraph/internal/request"
)

// observed is a driver that tells of each statement: the account of the request, statement, if
// that is set, how long it took, and tracer, if that is set, in a span.
type observed struct {
	dialect.Driver
	statement func(took time.Duration)
	tracer    trace.Tracer
}

// tx is a transaction of an observed driver.
type tx struct {
	dialect.Tx
	of observed
}

// maxSpan bounds the text of a statement in a span.
const maxSpan = 2000 // bytes

// run runs a statement.
func (o observed) run(ctx context.Context, text string, args, v any, statement func(context.Context, string, any, any) error) error {
	if o.tracer != nil {
		verb, _, _ := strings.Cut(text, " ")
		var span trace.Span
		ctx, span = o.tracer.Start(ctx, verb, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("db.system.name", map[string]string{dialect.Postgres: "postgresql", dialect.SQLite: "sqlite"}[o.Dialect()]),
			attribute.String("db.query.text", text[:min(len(text), maxSpan)])))
		defer span.End()
	}
	began := time.Now()
	err := statement(ctx, text, args, v)
	took := time.Since(began)
	if err != nil && o.tracer != nil {
		trace.SpanFromContext(ctx).SetStatus(codes.Error, "") // its text may have data
	}
	request.AccountOf(ctx).Send(text, took)
	if o.statement != nil {
		o.statement(took)
	}
	return err
}

// Exec runs a statement.
func (o observed) Exec(ctx context.Context, query string, args, v any) error {
	return o.run(ctx, query, args, v, o.Driver.Exec)
}

// Query runs a query.
func (o observed) Query(ctx context.Context, query string, args, v any) error {
	return o.run(ctx, query, args, v, o.Driver.Query)
}

// Tx begins a transaction.
func (o observed) Tx(ctx context.Context) (dialect.Tx, error) { return o.BeginTx(ctx, nil) }

// BeginTx begins a transaction with options.
func (o observed) BeginTx(ctx context.Context, options *entsql.TxOptions) (dialect.Tx, error) {
	began, err := o.Driver.(interface {
		BeginTx(context.Context, *entsql.TxOptions) (dialect.Tx, error)
	}).BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return tx{began, o}, nil
}

// Exec runs a statement in the transaction.
func (t tx) Exec(ctx context.Context, query string, args, v any) error {
	return t.of.run(ctx, query, args, v, t.Tx.Exec)
}

// Query runs a query in the transaction.
func (t tx) Query(ctx context.Context, query string, args, v any) error {
	return t.of.run(ctx, query, args, v, t.Tx.Query)
}
