package rest_test

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/sample"
	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// BenchmarkREST compares the lists of the REST API, 50 records each, with the
// same documents sent to the GraphQL door. cpu-ns/op is the processor time of
// the server and its one client, which run in the same process; a database
// server is not part of it.
func BenchmarkREST(b *testing.B) {
	size := sample.Size{Users: 20, Patients: 1_000, Doctors: 200, Mappings: 1_000} // 50 and 50 for each user
	for _, kind := range []struct{ name, dialect string }{{"sqlite", dialect.SQLite}, {"postgres", dialect.Postgres}} {
		b.Run(kind.name, func(b *testing.B) {
			db := storetest.Open(b, storetest.URL(b, kind.dialect))
			if err := sample.Generate(b.Context(), db, size); err != nil {
				b.Fatal(err)
			}
			if _, err := db.ExecContext(b.Context(), "UPDATE mappings SET is_active = true, ended_at = NULL"); err != nil {
				b.Fatal(err)
			}
			benchmarkREST(b, db)
		})
	}
}

func benchmarkREST(b *testing.B, db *store.DB) {
	a := harness.New(b, db)
	token := a.SignIn(b, sample.Email(7), sample.Password)
	plain := *db
	plain.Wrap = nil // counting costs time
	server := httptest.NewServer(server.Handler(&plain, a.Cfg, slog.New(slog.DiscardHandler)))
	b.Cleanup(server.Close)
	a.URL = server.URL
	documents, err := os.ReadFile(harness.Path("internal/rest/documents.graphql"))
	if err != nil {
		b.Fatal(err)
	}
	for _, list := range []struct{ path, operation string }{{"/api/patients/", "Patients"}, {"/api/mappings/", "Mappings"}} {
		body, err := json.Marshal(map[string]any{
			"query": string(documents), "operationName": list.operation, "variables": map[string]any{"first": 50, "nodes": true, "count": false},
		})
		if err != nil {
			b.Fatal(err)
		}
		for _, door := range []struct{ name, method, path, body string }{
			{"rest", "GET", list.path, ""},
			{"graphql", "POST", "/graphql", string(body)},
		} {
			b.Run(list.operation+"/"+door.name, func(b *testing.B) {
				if _, reply := a.Send(b, door.method, door.path, token, door.body); strings.Count(reply, `"medical_history"`) != 50 {
					b.Fatalf("%.500s", reply)
				}
				b.ReportAllocs()
				before := processorTime(b)
				for b.Loop() {
					if status, reply := a.Send(b, door.method, door.path, token, door.body); status != 200 {
						b.Fatal(strconv.Itoa(status) + " " + reply)
					}
				}
				b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// processorTime returns what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
