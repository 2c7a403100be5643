package store

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// keptStatements is how many statements are kept prepared, in every connection
// that uses them.
const keptStatements = 128

// prepared is ent's driver for PostgreSQL with its statements kept prepared:
// without that, lib/pq asks the server to parse and describe each one anew,
// which takes a turn of the network more and its planning.
type prepared struct {
	*entsql.Driver
	statements *statements
}

// Through a pooler nothing is kept.
func newPrepared(db *sql.DB, through *pooled) prepared {
	s := newStatements(db)
	s.pooled = through
	return prepared{entsql.NewDriver(dialect.Postgres, entsql.Conn{ExecQuerier: executor{s, nil}}), s}
}

// Tx begins a transaction.
func (p prepared) Tx(ctx context.Context) (dialect.Tx, error) { return p.BeginTx(ctx, nil) }

// BeginTx begins a transaction with options.
func (p prepared) BeginTx(ctx context.Context, o *entsql.TxOptions) (dialect.Tx, error) {
	tx, err := p.statements.db.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return &entsql.Tx{Conn: entsql.Conn{ExecQuerier: executor{p.statements, tx}}, Tx: tx}, nil
}

// Close closes the database.
func (p prepared) Close() error { return p.statements.db.Close() }

// statements are the prepared statements of a database by their text, those
// used last. Its methods may be called concurrently. database/sql prepares one
// again in a connection that does not have it, so lost connections and servers
// that change do no harm.
type statements struct {
	db     *sql.DB
	pooled *pooled // nil without a pooler

	mu    sync.Mutex
	byUse *simplelru.LRU[string, *statement]
}

// statement is prepared when it is used for the second time: one that is used
// once is not worth it.
type statement struct {
	uses int
	*sql.Stmt
}

func newStatements(db *sql.DB) *statements {
	byUse, err := simplelru.NewLRU(keptStatements, func(_ string, s *statement) {
		if s.Stmt != nil {
			go s.Close() // waits for those who use it
		}
	})
	if err != nil {
		panic(err) // the size is a constant
	}
	return &statements{db: db, byUse: byUse}
}

// get returns the prepared statement, or nil if there is none yet or no plan is
// good for all values.
func (s *statements) get(query string, args []any) *sql.Stmt {
	if s.pooled != nil || strings.Contains(query, " LIKE ") && !searchesAlike(query, args) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.byUse.Get(query)
	if !ok {
		known = &statement{}
		s.byUse.Add(query, known)
	}
	if known.uses++; known.uses == 2 {
		// Not here: a transaction has one connection, and would wait for
		// another.
		go s.prepare(query, known)
	}
	return known.Stmt
}

// prepareTimeout is how long the preparing of a statement may wait for a
// connection and an answer.
const prepareTimeout = 5 * time.Second

func (s *statements) prepare(query string, known *statement) {
	ctx, cancel := context.WithTimeout(context.Background(), prepareTimeout)
	defer cancel()
	prepared, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return // whoever runs it is told why
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if current, ok := s.byUse.Peek(query); !ok || current != known {
		go prepared.Close()
		return
	}
	known.Stmt = prepared
}

// forget drops a statement whose plan no longer fits the tables.
func (s *statements) forget(query string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byUse.Remove(query)
}

// executor runs statements, prepared if they are, in a transaction or not.
type executor struct {
	*statements
	tx *sql.Tx
}

func (e executor) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx = e.pooled.bound(ctx)
	if e.tx == nil {
		return e.db.ExecContext(ctx, query, args...) // writes are in transactions
	}
	if s := e.get(query, args); s != nil {
		return e.tx.StmtContext(ctx, s).ExecContext(ctx, args...)
	}
	return e.tx.ExecContext(ctx, query, args...)
}

func (e executor) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx = e.pooled.bound(ctx)
	s := e.get(query, args)
	switch {
	case s == nil && e.tx == nil:
		return e.db.QueryContext(ctx, query, args...)
	case s == nil:
		return e.tx.QueryContext(ctx, query, args...)
	case e.tx != nil:
		return e.tx.StmtContext(ctx, s).QueryContext(ctx, args...)
	}
	rows, err := s.QueryContext(ctx, args...)
	if pq.As(err, pqerror.FeatureNotSupported, pqerror.InvalidSQLStatementName) != nil { // the tables changed
		e.forget(query)
		return e.db.QueryContext(ctx, query, args...)
	}
	return rows, err
}
