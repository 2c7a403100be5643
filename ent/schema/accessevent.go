package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"caregraph/ent/privacy"
	"caregraph/internal/rule"
	"caregraph/internal/scalar"
)

// AccessEvent is an entry of the access log: who looked at what, changed it, or tried. It
// is written by internal/audit alone, and never changed. It has no foreign keys: it stays
// when what it tells of is gone.
type AccessEvent struct{ ent.Schema }

// Fields of the AccessEvent.
func (AccessEvent) Fields() []ent.Field {
	return []ent.Field{
		field.Time("at").Immutable(),
		field.Enum("action").Immutable().Values(
			"READ", "LIST", "CREATE", "UPDATE", "DELETE", "RESTORE", "MERGE", "ERASE", "ASSIGN", "UNASSIGN",
			"SIGN_IN", "SIGN_IN_FAILED", "SIGN_OUT", "EXPORT", "DENIED",
		),
		field.Int("user_id").Optional().Nillable().Immutable().
			Comment("Who; NULL for a failed sign-in."),
		field.Int("session_id").Optional().Nillable().Immutable(),
		field.Enum("seen_as").Values("CLINIC", "STAFF", "TREATING", "SELF").Optional().Nillable().Immutable().
			Comment("In which way the user saw the patients; NULL without patients, and for one that an invitation shows."),
		field.Enum("door").Values("GRAPHQL", "REST").Immutable(),
		field.String("operation").Immutable().
			Comment("The name that a client gave its operation, or else the fields that it asked for."),
		field.String("request_id").Immutable(),
		field.String("address").Immutable().
			Comment("The client's IP address."),
		field.String("user_agent").Immutable().
			Comment("As the client called itself; at most 300 characters."),
		field.Other("patients", scalar.IDs{}).Immutable().
			SchemaType(map[string]string{dialect.Postgres: "bigint[]", dialect.SQLite: "text"}).
			Comment("The ids of the patients, in ascending order. SQLite finds them by a table of its own."),
		field.String("subject").Optional().Nillable().Immutable().
			Comment("What was changed that is no patient: User 12, Doctor 3."),
		field.Int("writer").Immutable().
			Comment("Whose chain the event is in."),
		field.Int("batch").Immutable().
			Comment("Its place in the chain; events of one batch are in the order of their ids."),
		field.String("hash").Optional().Nillable().Immutable().
			Comment("Of the last event of a batch: over the batch and the hash before; see audit.Verify."),
	}
}

// Indexes of the AccessEvent. Those by which the events about a patient are found are in the
// migrations: GIN and BRIN on PostgreSQL, and a table on SQLite.
func (AccessEvent) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("at", "id"),
		index.Fields("user_id", "at", "id"),
		index.Fields("writer", "batch", "id"),
	}
}

// Policy of the AccessEvent.
func (AccessEvent) Policy() ent.Policy {
	return privacy.Policy{
		Query:    privacy.QueryPolicy{rule.DenyIfAnonymous(), rule.SeenAccessQuery(), privacy.AlwaysDenyRule()},
		Mutation: privacy.MutationPolicy{rule.RecordAccess(), rule.DenyIfAnonymous(), privacy.AlwaysDenyRule()},
	}
}

// Annotations of the AccessEvent: the limits that its table knows too.
func (AccessEvent) Annotations() []schema.Annotation {
	return []schema.Annotation{limits("access_events", map[string]string{
		"operation":  "length(operation) <= 100",
		"request_id": "length(request_id) <= 64",
		"address":    "length(address) <= 64",
		"user_agent": "length(user_agent) <= 300",
		"subject":    "length(subject) <= 40",
		"batch":      "batch > 0",
		"hash":       "length(hash) = 64",
	})}
}
