// Package store opens the database that DATABASE_URL names, SQLite or
// PostgreSQL, and brings its tables up to date.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"go.opentelemetry.io/otel/trace"
	"modernc.org/sqlite" // also the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"caregraph/ent"
	_ "caregraph/ent/runtime" // hooks and policies; without it every statement fails
	"caregraph/internal/audit"
	"caregraph/internal/bus"
	"caregraph/internal/fault"
)

// Size and lifetimes of the connection pool.
const (
	maxConns     = 16
	maxIdle      = maxConns // connIdle ends those that are not needed
	connLifetime = 30 * time.Minute
	connIdle     = 5 * time.Minute
)

// Connections is how many connections to PostgreSQL a server has at most: those of the
// pool, and the one that listens.
const Connections = maxConns + 1

// memory is the URL of a database that lives as long as the process.
const memory = "sqlite::memory:"

// pragmas of every SQLite connection. busy_timeout comes first: the others may
// have to wait. secure_delete leaves nothing of what was overwritten in the file. Writers
// begin with a lock, so that none fails half-way.
var pragmas = url.Values{
	"_pragma":      {"busy_timeout(5000)", "foreign_keys(1)", "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(1)"},
	"_txlock":      {"immediate"},
	"_time_format": {"sqlite"},
	"_timezone":    {"UTC"},
}

// DB is an open database.
type DB struct {
	*sql.DB
	Dialect string // dialect.SQLite or dialect.Postgres

	// Wrap, if set, is put around the driver of every client; tests count
	// statements with it.
	Wrap func(dialect.Driver) dialect.Driver

	// Statement, if set, is told how long each statement of every client takes.
	Statement func(took time.Duration)

	Tracer trace.Tracer // makes a span of each of them; nil: nothing is traced

	connector *connector // of PostgreSQL
	files     fs.FS      // instead of the embedded migrations, in a test
}

// errURL says what DATABASE_URL may be.
var errURL = errors.New("DATABASE_URL must be sqlite:PATH, sqlite::memory:, or postgres://USER:PASSWORD@HOST/DATABASE?sslmode=… with any parameter of lib/pq")

// Open opens the database of the URL. It does not connect yet, but for SQLite,
// where it fails if the file cannot be used. Its errors never show a password.
func Open(databaseURL string) (*DB, error) { return open(databaseURL, nil) }

// OpenPooled is Open for PostgreSQL behind a pooler that lends connections for a transaction. What
// needs a session of its own, as migrations do, goes to the URL direct, if it is not empty.
func OpenPooled(databaseURL, direct string) (*DB, error) {
	return open(databaseURL, &pooled{direct: direct})
}

// open opens the database, through a pooler unless that is nil.
func open(databaseURL string, through *pooled) (*DB, error) {
	switch {
	case strings.HasPrefix(databaseURL, "postgres://"), strings.HasPrefix(databaseURL, "postgresql://"):
		connector, err := newConnector(databaseURL, through)
		if err != nil {
			return nil, fmt.Errorf("%w; it could not be read", errURL)
		}
		db := sql.OpenDB(connector)
		db.SetMaxOpenConns(maxConns)
		db.SetMaxIdleConns(maxIdle)
		db.SetConnMaxLifetime(connLifetime)
		db.SetConnMaxIdleTime(connIdle)
		return &DB{DB: db, Dialect: dialect.Postgres, connector: connector}, nil
	case databaseURL == memory:
		db, err := sql.Open("sqlite", "file::memory:?"+pragmas.Encode())
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(1) // another connection would be another database
		return &DB{DB: db, Dialect: dialect.SQLite}, db.Ping()
	case strings.HasPrefix(databaseURL, "sqlite:") && len(databaseURL) > len("sqlite:"):
		if err := private(Path(databaseURL)); err != nil {
			return nil, err
		}
		db, err := sql.Open("sqlite", lite(Path(databaseURL), pragmas))
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(maxConns)
		db.SetMaxIdleConns(maxIdle)
		if err := ping(db); err != nil {
			db.Close()
			return nil, fmt.Errorf("the database file %s cannot be used: %w", Path(databaseURL), err)
		}
		return &DB{DB: db, Dialect: dialect.SQLite}, nil
	}
	return nil, errURL
}

// ping makes the first connection to a SQLite file. Of servers that start
// together on a new file one turns it to WAL, and SQLite does not let the others
// wait for that; they try again for 5 seconds.
func ping(db *sql.DB) error {
	for range 100 {
		err := db.Ping()
		var lite *sqlite.Error
		if !errors.As(err, &lite) || lite.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return db.Ping()
}

// Check fails if the URL is of no form that Open knows.
func Check(databaseURL string) error {
	for _, scheme := range []string{"sqlite:", "postgres://", "postgresql://"} {
		if rest, ok := strings.CutPrefix(databaseURL, scheme); ok && rest != "" {
			return nil
		}
	}
	return errURL
}

// Path returns the file of a SQLite URL, and nothing for any other database.
func Path(databaseURL string) string {
	if databaseURL == memory {
		return ""
	}
	path, _ := strings.CutPrefix(databaseURL, "sqlite:")
	if path == databaseURL {
		return ""
	}
	return path
}

// Client returns an ent client of the database. The caller closes the database
// itself.
func (db *DB) Client() *ent.Client {
	var driver dialect.Driver = entsql.OpenDB(db.Dialect, db.DB)
	if db.Dialect == dialect.Postgres {
		driver = newPrepared(db.DB, db.connector.pooled)
	}
	driver = observed{driver, db.Statement, db.Tracer}
	if db.Wrap != nil {
		driver = db.Wrap(driver)
	}
	return ent.NewClient(ent.Driver(driver))
}

// InTx calls f with a context whose client is a transaction, and commits if f
// returns nil, together with the entries of the access log for what f did. A context that
// is in a transaction is used as it is.
//
// It fails with fault.Unknown if the answer to the commit got lost: f may have
// happened or not. After any other failure nothing of it happened.
func InTx(ctx context.Context, client *ent.Client, f func(context.Context) error) error {
	if ent.TxFromContext(ctx) != nil {
		return f(ctx)
	}
	tx, err := client.Tx(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	committing := false
	defer func() {
		if !committing {
			audit.Forget(ctx)
			tx.Rollback()
		}
	}()
	inside, heard := bus.Begin(ent.NewTxContext(ent.NewContext(ctx, tx.Client()), tx))
	if err := f(inside); err != nil {
		return err
	}
	stored, err := audit.Seal(inside)
	if err != nil {
		return err
	}
	committing = true
	err = tx.Commit()
	stored(err == nil)
	heard()
	if unknown(err) {
		return fmt.Errorf("%w: %w", fault.Unknown, err)
	} else if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// unknown tells whether a commit that ended with err may have happened: nobody
// said that it did not.
func unknown(err error) bool {
	var postgres *pq.Error
	var lite *sqlite.Error
	switch {
	case err == nil, err == context.Canceled, err == context.DeadlineExceeded, err == sql.ErrTxDone, err == pq.ErrInFailedTransaction:
		return false // the commit was not sent
	case errors.As(err, &postgres):
		return postgres.Code == "08007" || postgres.Severity == pqerror.SeverityPanic
	case errors.As(err, &lite):
		return lite.Code()&0xff == sqlite3.SQLITE_IOERR // it may be in the log that is read after a crash
	}
	return true
}
