// Package django moves the records of the Django original to a database of
// ours: with the same ids, times and password hashes, all of them or none. It
// writes rows without ent, its hooks and its policies, because those would give new
// times and ids, and refuse what the original accepted.
//
// Every row is looked at twice in one snapshot of the source: first to report
// what is wrong with it, then, if our tables can hold all of them, to copy it.
// Rows are never held in memory but for a batch.
package django

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"time"

	"caregraph/ent/clinic"
	"caregraph/internal/scalar"
	"caregraph/internal/store"
)

// Import is a move of all records from one database to another.
type Import struct {
	Source   string    // postgres://… of the original
	Target   string    // DATABASE_URL of an empty database
	Clinic   string    // the name of one clinic for everybody; empty: one for each user
	DryRun   bool      // report only
	Report   io.Writer // gets what is found, a line each, and a summary
	Progress io.Writer // gets how far it is
	Terminal bool      // Progress is a terminal
	Log      *slog.Logger
}

// Run imports everything, or fails and leaves the target without any record. It
// fails if the target has one already, and if a row cannot be stored in it; then
// nothing has been written, and the report lists every such row. With DryRun it
// reports and fails in the same cases, and writes nothing in any. Its errors
// never show a URL or a value.
func (i *Import) Run(ctx context.Context) error {
	refused := refuse(ctx, i.Target)
	if refused != nil && !i.DryRun {
		return refused
	}
	db, err := open(i.Source)
	if err != nil {
		return err
	}
	defer db.Close()
	source, err := snapshot(ctx, db)
	if err != nil {
		return fmt.Errorf("the source cannot be read: %w", err)
	}
	defer source.Rollback()
	p := &progress{w: i.Progress, terminal: i.Terminal}
	r := &report{w: i.Report, progress: p, found: map[action]int{}, changed: map[*table]*changes{}}
	moved := tables
	name := scalar.OneLine(i.Clinic)
	if name != "" {
		if err := clinic.NameValidator(name); err != nil {
			return fmt.Errorf("the name of the clinic: %w", err)
		}
		moved = inOneClinic()
	}
	sizes, err := check(ctx, source, moved, p, r)
	if err != nil {
		return fmt.Errorf("the source cannot be read: %w", err)
	}
	r.finish(moved, sizes)
	switch {
	case r.err != nil:
		return fmt.Errorf("the report cannot be written: %w", r.err)
	case r.found[stop] > 0:
		return fmt.Errorf("%d values cannot be stored: nothing was imported; see the lines that begin with stop", r.found[stop])
	case i.DryRun:
		r.printf("Nothing was written: this was a dry run.\n")
		return errors.Join(refused, r.err)
	}
	if err := write(ctx, source, i.Target, moved, name, sizes, p, i.Log); err != nil {
		return err
	}
	if r.found[leave] > 0 {
		r.printf("Everything was imported except what the lines that begin with leave name.\n")
	} else {
		r.printf("Everything was imported.\n")
	}
	return r.err
}

// check reports what is wrong with the rows of the source.
func check(ctx context.Context, source *sql.Tx, tables []*table, p *progress, r *report) ([]size, error) {
	sizes := make([]size, len(tables))
	for i, t := range tables {
		var err error
		if sizes[i], err = t.size(ctx, source); err != nil {
			return nil, err
		}
		p.start("Checked", t.name, sizes[i].rows)
		known := map[string]map[any]int64{} // column -> value -> id
		for _, column := range t.unique {
			known[column] = map[any]int64{}
		}
		err = t.read(ctx, source, t.constraints(), func(values []any, met []limit) error {
			p.advance()
			t.check(values, met, known, r)
			return r.err
		})
		if err != nil {
			return nil, err
		}
		p.end()
		if sizes[i].last == math.MaxInt64 {
			r.add(stop, t, sizes[i].last, "id", "the largest id there is: none is left for a new row.")
		}
	}
	return sizes, leftovers(ctx, source, r)
}

// check reports what is wrong with a row. known has the id of the row with a
// value, for each column in which no two rows may have the same.
func (t *table) check(values []any, met []limit, known map[string]map[any]int64, r *report) {
	id, _ := values[0].(int64)
	for _, l := range met {
		if l.action != stop {
			r.add(l.action, t, id, l.column, l.reason)
		}
	}
	for i, c := range t.columns {
		if c.derived {
			continue
		}
		value, wrong := t.value(i, values[i])
		limited := slices.IndexFunc(met, func(l limit) bool { return l.column == c.name && l.action == stop })
		switch {
		case wrong != nil && (limited >= 0 || unstorable(wrong)):
			r.add(stop, t, id, c.name, wrong.Error())
		case limited >= 0:
			r.add(stop, t, id, c.name, met[limited].reason)
		case wrong != nil:
			r.add(keep, t, id, c.name, wrong.Error())
		}
		if ids := known[c.name]; ids != nil && value != nil {
			if first, taken := ids[value]; taken {
				r.add(stop, t, id, c.name, fmt.Sprintf("the same as that of %s %d, as Caregraph compares it.", t.name, first))
			} else {
				ids[value] = id
			}
		}
		r.change(t, c.name, values[i], value)
	}
}

// write copies the rows of the source to the target, all of them or none.
func write(ctx context.Context, source *sql.Tx, databaseURL string, tables []*table, oneClinic string, sizes []size, p *progress, log *slog.Logger) (err error) {
	db, err := store.Open(databaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.Migrate(ctx, log); err != nil {
		return err
	}
	tx, err := begin(ctx, db)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	if oneClinic == "" {
		err = clinics.copy(ctx, source, tx, sizes[0], &progress{w: io.Discard})
	} else {
		_, err = tx.ExecContext(ctx, "INSERT INTO clinics (name, created_at) VALUES ($1, $2)", oneClinic, time.Now().UTC())
	}
	if err != nil {
		return fmt.Errorf("nothing was imported: clinics: %w", err)
	}
	for i, t := range tables {
		p.start("Copied", t.name, sizes[i].rows)
		if err := t.copy(ctx, source, tx, sizes[i], p); err != nil {
			return fmt.Errorf("nothing was imported: %s: %w", t.name, err)
		}
		p.end()
	}
	if err := tx.analyze(ctx); err != nil {
		return fmt.Errorf("nothing was imported: %w", err)
	}
	if err := tx.Commit(); err != nil { // the answer may be lost, and not the rows
		return fmt.Errorf("the target did not confirm the import; another one succeeds if it has no records: %w", err)
	}
	return nil
}

// copy copies the rows of a table. Ids go on after the last one.
func (t *table) copy(ctx context.Context, source *sql.Tx, to *target, s size, p *progress) error {
	add, finish, err := to.writer(ctx, t)
	if err != nil {
		return err
	}
	row := make([]any, len(t.columns))
	err = t.read(ctx, source, nil, func(values []any, _ []limit) error {
		for i := range t.columns {
			var wrong error
			if row[i], wrong = t.value(i, values[i]); unstorable(wrong) {
				return wrong
			}
		}
		p.advance()
		return add(row)
	})
	if err := finish(err); err != nil {
		return err
	}
	return to.next(ctx, t, s.last)
}
