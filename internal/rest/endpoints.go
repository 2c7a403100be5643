package rest

// Endpoint is what the description of the API tells of a route.
type Endpoint struct {
	Method, Path, Operation string
	Status                  int
	Public, List            bool
}

// Endpoints returns the whole REST surface, and the documents behind it.
func Endpoints() (endpoints []Endpoint, graphql string) {
	for _, r := range routes {
		endpoints = append(endpoints, Endpoint{r.method, r.path, r.operation, r.status, r.public, r.list})
	}
	return endpoints, documents
}

// Key returns the name of a GraphQL field, and Literal the value of a GraphQL
// enum, as the REST API writes them.
func Key(field string) string     { return key(field) }
func Literal(value string) string { return literal(value) }
