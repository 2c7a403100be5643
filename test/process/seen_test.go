package process_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// scrape returns the metrics of a server as Prometheus gets them, by their series.
func scrape(t *testing.T, s *harness.Server) (series map[string]string, text string) {
	t.Helper()
	response, err := http.Get(s.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", response.StatusCode, err)
	}
	series = map[string]string{}
	for line := range strings.Lines(string(body)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok {
			series[name+"}"] = value
		} else if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			series[name] = value
		}
	}
	return series, string(body)
}

// promtool runs Prometheus's tool, and fails the test with what it finds.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), harness.Installed(t, "promtool"), args...)
	c.Stdin = strings.NewReader(stdin)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

// TestSeen does what users do, and looks at what operators see of it: a line of the log for each
// request, metrics, and the statements of slow ones; and nothing of what was sent.
func TestSeen(t *testing.T) {
	program := harness.Build(t)
	for kind, url := range map[string]string{dialect.SQLite: "sqlite:" + filepath.Join(t.TempDir(), "care.db"), dialect.Postgres: storetest.URL(t, dialect.Postgres)} {
		t.Run(kind, func(t *testing.T) {
			s := program.Start(t, t.TempDir(), []string{
				"DATABASE_URL=" + url, "SECRET_KEY=" + strings.Repeat("k", 32), "METRICS_ADDR=127.0.0.1:0", "SLOW_QUERY=1ns",
				"TRUSTED_PROXIES=127.0.0.1/32", "RATE_LIMIT=0",
			})
			asha := s.Register(t, "asha")
			id := s.CreatePatient(t, asha, "Arjun Planted")
			socket := s.Follow(t, asha, `subscription Following { patientChanged { kind } }`, nil)
			s.Must(t, asha, `mutation Rename($id: ID!) { updatePatient(id: $id, input: {name: "Bela Planted"}) { name } }`, map[string]any{"id": id})
			socket.Next(t)

			header := http.Header{"Authorization": {"Bearer " + asha.Token}, "Content-Type": {"application/json"}}
			as := func(id string) http.Header {
				h := maps.Clone(header)
				h.Set("X-Request-Id", id)
				return h
			}
			given := func(id string) string {
				_, answered, _ := s.Do(t, "POST", "/graphql", as(id), `{"query":"query Given { viewer { username } }"}`)
				return answered.Get("X-Request-Id")
			}
			if got := given("edge-1.2_3"); got != "edge-1.2_3" {
				t.Errorf("the id of a trusted proxy becomes %q", got)
			}
			for _, bad := range []string{"two words", "a\"b", strings.Repeat("x", 65), "é", ""} {
				if got := given(bad); got == bad || len(got) != 26 {
					t.Errorf("the id %q becomes %q", bad, got)
				}
			}
			s.Send(t, "GET", "/api/patients/", asha.Token, "")
			s.Send(t, "GET", "/api/patients/", "", "")
			s.Query(t, asha, `query Wrong { nothing }`, nil)
			s.Query(t, asha, `query Missing { patient(id: 4711) { name } }`, nil)
			s.Send(t, "POST", "/api/auth/login/", "", fmt.Sprintf(`{"email":%q,"password":"Wrong-Planted-1"}`, asha.Email))

			type line struct {
				Msg, Door, Operation, Outcome, Request_ID string
				Viewer, Status, Statements                int
				SQL                                       []string
			}
			var lines []line
			log := s.Stderr.String()
			for text := range strings.Lines(log) {
				var l line
				if err := json.Unmarshal([]byte(text), &l); err != nil {
					t.Errorf("%q: %v", text, err)
				}
				lines = append(lines, l)
			}
			for _, want := range []line{
				{Msg: "request", Door: "graphql", Operation: "Rename", Outcome: "OK", Viewer: asha.ID, Status: 200},
				{Msg: "request", Door: "graphql", Operation: "Given", Outcome: "OK", Viewer: asha.ID, Status: 200, Request_ID: "edge-1.2_3"},
				{Msg: "request", Door: "graphql", Outcome: "BAD_USER_INPUT", Viewer: asha.ID, Status: 200},
				{Msg: "request", Door: "graphql", Operation: "Missing", Outcome: "NOT_FOUND", Viewer: asha.ID, Status: 200},
				{Msg: "request", Door: "rest", Outcome: "OK", Viewer: asha.ID, Status: 200},
				{Msg: "request", Door: "rest", Outcome: "UNAUTHENTICATED", Status: 401},
				{Msg: "request", Door: "stream", Operation: "Following", Outcome: "OK", Viewer: asha.ID},
				{Msg: "request", Door: "connection", Outcome: "OK", Status: 101},
			} {
				if !slices.ContainsFunc(lines, func(l line) bool {
					return l.Msg == want.Msg && l.Door == want.Door && (l.Operation == want.Operation || want.Operation == "") && l.Outcome == want.Outcome &&
						l.Viewer == want.Viewer && l.Status == want.Status && l.Request_ID != "" && (want.Request_ID == "" || l.Request_ID == want.Request_ID)
				}) {
					t.Errorf("the log has no %+v", want)
				}
			}
			for _, l := range lines {
				if l.Msg == "slow request" && l.Door == "connection" {
					t.Errorf("a connection is called slow: %+v", l)
				}
				if l.Msg == "slow request" && l.Operation == "Rename" && (l.Statements < 2 || !strings.Contains(strings.Join(l.SQL, "\n"), "UPDATE ")) {
					t.Errorf("%+v", l)
				}
			}
			if !strings.Contains(log, `"slow request"`) {
				t.Error("no slow request is told")
			}

			before, _ := scrape(t, s)
			for i := range 1000 {
				s.Query(t, asha, fmt.Sprintf(`query Random%d { viewer { id } }`, i), nil)
			}
			after, text := scrape(t, s)
			for name := range after {
				if _, was := before[name]; !was {
					t.Errorf("a new series: %s", name)
				}
			}
			for name, want := range map[string]string{
				`caregraph_requests_total{door="graphql",operation="other",outcome="NOT_FOUND"}`: "1",
				`caregraph_requests_total{door="rest",operation="Patients",outcome="OK"}`:        "",
				`caregraph_sign_ins_total{outcome="failed"}`:                                     "1",

				`caregraph_subscriptions`:                          "1",
				`caregraph_streams`:                                "1",
				`caregraph_access_log_queue`:                       "0",
				`caregraph_bus_lag_seconds`:                        "",
				`caregraph_tokens_total{from="database"}`:          "",
				`go_sql_max_open_connections{db_name="caregraph"}`: "16",
			} {
				if got, there := after[name]; !there || want != "" && got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			promtool(t, text, "check", "metrics")
			for what, public := range map[string]string{"the log": s.Stderr.String(), "a metric": text} {
				for _, planted := range []string{"Planted", "Arjun", "Bela", asha.Token, asha.Email, harness.Password, "9876543210"} {
					if strings.Contains(public, planted) {
						t.Errorf("%s has %q", what, planted)
					}
				}
			}
			s.Stop(t)
		})
	}
}

// TestDeploy checks what is for Prometheus and Grafana: rules that can be read, and only metrics
// that there are.
func TestDeploy(t *testing.T) {
	promtool(t, "", "check", "rules", harness.Path("deploy/prometheus/alerts.yml"))
	s := harness.Build(t).Start(t, t.TempDir(), []string{"METRICS_ADDR=127.0.0.1:0"})
	s.Register(t, "asha") // the first request makes the first series
	_, text := scrape(t, s)
	for _, file := range []string{"deploy/prometheus/alerts.yml", "deploy/grafana/caregraph.json"} {
		used, err := os.ReadFile(harness.Path(file))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\b(?:caregraph|go|process)_[a-z_]+[a-z]\b`).FindAllString(string(used), -1) {
			if !strings.Contains(text, "\n"+name+" ") && !strings.Contains(text, "\n"+name+"{") {
				t.Errorf("%s: there is no metric %s", file, name)
			}
		}
	}
}
