package audit_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/server"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// journal keeps the statements that read the access log.
type journal struct {
	dialect.Driver
	mu    *sync.Mutex
	asked map[string][]any // arguments by statement
}

func (j journal) Query(ctx context.Context, query string, args, v any) error {
	if strings.Contains(query, `FROM "access_events"`) {
		j.mu.Lock()
		j.asked[query] = args.([]any)
		j.mu.Unlock()
	}
	return j.Driver.Query(ctx, query, args, v)
}

// TestAccessLogPlans checks that PostgreSQL finds the events about a patient, and what a user
// did, by their indexes among 100,000.
func TestAccessLogPlans(t *testing.T) {
	url := storetest.URL(t, dialect.Postgres)
	db := storetest.Open(t, url)
	var mu sync.Mutex
	asked := map[string][]any{}
	a := harness.New(t, db)
	db.Wrap = func(d dialect.Driver) dialect.Driver { return journal{d, &mu, asked} }
	own := httptest.NewServer(server.Handler(db, a.Cfg, slog.New(slog.DiscardHandler)))
	defer own.Close()
	a.URL = own.URL
	asha := a.Register(t, "asha")
	a.CreatePatient(t, asha, "Arjun")
	free := storetest.Open(t, url) // without the limits of a server
	exec(t, free.DB, `ALTER TABLE access_events DISABLE TRIGGER access_head;
		INSERT INTO access_events (at, action, user_id, seen_as, door, operation, request_id, address, user_agent, patients, writer, batch)
			SELECT now() - i * interval '2 minutes', 'LIST', 1 + i % 100, 'CLINIC', 'GRAPHQL', 'Patients', '', '', '', ARRAY(SELECT 1 + (i * 7919::bigint + k * 104729) % 10000 FROM generate_series(1, 20) k), 1, i
			FROM generate_series(1, 100000) i;
		ALTER TABLE access_events ENABLE TRIGGER access_head;
		ANALYZE access_events`)
	tara := a.Staff(t, "tara")
	for _, tt := range []struct {
		by              harness.Caller
		document, index string
	}{
		{asha, `{ patient(id: 1) { accessLog(first: 5) { nodes { at action actor { username } } } } }`, "access_event_day"},
		{asha, `{ patient(id: 1) { accessLog(first: 5, actions: [UPDATE], userId: 1) { totalCount } } }`, "access_event_patients"},
		{asha, `{ patients { nodes { accessLog(first: 5) { nodes { at } } } } }`, "access_event_patients"},
		{tara, `{ accessLog(first: 5, filter: {patientId: 1}) { totalCount nodes { at } } }`, "access_event_patients"},
		{asha, `{ viewer { activity(first: 5) { nodes { at } } } }`, "accessevent_user_id_at_id"},
		{tara, `{ accessLog(first: 5) { nodes { at } } }`, "accessevent_at_id"},
	} {
		clear(asked)
		a.Must(t, tt.by, tt.document, nil)
		if len(asked) == 0 {
			t.Errorf("%s read nothing", tt.document)
		}
		for query, args := range asked {
			rows, err := db.Query("EXPLAIN "+query, args...)
			if err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			var plan strings.Builder
			for rows.Next() {
				var line string
				if err := rows.Scan(&line); err != nil {
					t.Fatal(err)
				}
				plan.WriteString(line + "\n")
			}
			rows.Close()
			if !strings.Contains(plan.String(), tt.index) || strings.Contains(plan.String(), "Seq Scan on access_events") {
				t.Errorf("%s\n%s\n%s", tt.document, query, &plan)
			}
		}
	}

	// Page by page it is the whole log, the newest first, over a month without any events, too.
	exec(t, free.DB, "UPDATE access_events SET at = at - interval '100 days' WHERE at < now() - interval '50 days' AND writer = 1")
	var seen []string
	ids := map[string]bool{}
	variables := map[string]any{}
	for more := true; more; {
		var in struct {
			Data struct {
				Patient struct {
					AccessLog struct {
						PageInfo struct {
							HasNextPage bool
							EndCursor   string
						}
						Nodes []struct{ ID, At string }
					}
				}
			}
		}
		a.Read(t, asha, `query($after: Cursor) { patient(id: 1) { accessLog(first: 17, after: $after, actions: [LIST]) { pageInfo { hasNextPage endCursor } nodes { id at } } } }`, variables, &in)
		log := in.Data.Patient.AccessLog
		for _, e := range log.Nodes {
			seen, ids[e.ID] = append(seen, e.At), true
		}
		variables["after"], more = log.PageInfo.EndCursor, log.PageInfo.HasNextPage
	}
	var want int
	if err := db.QueryRow("SELECT count(*) FROM access_events WHERE patients @> ARRAY[1::bigint] AND action = 'LIST'").Scan(&want); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(seen)
	if len(seen) != len(ids) || len(ids) != want || !slices.IsSorted(seen) {
		t.Errorf("%d events, %d different ones of %d, in order: %v", len(seen), len(ids), want, slices.IsSorted(seen))
	}
}
