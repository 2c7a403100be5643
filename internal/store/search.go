package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// ErrNoTrigrams tells that the database lacks the extensions for an index of
// parts of a text, and its role may not add them: a search reads every row that
// the viewer may see.
var ErrNoTrigrams = errors.New("extensions are missing; let the owner of the database run CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin")

// searched are the indexes of PostgreSQL by which a part of a text is found.
// They need extensions, so they are no migrations. A patient is found by its
// owner and the text together, for most owners have few of all whom it fits; of
// an owner who has most of them, by the text alone in two thirds of the time.
var searched = []struct{ name, on string }{
	{"patient_search", "patients USING gin (created_by_id, name_key gin_trgm_ops, phone gin_trgm_ops, email gin_trgm_ops)"},
	{"patient_text", "patients USING gin (name_key gin_trgm_ops, phone gin_trgm_ops, email gin_trgm_ops)"},
	{"doctor_search", "doctors USING gin (name_key gin_trgm_ops, specialization_key gin_trgm_ops)"},
	{"user_search", "users USING gin (username_key gin_trgm_ops, phone gin_trgm_ops, email gin_trgm_ops)"},
}

var trigram = regexp.MustCompile("[0-9A-Za-z]{3}")

// searchesAlike tells whether one plan is good for a search, whatever it is for.
// That depends on how many rows have the text; but a statement that begins with
// "WITH early" (see graph/search.go) is good for few and for many, if the
// trigram indexes find the text. They know other letters only in some locales.
func searchesAlike(query string, args []any) bool {
	return strings.HasPrefix(query, "WITH early ") && !slices.ContainsFunc(args, func(arg any) bool {
		text, ok := arg.(string)
		return ok && strings.HasPrefix(text, "%") && !trigram.MatchString(text)
	})
}

// IndexSearch adds the indexes for searches that a PostgreSQL database lacks,
// while others go on reading and writing; of servers that start together one
// does it. It waits for every transaction that is open, so nothing should wait
// for it. It needs the migrations, and fails with ErrNoTrigrams if there can be
// no such index; what a failure leaves half built is built anew the next time.
// SQLite has none: it reads every row.
func (db *DB) IndexSearch(ctx context.Context) error {
	if db.Dialect != dialect.Postgres {
		return nil
	}
	unlimited := sql.OpenDB(db.connector.free) // a server's own connections have limits
	defer unlimited.Close()
	c, err := unlimited.Conn(ctx)
	if err != nil {
		return fmt.Errorf("index search: %w", err)
	}
	defer c.Close()
	var first bool
	// Not one that waits: an index waits for those who wait.
	if err := c.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", lock+1).Scan(&first); err != nil || !first {
		return err
	}
	_, err = c.ExecContext(ctx, "SET statement_timeout = 0; SET lock_timeout = 0; CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE EXTENSION IF NOT EXISTS btree_gin")
	if pq.As(err, pqerror.InsufficientPrivilege, pqerror.UndefinedFile, pqerror.FeatureNotSupported) != nil {
		return ErrNoTrigrams
	}
	for _, index := range searched {
		if err == nil {
			err = addIndex(ctx, c, index.name, index.on)
		}
	}
	if err != nil {
		return fmt.Errorf("index search: %w", err)
	}
	return nil
}

// addIndex adds an index that is missing, or was left half built by a server
// that ended meanwhile.
func addIndex(ctx context.Context, c *sql.Conn, name, on string) error {
	var valid bool
	err := c.QueryRowContext(ctx, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", name).Scan(&valid)
	switch {
	case err == nil && valid:
		return nil
	case err == nil:
		if _, err := c.ExecContext(ctx, "DROP INDEX CONCURRENTLY "+name); err != nil {
			return err
		}
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	_, err = c.ExecContext(ctx, "CREATE INDEX CONCURRENTLY "+name+" ON "+on)
	return err
}
