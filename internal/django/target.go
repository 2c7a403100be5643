package django

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"entgo.io/ent/dialect"

	"caregraph/internal/store"
)

var (
	errNotEmpty = errors.New("the database that DATABASE_URL names has records already: an import needs an empty one")
	errMemory   = errors.New("DATABASE_URL names a database in memory, which would be gone after the import")
)

// refuse fails if the database of the URL cannot be the target. A SQLite file
// that does not exist yet is not made.
func refuse(ctx context.Context, databaseURL string) error {
	if path := store.Path(databaseURL); path != "" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	} else if strings.HasPrefix(databaseURL, "sqlite:") {
		return errMemory
	}
	db, err := store.Open(databaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("the database that DATABASE_URL names cannot be used: %w", err)
	}
	if db.Ready(ctx) != nil { // has no tables yet
		return nil
	}
	return mustBeEmpty(ctx, db)
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// mustBeEmpty fails if one of the tables has a row.
func mustBeEmpty(ctx context.Context, db querier) error {
	var full []string
	for _, name := range names() {
		full = append(full, "EXISTS (SELECT 1 FROM "+name+")")
	}
	var found bool
	if err := db.QueryRowContext(ctx, "SELECT "+strings.Join(full, " OR ")).Scan(&found); err != nil {
		return err
	}
	if found {
		return errNotEmpty
	}
	return nil
}

// target is a transaction on the target database, which nobody else writes.
type target struct {
	*sql.Tx
	dialect string
}

// begin begins the transaction in which everything is written. It fails if the
// database is not empty.
func begin(ctx context.Context, db *store.DB) (*target, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	if db.Dialect == dialect.Postgres {
		_, err = tx.ExecContext(ctx, "SET LOCAL statement_timeout = 0; LOCK TABLE "+strings.Join(names(), ", ")+" IN ACCESS EXCLUSIVE MODE")
	}
	if err == nil {
		err = mustBeEmpty(ctx, tx)
	}
	if err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return &target{tx, db.Dialect}, nil
}

// names returns the names of our tables that are filled.
func names() []string {
	list := []string{clinics.ours.Name}
	for _, t := range tables {
		list = append(list, t.ours.Name)
	}
	return list
}

// writer returns a function that adds a row to the table, and one that must be
// called at the end with the error until then: without any it sends the rest of
// the rows. It returns the first error.
func (w *target) writer(ctx context.Context, t *table) (add func(row []any) error, finish func(error) error, err error) {
	columns := make([]string, len(t.columns))
	for i, c := range t.columns {
		columns[i] = c.name
	}
	if w.dialect == dialect.Postgres {
		return w.copyIn(ctx, t.ours.Name, columns)
	}
	return w.insert(ctx, t.ours.Name, columns)
}

// copyIn is the writer of PostgreSQL.
func (w *target) copyIn(ctx context.Context, name string, columns []string) (add func([]any) error, finish func(error) error, err error) {
	statement, err := w.PrepareContext(ctx, "COPY "+name+" ("+strings.Join(columns, ", ")+") FROM STDIN")
	if err != nil {
		return nil, nil, err
	}
	add = func(row []any) error {
		_, err := statement.ExecContext(ctx, row...)
		return err
	}
	finish = func(err error) error {
		if err == nil {
			err = add(nil)
		}
		return cmp.Or(err, statement.Close())
	}
	return add, finish, nil
}

// batch is the number of rows that one INSERT adds; SQLite binds at most 32,766
// values in a statement.
const batch = 500

// insert is the writer of SQLite.
func (w *target) insert(ctx context.Context, name string, columns []string) (add func([]any) error, finish func(error) error, err error) {
	row := "(?" + strings.Repeat(", ?", len(columns)-1) + ")"
	into := func(rows int) string {
		return "INSERT INTO " + name + " (" + strings.Join(columns, ", ") + ") VALUES " + row + strings.Repeat(", "+row, rows-1)
	}
	full, err := w.PrepareContext(ctx, into(batch))
	if err != nil {
		return nil, nil, err
	}
	var values []any
	add = func(row []any) error {
		if values = append(values, row...); len(values) < batch*len(columns) {
			return nil
		}
		_, err := full.ExecContext(ctx, values...)
		values = values[:0]
		return err
	}
	finish = func(err error) error {
		if err == nil && len(values) > 0 {
			_, err = w.ExecContext(ctx, into(len(values)/len(columns)), values...)
		}
		return cmp.Or(err, full.Close())
	}
	return add, finish, nil
}

// next makes the database give ids after the last one. It is part of the
// transaction, which setval of PostgreSQL would not be.
func (w *target) next(ctx context.Context, t *table, last int64) error {
	name := t.ours.Name
	if w.dialect == dialect.Postgres {
		_, err := w.ExecContext(ctx, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN id RESTART WITH %d", name, last+1))
		return err
	}
	if _, err := w.ExecContext(ctx, "DELETE FROM sqlite_sequence WHERE name = ?", name); err != nil {
		return err
	}
	_, err := w.ExecContext(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", name, last)
	return err
}

// analyze lets the database count the rows for its plans.
func (w *target) analyze(ctx context.Context) error {
	for _, name := range names() {
		if _, err := w.ExecContext(ctx, "ANALYZE "+name); err != nil {
			return err
		}
	}
	return nil
}
