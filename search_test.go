package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/dataset"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// TestSearchPlan checks how PostgreSQL reads a search: in the order of names by
// the trigram index where few patients fit, though they come last in the order,
// and in order where it soon finds enough.
func TestSearchPlan(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, dialect.Postgres))
	if err := dataset.Fill(t.Context(), db, dataset.Size{Users: 1, Doctors: 20, Patients: 20_000, Mappings: 20}); err != nil {
		t.Fatal(err)
	}
	if err := db.IndexSearch(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := newAPI(t, db)
	token := a.signIn(t, dataset.Email(1), dataset.Password)
	searches := make(chan string, 1) // statements that look for a part of a text
	db.Wrap = func(d dialect.Driver) dialect.Driver {
		return dialect.DebugWithContext(d, func(_ context.Context, v ...any) {
			_, query, _ := strings.Cut(fmt.Sprint(v...), "query=")
			if query, _, _ = strings.Cut(query, " args="); strings.Contains(query, " LIKE ") {
				searches <- query
			}
		})
	}
	server := httptest.NewServer(newHandler(db, a.cfg, slog.New(slog.DiscardHandler)))
	defer server.Close()
	a.url = server.URL

	const trigrams, byName, newest = "patient_search", "patient_created_by_id_name_key_id", "created_at_id"
	for _, tt := range []struct{ why, part, filter, order, want string }{
		{"first names, last in the order", "zoy", "", "NAME", trigrams},
		{"nobody", "zzq", "", "NAME", trigrams},
		{"everybody's email", "exa", "", "NAME", byName},
		{"too short for the trigram index", "z", "", "NAME", byName},
		{"spread evenly over the order", "zoy", "", "CREATED_AT", newest},
		{"a condition that takes longer", "zoy", "assigned: false", "NAME", byName},
	} {
		t.Run(tt.why, func(t *testing.T) {
			document := fmt.Sprintf("query($q: String!) { patients(first: 10, filter: {search: $q %s}, orderBy: {field: %s}) { nodes { id name } } }", tt.filter, tt.order)
			a.must(t, caller{token: token}, document, map[string]any{"q": tt.part})
			select {
			case query := <-searches:
				if plan := explain(t, db, query, "%"+tt.part+"%", 1); !strings.Contains(plan, tt.want) {
					t.Errorf("not found by %s:\n%s", tt.want, plan)
				}
			default:
				t.Error("nothing is searched")
			}
		})
	}
}

// explain returns the plan of a statement, given the text it searches for and
// the value of every other parameter.
func explain(t *testing.T, db *store.DB, query, part string, other any) string {
	t.Helper()
	var args []any
	for _, parameter := range regexp.MustCompile(`(LIKE )?\$\d+`).FindAllString(query, -1) {
		if strings.HasPrefix(parameter, "LIKE ") {
			args = append(args, part)
		} else {
			args = append(args, other)
		}
	}
	return storetest.Explain(t, db, query, args...)
}
