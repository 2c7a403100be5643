package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"caregraph/internal/scalar"
)

//go:embed migrations
var embedded embed.FS

// migrations returns the files of Migrate: those of the binary, unless a test has
// its own.
func (db *DB) migrations() fs.FS {
	if db.files != nil {
		return db.files
	}
	return embedded
}

// lock is the PostgreSQL advisory lock under which servers that start together
// migrate in turn.
const lock = 0x63617265 // "care"

// names returns the migrations of the dialect in the order in which they are applied.
func (db *DB) names() []string {
	names, err := fs.Glob(db.migrations(), "migrations/"+db.Dialect+"/*.sql")
	if err != nil || len(names) == 0 {
		panic("no migrations for " + db.Dialect) // they are part of the binary
	}
	return names
}

// How long Migrate tries to get a lock that others hold, and how long it lets
// them go on between two tries.
const (
	migratePatience = 10 * time.Minute
	migratePause    = 500 * time.Millisecond
)

// How long one try waits for a lock, in milliseconds; setting is PostgreSQL's
// deadlock_timeout. When two sessions wait for each other, PostgreSQL cancels the one
// that has waited for deadlock_timeout first. A migration that waits for a fifth of
// it, for each of at most four tables, gives up before a request is cancelled.
// Autovacuum gives way only to a session that has waited for deadlock_timeout.
const (
	briefly       = "greatest(least(setting::int, 1000) / 5, 1)"
	forAutovacuum = "setting::int + 1000"
)

// Migrate applies the migrations that the database lacks, each in a transaction
// of its own, and returns their names. Servers that start together take turns;
// a migration that fails leaves nothing of itself behind. Beside requests to
// older servers it gives way, and tries again. Every few seconds that it waits for
// others, it says in the log for whom.
//
// A migration that is one CREATE INDEX CONCURRENTLY is built without a transaction,
// while others go on reading and writing; what is left of one that was cut short is
// built anew. One whose first line is "-- batches" changes rows a batch at a time, each
// in a transaction of its own: its statement begins behind the id $1, and returns the
// last id of the batch, or NULL at the end. It must not mind being run twice.
//
// It fails with ErrNewer, and changes nothing, if the database has a migration that is none
// of this program.
func (db *DB) Migrate(ctx context.Context, log *slog.Logger) (applied []string, err error) {
	before, err := db.applied(ctx)
	if err == nil {
		err = db.know(before)
	}
	if err != nil {
		return nil, err
	}
	for _, name := range db.names() {
		done, err := db.migrate(ctx, name, &waiter{db, log.With("file", name), time.Now()})
		if err != nil {
			return applied, fmt.Errorf("migrate %s: %w", name, err)
		}
		if done {
			applied = append(applied, name)
		}
	}
	w := &waiter{db, log, time.Now()}
	if _, err := db.patiently(ctx, w, func(tx *sql.Tx) (bool, error) { return true, normalize(ctx, tx) }); err != nil {
		return applied, fmt.Errorf("migrate: %w", err)
	}
	return applied, nil
}

// migrate applies a migration unless that was done before.
func (db *DB) migrate(ctx context.Context, name string, w *waiter) (bool, error) {
	script, err := fs.ReadFile(db.migrations(), name)
	if err != nil {
		return false, err
	}
	if index := concurrently.FindSubmatch(script); index != nil {
		return db.build(ctx, name, string(index[1]), string(script), w)
	}
	if statement, ok := strings.CutPrefix(string(script), "-- batches\n"); ok {
		return db.inBatches(ctx, name, statement, w)
	}
	return db.patiently(ctx, w, func(tx *sql.Tx) (bool, error) { return apply(ctx, tx, name, string(script)) })
}

// concurrently matches a migration that builds an index beside requests, and the
// name of the index.
var concurrently = regexp.MustCompile(`^CREATE (?:UNIQUE )?INDEX CONCURRENTLY (\w+) ON `)

