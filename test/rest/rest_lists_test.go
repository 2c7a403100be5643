package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"caregraph/internal/sample"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestRESTLists checks ?limit=, ?offset= and where the header Link leads.
func TestRESTLists(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := &client{harness.New(t, db), map[string]string{}}
		asha := c.Register(t, "asha")
		c.known["asha"] = asha.Bearer()
		for i := range 5 {
			c.CreatePatient(t, asha, "Patient "+strconv.Itoa(i))
		}
		badLimit, badOffset := `{"limit":["`+badInteger+`"]}`, `{"offset":["`+badInteger+`"]}`
		for _, tt := range []struct {
			path, want, link string
			status           int
		}{
			{"/api/patients/", "54321", "", 200},
			{"/api/patients/?limit=", "54321", "", 200},
			{"/api/patients/?limit=2", "54", `</api/patients/?limit=2&offset=2>; rel="next"`, 200},
			{"/api/patients?limit=2", "54", `</api/patients?limit=2&offset=2>; rel="next"`, 200},
			{"/api/patients/?limit=2&offset=2", "32", `</api/patients/?limit=2&offset=4>; rel="next"`, 200},
			{"/api/patients/?limit=2&offset=3", "21", "", 200},
			{"/api/patients/?offset=4", "1", "", 200},
			{"/api/patients/?offset=5", "", "", 200},
			{"/api/patients/?offset=2147483647&limit=2147483647", "", "", 200},
			{"/api/patients/?limit=5", "54321", "", 200},
			{"/api/patients/?limit=1001", "54321", "", 200},
			{"/api/patients/?limit=0", "", "", 200},
			{"/api/patients/?limit=-1", badLimit, "", 400},
			{"/api/patients/?limit=x", badLimit, "", 400},
			{"/api/patients/?limit=1.0", badLimit, "", 400},
			{"/api/patients/?limit=9223372036854775808", badLimit, "", 400},
			{"/api/patients/?offset=x", badOffset, "", 400},
			{"/api/patients/?limit=x&offset=x", `{"limit":["` + badInteger + `"],"offset":["` + badInteger + `"]}`, "", 400},
			{"/api/patients/?page=7", "54321", "", 200},
		} {
			got := c.ask(t, "GET", tt.path, "$asha", "", "")
			text := got.body
			if got.status == http.StatusOK {
				text = ""
				for _, id := range ids(t, got.raw) {
					text += strconv.Itoa(id)
				}
			}
			if link := got.header.Get("Link"); got.status != tt.status || text != tt.want || link != tt.link {
				t.Errorf("%s: got %d %s with Link %q, want %d %s with %q", tt.path, got.status, text, link, tt.status, tt.want, tt.link)
			}
			head := c.ask(t, "HEAD", tt.path, "$asha", "", "")
			if head.status != got.status || head.header.Get("Link") != tt.link || len(head.raw) > 0 {
				t.Errorf("HEAD %s: %d with Link %q", tt.path, head.status, head.header.Get("Link"))
			}
		}
	})
}

// ids returns the ids of a list in its order.
func ids(t testing.TB, list []byte) []int {
	t.Helper()
	var rows []struct{ ID int }
	if err := json.Unmarshal(list, &rows); err != nil {
		t.Fatalf("%v in %.200s", err, list)
	}
	all := make([]int, len(rows))
	for i, row := range rows {
		all[i] = row.ID
	}
	return all
}

// TestRESTStatements checks that a list takes as many statements for 50 records
// as for 10, and a single record few.
func TestRESTStatements(t *testing.T) {
	tests := []struct {
		request, body string
		most          int64 // sign-in check and access log included
	}{
		{"GET /api/patients/", "", 5},
		{"GET /api/mappings/", "", 6},
		{"GET /api/mappings/?limit=10", "", 6},
		{"GET /api/mappings/1/", "", 7},
		{"GET /api/doctors/", "", 3},
		{"GET /api/patients/1/", "", 4},
		{"GET /api/doctors/1/", "", 3},
		{"PUT /api/patients/1/", `{"name":"Asha"}`, 7},
		{"PUT /api/doctors/1/", `{"name":"Dr. Rao"}`, 6},
		{"DELETE /api/mappings/1/", "", 6},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := &client{harness.New(t, db), map[string]string{}}
		asha := c.Register(t, "asha")
		c.known["asha"] = asha.Bearer()
		for d := range 10 {
			c.CreateDoctor(t, asha, fmt.Sprintf("Doctor %d", d), fmt.Sprintf("MCI-%d", d))
		}
		counts := map[string]int64{}
		patients := 0
		for _, size := range []int{10, 50} {
			c.Grow(t, asha, patients, size)
			patients = size
			for _, tt := range tests {
				method, path, _ := strings.Cut(tt.request, " ")
				before := c.Statements.Load()
				got := c.ask(t, method, path, "$asha", "", tt.body)
				count := c.Statements.Load() - before
				if got.status >= 300 {
					t.Fatalf("%s: %d %s", tt.request, got.status, got.body)
				}
				if count > tt.most {
					t.Errorf("%s with %d patients took %d statements, want at most %d", tt.request, size, count, tt.most)
				}
				if known, ok := counts[tt.request]; ok && known != count {
					t.Errorf("%s took %d statements with 10 patients, %d with %d", tt.request, known, count, size)
				}
				counts[tt.request] = count
			}
			if rows := ids(t, c.ask(t, "GET", "/api/patients/", "$asha", "", "").raw); len(rows) != size {
				t.Errorf("%d rows, want %d", len(rows), size)
			}
		}
		t.Log(counts)
	})
}

