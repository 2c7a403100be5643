package clinic_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/sample"
	"caregraph/internal/server"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// asked is a statement that was sent to the database.
type asked struct {
	query string
	args  []any
}

// journal keeps the statements that read patients or mappings.
type journal struct {
	dialect.Driver
	mu   *sync.Mutex
	list *[]asked
}

func (j journal) Query(ctx context.Context, query string, args, v any) error {
	if strings.Contains(query, `FROM "patients"`) || strings.Contains(query, `FROM "mappings"`) {
		j.mu.Lock()
		*j.list = append(*j.list, asked{query, args.([]any)})
		j.mu.Unlock()
	}
	return j.Driver.Query(ctx, query, args, v)
}

// TestPlans checks that PostgreSQL finds what callers see who have practices and records,
// among 100,000 patients, without reading a table, or many more rows than it shows: every
// order, the count, searches and edges. The callers have 100 patients of their own and a
// caseload of some 140, or none of their own.
func TestPlans(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 100,000 patients")
	}
	if harness.Raced {
		t.Skip("100,000 patients take too long under the race detector; .ci/run runs this without it")
	}
	db := storetest.Open(t, storetest.URL(t, dialect.Postgres))
	if err := sample.Generate(t.Context(), db, sample.Full); err != nil {
		t.Fatal(err)
	}
	if err := db.IndexSearch(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`INSERT INTO practices (created_at, clinic_id, doctor_id, user_id) SELECT now(), id, id, id FROM users WHERE id > 2`,
		// Both callers are the account of a doctor wherever the doctor has patients, and of five patients.
		`INSERT INTO practices (created_at, clinic_id, doctor_id, user_id) SELECT now(), clinic_id, 500, 1 FROM mappings WHERE doctor_id = 500 AND clinic_id NOT IN (1, 500) GROUP BY clinic_id`,
		`INSERT INTO practices (created_at, clinic_id, doctor_id, user_id) SELECT now(), clinic_id, 700, 2 FROM mappings WHERE doctor_id = 700 AND clinic_id NOT IN (2, 700) GROUP BY clinic_id`,
		`UPDATE patients SET account_id = 1 WHERE id IN (2005, 3006, 4007, 5008, 6009)`,
		`UPDATE patients SET account_id = 2 WHERE id IN (12005, 13006, 14007, 15008, 16009)`,
		`UPDATE mappings SET clinic_id = 3 WHERE clinic_id = 2`,
		`UPDATE patients SET clinic_id = 3 WHERE clinic_id = 2`,
		`VACUUM ANALYZE`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	a := harness.New(t, db)
	var statements []asked
	var mu sync.Mutex
	db.Wrap = func(d dialect.Driver) dialect.Driver { return journal{d, &mu, &statements} }
	h := httptest.NewServer(server.Handler(db, a.Cfg, slog.New(slog.DiscardHandler)))
	defer h.Close()
	a.URL = h.URL
	for user := 1; user <= 2; user++ {
		c := harness.Caller{Token: a.SignIn(t, sample.Email(user), sample.Password)}
		var documents []string
		for _, order := range []string{"CREATED_AT", "UPDATED_AT", "NAME", "DATE_OF_BIRTH"} {
			for _, direction := range []string{"ASC", "DESC"} {
				documents = append(documents, fmt.Sprintf(`{ patients(first: 20, orderBy: {field: %s, direction: %s}) { nodes { name phone } } }`, order, direction))
			}
		}
		documents = append(
			documents,
			`{ patients(first: 0) { totalCount } }`,
			`{ patients(filter: {search: "sharma"}, orderBy: {field: NAME}) { nodes { name } } }`,
			`{ patients(filter: {search: "zoya"}, orderBy: {field: CREATED_AT}) { nodes { name } } }`,
			`{ patients(filter: {search: "sharma"}, first: 0) { totalCount } }`,
			`{ patients(filter: {soundsLike: "Zoya"}, orderBy: {field: NAME}) { nodes { name } } }`,
			`{ patients(filter: {seenAs: TREATING}, first: 50, orderBy: {field: NAME}) { totalCount nodes { name doctors { name } } } }`,
			`{ patients(filter: {seenAs: SELF}) { totalCount nodes { name mappings { notes } } } }`,
			`{ patients(first: 50) { nodes { seenAs mappings(active: true) { notes doctor { name } } } } }`,
			`{ mappings(first: 20) { nodes { notes patient { name } } } }`,
			`{ mappings(first: 0, filter: {active: true}) { totalCount } }`,
			`{ doctor(id: 500) { patients(first: 20) { totalCount nodes { name } } } }`,
			`{ possibleDuplicates(name: "Zoya Sharma", phone: "9000000007") { patient { name } } }`,
		)
		for _, document := range documents {
			statements = nil
			a.Must(t, c, document, nil)
			for _, s := range statements {
				if strings.Contains(s.query, `FROM "sessions"`) {
					continue
				}
				plan := storetest.Explain(t, db, "(ANALYZE) "+s.query, s.args...)
				if strings.Contains(plan, "Seq Scan") || wasteful(plan) {
					t.Errorf("user %d: %s\n%s\n%s", user, document, s.query, plan)
				}
			}
		}
	}
}

var (
	removed = regexp.MustCompile(`Rows Removed by Filter: (\d+)`)
	kept    = regexp.MustCompile(`actual time=\S+ rows=(\d+)`)
)

// most is how many patients a caller sees at most. A search reads them all if there are so
// few.
const most = 250

// wasteful tells whether a filter of the plan throws away more rows than it keeps, and
// more than those that the caller sees.
func wasteful(plan string) bool {
	rows := 0
	for line := range strings.Lines(plan) {
		if m := kept.FindStringSubmatch(line); m != nil {
			rows, _ = strconv.Atoi(m[1])
		}
		if m := removed.FindStringSubmatch(line); m != nil {
			if n, _ := strconv.Atoi(m[1]); n > rows && n > most {
				return true
			}
		}
	}
	return false
}
