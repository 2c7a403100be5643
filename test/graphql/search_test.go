package graphql_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"caregraph/internal/sample"
	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestSearchPlan checks how PostgreSQL reads a search: in the order of names
// where it soon finds enough, and by the trigram index where few patients fit,
// though they come last in the order.
func TestSearchPlan(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, dialect.Postgres))
	if err := sample.Generate(t.Context(), db, sample.Size{Users: 4, Doctors: 20, Patients: 24_000, Mappings: 20}); err != nil {
		t.Fatal(err)
	}
	if err := db.IndexSearch(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := harness.New(t, db)
	a.Register(t, "few")
	const few = 5 // the clinic whose list is short
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf("UPDATE patients SET clinic_id = %d WHERE id %% 1000 = 0; ANALYZE patients", few)); err != nil {
		t.Fatal(err)
	}
	token := a.SignIn(t, sample.Email(1), sample.Password)
	searches := make(chan string, 1) // statements that look for a part of a text
	db.Wrap = func(d dialect.Driver) dialect.Driver {
		return dialect.DebugWithContext(d, func(_ context.Context, v ...any) {
			_, query, _ := strings.Cut(fmt.Sprint(v...), "query=")
			if query, _, _ = strings.Cut(query, " args="); strings.Contains(query, " LIKE ") {
				searches <- query
			}
		})
	}
	server := httptest.NewServer(server.Handler(db, a.Cfg, slog.New(slog.DiscardHandler)))
	defer server.Close()
	a.URL = server.URL

	const (
		early = `Index Only Scan using patient_clinic_name .*actual(.*\n)+.*on patients.*never executed`
		late  = `Index Only Scan using patient_clinic_name .*actual(.*\n)+.*on patient_(clinic_)?find .*actual`
	)
	for _, tt := range []struct {
		why, part, filter, order string
		owner                    int
		want                     string
	}{
		{"first names, last in the order", "zoy", "", "NAME", 1, late},
		{"first names, first in the other order", "zoy", "", "NAME, direction: DESC", 1, strings.ReplaceAll(early, "Scan", "Scan Backward")},
		{"family names, found with each first name", "shar", "", "NAME", 1, early},
		{"nobody", "zzq", "", "NAME", 1, late},
		{"nobody, in a short list", "zzq", "", "NAME", few, early},
		{"everybody's email", "exa", "", "NAME", 1, early},
		{"too short for the trigram index", "z", "", "NAME", 1, "^Limit.*\n.*Index Scan using patient_clinic_name"},
		{"spread evenly over the order", "zoy", "", "CREATED_AT", 1, "^Limit.*\n.*created_at_id"},
		{"a condition that takes longer", "zoy", "assigned: false", "NAME", 1, "^Limit.*\n(.*\n){0,4}.*Index Scan using patient_clinic_name"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			document := fmt.Sprintf("query($q: String!) { patients(first: 10, filter: {search: $q %s}, orderBy: {field: %s}) { nodes { id name } } }", tt.filter, tt.order)
			a.Must(t, harness.Caller{Token: token}, document, map[string]any{"q": tt.part})
			select {
			case query := <-searches:
				if plan := explain(t, db, "ANALYZE "+query, "%"+tt.part+"%", tt.owner); !regexp.MustCompile(tt.want).MatchString(plan) {
					t.Errorf("the plan does not have %s:\n%s", tt.want, plan)
				}
			default:
				t.Error("nothing is searched")
			}
		})
	}
}

// TestDuplicatesPlan checks that PostgreSQL finds possible duplicates by indexes, for an
// owner of many patients and for staff.
func TestDuplicatesPlan(t *testing.T) {
	db := storetest.Open(t, storetest.URL(t, dialect.Postgres))
	if err := sample.Generate(t.Context(), db, sample.Size{Users: 2, Doctors: 20, Patients: 24_000, Mappings: 20}); err != nil {
		t.Fatal(err)
	}
	if err := db.IndexSearch(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := harness.New(t, db)
	owner, staff := a.SignIn(t, sample.Email(1), sample.Password), a.Staff(t, "boss").Token
	var statements []string
	db.Wrap = func(d dialect.Driver) dialect.Driver {
		return dialect.DebugWithContext(d, func(_ context.Context, v ...any) {
			_, query, _ := strings.Cut(fmt.Sprint(v...), "query=")
			if query, _, _ = strings.Cut(query, " args="); strings.HasPrefix(query, `SELECT "patients"`) {
				statements = append(statements, query)
			}
		})
	}
	server := httptest.NewServer(server.Handler(db, a.Cfg, slog.New(slog.DiscardHandler)))
	defer server.Close()
	a.URL = server.URL
	for _, token := range []string{owner, staff} {
		statements = nil
		a.Must(t, harness.Caller{Token: token}, `{ possibleDuplicates(name: "Zoya Sharma", phone: "9000000007", email: "x@example.com") { reasons patient { name } } }`, nil)
		if len(statements) != 2 {
			t.Fatalf("it takes %d statements, want 2: %s", len(statements), statements)
		}
		plan := explain(t, db, "ANALYZE "+statements[0], "% soy %", 1)
		if strings.Contains(plan, "Seq Scan") || !regexp.MustCompile(`patient_(clinic_)?find`).MatchString(plan) || !strings.Contains(plan, "patient_phone_clinic_id") {
			t.Errorf("the plan is\n%s", plan)
		}
	}
}

// TestSearchPrepared checks that PostgreSQL keeps the plan of a search, but not
// for a text that no trigram index finds: that takes another one.
func TestSearchPrepared(t *testing.T) {
	if storetest.Pooled {
		t.Skip("through a pooler nothing is prepared")
	}
	db := storetest.Open(t, storetest.URL(t, dialect.Postgres))
	db.SetMaxOpenConns(1) // whose statements the test looks at
	a := harness.New(t, db)
	c := a.Register(t, "asha")
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
			a.Must(t, c, document, map[string]any{"q": tt.part})
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
		size := sample.Size{Users: 2, Doctors: 20, Patients: 800, Mappings: 20}
		if db.Dialect == dialect.Postgres {
			size.Patients = 8_000
		}
		if err := sample.Generate(t.Context(), db, size); err != nil {
			t.Fatal(err)
		}
		if err := db.IndexSearch(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "UPDATE patients SET deleted_at = created_at WHERE id % 7 = 0"); err != nil {
			t.Fatal(err)
		}
		a := harness.New(t, db)
		c := harness.Caller{Token: a.SignIn(t, sample.Email(1), sample.Password)}
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
					rows, err := db.QueryContext(t.Context(), "SELECT id FROM patients WHERE clinic_id = 1 AND deleted_at IS NULL AND "+
						"(name_key LIKE $1 ESCAPE '\\' OR phone LIKE $1 ESCAPE '\\' OR email LIKE $1 ESCAPE '\\')"+tt.only+" ORDER BY name_key "+direction+", id "+direction, tt.part)
					if err != nil {
						t.Fatal(err)
					}
					defer rows.Close()
					if err := sql.ScanSlice(rows, &want); err != nil {
						t.Fatal(err)
					}
					a.Walk(t, c, tt.search, tt.filter, direction, "first", "after", want)
					a.Walk(t, c, tt.search, tt.filter, direction, "last", "before", want)
				})
			}
		}
	})
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
