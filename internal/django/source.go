package django

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"entgo.io/ent/dialect/sql/schema"
	"github.com/lib/pq"
)

// errSource says what the source may be. It never shows the URL, which has a
// password.
var errSource = errors.New("the source must be postgres://USER:PASSWORD@HOST/DATABASE?sslmode=…, with every special character of the password as %XX")

// open opens the database of the original. It does not connect yet.
func open(source string) (*sql.DB, error) {
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || strings.Contains(u.EscapedPath()+u.RawQuery+u.Fragment, "@") {
		return nil, errSource
	}
	connector, err := pq.NewConnector(source)
	if err != nil {
		return nil, errSource
	}
	return sql.OpenDB(connector), nil
}

// snapshot begins a transaction in which the source does not change, and is not
// changed.
func snapshot(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

// size is how much there is of a table.
type size struct {
	rows int64
	last int64 // the last id that was given, if to a row that is gone by now
}

// size returns how much there is of the original's table.
func (t *table) size(ctx context.Context, tx *sql.Tx) (s size, err error) {
	err = tx.QueryRowContext(ctx, `SELECT count(*), greatest(max(id), 0, (SELECT last_value FROM pg_sequences
		WHERE to_regclass(format('%I.%I', schemaname, sequencename)) = pg_get_serial_sequence('`+t.name+`', 'id')::regclass)) FROM `+t.name).Scan(&s.rows, &s.last)
	return s, err
}

// constraints returns what our table cannot hold, as its CHECK constraints and
// foreign keys say, and the limits of t. What is wrong with a derived column is
// found in the column that it comes from.
func (t *table) constraints() []limit {
	list := slices.Clone(t.limits)
	add := func(column, found, reason string) {
		if t.checks(column) {
			list = append(list, limit{column, found, stop, reason})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.ours.Annotation.Checks)) {
		check := t.ours.Annotation.Checks[name]
		column := strings.TrimSuffix(strings.TrimPrefix(name, t.ours.Name+"_"), "_valid")
		add(column, "("+check+") IS FALSE", "the database holds it only if "+check+".")
	}
	for _, key := range t.ours.ForeignKeys {
		column, other := "h."+key.Columns[0].Name, original(key.RefTable)
		add(key.Columns[0].Name, column+" IS NOT NULL AND NOT EXISTS (SELECT FROM "+other+" r WHERE r.id = "+column+")", "there is no such row in "+other+".")
	}
	return list
}

// checks tells whether the values of a column of ours come from a column of the original.
func (t *table) checks(name string) bool {
	return slices.ContainsFunc(t.columns, func(c column) bool { return !c.derived && c.name == name })
}

// original returns the name of the original's table.
func original(ours *schema.Table) string {
	if ours == clinics.ours {
		return clinics.name
	}
	return tables[slices.IndexFunc(tables, func(t *table) bool { return t.ours == ours })].name
}

// query selects the columns of t in the order of the ids, and at last the
// indexes of the limits that the row meets, with a space between.
func (t *table) query(limits []limit) string {
	var values, held []string
	met := []string{"' '", "NULL"}
	for _, c := range t.columns {
		from := cmp.Or(c.from, "t."+c.name)
		values = append(values, from)
		held = append(held, cmp.Or(c.held, from)+" AS "+c.name)
	}
	for i, l := range limits {
		met = append(met, fmt.Sprintf("CASE WHEN %s THEN '%d' END", l.found, i))
	}
	return fmt.Sprintf("SELECT %s, (SELECT concat_ws(%s) FROM (SELECT %s) h) FROM %s t ORDER BY t.id",
		strings.Join(values, ", "), strings.Join(met, ", "), strings.Join(held, ", "), cmp.Or(t.from, t.name))
}

// read calls f with the values of each row, and the limits that it meets. The next
// call overwrites the values.
func (t *table) read(ctx context.Context, tx *sql.Tx, limits []limit, f func(values []any, met []limit) error) error {
	rows, err := tx.QueryContext(ctx, t.query(limits))
	if err != nil {
		return err
	}
	defer rows.Close()
	var indexes string
	values := make([]any, len(t.columns))
	into := make([]any, 0, len(t.columns)+1)
	for i := range values {
		into = append(into, &values[i])
	}
	into = append(into, &indexes)
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		var met []limit
		for index := range strings.FieldsSeq(indexes) {
			i, err := strconv.Atoi(index)
			if err != nil {
				return err
			}
			met = append(met, limits[i])
		}
		if err := f(values, met); err != nil {
			return err
		}
	}
	return rows.Err()
}
