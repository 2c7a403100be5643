package store

import (
	"context"
	"database/sql"
	"log/slog"
	"time"
)

const (
	tellEvery  = 3 * time.Second       // how often a migration that waits says so
	watchEvery = 50 * time.Millisecond // less than a try waits, so that none is missed
)

// waiter says in the log whom a migration on PostgreSQL waits for: never what the
// others do, since that may show a record.
type waiter struct {
	db   *DB
	log  *slog.Logger
	told time.Time // when it last said something, or when the wait began
}

// watch says every few seconds whom the session waits for, if it does, until the
// returned function is called.
func (w *waiter) watch(ctx context.Context, session *sql.Conn) (stop func(), err error) {
	var process int
	if err := session.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&process); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(watchEvery):
			}
			if time.Since(w.told) >= tellEvery && w.tell(ctx, process) {
				w.told = time.Now()
			}
		}
	}()
	return func() { cancel(); <-ended }, nil
}

// tell says whom the process waits for. It returns false if it waits for nobody, or
// that cannot be known.
func (w *waiter) tell(ctx context.Context, process int) bool {
	rows, err := w.db.QueryContext(ctx, `SELECT DISTINCT b.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''), coalesce(a.state, ''),
		coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::bigint
		FROM unnest(pg_blocking_pids($1)) AS b (pid) LEFT JOIN pg_stat_activity a ON a.pid = b.pid ORDER BY 5 DESC LIMIT 5`, process)
	if err != nil {
		return false
	}
	defer rows.Close()
	told := false
	for rows.Next() {
		var holder, seconds int
		var user, application, state string
		if rows.Scan(&holder, &user, &application, &state, &seconds) != nil {
			return told
		}
		w.log.Warn("the migration waits for a transaction to end", "process", holder, "user", user, "application", application, "state", state, "open_seconds", seconds)
		told = true
	}
	return told && rows.Err() == nil
}
