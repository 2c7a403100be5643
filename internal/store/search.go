package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// ErrNoTrigrams is the failure to index parts of a text: the database lacks the
// extensions, and its role may not add them. A search then reads every row that the
// viewer may see.
var ErrNoTrigrams = errors.New("extensions are missing; let the owner of the database run CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin")

// What a search looks in, by table.
var (
	UserText    = Text{"username_key", "phone", "email"}
	PatientText = Text{"name_key", "phone", "email"}
	DoctorText  = Text{"name_key", "specialization_key", "phone", "email"}
)

// Text is the text of several columns, one after another with blanks between.
type Text []string

// SQL returns the expression of the text, which an index has, over columns that are
// qualified.
func (t Text) SQL(qualified func(column string) string) string {
	parts := make([]string, len(t))
	for i, column := range t {
		parts[i] = "coalesce(" + qualified(column) + ", '')"
	}
	return "(" + strings.Join(parts, " || ' ' || ") + ")"
}

// trigrams returns the text as a column of a trigram index.
func (t Text) trigrams() string {
	return t.SQL(func(column string) string { return column }) + " gin_trgm_ops"
}

// searched are the indexes of PostgreSQL that find a part of a text, and names that
// sound alike. They need extensions, so they are no migrations. patient_clinic_find finds
// patients by their clinic and the text together: most clinics have few of the patients
// that a text matches. For a clinic that has most of them, patient_find takes two thirds
// of the time.
var searched = []struct{ name, on string }{
	{"patient_clinic_find", "patients USING gin (clinic_id, " + PatientText.trigrams() + ", name_sound gin_trgm_ops)"},
	{"patient_find", "patients USING gin (" + PatientText.trigrams() + ", name_sound gin_trgm_ops)"},
	{"doctor_find", "doctors USING gin (" + DoctorText.trigrams() + ", name_sound gin_trgm_ops)"},
	{"user_find", "users USING gin (" + UserText.trigrams() + ")"},
}

// outdated are the indexes that servers of older versions searched by.
var outdated = []string{"patient_search", "patient_text", "doctor_search", "user_search", "patient_owner_find"}

var trigram = regexp.MustCompile("[0-9A-Za-z]{3}")

// searchesAlike tells whether one plan of the statement is good for every text that
// is searched. Usually the best plan depends on how many rows match. A statement that
// begins with "WITH early" (see internal/reading/search.go) is good for few and for
// many, if the trigram indexes can find the text: they know letters other than those
// of ASCII only in some locales.
func searchesAlike(query string, args []any) bool {
	return strings.HasPrefix(query, "WITH early ") && !slices.ContainsFunc(args, func(arg any) bool {
		text, ok := arg.(string)
		return ok && strings.HasPrefix(text, "%") && !trigram.MatchString(text)
	})
}

// ErrIndexing tells that another server adds the indexes for searches.
var ErrIndexing = errors.New("another server adds the indexes for searches")

// IndexSearch adds the indexes for searches that a PostgreSQL database lacks,
// while others go on reading and writing. The migrations must have run. It waits for
// every open transaction to end, which may take long, so call it in the background.
// If several servers start together, one adds the indexes and the others fail with
// ErrIndexing. It fails with ErrNoTrigrams if the extensions are missing. An index
// that a failure leaves half built is built anew the next time. On SQLite it does
// nothing: a search there reads every row.
func (db *DB) IndexSearch(ctx context.Context) error {
	if db.Dialect != dialect.Postgres {
		return nil
	}
	c, end, err := db.unlimited(ctx)
	if err != nil {
		return fmt.Errorf("index search: %w", err)
	}
	defer end()
	var first bool
	// Do not wait for the lock: a statement that waits has a snapshot, and building
	// an index waits for the end of every older snapshot.
	err = c.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", lock+1).Scan(&first)
	switch {
	case err != nil:
		return fmt.Errorf("index search: %w", err)
	case !first:
		return ErrIndexing
	}
	_, err = c.ExecContext(ctx, "CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE EXTENSION IF NOT EXISTS btree_gin")
	if pq.As(err, pqerror.InsufficientPrivilege, pqerror.UndefinedFile, pqerror.FeatureNotSupported) != nil {
		return ErrNoTrigrams
	}
	added := false
	for _, index := range searched {
		if err == nil {
			var built bool
			built, err = addIndex(ctx, c, index.name, "CREATE INDEX CONCURRENTLY "+index.name+" ON "+index.on)
			added = added || built
		}
	}
	if err == nil {
		var finer bool
		finer, err = countFiner(ctx, c)
		added = added || finer
	}
	if added && err == nil {
		_, err = c.ExecContext(ctx, "ANALYZE users, doctors, patients") // what is in an expression is counted only if an index has it
	}
	for _, name := range outdated {
		if err == nil {
			_, err = c.ExecContext(ctx, "DROP INDEX CONCURRENTLY IF EXISTS "+name)
		}
	}
	if err != nil {
		return fmt.Errorf("index search: %w", err)
	}
	return nil
}

// samples is of how many texts PostgreSQL keeps a sample to tell how many rows a search matches.
// Of its usual hundred none holds a word that one text in thirty has, after one ANALYZE of
// twenty: then a search reads all of those.
const samples = 400

// countFiner makes the samples of what is searched as large as that, where they are not. It
// tells whether some were not.
func countFiner(ctx context.Context, c *sql.Conn) (some bool, err error) {
	rows, err := c.QueryContext(ctx, `SELECT format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', c.relname, a.attnum, $1::int)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.oid IN (to_regclass('patient_clinic_find'), to_regclass('patient_find'), to_regclass('doctor_find'), to_regclass('user_find'))
		AND pg_get_indexdef(c.oid, a.attnum, false) LIKE '%||%' AND coalesce(a.attstattarget, -1) <> $1`, samples)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	var statements []string
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			return false, err
		}
		statements = append(statements, statement)
	}
	if err := rows.Err(); err != nil || statements == nil {
		return false, err
	}
	_, err = c.ExecContext(ctx, strings.Join(statements, "; "))
	return true, err
}

// unlimited returns a session of PostgreSQL without the limits of a server's own
// connections, in which an index may take its time. The caller ends it.
func (db *DB) unlimited(ctx context.Context) (c *sql.Conn, end func(), err error) {
	pool := sql.OpenDB(db.connector.free)
	if c, err = pool.Conn(ctx); err != nil {
		pool.Close()
		return nil, nil, err
	}
	end = func() {
		// The server ends a session, with its locks, a moment after it is closed.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		c.ExecContext(ending, "SELECT pg_advisory_unlock_all()")
		c.Close()
		pool.Close()
	}
	if _, err = c.ExecContext(ctx, "SET statement_timeout = 0; SET lock_timeout = 0"); err != nil {
		end()
		return nil, nil, err
	}
	return c, end, nil
}

// addIndex runs a CREATE INDEX CONCURRENTLY for an index that is missing, or that a
// build which was cut short left invalid. It tells whether it did.
func addIndex(ctx context.Context, c *sql.Conn, name, statement string) (added bool, err error) {
	var valid bool
	err = c.QueryRowContext(ctx, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", name).Scan(&valid)
	switch {
	case err == nil && valid:
		return false, nil
	case err == nil:
		if _, err := c.ExecContext(ctx, "DROP INDEX CONCURRENTLY "+name); err != nil {
			return false, err
		}
	case !errors.Is(err, sql.ErrNoRows):
		return false, err
	}
	_, err = c.ExecContext(ctx, statement)
	return true, err
}
