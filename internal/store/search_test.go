package store_test

import (
	"errors"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/sample"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// TestIndexSearch checks that the indexes for searches are added once, also if
// one was left half built, and used for a part of a name.
func TestIndexSearch(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, dialect.Postgres))
	if err := sample.Generate(t.Context(), db, sample.Size{Users: 1, Doctors: 20, Patients: 20_000, Mappings: 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE INDEX patient_search ON patients (id); CREATE INDEX patient_owner_find ON patients (created_by_id)"); err != nil { // of older versions
		t.Fatal(err)
	}
	for range 2 {
		if err := db.IndexSearch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'patient_find'::regclass"); err != nil {
		t.Fatal(err)
	}
	if err := db.IndexSearch(t.Context()); err != nil {
		t.Fatal(err)
	}
	plan := storetest.Explain(t, db, "SELECT id FROM patients WHERE "+store.PatientText.SQL(func(column string) string { return "patients." + column })+" LIKE '%zzq%'")
	if !strings.Contains(plan, "patient_find") && !strings.Contains(plan, "patient_clinic_find") { // both have what is searched
		t.Errorf("no index is used:\n%s", plan)
	}
	var older bool
	if err := db.QueryRowContext(t.Context(), "SELECT coalesce(to_regclass('patient_search'), to_regclass('patient_owner_find')) IS NOT NULL").Scan(&older); err != nil || older {
		t.Errorf("an index of an older version is there: %t, %v", older, err)
	}
	var valid bool
	err := db.QueryRowContext(t.Context(), "SELECT indisvalid FROM pg_index WHERE indexrelid = 'patient_find'::regclass").Scan(&valid)
	if err != nil || !valid {
		t.Errorf("the index that was left half built is valid: %t, %v", valid, err)
	}
	var sampled int
	err = db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relname LIKE '%\\_find' AND a.attstattarget = 400").Scan(&sampled)
	if err != nil || sampled != 4 {
		t.Errorf("of %d of the 4 texts there is a fine sample: %v", sampled, err)
	}
}

// TestIndexSearchTogether checks that servers that start together do not wait
// for each other for ever.
func TestIndexSearchTogether(t *testing.T) {
	url := storetest.URL(t, dialect.Postgres)
	failed := make(chan error)
	for range 4 {
		db := storetest.Open(t, url)
		go func() { failed <- db.IndexSearch(t.Context()) }()
	}
	added := 0
	for range 4 {
		if err := <-failed; err == nil {
			added++
		} else if !errors.Is(err, store.ErrIndexing) {
			t.Error(err)
		}
	}
	if added == 0 {
		t.Error("no server added the indexes")
	}
}

// TestNoTrigrams checks what a role is told that may not add the extension.
func TestNoTrigrams(t *testing.T) {
	url := storetest.URL(t, dialect.Postgres)
	storetest.Exec(t, url, "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO guest")
	t.Cleanup(func() { storetest.Exec(t, url, "DROP OWNED BY guest; DROP ROLE guest") })
	db, err := store.Open(strings.Replace(url, "postgres@", "guest@", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.IndexSearch(t.Context()); !errors.Is(err, store.ErrNoTrigrams) {
		t.Errorf("got %v, want ErrNoTrigrams", err)
	}
}
