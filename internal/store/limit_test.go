package store_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/fault"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// open opens the database of the URL, and closes it when the test ends.
func open(t *testing.T, url string) *store.DB {
	t.Helper()
	db, err := store.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestLimits checks that the sessions of a server have limits, that the URL
// decides about them if it wants to, and that migrations and imports have none.
func TestLimits(t *testing.T) {
	url := storetest.URL(t, dialect.Postgres)
	for _, tt := range []struct {
		parameters      string
		limited         bool
		statement, idle string
	}{
		{"", false, "0", "0"},
		{"", true, "6s", "15s"},
		{"&statement_timeout=30s", true, "30s", "15s"},
		{"&idle_in_transaction_session_timeout=0&statement_timeout=0", true, "0", "0"},
		{"&options=-c%20statement_timeout%3D2min", true, "2min", "15s"},
		{"&connect_timeout=20", true, "6s", "15s"},
	} {
		db := open(t, url+tt.parameters)
		if err := db.PingContext(t.Context()); err != nil { // leaves a connection without limits
			t.Fatal(err)
		}
		if tt.limited {
			db.Limit()
		}
		for name, want := range map[string]string{"statement_timeout": tt.statement, "idle_in_transaction_session_timeout": tt.idle} {
			var got string
			if err := db.QueryRowContext(t.Context(), "SHOW "+name).Scan(&got); err != nil || got != want {
				t.Errorf("%q, limited %t: %s is %s (%v), want %s", tt.parameters, tt.limited, name, got, err, want)
			}
		}
	}
}

// TestSlowStatements checks that a statement of a server may take its time up
// to the limit, that the database ends it then, and that a longer limit in the
// URL holds, as does none at all before Limit.
func TestSlowStatements(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, dialect.Postgres)
	sleep := func(db *store.DB, seconds float64) (time.Duration, error) {
		start := time.Now()
		_, err := db.ExecContext(t.Context(), fmt.Sprintf("SELECT pg_sleep(%f)", seconds))
		return time.Since(start), err
	}
	limited, patient, free := open(t, url), open(t, url+"&statement_timeout=20s"), open(t, url)
	limited.Limit()
	patient.Limit()
	var running sync.WaitGroup
	for _, tt := range []struct {
		name    string
		db      *store.DB
		seconds float64
		ends    bool
	}{
		{"within the limit", limited, 5, true},
		{"beyond the limit", limited, 60, false},
		{"within the URL's limit", patient, 7.5, true},
		{"without a limit", free, 7.5, true},
	} {
		running.Go(func() {
			took, err := sleep(tt.db, tt.seconds)
			switch {
			case tt.ends && err != nil:
				t.Errorf("%s: %v after %s", tt.name, err, took)
			case !tt.ends && (err == nil || !strings.Contains(err.Error(), "57014") || took > 7*time.Second):
				t.Errorf("%s: %v after %s, want SQLSTATE 57014 after 6s", tt.name, err, took)
			}
		})
	}
	running.Wait()
}

// TestExhaustedPool checks that waiting for a connection ends with the caller's
// context, and is told as UNAVAILABLE.
func TestExhaustedPool(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		db.Limit()
		db.SetMaxOpenConns(1)
		busy, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer busy.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		err = store.InTx(ctx, db.Client(), func(context.Context) error { return nil })
		if took := time.Since(start); fault.Of(err)[0].Kind != fault.Unavailable || took > time.Second {
			t.Errorf("got %v after %s", err, took)
		}
	})
}

// TestSilentServer checks that connecting to what accepts and never answers
// fails in time, and at once when it is known.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // the system accepts, nobody answers
	for _, parameters := range []string{"", "&connect_timeout=1"} {
		db := open(t, "postgres://asha@"+listener.Addr().String()+"/clinic?sslmode=disable"+parameters)
		db.Limit()
		for _, limit := range []time.Duration{8 * time.Second, 8 * time.Second, time.Second} {
			start := time.Now()
			err := db.Ready(t.Context())
			if took := time.Since(start); err == nil || fault.Of(err)[0].Kind != fault.Unavailable || took > limit {
				t.Errorf("%q: %v after %s, want less than %s", parameters, err, took, limit)
			}
			if parameters != "" {
				break
			}
		}
	}
}
