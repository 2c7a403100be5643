package care

import (
	"context"

	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/internal/fault"
)

// OfVersion is the condition that a record has the version that a change is meant for; none
// if expected is nil.
func OfVersion[P ~func(*sql.Selector)](expected *int) []P {
	if expected == nil {
		return nil
	}
	return []P{sql.FieldEQ("version", *expected)}
}

// Stale returns what is wrong with a change that ended with err. If nothing was found, and
// the viewer sees the record in another version than the change is meant for, that is
// fault.Stale; current reads the version.
func Stale(ctx context.Context, err error, expected *int, current func(context.Context) (int, error)) error {
	if expected == nil || !ent.IsNotFound(err) {
		return err
	}
	version, failed := current(ctx)
	switch {
	case ent.IsNotFound(failed):
		return err
	case failed != nil:
		return failed
	}
	return fault.Stale(version)
}
