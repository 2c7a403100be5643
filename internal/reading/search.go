package reading

import (
	"fmt"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
)

// earlyRows is how many rows of a list a search reads in the list's order before it
// uses the trigram indexes. To read that many rows takes a seventh of the time that
// a trigram index takes to find as many among 100,000 patients and sort them.
const earlyRows = 3_000

// found returns the window of a list that is ordered by the same text that one of
// the conditions searches. PostgreSQL can only guess how many rows match such a
// condition and where in the order they are: patients called Zoya all come last.
// So the query first reads the first rows of the order, from an index that has
// everything that is searched; if many rows match, they fill the page, and a short list
// ends there. Otherwise it finds every match by a trigram index, which is quick if few
// rows match.
func (p *Page[T]) found(conditions []Where) func(*sql.Selector) {
	narrow := func(s *sql.Selector) {
		for _, condition := range conditions {
			condition(s)
		}
	}
	return func(s *sql.Selector) {
		if s.Dialect() != dialect.Postgres {
			narrow(s)
			p.Window(1, nil)(s)
			return
		}
		id, by, most := s.C("id"), p.between(s), p.size+1
		first := s.Clone().Select("*").OrderBy(by...).Limit(earlyRows).As(s.TableName())
		early := sql.Dialect(s.Dialect()).Select(id).From(first).OrderBy(by...).Limit(most)
		narrow(early)
		more := s.Clone().Select(id).OrderBy(by...).Offset(earlyRows).Limit(1)
		late := s.Clone().Select(id).Where(sql.ExprP("so_far.lacks")).Limit(most)
		narrow(late)
		late.OrderExpr(sql.ExprFunc(func(b *sql.Builder) {
			// The same order, written so that the index of the order does not fit
			// it: by operators that the index does not know, and by ctid, which no
			// index has. Otherwise PostgreSQL would read that whole index.
			operator := " USING ~<~, "
			if p.desc != p.backward {
				operator = " USING ~>~, "
			}
			b.Ident(s.C(p.order.Column)).WriteString(operator).WriteString(by[1]).Comma().Ident(s.C("ctid"))
		}))
		s.Where(sql.P(func(b *sql.Builder) {
			// A lateral join, because PostgreSQL would start parallel workers
			// before it looks at a condition that needs no row.
			b.Ident(id).WriteString(" = ANY(ARRAY(SELECT id FROM early UNION ALL SELECT late.id FROM ")
			b.Wrap(func(b *sql.Builder) {
				b.WriteString(fmt.Sprintf("SELECT count(*) < %d AND EXISTS ", most))
				b.Wrap(func(b *sql.Builder) { b.Join(more) }).WriteString(" AS lacks FROM early")
			})
			b.WriteString(" AS so_far CROSS JOIN LATERAL ").Wrap(func(b *sql.Builder) { b.Join(late) }).WriteString(" AS late))")
		})).OrderBy(by...).Limit(most).Prefix(sql.ExprFunc(func(b *sql.Builder) {
			b.WriteString("WITH early AS MATERIALIZED ").Wrap(func(b *sql.Builder) { b.Join(early) })
		}))
	}
}
