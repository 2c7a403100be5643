package rule

import (
	"context"
	"errors"
	"fmt"
	"slices"

	baseent "entgo.io/ent"
	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/mapping"
	"caregraph/ent/patient"
	"caregraph/ent/practice"
	"caregraph/ent/predicate"
	"caregraph/ent/privacy"
	"caregraph/ent/user"
	"caregraph/internal/fault"
	"caregraph/internal/viewer"
)

// KnownUserQuery shows a viewer the members of its clinic, itself among them; the
// accounts of the clinic's doctors and patients; and who recorded or assigned what the
// viewer sees. Of others than itself it shows neither the phone number nor the last
// sign-in, and their clinic and what they are there if it is the viewer's.
func KnownUserQuery() privacy.QueryRule {
	return privacy.UserQueryRuleFunc(func(ctx context.Context, q *ent.UserQuery) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		ways := []predicate.User{
			user.ID(v.UserID),
			user.ClinicID(v.ClinicID),
			named(v, practice.Table, practice.FieldUserID, ""),
			named(v, patient.Table, patient.FieldAccountID, patient.FieldDeletedAt),
			named(v, mapping.Table, mapping.FieldCreatedByID, mapping.FieldDeletedAt),
			named(v, patient.Table, patient.FieldCreatedByID, patient.FieldDeletedAt),
		}
		switch {
		case ctx.Value(authorsKey{}) != nil:
			ways = nil
		case v.Beyond():
			ways = append(
				ways[:4],
				refers(mapping.Table, mapping.FieldCreatedByID, append(SeenMappings(ctx), mapping.DeletedAtIsNil())...),
				refers(patient.Table, patient.FieldCreatedByID, append(SeenPatients(ctx), patient.DeletedAtIsNil())...),
			)
		}
		if ways != nil {
			q.Where(user.Or(ways...))
		}
		q.Where(func(s *sql.Selector) {
			self := func() *sql.Predicate { return sql.EQ(s.C(user.FieldID), v.UserID) }
			colleague := func() *sql.Predicate { return sql.EQ(s.C(user.FieldClinicID), v.ClinicID) }
			mask(
				s,
				masked{user.FieldPhone, self, "NULL"}, masked{user.FieldLastLogin, self, "NULL"},
				masked{user.FieldClinicRole, colleague, "''"}, masked{user.FieldClinicID, colleague, "0"},
			)
		})
		return privacy.Allow
	})
}

// WithAuthors returns a context in which every user is shown whose id is known: from a
// record that the viewer sees, which the user made.
func WithAuthors(ctx context.Context) context.Context {
	return context.WithValue(ctx, authorsKey{}, true)
}

type authorsKey struct{}

// Text is what a search looks in: an expression over columns that are qualified.
type Text interface {
	SQL(qualified func(column string) string) string
}

// UserText returns the text in which the viewer finds users: without the phone numbers
// that KnownUserQuery does not show.
func UserText(ctx context.Context, text Text) Text {
	v, err := viewer.FromContext(ctx)
	if err == nil && v.Staff {
		return text
	}
	return shownText{text, v.UserID}
}

type shownText struct {
	Text
	viewer int
}

// SQL returns the text, in which the phone number is empty of everybody but the viewer.
func (t shownText) SQL(qualified func(column string) string) string {
	return t.Text.SQL(func(column string) string {
		if column != user.FieldPhone {
			return qualified(column)
		}
		return fmt.Sprintf("CASE WHEN %s = %d THEN %s END", qualified(user.FieldID), t.viewer, qualified(column))
	})
}

// named is the condition that a row of the viewer's clinic has the user's id in the
// column, and none in the column deleted.
func named(v viewer.Viewer, table, column, deleted string) predicate.User {
	return func(s *sql.Selector) {
		id := s.C(user.FieldID)
		s.Where(sql.P(func(b *sql.Builder) {
			b.WriteString("EXISTS (SELECT 1 FROM " + table + " WHERE " + table + "." + column + " = " + id + " AND " + table + ".clinic_id = ").Arg(v.ClinicID)
			if deleted != "" {
				b.WriteString(" AND " + table + "." + deleted + " IS NULL")
			}
			b.WriteByte(')')
		}))
	}
}

