package harness

// Media types of GraphQL.
const (
	PlainJSON   = "application/json"
	GraphqlJSON = "application/graphql-response+json"
)