// build applies a migration that builds an index beside requests. If several servers
// start together, one builds it, and the others ask from time to time whether it is
// done. They do not wait inside a transaction, because the index would wait for it.
func (db *DB) build(ctx context.Context, name, index, statement string, w *waiter) (bool, error) {
	c, end, err := db.unlimited(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	var applied bool
	const done = "SELECT EXISTS (SELECT FROM migrations WHERE name = $1)"
	if err := c.QueryRowContext(ctx, done, name).Scan(&applied); err != nil || applied {
		return false, err
	}
	for first := false; ; {
		if err := c.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", lock+2).Scan(&first); err != nil {
			return false, err
		}
		if first {
			break
		}
		if err := pause(ctx); err != nil {
			return false, err
		}
	}
	if err := c.QueryRowContext(ctx, done, name).Scan(&applied); err != nil || applied { // meanwhile
		return false, err
	}
	stop, err := w.watch(ctx, c)
	if err != nil {
		return false, err
	}
	defer stop()
	if _, err := addIndex(ctx, c, index, statement); err != nil {
		return false, err
	}
	_, err = c.ExecContext(ctx, "INSERT INTO migrations (name) VALUES ($1)", name)
	return true, err
}

// inBatches applies a migration that changes rows a batch at a time. One that was cut
// short begins anew.
func (db *DB) inBatches(ctx context.Context, name, statement string, w *waiter) (done bool, err error) {
	for behind := int64(0); ; {
		begin := time.Now()
		var last sql.NullInt64
		done, err = db.patiently(ctx, w, func(tx *sql.Tx) (bool, error) {
			var applied bool
			if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM migrations WHERE name = $1)", name).Scan(&applied); err != nil || applied {
				last.Valid = false
				return false, err
			}
			if err := tx.QueryRowContext(ctx, statement, behind).Scan(&last); err != nil || last.Valid {
				return false, err
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO migrations (name) VALUES ($1)", name)
			return true, err
		})
		if err != nil {
			return false, err
		}
		if !last.Valid {
			return done, nil
		}
		behind = last.Int64
		select { // let requests have half of the time
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(time.Since(begin)):
		}
	}
}

// pause lets others go on between two tries.
func pause(ctx context.Context) error {
	select {
	case <-time.After(migratePause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// patiently runs f in a transaction, and again as long as others hold a lock that it
// needs. On PostgreSQL only one server at a time runs such a transaction.
func (db *DB) patiently(ctx context.Context, w *waiter, f func(*sql.Tx) (bool, error)) (done bool, err error) {
	for begin := time.Now(); ; {
		done, err = db.alone(ctx, w, f)
		if pq.As(err, pqerror.LockNotAvailable, pqerror.TRDeadlockDetected) == nil || time.Since(begin) > migratePatience {
			return done, err
		}
		if err := pause(ctx); err != nil {
			return false, err
		}
	}
}

func (db *DB) alone(ctx context.Context, w *waiter, f func(*sql.Tx) (bool, error)) (done bool, err error) {
	session, err := db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer session.Close()
	if db.Dialect == dialect.Postgres {
		stop, err := w.watch(ctx, session)
		if err != nil {
			return false, err
		}
		defer stop()
	}
	tx, err := session.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // does nothing after Commit
	if db.Dialect == dialect.Postgres {
		if err := wait(ctx, tx, briefly); err != nil {
			return false, err
		}
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", lock); err != nil {
			return false, err
		}
	}
	if done, err = f(tx); err != nil {
		return false, err
	}
	return done, tx.Commit()
}

// apply applies a migration unless that was done before.
func apply(ctx context.Context, tx *sql.Tx, name, script string) (bool, error) {
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS migrations (name varchar(200) PRIMARY KEY)"); err != nil {
		return false, err
	}
	added, err := exec(ctx, tx, "INSERT INTO migrations (name) VALUES ($1) ON CONFLICT DO NOTHING", name)
	if err != nil || added == 0 {
		return false, err
	}
	if err := lockTables(ctx, tx, script); err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, script)
	return true, err
}

