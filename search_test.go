package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"caregraph/internal/dataset"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// TestSearchPlan checks how PostgreSQL reads a search: in the order of names
// where it soon finds enough, and by the trigram index where few patients fit,
// though they come last in the order.
func TestSearchPlan(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, dialect.Postgres))
	if err := dataset.Fill(t.Context(), db, dataset.Size{Users: 4, Doctors: 20, Patients: 24_000, Mappings: 20}); err != nil {
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

	const (
		early = `Index Only Scan using patient_created_by_id_name_key_id .*actual(.*\n)+.*on patients.*never executed`
		late  = `Index Only Scan using patient_created_by_id_name_key_id .*actual(.*\n)+.*on patient_(text|search) .*actual`
	)
	for _, tt := range []struct{ why, part, filter, order, want string }{
		{"first names, last in the order", "zoy", "", "NAME", late},
		{"first names, first in the other order", "zoy", "", "NAME, direction: DESC", strings.ReplaceAll(early, "Scan", "Scan Backward")},
		{"family names, found with each first name", "shar", "", "NAME", early},
		{"nobody", "zzq", "", "NAME", late},
		{"everybody's email", "exa", "", "NAME", early},
		{"too short for the trigram index", "z", "", "NAME", "^Limit.*\n.*Index Scan using patient_created_by_id_name_key_id"},
		{"spread evenly over the order", "zoy", "", "CREATED_AT", "^Limit.*\n.*created_at_id"},
		{"a condition that takes longer", "zoy", "assigned: false", "NAME", "^Limit.*\n(.*\n){0,4}.*Index Scan using patient_created_by_id_name_key_id"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			document := fmt.Sprintf("query($q: String!) { patients(first: 10, filter: {search: $q %s}, orderBy: {field: %s}) { nodes { id name } } }", tt.filter, tt.order)
			a.must(t, caller{token: token}, document, map[string]any{"q": tt.part})
			select {
			case query := <-searches:
				if plan := explain(t, db, "ANALYZE "+query, "%"+tt.part+"%", 1); !regexp.MustCompile(tt.want).MatchString(plan) {
					t.Errorf("the plan does not have %s:\n%s", tt.want, plan)
				}
			default:
				t.Error("nothing is searched")
			}
		})
	}
}

// TestSearchPrepared checks that PostgreSQL keeps the plan of a search, but not
// for a text that no trigram index finds: that takes another one.
func TestSearchPrepared(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, dialect.Postgres))
	db.SetMaxOpenConns(1) // whose statements the test looks at
	a := newAPI(t, db)
	c := a.register(t, "asha")
	for size, tt := range []struct {
		part string
		want bool
	}{{"rahul", true}, {"r. k. s.", false}, {"राहुल", false}, {"98765", true}} {
		document := fmt.Sprintf("query($q: String!) { patients(first: %d, filter: {search: $q}, orderBy: {field: NAME}) { nodes { id } } }", size+1)
		prepared := func() (n int) {
			if err := db.QueryRow("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE $1", fmt.Sprintf("WITH early %%LIMIT %d", size+2)).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for deadline := time.Now().Add(10 * time.Second); prepared() == 0 && time.Now().Before(deadline); {
			a.must(t, c, document, map[string]any{"q": tt.part})
			if !tt.want {
				deadline = deadline.Add(-time.Second)
			}
		}
		if n := prepared(); (n > 0) != tt.want {
			t.Errorf("%q: prepared %d times, want %v", tt.part, n, tt.want)
		}
	}
}

