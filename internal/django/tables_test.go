package django

import (
	"slices"
	"testing"
)

// TestColumns checks that every column of ours that must have a value has one,
// and that there are no others.
func TestColumns(t *testing.T) {
	for _, table := range tables {
		for _, ours := range table.ours.Columns {
			from := slices.IndexFunc(table.columns, func(c column) bool { return c.name == ours.Name })
			if from < 0 && !ours.Nullable && ours.Default == nil {
				t.Errorf("%s.%s has no value", table.ours.Name, ours.Name)
			}
		}
		for _, c := range table.columns {
			if _, ok := table.ours.Column(c.name); !ok {
				t.Errorf("%s has no column %s", table.ours.Name, c.name)
			}
		}
	}
}
