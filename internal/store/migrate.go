package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
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

// How often, and after what pause, Migrate tries to get the tables that requests
// use: two minutes in all.
const (
	migrateTries = 120
	migratePause = 500 * time.Millisecond
)

// Migrate applies the migrations that the database lacks, all in one
// transaction, and returns their names. Servers that start together take turns;
// a migration that fails leaves nothing behind. Beside requests to older servers
// it gives way: they wait for it a moment, and never fail by it.
func (db *DB) Migrate(ctx context.Context) (applied []string, err error) {
	for range migrateTries {
		if applied, err = db.migrate(ctx); pq.As(err, pqerror.LockNotAvailable) == nil {
			break
		}
		select {
		case <-time.After(migratePause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return applied, err
}

func (db *DB) migrate(ctx context.Context) ([]string, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	if db.Dialect == dialect.Postgres {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", lock); err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
		// Of two that wait for each other PostgreSQL fails the one that has waited
		// for deadlock_timeout first. This one never waits so long.
		if _, err := tx.ExecContext(ctx, "SELECT set_config('lock_timeout', greatest(setting::int / 2, 1)::text, true) FROM pg_settings WHERE name = 'deadlock_timeout'"); err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
	}
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS migrations (name varchar(200) PRIMARY KEY)"); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	var applied []string
	for _, name := range db.files() {
		done, err := exec(ctx, tx, "INSERT INTO migrations (name) VALUES ($1) ON CONFLICT DO NOTHING", name)
		if err != nil {
			return nil, fmt.Errorf("migrate %s: %w", name, err)
		}
		if done == 0 {
			continue
		}
		script, err := migrations.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("migrate %s: %w", name, err)
		}
		if _, err := tx.ExecContext(ctx, string(script)); err != nil {
			return nil, fmt.Errorf("migrate %s: %w", name, err)
		}
		applied = append(applied, name)
	}
	if err := fold(ctx, tx); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return applied, tx.Commit()
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