// lockTables locks the tables that the first line of a migration names. It first
// takes a mode for which only a vacuum must end and no request waits, and then, unless
// the migration runs beside requests, locks the tables for itself alone.
func lockTables(ctx context.Context, tx *sql.Tx, script string) error {
	line, _, _ := strings.Cut(script, "\n")
	tables, alone := strings.CutPrefix(line, "-- locks: ")
	tables, beside := strings.CutPrefix(tables, "-- beside requests: ")
	if !alone && !beside {
		return nil
	}
	if err := wait(ctx, tx, forAutovacuum); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "LOCK TABLE "+tables+" IN SHARE UPDATE EXCLUSIVE MODE"); err != nil {
		return err
	}
	if err := wait(ctx, tx, briefly); err != nil || beside {
		return err
	}
	_, err := tx.ExecContext(ctx, "LOCK TABLE "+tables+" IN ACCESS EXCLUSIVE MODE")
	return err
}

// wait says how long the transaction waits for each lock from now on.
func wait(ctx context.Context, tx *sql.Tx, milliseconds string) error {
	_, err := tx.ExecContext(ctx, "SELECT set_config('lock_timeout', ("+milliseconds+")::text, true) FROM pg_settings WHERE name = 'deadlock_timeout'")
	return err
}

// normalize puts usernames in the form NFKC and e-mail addresses in that of a line. A
// server of an older version writes others, even while newer servers run. A value that
// would become that of another user stays.
func normalize(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT id, username, email FROM users
		WHERE octet_length(username) <> length(username) OR octet_length(email) <> length(email) ORDER BY id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	type named struct {
		id              int
		username, email string
	}
	var users []named
	for rows.Next() {
		var u named
		if err := rows.Scan(&u.id, &u.username, &u.email); err != nil {
			return err
		}
		users = append(users, u)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, u := range users {
		if normal := scalar.NormalUsername(u.username); normal != u.username {
			if _, err := tx.ExecContext(ctx, "UPDATE users SET username = $1 WHERE id = $2 AND NOT EXISTS (SELECT 1 FROM users WHERE username = $1)", normal, u.id); err != nil {
				return err
			}
		}
		if normal := scalar.OneLine(u.email); normal != u.email {
			if _, err := tx.ExecContext(ctx, "UPDATE users SET email = $1 WHERE id = $2 AND NOT EXISTS (SELECT 1 FROM users WHERE email = $1)", normal, u.id); err != nil {
				return err
			}
		}
	}
	return nil
}

func exec(ctx context.Context, tx *sql.Tx, statement string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// ErrNewer tells that the database, or a backup, was changed by a newer version of the
// program.
var ErrNewer = errors.New("it is of a newer version of Caregraph: run that version, or a later one")

// applied returns the migrations that the database has, in their order; nil if it has none.
func (db *DB) applied(ctx context.Context) ([]string, error) {
	there := "SELECT count(*) FROM sqlite_master WHERE name = 'migrations'"
	if db.Dialect == dialect.Postgres {
		there = "SELECT count(to_regclass('migrations'))"
	}
	var tables int
	if err := db.QueryRowContext(ctx, there).Scan(&tables); err != nil || tables == 0 {
		return nil, err
	}
	return db.texts(ctx, "SELECT name FROM migrations ORDER BY name")
}

// know fails with ErrNewer if one of the migrations is none of this program.
func (db *DB) know(applied []string) error {
	for _, name := range applied {
		if !slices.Contains(db.names(), name) {
			return fmt.Errorf("%w; this one does not know %s", ErrNewer, path.Base(name))
		}
	}
	return nil
}

// Missing returns how many migrations the database lacks. It fails with ErrNewer if it has
// one that is none of this program.
func (db *DB) Missing(ctx context.Context) (int, error) {
	applied, err := db.applied(ctx)
	if err == nil {
		err = db.know(applied)
	}
	return len(db.names()) - len(applied), err
}

// Ready fails if the database does not answer or lacks a migration.
func (db *DB) Ready(ctx context.Context) error {
	var applied int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM migrations").Scan(&applied); err != nil {
		return err
	}
	if want := len(db.names()); applied < want {
		return fmt.Errorf("%d of %d migrations are applied", applied, want)
	}
	return nil
}
