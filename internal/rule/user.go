package rule

import (
	"context"
	"errors"
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
// sign-in.
func KnownUserQuery() privacy.QueryRule {
	return privacy.UserQueryRuleFunc(func(ctx context.Context, q *ent.UserQuery) error {
		v, err := viewer.FromContext(ctx)
		if err != nil {
			return err
		}
		q.Where(
			user.Or(
				user.ID(v.UserID),
				user.ClinicID(v.ClinicID),
				refers(practice.Table, practice.FieldUserID, practice.ClinicID(v.ClinicID)),
				refers(patient.Table, patient.FieldAccountID, patient.ClinicID(v.ClinicID), patient.DeletedAtIsNil()),
				refers(mapping.Table, mapping.FieldCreatedByID, append(SeenMappings(ctx), mapping.DeletedAtIsNil())...),
				refers(patient.Table, patient.FieldCreatedByID, append(SeenPatients(ctx), patient.DeletedAtIsNil())...),
			),
			func(s *sql.Selector) {
				self := sql.EQ(s.C(user.FieldID), v.UserID)
				showIf(s, user.FieldPhone, self)
				showIf(s, user.FieldLastLogin, self)
			},
		)
		return privacy.Allow
	})
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

// MemberMutation allows the admins of a clinic to say who is an admin and to remove
// members, and a member to leave.
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
		if _, leaves := m.ClinicID(); !v.Admin && (!leaves || id != v.UserID) {
			return privacy.Deny
		}
		m.Where(user.ClinicID(v.ClinicID))
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
