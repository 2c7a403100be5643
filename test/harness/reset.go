package harness

import (
	"fmt"
	"strings"
	"testing"
)

// tables are what mutations change, in the order of their foreign keys.
var tables = strings.Fields("clinics users sessions doctors patients mappings practices invitations erasures revisions")

// Keep keeps the records as they are, for Reset.
func (a *API) Keep(t testing.TB) {
	t.Helper()
	for _, table := range tables {
		a.exec(t, "CREATE TABLE kept_"+table+" AS SELECT * FROM "+table)
	}
}

// Reset puts everything back to where it was when Keep was called.
func (a *API) Reset(t testing.TB) {
	t.Helper()
	var all strings.Builder
	for i := range tables {
		fmt.Fprintf(&all, "DELETE FROM %s; ", tables[len(tables)-1-i])
	}
	for _, table := range tables { // triggers write revisions
		fmt.Fprintf(&all, "DELETE FROM %s; INSERT INTO %[1]s SELECT * FROM kept_%[1]s; ", table)
	}
	a.exec(t, all.String())
}

func (a *API) exec(t testing.TB, statements string) {
	t.Helper()
	if _, err := a.DB.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}
