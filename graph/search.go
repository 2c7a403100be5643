package graph

import (
	"unicode/utf8"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"caregraph/internal/fault"
	"caregraph/internal/scalar"
)

// maxSearch is how long a search may be, in characters.
const maxSearch = 200

// searched returns what to search for in folded columns.
func searched(search *string) (string, error) {
	if search == nil {
		return "", nil
	}
	if err := scalar.Text(maxSearch)(*search); err != nil {
		return "", &fault.Error{Kind: fault.Invalid, Field: "search", Message: err.Error()}
	}
	return scalar.Fold(*search), nil
}

// keyed returns the column, if there is a search that the trigram indexes of
// internal/store can find.
func keyed(column string, search *string) string {
	if search == nil || utf8.RuneCountInString(scalar.Fold(*search)) < 3 {
		return ""
	}
	return column
}

// plannedRows is how many rows of a search PostgreSQL plans for. It is about
// where, in 100,000 patients of one owner, it becomes cheaper to read the
// trigram index and sort what was found than to read in order.
const plannedRows = 3_000

// findFirst limits a search that is ordered by the text it looks in, and lets
// PostgreSQL plan it as if plannedRows were wanted. Told the limit, it would read
// in order until it has found so many, as if they were spread evenly; but those
// called Zoya come last in the order of names. If it does read in order, it still
// stops at the limit. A materialized WITH is read in the order it was made in.
func findFirst(s *sql.Selector, columns []string, limit int) {
	if s.Dialect() != dialect.Postgres {
		return
	}
	found := s.Clone().Limit(plannedRows)
	*s = *sql.Dialect(s.Dialect()).Select(columns...).From(sql.Table("found")).Limit(limit).
		Prefix(sql.ExprFunc(func(b *sql.Builder) {
			b.WriteString("WITH found AS MATERIALIZED ").Wrap(func(b *sql.Builder) { b.Join(found) })
		}))
}
