package store_test

import (
	"fmt"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/ent/patient"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/internal/viewer"
)

// TestPreparedStatements checks that statements are kept prepared, not without
// bound, and go on working when the tables change under them.
func TestPreparedStatements(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, dialect.Postgres))
	db.SetMaxOpenConns(1) // whose statements the test looks at
	client := db.Client()
	ctx := viewer.NewContext(t.Context(), viewer.Viewer{UserID: 1, Staff: true})
	read := func(names ...string) {
		t.Helper()
		if _, err := client.Patient.Query().Where(patient.NameIn(names...)).Select(patient.FieldName).All(ctx); err != nil {
			t.Fatal(err)
		}
	}
	read("a")
	if n := preparedIn(t, db); n != 0 {
		t.Errorf("a statement that was used once is prepared: %d", n)
	}
	for deadline := time.Now().Add(10 * time.Second); preparedIn(t, db) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("a statement that is used often is not prepared")
		}
		read("a")
	}
	for _, kind := range []string{"text", "character varying"} {
		if _, err := db.Exec("ALTER TABLE patients ALTER COLUMN name TYPE " + kind); err != nil {
			t.Fatal(err)
		}
		read("a")
		read("a")
	}
	for i := range 200 {
		names := make([]string, i+1)
		for range 3 {
			read(names...)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); preparedIn(t, db) > 150; {
		if time.Now().After(deadline) {
			t.Fatalf("%d statements are prepared", preparedIn(t, db))
		}
	}
}

// preparedIn returns how many of our statements are prepared in the connection.
func preparedIn(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	err := db.QueryRow(fmt.Sprintf("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%s'", `SELECT "patients"%`)).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
