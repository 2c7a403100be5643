package schema

import (
	"context"
	"math"
	"slices"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/mixin"

	"caregraph/internal/rule"
	"caregraph/internal/scalar"
)

// now is the clock of every default: UTC, in the microseconds that both
// databases keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Times adds when a record was made and last changed.
type Times struct{ mixin.Schema }

// Fields of the Times mixin.
func (Times) Fields() []ent.Field {
	return []ent.Field{
		field.Time("created_at").Default(now).Immutable(),
		field.Time("updated_at").Default(now).UpdateDefault(now),
	}
}

// Deletable adds when a record was deleted. A deleted record stays in the
// database and is hidden by the policy of its type.
type Deletable struct{ mixin.Schema }

// Fields of the Deletable mixin.
func (Deletable) Fields() []ent.Field {
	return []ent.Field{
		field.Time("deleted_at").Optional().Nillable(),
	}
}

// Versioned adds which version of a record is stored and who made it. A trigger of each
// table counts on, and keeps in revisions what was before; see
// internal/store/migrations. It knows a change that this application makes by the
// version, which the application's own statements count too.
type Versioned struct{ mixin.Schema }

// Fields of the Versioned mixin.
func (Versioned) Fields() []ent.Field {
	return []ent.Field{
		field.Int("version").Default(1).
			Comment("1 when the record is made, one more with each change of what it says."),
		field.Int("updated_by_id").Optional().Nillable().
			Comment("Who made this version; NULL if it was nobody who was signed in. No foreign key: users are never deleted."),
	}
}

// Hooks of the Versioned mixin.
func (Versioned) Hooks() []ent.Hook { return []ent.Hook{rule.CountVersion} }

// limits returns the CHECK constraints of a table, by the column that each is
// named for. The migrations have the same ones. They are wider than the
// validators: they refuse only what can never be right, whoever writes it.
func limits(table string, checks map[string]string) *entsql.Annotation {
	named := make(map[string]string, len(checks))
	for column, check := range checks {
		named[table+"_"+column+"_valid"] = check
	}
	return entsql.Checks(named)
}

// text is what a hook may do with the text of a field before it is checked.
type text map[string]func(string) string

// dates is what the dates of fields must be; ent has no validators for those.
type dates map[string]func(scalar.Date) error

// checked returns the hook that prepares and checks everything a mutation
// sets: it writes a field.String as one line and a field.Text as lines, applies
// normal to the fields named there, and runs the validators of the schema's fields
// and those of days. It fails with scalar.Invalid, which lists every invalid field
// at once, where ent alone would stop at the first.
func checked(fields []ent.Field, normal text, days dates) ent.Hook {
	validators, write := map[string][]any{}, text{}
	for _, f := range fields {
		d := f.Descriptor()
		validators[d.Name] = d.Validators
		write[d.Name] = scalar.OneLine
		if d.Size == math.MaxInt32 { // of field.Text
			write[d.Name] = scalar.Lines
		}
	}
	for name, f := range days {
		validators[name] = append(validators[name], f)
	}
	return func(next ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
			var invalid scalar.Invalid
			set := m.Fields()
			slices.Sort(set)
			for _, name := range set {
				v, _ := m.Field(name)
				if s, ok := v.(string); ok {
					s = write[name](s)
					if f := normal[name]; f != nil {
						s = f(s)
					}
					if err := m.SetField(name, s); err != nil {
						return nil, err
					}
					v = s
				}
				if err := check(v, validators[name]); err != nil {
					invalid = append(invalid, scalar.Field{Name: name, Err: err})
				}
			}
			if invalid != nil {
				return nil, invalid
			}
			return next.Mutate(ctx, m)
		})
	}
}

// check runs the validators that a value brings and that its field has.
func check(v any, validators []any) error {
	if own, ok := v.(interface{ Check() error }); ok {
		if err := own.Check(); err != nil {
			return err
		}
	}
	for _, f := range validators {
		var err error
		switch f := f.(type) {
		case func(string) error:
			err = f(v.(string))
		case func(int) error:
			err = f(v.(int))
		case func(int64) error:
			err = f(int64(v.(scalar.Rupees)))
		case func(scalar.Date) error:
			err = f(v.(scalar.Date))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keyed returns the hook that keeps what key makes of a text field in a column, by
// which the text is searched or ordered.
func keyed(field, column string, key func(string) string) ent.Hook {
	return func(next ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
			if s, ok := m.Field(field); ok {
				if err := m.SetField(column, key(s.(string))); err != nil {
					return nil, err
				}
			}
			return next.Mutate(ctx, m)
		})
	}
}