// TestSearchPages walks through what a search finds, in both orders and from both
// ends, and checks it against all rows of the owner. Part of it is found early
// in the order on PostgreSQL, and part late.
func TestSearchPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		size := dataset.Size{Users: 2, Doctors: 20, Patients: 800, Mappings: 20}
		if db.Dialect == dialect.Postgres {
			size.Patients = 8_000
		}
		if err := dataset.Fill(t.Context(), db, size); err != nil {
			t.Fatal(err)
		}
		if err := db.IndexSearch(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "UPDATE patients SET deleted_at = created_at WHERE id % 7 = 0"); err != nil {
			t.Fatal(err)
		}
		a := newAPI(t, db)
		c := caller{token: a.signIn(t, dataset.Email(1), dataset.Password)}
		for _, tt := range []struct{ why, search, part, filter, only string }{
			{"first names, last in the order", "zoy", "%zoy%", "", ""},
			{"first names, first in the order", "AARAV", "%aarav%", "", ""},
			{"family names", "Sharma", "%sharma%", "", ""},
			{"nobody", "zzq", "%zzq%", "", ""},
			{"everybody's email", "@example.com", "%@example.com%", "", ""},
			{"a part of a phone number", "90000007", "%90000007%", "", ""},
			{"a phone number as it is written", "+91 90000 00779", "%9000000779%", "", ""},
			{"too few letters for a trigram", "@ex", "%@ex%", "", ""},
			{"nothing that a trigram is made of", "---", "%---%", "", ""},
			{"women born before 1990", "sharma", "%sharma%", `gender: [FEMALE], bornBefore: "1990-01-01"`, " AND gender = 'female' AND date_of_birth < '1990-01-01'"},
			{"what LIKE has a meaning for", "a%y", `%a\%y%`, "", ""},
		} {
			for _, direction := range []string{"ASC", "DESC"} {
				t.Run(tt.why+", "+direction, func(t *testing.T) {
					var want []string
					rows, err := db.QueryContext(t.Context(), "SELECT id FROM patients WHERE created_by_id = 1 AND deleted_at IS NULL AND "+
						"(name_key LIKE $1 ESCAPE '\\' OR phone LIKE $1 ESCAPE '\\' OR email LIKE $1 ESCAPE '\\')"+tt.only+" ORDER BY name_key "+direction+", id "+direction, tt.part)
					if err != nil {
						t.Fatal(err)
					}
					defer rows.Close()
					if err := sql.ScanSlice(rows, &want); err != nil {
						t.Fatal(err)
					}
					a.walk(t, c, tt.search, tt.filter, direction, "first", "after", want)
					a.walk(t, c, tt.search, tt.filter, direction, "last", "before", want)
				})
			}
		}
	})
}

// walk checks the first pages of a search from one end against all that it is to
// find.
func (a *api) walk(t *testing.T, c caller, search, filter, direction, size, cursor string, want []string) {
	t.Helper()
	const most = 60 // on a page
	document := fmt.Sprintf(`query($q: String!, $at: Cursor) {
		patients(filter: {search: $q %s}, orderBy: {field: NAME, direction: %s}, %s: %d, %s: $at) {
			totalCount nodes { id } pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
		}
	}`, filter, direction, size, most, cursor)
	variables := map[string]any{"q": search}
	total := len(want)
	for range 4 {
		var found struct {
			Data struct {
				Patients struct {
					TotalCount int
					Nodes      []struct{ ID string }
					PageInfo   struct {
						StartCursor, EndCursor       string
						HasNextPage, HasPreviousPage bool
					}
				}
			}
		}
		a.read(t, c, document, variables, &found)
		page := found.Data.Patients
		n := min(most, len(want))
		expected, rest, more, at := want[:n], want[n:], page.PageInfo.HasNextPage, page.PageInfo.EndCursor
		if size == "last" {
			n = len(want) - n
			expected, rest, more, at = want[n:], want[:n], page.PageInfo.HasPreviousPage, page.PageInfo.StartCursor
		}
		got := []string{}
		for _, node := range page.Nodes {
			got = append(got, node.ID)
		}
		if !slices.Equal(got, expected) || more != (len(rest) > 0) || page.TotalCount != total {
			t.Fatalf("%s %s of %q: %v and more: %v of %d; want %v and more: %v of %d", size, cursor, search, got, more, page.TotalCount, expected, len(rest) > 0, total)
		}
		if !more {
			return
		}
		want, variables["at"] = rest, at
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
