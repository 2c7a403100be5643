package store

import (
	"context"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"caregraph/internal/request"
)

// observed is a driver that tells the account of a request which statements it sends, and tell
// how long each took, if that is set.
type observed struct {
	dialect.Driver
	tell func(took time.Duration)
}

// tx is a transaction of an observed driver.
type tx struct {
	dialect.Tx
	of observed
}

// done tells of a statement that began at an instant.
func (o observed) done(ctx context.Context, text string, began time.Time) {
	took := time.Since(began)
	request.AccountOf(ctx).Send(text, took)
	if o.tell != nil {
		o.tell(took)
	}
}

// Exec runs a statement.
func (o observed) Exec(ctx context.Context, query string, args, v any) error {
	defer o.done(ctx, query, time.Now())
	return o.Driver.Exec(ctx, query, args, v)
}

// Query runs a query.
func (o observed) Query(ctx context.Context, query string, args, v any) error {
	defer o.done(ctx, query, time.Now())
	return o.Driver.Query(ctx, query, args, v)
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
	defer t.of.done(ctx, query, time.Now())
	return t.Tx.Exec(ctx, query, args, v)
}

// Query runs a query in the transaction.
func (t tx) Query(ctx context.Context, query string, args, v any) error {
	defer t.of.done(ctx, query, time.Now())
	return t.Tx.Query(ctx, query, args, v)
}
