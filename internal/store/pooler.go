package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// Between is what Suits finds: something between the server and PostgreSQL through which requests
// would be lost. It says what to set.
type Between string

// Error returns what to set.
func (b Between) Error() string { return "something between this server and PostgreSQL " + string(b) }

// What Suits finds.
const (
	lendsTransactions Between = "lends connections for a transaction, as PgBouncer does with pool_mode=transaction: " +
		"statements prepared on one connection would be missing on another, and requests would fail. " +
		"Set PREPARED_STATEMENTS=false, and DATABASE_LISTEN_URL to PostgreSQL itself; or let the pooler lend sessions (pool_mode=session)"
	lendsUnheard Between = "lends connections for a transaction, so that changes made elsewhere would not be heard: " +
		"set DATABASE_LISTEN_URL to PostgreSQL itself, or to a pooler that lends sessions"
	lendsStatements Between = "lends connections for a statement, and refuses transactions, as PgBouncer does with pool_mode=statement: " +
		"let it lend them for a transaction (pool_mode=transaction)"
)

// ErrUnlimited is what Suits finds when what stands between drops the limits of sessions:
// everything works, but a statement may take as long as it likes.
var ErrUnlimited = errors.New("something between this server and PostgreSQL drops the limits of its sessions, such as statement_timeout: " +
	"set PREPARED_STATEMENTS=false, with which the server keeps them itself")

// refusal is what Suits finds when a parameter of the sessions is refused.
func refusal(message string, pooled bool) Between {
	if pooled { // the limits are not among them
		return Between("refuses a parameter of DATABASE_URL (" + message + "): remove it there, or let the pooler ignore it")
	}
	return Between("refuses the limits of its sessions, as PgBouncer does (" + message + "). " +
		"Set PREPARED_STATEMENTS=false, and DATABASE_LISTEN_URL to PostgreSQL itself")
}

// Suits fails with Between if a pooler stands between the server and PostgreSQL through which
// requests would be lost. It must be called after Limit, before there are requests.
func (db *DB) Suits(ctx context.Context) error {
	if db.Dialect != dialect.Postgres {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	first, err := db.Conn(ctx)
	if refused := pq.As(err, pqerror.ProtocolViolation); refused != nil && strings.Contains(refused.Message, "startup parameter") {
		return refusal(refused.Message, db.connector.pooled != nil)
	} else if err != nil {
		return err
	}
	defer first.Close()
	switch lent, err := db.lends(ctx, first); {
	case err != nil:
		return err
	case lent && db.connector.pooled == nil:
		return lendsTransactions
	case lent && db.connector.pooled.direct == "":
		return lendsUnheard
	case db.connector.pooled != nil:
		return nil
	}
	var limit string
	if err := first.QueryRowContext(ctx, "SELECT current_setting('idle_in_transaction_session_timeout')").Scan(&limit); err != nil {
		return err
	}
	if limit == "0" && db.connector.idle > 0 {
		return ErrUnlimited
	}
	return nil
}

// backend tells which process of PostgreSQL serves a connection.
const backend = "SELECT pg_backend_pid()"

// lends tells whether a connection is served by another process of PostgreSQL while others are
// in a transaction.
func (db *DB) lends(ctx context.Context, first *sql.Conn) (bool, error) {
	for range 3 {
		var before, after int
		if err := first.QueryRowContext(ctx, backend).Scan(&before); err != nil {
			return false, err
		}
		other, err := db.BeginTx(ctx, nil)
		if errors.Is(err, driver.ErrBadConn) { // the pooler has hung up
			return false, lendsStatements
		} else if err != nil {
			return false, err
		}
		_, err = other.ExecContext(ctx, backend)
		if err == nil {
			err = first.QueryRowContext(ctx, backend).Scan(&after)
		}
		other.Rollback()
		if err != nil {
			return false, fmt.Errorf("while looking for a pooler: %w", err)
		}
		if before != after {
			return true, nil
		}
	}
	return false, nil
}

// pooled is what differs when a pooler stands between the server and PostgreSQL: no statement is
// kept prepared, and the server bounds statements itself, for a session is not its own.
type pooled struct {
	direct    string        // URL of PostgreSQL itself, for what needs a session; may be empty
	statement time.Duration // longest time of one; 0 for no limit
}

// bound returns a context in which a statement takes no longer than it may: at its end the
// driver cancels it.
func (p *pooled) bound(ctx context.Context) context.Context {
	if p == nil || p.statement == 0 {
		return ctx
	}
	bounded, cancel := context.WithTimeout(ctx, p.statement)
	context.AfterFunc(bounded, cancel)
	return bounded
}
