package server

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// TestIndexSearchAgain checks that the indexes for searches are added although the
// first try is cut short.
func TestIndexSearchAgain(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, dialect.Postgres))
	older, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer older.Rollback()
	if _, err := older.Exec("INSERT INTO doctors (name, name_key, email, specialization, specialization_key, license_number, experience_years, consultation_fee, created_at, updated_at) VALUES ('a', 'a', 'a', 'a', 'a', 'a', 1, 1, now(), now()); LOCK TABLE patients IN ROW EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var log bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		indexSearch(ctx, db, slog.New(slog.NewTextHandler(&log, nil)), 50*time.Millisecond)
	}()
	cut := false
	for !cut && ctx.Err() == nil {
		err := db.QueryRowContext(ctx, "SELECT coalesce(bool_or(pg_terminate_backend(pid)), false) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock' AND datname = current_database()").Scan(&cut)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := older.Rollback(); err != nil {
		t.Error(err)
	}
	<-done
	var valid int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid IN ('patient_clinic_find'::regclass, 'patient_find'::regclass, 'doctor_find'::regclass, 'user_find'::regclass)").Scan(&valid)
	if err != nil || valid != 4 || !cut {
		t.Errorf("%d indexes are valid: %v", valid, err)
	}
	if text := log.String(); strings.Count(text, "searches are slow") != 1 || !strings.Contains(text, "again_in=50ms") {
		t.Errorf("the log is %q", text)
	}
}