// TestRESTStream reads 100,000 patients of one owner as one array, and in the
// parts that Link leads to: each once, newest first, in bounded memory.
func TestRESTStream(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 100,000 patients")
	}
	if harness.Raced {
		t.Skip("takes minutes under the race detector, whose memory it would measure")
	}
	const rows, bound = 100_000, 64 << 20
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if err := sample.Generate(t.Context(), db, sample.Size{Users: 1, Patients: rows, Doctors: 1}); err != nil {
			t.Fatal(err)
		}
		a := harness.New(t, db)
		token := a.SignIn(t, sample.Email(1), sample.Password)
		list := func(path string) (all []int, link string, peak uint64) {
			r, err := http.NewRequestWithContext(t.Context(), "GET", a.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			response, err := direct.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			d := json.NewDecoder(response.Body)
			if _, err := d.Token(); err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d %v", path, response.StatusCode, err)
			}
			var memory runtime.MemStats
			for d.More() {
				var row struct{ ID int }
				if err := d.Decode(&row); err != nil {
					t.Fatal(err)
				}
				if all = append(all, row.ID); len(all)%500 == 0 {
					runtime.ReadMemStats(&memory)
					peak = max(peak, memory.HeapInuse+memory.StackInuse)
				}
			}
			if _, err := d.Token(); err != nil {
				t.Fatal(err)
			}
			link, _, _ = strings.Cut(strings.TrimPrefix(response.Header.Get("Link"), "<"), ">")
			return all, link, peak
		}
		verify := func(all []int, from int) {
			t.Helper()
			for i, id := range all {
				if id != from-i {
					t.Fatalf("row %d is %d, want %d", i, id, from-i)
				}
			}
		}
		runtime.GC()
		var idle runtime.MemStats
		runtime.ReadMemStats(&idle)
		all, link, peak := list("/api/patients/?limit=100000")
		if len(all) != rows || link != "" {
			t.Fatalf("%d rows, Link %q", len(all), link)
		}
		verify(all, rows)
		grown := int64(peak) - int64(idle.HeapInuse+idle.StackInuse)
		t.Logf("%d rows; the heap grew by %.1f MiB at most", rows, float64(grown)/(1<<20))
		if grown > bound {
			t.Errorf("the heap grew by %d MiB", grown>>20)
		}
		for _, part := range []struct {
			path       string
			from, rows int
			link       string
		}{
			{"/api/patients/", 0, 10_000, "/api/patients/?limit=10000&offset=10000"},
			{"/api/patients/?limit=10000&offset=10000", 10_000, 10_000, "/api/patients/?limit=10000&offset=20000"},
			{"/api/patients/?offset=85000", 85_000, 10_000, "/api/patients/?limit=10000&offset=95000"},
			{"/api/patients/?limit=10000&offset=95000", 95_000, 5_000, ""},
			{"/api/patients/?limit=1500&offset=98500", 98_500, 1_500, ""},
			{"/api/patients/?limit=1500&offset=98499", 98_499, 1_500, "/api/patients/?limit=1500&offset=99999"},
		} {
			all, link, _ := list(part.path)
			if len(all) != part.rows || link != part.link {
				t.Errorf("%s: %d rows, Link %q; want %d and %q", part.path, len(all), link, part.rows, part.link)
			}
			verify(all, rows-part.from)
		}
	})
}

// TestRESTRaces checks that of two identical creations at once one is stored
// and the other is refused.
func TestRESTRaces(t *testing.T) {
	const rounds = 50
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := contract(t, db)
		race := func(path, body string, refusals ...string) {
			t.Helper()
			results := harness.Together(2, func(int) string {
				got := c.ask(t, "POST", path, "$asha", "", body)
				if got.status == http.StatusCreated {
					return "201"
				}
				return strconv.Itoa(got.status) + " " + got.body
			})
			slices.Sort(results)
			if results[0] != "201" || !slices.Contains(refusals, results[1]) {
				t.Errorf("%s: %q", path, results)
			}
		}
		const username, email = `"username":["A user with that username already exists."]`, `"email":["user with this email already exists."]`
		for i := range rounds {
			race("/api/auth/register/", fmt.Sprintf(`{"username":"user%d","email":"user%d@example.com","password":"Aniket@123","role":"patient"}`, i, i),
				"400 {"+username+"}", "400 {"+email+"}", "400 {"+email+","+username+"}")
			race("/api/doctors/", changed(t, goodDoctor, "license_number", fmt.Sprintf(`"L-%d"`, i)),
				`400 {"license_number":["doctor with this license number already exists."]}`)
			c.known["new"] = strconv.Itoa(c.CreatePatient(t, harness.Caller{Token: strings.TrimPrefix(c.known["asha"], "Bearer ")}, "New"))
			race("/api/mappings/", `{"patient":$new,"doctor":$rao}`, `400 {"non_field_errors":["This patient is already assigned to this doctor."]}`)
		}
		for table, want := range map[string]int{"users": rounds + 2, "doctors": rounds + 2, "mappings": rounds + 1} {
			var got int
			if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %d rows (%v), want %d", table, got, err, want)
			}
		}
		if log := c.Log.String(); strings.Contains(log, `"level":"ERROR"`) {
			t.Errorf("the log has errors: %.2000s", log)
		}
	})
}
