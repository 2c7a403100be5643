package graph

import (
	"testing"

	"caregraph/internal/reading"

	"github.com/vektah/gqlparser/v2/ast"
)

// TestTables checks that the tables know the column and the writer of every
// field and the column of every ordering in the contract: a field without a
// column would be read as null, one without a writer not be written.
func TestTables(t *testing.T) {
	schema := NewExecutableSchema(Config{}).Schema()
	complete(t, schema, &users)
	complete(t, schema, &patients)
	complete(t, schema, &doctors)
	complete(t, schema, &mappings)
	complete(t, schema, &sessions)
	complete(t, schema, &revisions)
	complete(t, schema, &accessEvents)
}

func complete[T any](t *testing.T, schema *ast.Schema, table *reading.Table[T]) {
	t.Helper()
	for _, f := range schema.Types[table.Object].Fields {
		if f.Name == "id" {
			continue
		}
		ahead := table.Nested[f.Name].Read != nil
		if ahead == (table.Values[f.Name] != nil) {
			t.Errorf("%s.%s has no writer in tables.go", table.Object, f.Name)
		}
		if !ahead && table.Columns[f.Name] == "" {
			t.Errorf("%s.%s has no column in tables.go", table.Object, f.Name)
		}
	}
	orders := schema.Types[table.Object+"OrderField"]
	if orders == nil {
		return
	}
	for _, v := range orders.EnumValues {
		if _, ok := table.Orders[v.Name]; !ok {
			t.Errorf("%sOrderField.%s has no ordering in tables.go", table.Object, v.Name)
		}
	}
}
