package django

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"

	"caregraph/ent/migrate"
)

// passed are the tables of Django itself that have no records: what the models and
// the permissions are called, which migrations ran, and who is signed in.
var passed = []string{
	"auth_permission", "django_content_type", "django_migrations", "django_session",
	"token_blacklist_blacklistedtoken", "token_blacklist_outstandingtoken",
}

// own returns the names of Caregraph's tables, which are beside the original's if both
// are in one database.
func own() []string {
	names := []string{"migrations"}
	for _, t := range migrate.Tables {
		names = append(names, t.Name)
	}
	return names
}

// leftovers reports the columns and tables of the source that nothing here is read
// from and that hold values: a clinic may have extended the original.
func leftovers(ctx context.Context, source *sql.Tx, r *report) error {
	found, err := columns(ctx, source)
	if err != nil {
		return err
	}
	ignored := passed
	if names := own(); !slices.ContainsFunc(names, func(name string) bool {
		return !slices.ContainsFunc(found, func(f relation) bool { return f.table == name })
	}) {
		ignored = append(names, passed...)
	}
	for _, f := range found {
		known := slices.IndexFunc(tables, func(t *table) bool { return t.name == f.table })
		if known < 0 {
			if slices.Contains(ignored, f.table) {
				continue
			}
			if !f.readable {
				r.leave(f.table, "", -1)
				continue
			}
			var rows int64
			if err := source.QueryRowContext(ctx, "SELECT count(*) FROM "+pq.QuoteIdentifier(f.table)).Scan(&rows); err != nil {
				return err
			}
			if rows > 0 {
				r.leave(f.table, "", rows)
			}
			continue
		}
		unread := slices.DeleteFunc(f.columns, tables[known].reads)
		if len(unread) == 0 {
			continue
		}
		counts := make([]int64, len(unread))
		var into []any
		var selected []string
		for i, column := range unread {
			into = append(into, &counts[i])
			selected = append(selected, fmt.Sprintf("count(*) FILTER (WHERE %s::text <> '')", pq.QuoteIdentifier(column)))
		}
		if err := source.QueryRowContext(ctx, "SELECT "+strings.Join(selected, ", ")+" FROM "+f.table).Scan(into...); err != nil {
			return err
		}
		for i, column := range unread {
			if counts[i] > 0 {
				r.leave(f.table, column, counts[i])
			}
		}
	}
	return nil
}

// relation is a table of the source with its columns.
type relation struct {
	table    string
	readable bool // by the role of the source's URL
	columns  []string
}

// columns returns the tables of the schema in which the original's are, in the order
// of their names.
func columns(ctx context.Context, source *sql.Tx) (list []relation, err error) {
	rows, err := source.QueryContext(ctx, `SELECT t.relname, has_table_privilege(t.oid, 'SELECT'), a.attname FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid
		WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND a.attnum > 0 AND NOT a.attisdropped
		AND t.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass($1)) ORDER BY t.relname, a.attnum`, tables[0].name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var table, column string
		var readable bool
		if err := rows.Scan(&table, &readable, &column); err != nil {
			return nil, err
		}
		if len(list) == 0 || list[len(list)-1].table != table {
			list = append(list, relation{table: table, readable: readable})
		}
		last := &list[len(list)-1]
		last.columns = append(last.columns, column)
	}
	return list, rows.Err()
}

// reads tells whether a column of the original is read for one of ours, or for what
// the report says of a row.
func (t *table) reads(name string) bool {
	mentions := func(statement string) bool {
		return slices.Contains(strings.FieldsFunc(statement, func(r rune) bool { return r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }), "t."+name)
	}
	return slices.ContainsFunc(t.columns, func(c column) bool { return c.name == name && c.from == "" || mentions(c.from) }) ||
		slices.ContainsFunc(t.limits, func(l limit) bool { return mentions(l.found) })
}
