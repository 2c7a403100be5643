package sample

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"

	"entgo.io/ent/dialect"

	"caregraph/internal/auth"
	"caregraph/internal/store"
)

// Size is the number of rows of each table.
type Size struct {
	Users, Patients, Doctors, Mappings int
}

// Sizes that benchmarks use.
var (
	Full  = Size{Users: 1_000, Patients: 100_000, Doctors: 2_000, Mappings: 300_000}
	Tenth = Size{Users: 100, Patients: 10_000, Doctors: 200, Mappings: 30_000}
)

// circle is how many doctors the patients of one user are assigned to.
const circle = 20

// Password is the password of every user.
const Password = "Aniket@123"

// Email returns the address that the user with the id signs in with.
func Email(user int) string { return fmt.Sprintf("user%d@example.com", user) }

// Generate adds users, doctors, patients and mappings with the ids from 1 on to a
// migrated database without any, all of them or none, and lets the database
// count them for its plans. The same size makes the same rows.
//
// Every user has the same number of patients, spread over the whole table: the
// patient p belongs to the user (p-1) mod Users + 1. The patients of a user are
// assigned to 20 doctors, whom a few other users share; the doctor with the
// user's own id is one of them. A tenth of the mappings has ended.
func Generate(ctx context.Context, db *store.DB, size Size) error {
	if size.Users < 1 || size.Doctors < 1 || size.Mappings > size.Patients*size.circle() {
		return errors.New("sample: users and doctors are needed, and at most 20 mappings a patient")
	}
	hash, err := auth.Hash(ctx, Password)
	if err != nil {
		return fmt.Errorf("sample: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("sample: %w", err)
	}
	defer tx.Rollback() // does nothing after Commit
	add, finish := insert, "ANALYZE"
	if db.Dialect == dialect.Postgres {
		add, finish = copyIn, "VACUUM ANALYZE"
	}
	for _, t := range []table{clinics(size), users(size, hash), doctors(size), patients(size), mappings(size)} {
		if err := add(ctx, tx, t); err != nil {
			return fmt.Errorf("sample: %s: %w", t.name, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("sample: %w", err)
	}
	_, err = db.ExecContext(ctx, finish)
	return err
}

// circle returns how many doctors the patients of one user are assigned to.
func (s Size) circle() int { return min(circle, s.Doctors) }

// owner returns the user whom the patient belongs to.
func (s Size) owner(patient int) int { return (patient-1)%s.Users + 1 }

// doctor returns whom the patient is assigned to in the nth mapping it has,
// counted from 0.
func (s Size) doctor(patient, nth int) int {
	member := ((patient-1)/s.Users + nth) % s.circle()
	return (s.owner(patient)-1+member*(s.Doctors/s.circle()))%s.Doctors + 1
}

// table is what is added to a table of the database. The first column is id.
type table struct {
	name    string
	columns []string
	rows    iter.Seq[[]any]
}

// copyIn adds the rows to a table of PostgreSQL. The next id is the one after
// the last.
func copyIn(ctx context.Context, tx *sql.Tx, t table) error {
	statement, err := tx.PrepareContext(ctx, "COPY "+t.name+" ("+strings.Join(t.columns, ", ")+") FROM STDIN")
	if err != nil {
		return err
	}
	defer statement.Close()
	for row := range t.rows {
		if _, err := statement.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	if _, err := statement.ExecContext(ctx); err != nil { // sends the rest
		return err
	}
	_, err = tx.ExecContext(ctx, "SELECT setval(pg_get_serial_sequence($1, 'id'), (SELECT coalesce(max(id), 0) + 1 FROM "+t.name+"), false)", t.name)
	return err
}

// batch is the number of rows that one INSERT adds; SQLite binds at most 32,766
// values in a statement.
const batch = 500

// insert adds the rows to a table of SQLite.
func insert(ctx context.Context, tx *sql.Tx, t table) error {
	row := "(?" + strings.Repeat(", ?", len(t.columns)-1) + ")"
	into := func(rows int) string {
		return "INSERT INTO " + t.name + " (" + strings.Join(t.columns, ", ") + ") VALUES " + row + strings.Repeat(", "+row, rows-1)
	}
	full, err := tx.PrepareContext(ctx, into(batch))
	if err != nil {
		return err
	}
	defer full.Close()
	var values []any
	for row := range t.rows {
		if values = append(values, row...); len(values) < batch*len(t.columns) {
			continue
		}
		if _, err := full.ExecContext(ctx, values...); err != nil {
			return err
		}
		values = values[:0]
	}
	if len(values) == 0 {
		return nil
	}
	_, err = tx.ExecContext(ctx, into(len(values)/len(t.columns)), values...)
	return err
}
