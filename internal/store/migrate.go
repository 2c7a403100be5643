package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"caregraph/internal/scalar"
)

//go:embed migrations
var migrations embed.FS

// lock is the PostgreSQL advisory lock under which servers that start together
// migrate in turn.
const lock = 0x63617265 // "care"

// files returns the migrations of the dialect in the order of their names.
func (db *DB) files() []string {
	names, err := fs.Glob(migrations, "migrations/"+db.Dialect+"/*.sql")
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

// How long one try waits for a lock, in milliseconds, with PostgreSQL's
// deadlock_timeout as setting. Of those who wait for each other the first fails
// who has waited for that long: one who waits briefly for three tables does not
// let a request come to that. Autovacuum gives way only to one who waits longer.
const (
	briefly       = "greatest(least(setting::int, 1000) / 4, 1)"
	forAutovacuum = "setting::int + 1000"
)

// Migrate applies the migrations that the database lacks, each in a transaction
// of its own, and returns their names. Servers that start together take turns;
// a migration that fails leaves nothing of itself behind. Beside requests to
// older servers it gives way, and tries again.
func (db *DB) Migrate(ctx context.Context) (applied []string, err error) {
	for _, name := range db.files() {
		done, err := db.patiently(ctx, func(tx *sql.Tx) (bool, error) { return db.apply(ctx, tx, name) })
		if err != nil {
			return applied, fmt.Errorf("migrate %s: %w", name, err)
		}
		if done {
			applied = append(applied, name)
		}
	}
	if _, err := db.patiently(ctx, func(tx *sql.Tx) (bool, error) { return true, fold(ctx, tx) }); err != nil {
		return applied, fmt.Errorf("migrate: %w", err)
	}
	return applied, nil
}

// patiently runs f in a transaction, on PostgreSQL while no other server does,
// and again if others are in its way.
func (db *DB) patiently(ctx context.Context, f func(*sql.Tx) (bool, error)) (done bool, err error) {
	for begin := time.Now(); ; {
		done, err = db.alone(ctx, f)
		if pq.As(err, pqerror.LockNotAvailable, pqerror.TRDeadlockDetected) == nil || time.Since(begin) > migratePatience {
			return done, err
		}
		select {
		case <-time.After(migratePause):
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

func (db *DB) alone(ctx context.Context, f func(*sql.Tx) (bool, error)) (done bool, err error) {
	tx, err := db.BeginTx(ctx, nil)
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
func (db *DB) apply(ctx context.Context, tx *sql.Tx, name string) (bool, error) {
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS migrations (name varchar(200) PRIMARY KEY)"); err != nil {
		return false, err
	}
	added, err := exec(ctx, tx, "INSERT INTO migrations (name) VALUES ($1) ON CONFLICT DO NOTHING", name)
	if err != nil || added == 0 {
		return false, err
	}
	script, err := migrations.ReadFile(name)
	if err != nil {
		return false, err
	}
	if err := lockTables(ctx, tx, string(script)); err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, string(script))
	return true, err
}

// lockTables locks the tables that the first line of a migration names: at first
// in a mode in which requests do not wait, until no vacuum works on them.
func lockTables(ctx context.Context, tx *sql.Tx, script string) error {
	line, _, _ := strings.Cut(script, "\n")
	tables, ok := strings.CutPrefix(line, "-- locks: ")
	if !ok {
		return nil
	}
	if err := wait(ctx, tx, forAutovacuum); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "LOCK TABLE "+tables+" IN SHARE UPDATE EXCLUSIVE MODE"); err != nil {
		return err
	}
	if err := wait(ctx, tx, briefly); err != nil {
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

// fold fills the username_key of the users who have none: those of before
// 0003_users.sql, and those whom a server of before then adds while others are
// newer already.
func fold(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, "SELECT id, username FROM users WHERE username_key = ''")
	if err != nil {
		return err
	}
	defer rows.Close()
	keys := map[int]string{}
	for rows.Next() {
		var id int
		var username string
		if err := rows.Scan(&id, &username); err != nil {
			return err
		}
		keys[id] = scalar.Fold(username)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for id, key := range keys {
		if _, err := tx.ExecContext(ctx, "UPDATE users SET username_key = $1 WHERE id = $2", key, id); err != nil {
			return err
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

// Ready fails if the database does not answer or lacks a migration.
func (db *DB) Ready(ctx context.Context) error {
	var applied int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM migrations").Scan(&applied); err != nil {
		return err
	}
	if want := len(db.files()); applied < want {
		return fmt.Errorf("%d of %d migrations are applied", applied, want)
	}
	return nil
}
