package graph

import (
	"fmt"
	"strings"
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

// digits returns what to search for in phone numbers, which have nothing but
// digits, or nil if that is nothing.
func digits(search string) *string {
	phone := scalar.NormalPhone(search)
	if strings.Trim(phone, "0123456789") != "" {
		return nil
	}
	return &phone
}

// keyed returns the column, if there is a search that the trigram indexes of
// internal/store can find.
func keyed(column string, search *string) string {
	if search == nil || utf8.RuneCountInString(scalar.Fold(*search)) < 3 {
		return ""
	}
	return column
}

// earlyRows is how many rows of a list are read in order, from an index alone,
// before a search turns to the trigram indexes. It takes a seventh of the time
// in which as many of 100,000 patients are found by a trigram index and sorted.
const earlyRows = 3_000

// found is the window of a list that is ordered by the text that is searched.
// How many rows have a part of a text, and where in the order they are,
// PostgreSQL can only guess: those called Zoya all come last. So it first looks
// among the first rows of the order, where it soon finds what many have, and
// only if they do not fill the page it finds all that have it by a trigram
// index, which is quick if few have it.
func (p *page[T]) found(s *sql.Selector) {
	if s.Dialect() != dialect.Postgres {
		p.search(s)
		p.window(1, nil)(s)
		return
	}
	id, by, most := s.C("id"), p.between(s), p.size+1
	first := s.Clone().Select("*").OrderBy(by...).Limit(earlyRows).As(s.TableName())
	early := sql.Dialect(s.Dialect()).Select(id).From(first).OrderBy(by...).Limit(most)
	p.search(early)
	late := s.Clone().Select(id).Where(sql.ExprP(fmt.Sprintf("so_far.rows < %d", most))).Limit(most)
	p.search(late)
	late.OrderExpr(sql.ExprFunc(func(b *sql.Builder) {
		// The same order, in terms that the index of the order does not know.
		// Nor does it know where a row is: PostgreSQL would read all of it.
		operator := " USING ~<~, "
		if p.desc != p.backward {
			operator = " USING ~>~, "
		}
		b.Ident(s.C(p.order.column)).WriteString(operator).WriteString(by[1]).Comma().Ident(s.C("ctid"))
	}))
	s.Where(sql.P(func(b *sql.Builder) {
		// A lateral join, because PostgreSQL would start parallel workers before
		// it looks at a condition that needs no row.
		b.Ident(id).WriteString(" = ANY(ARRAY(SELECT id FROM early UNION ALL SELECT late.id FROM (SELECT count(*) AS rows FROM early) AS so_far CROSS JOIN LATERAL ")
		b.Wrap(func(b *sql.Builder) { b.Join(late) }).WriteString(" AS late))")
	})).OrderBy(by...).Limit(most).Prefix(sql.ExprFunc(func(b *sql.Builder) {
		b.WriteString("WITH early AS MATERIALIZED ").Wrap(func(b *sql.Builder) { b.Join(early) })
	}))
}
