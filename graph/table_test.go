package graph

import (
	"testing"

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
}

func complete[T any](t *testing.T, schema *ast.Schema, table *table[T]) {
	t.Helper()
	for _, f := range schema.Types[table.object].Fields {
		if f.Name == "id" {
			continue
		}
		ahead := table.nested[f.Name] != nil
		if ahead == (table.scalars[f.Name] != nil) {
			t.Errorf("%s.%s has no writer in writer.go", table.object, f.Name)
		}
		if !ahead && table.columns[f.Name] == "" {
			t.Errorf("%s.%s has no column in table.go", table.object, f.Name)
		}
	}
	orders := schema.Types[table.object+"OrderField"]
	if orders == nil {
		return
	}
	for _, v := range orders.EnumValues {
		if _, ok := table.orders[v.Name]; !ok {
			t.Errorf("%sOrderField.%s has no ordering in table.go", table.object, v.Name)
		}
	}
}
