// Package rule holds the privacy rules: who may see and change what. The ent
// schema lists them in its policies; nothing else in the project authorizes.
//
// A rule narrows reads, updates and deletes by a predicate, so that a stranger
// finds nothing, and sets the clinic of what is created. There are four ways to see
// a patient and its assignments: as a member of the clinic that they belong to; as
// the account of a doctor who treats the patient for that clinic; as the account of
// the patient; as staff. For a viewer who is no account, the predicates name the
// clinic on each table they touch, and nothing else.
package rule

import (
	"context"
	"errors"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"caregraph/ent/privacy"
	"caregraph/internal/viewer"
)

// DenyIfAnonymous denies everything to a caller who is not signed in.
func DenyIfAnonymous() privacy.QueryMutationRule {
	return privacy.ContextQueryMutationRule(func(ctx context.Context) error {
		_, err := viewer.FromContext(ctx)
		switch {
		case err == nil:
			return privacy.Skip
		case errors.Is(err, viewer.ErrAnonymous), errors.Is(err, viewer.ErrBadToken):
			return errors.Join(privacy.Deny, err)
		}
		return err // who is calling could not be found out
	})
}

// AllowIfStaff allows everything that earlier rules left, to staff.
func AllowIfStaff() privacy.QueryMutationRule {
	return privacy.ContextQueryMutationRule(func(ctx context.Context) error {
		if v, err := viewer.FromContext(ctx); err == nil && v.Staff {
			return privacy.Allow
		}
		return privacy.Skip
	})
}

// Share locks the selected rows against change until the transaction ends. On
// SQLite, where a transaction that writes is alone, there is nothing to lock.
func Share(s *sql.Selector) {
	if s.Dialect() == dialect.Postgres {
		s.ForShare()
	}
}

// Lock locks the selected rows against change and against Share until the
// transaction ends; others may still refer to them.
func Lock(s *sql.Selector) {
	if s.Dialect() == dialect.Postgres {
		s.For(sql.LockNoKeyUpdate)
	}
}

// nobody is the condition that no row meets: for a caller who is not known.
func nobody(s *sql.Selector) { s.Where(sql.False()) }

// among is the condition that a column has one of the values that a sub-select
// finds. PostgreSQL reads them once, before it chooses rows by an index.
func among(column string, values func(dialect string) *sql.Selector) func(*sql.Selector) {
	return func(s *sql.Selector) {
		if s.Dialect() != dialect.Postgres {
			s.Where(sql.In(s.C(column), values(s.Dialect())))
			return
		}
		qualified := s.C(column) // before s gets an alias
		s.Where(sql.P(func(b *sql.Builder) {
			b.Ident(qualified).WriteString(" = ANY(ARRAY").Wrap(func(b *sql.Builder) { b.Join(values(s.Dialect())) }).WriteByte(')')
		}))
	}
}