// refers is the condition that a row of the table that meets the others has the
// user's id in the column.
func refers[P ~func(*sql.Selector)](table, column string, others ...P) predicate.User {
	return func(s *sql.Selector) {
		t := sql.Table(table)
		rows := sql.Dialect(s.Dialect()).Select(t.C(column)).From(t).Where(sql.ColumnsEQ(t.C(column), s.C(user.FieldID)))
		for _, other := range others {
			other(rows)
		}
		s.Where(sql.Exists(rows))
	}
}

// Members is the predicate of the members of a clinic whom the viewer may see as such:
// those of its own, and everybody for staff.
func Members(ctx context.Context) []predicate.User {
	v, err := viewer.FromContext(ctx)
	switch {
	case err != nil:
		return []predicate.User{nobody}
	case v.Staff:
		return nil
	}
	return []predicate.User{user.ClinicID(v.ClinicID)}
}

// MemberMutation allows the admins of a clinic to say who is an admin and to remove
// members, and a member to leave; and staff to make every user an admin. It locks the
// clinic's active admins until the transaction ends, so that those who remove each other
// at once take turns. It fails with fault.Conflict if the clinic would be left without any.
func MemberMutation() privacy.MutationRule {
	return privacy.UserMutationRuleFunc(func(ctx context.Context, m *ent.UserMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		membership := []string{user.FieldClinicID, user.FieldClinicRole}
		id, one := m.ID()
		if !one || !m.Op().Is(baseent.OpUpdateOne) || len(m.Fields()) == 0 || slices.ContainsFunc(m.Fields(), func(field string) bool { return !slices.Contains(membership, field) }) {
			return privacy.Skip
		}
		_, leaves := m.ClinicID()
		role, _ := m.ClinicRole()
		if v.Staff && !leaves && role == user.ClinicRoleAdmin {
			return privacy.Allow
		}
		m.Where(user.ClinicID(v.ClinicID))
		admins, err := m.Client().User.Query().Where(user.ClinicID(v.ClinicID), user.ClinicRoleEQ(user.ClinicRoleAdmin), user.IsActive(true)).
			Order(user.ByID()).Select(user.FieldID).Modify(Lock).Ints(ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(admins, v.UserID) && (!leaves || id != v.UserID) {
			return privacy.Deny
		}
		if slices.Equal(admins, []int{id}) && (leaves || role != user.ClinicRoleAdmin) {
			left, err := m.Client().User.Query().Where(user.ClinicID(v.ClinicID), user.IDNEQ(id)).Exist(ctx)
			switch {
			case err != nil:
				return err
			case left || !leaves:
				return &fault.Error{Kind: fault.Conflict, Message: "This is the last admin of the clinic."}
			}
		}
		return privacy.Allow
	})
}

// StaffUserMutation allows staff to say who is active, who is staff, and which
// role a user has. It locks the active staff until the transaction ends, so
// that those who demote each other at once take turns. It fails with
// fault.Conflict if nobody would be left, and as for a bad token if the viewer
// was deactivated or demoted meanwhile.
func StaffUserMutation() privacy.MutationRule {
	return privacy.UserMutationRuleFunc(func(ctx context.Context, m *ent.UserMutation) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		changed := slices.Concat(m.Fields(), m.ClearedFields(), m.AddedEdges(), m.RemovedEdges(), m.ClearedEdges())
		beyond := func(field string) bool {
			return field != user.FieldIsActive && field != user.FieldIsStaff && field != user.FieldRole
		}
		id, one := m.ID()
		if !v.Staff || !one || !m.Op().Is(baseent.OpUpdateOne) || slices.ContainsFunc(changed, beyond) {
			return privacy.Skip
		}
		staff, err := m.Client().User.Query().Where(user.IsActive(true), user.IsStaff(true)).Order(user.ByID()).
			Select(user.FieldID).Modify(Lock).Ints(ctx)
		if err != nil {
			return err
		}
		active, setActive := m.IsActive()
		keeps, setStaff := m.IsStaff()
		switch leaves := setActive && !active || setStaff && !keeps; {
		case leaves && slices.Equal(staff, []int{id}):
			return &fault.Error{Kind: fault.Conflict, Message: "This is the last active staff user."}
		case !slices.Contains(staff, v.UserID):
			return errors.Join(privacy.Deny, viewer.ErrBadToken)
		}
		return privacy.Allow
	})
}
