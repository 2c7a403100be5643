package process_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"caregraph/internal/server"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestProcess runs the program as its users do.
func TestProcess(t *testing.T) {
	b := harness.Build(t)
	secret := "SECRET_KEY=" + strings.Repeat("s", server.MinKey)

	t.Run("first and second start", func(t *testing.T) {
		dir, begin := t.TempDir(), time.Now()
		first := b.Start(t, dir, nil)
		if status, _ := first.Send(t, "GET", "/readyz", "", ""); status != http.StatusOK {
			t.Errorf("readyz: %d", status)
		}
		t.Logf("first start to first answer: %s", time.Since(begin).Round(time.Millisecond))
		if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", first.Cmd.Process.Pid)); err == nil {
			t.Log(regexp.MustCompile(`VmRSS:.*`).FindString(string(status)))
		}
		asha := first.Register(t, "asha")
		first.CreatePatient(t, asha, "Arjun")
		for _, name := range []string{"caregraph.db-wal", "caregraph.db-shm"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v %v", name, info, err)
			}
		}
		first.Stop(t)
		for name, mode := range map[string]os.FileMode{"caregraph.db": 0o600, "caregraph.key": 0o600} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || mode != 0 && info.Mode().Perm() != mode {
				t.Errorf("%s: %v %v", name, info, err)
			}
		}
		key, err := os.ReadFile(filepath.Join(dir, "caregraph.key"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"caregraph.db", "caregraph.key"} { // as an older server or a backup left them
			if err := os.Chmod(filepath.Join(dir, name), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		second := b.Start(t, dir, nil)
		log := second.Stderr.String()
		if told := strings.Contains(log, "chmod 600 'caregraph.db'") && strings.Contains(log, " 'caregraph.key'"); !told || strings.Contains(first.Stderr.String(), "chmod") {
			t.Errorf("that others can read the records is told: %t; before: %s", told, first.Stderr)
		}
		second.Expect(t, "the same data for the same token", asha, `{ viewer { username patients { totalCount } } }`, nil,
			`{"data":{"viewer":{"username":"asha","patients":{"totalCount":1}}}}`)
		second.Stop(t)
		for _, s := range []*harness.Server{first, second} {
			for _, planted := range []string{"asha", "Arjun", asha.Token, strings.TrimSpace(string(key))} {
				if strings.Contains(s.Stderr.String(), planted) {
					t.Errorf("the log has %q: %s", planted, s.Stderr)
				}
			}
		}
	})

	t.Run("demo", func(t *testing.T) {
		dir := t.TempDir()
		s := b.Start(t, dir, nil, "--demo")
		status, reply := s.Send(t, "POST", "/api/auth/login/", "", `{"email":"aniket@example.com","password":"Aniket@123"}`)
		if status != http.StatusOK {
			t.Errorf("log in: %d %s", status, reply)
		}
		if status, _ := s.Send(t, "GET", "/playground", "", ""); status != http.StatusOK {
			t.Errorf("playground: %d", status)
		}
		s.Stop(t)
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("the demonstration left %v", left)
		}
	})

	t.Run("profiles", func(t *testing.T) {
		s := b.Start(t, t.TempDir(), []string{"DEBUG_ADDR=127.0.0.1:0"})
		for _, path := range []string{"/debug/pprof/", "/debug/vars"} {
			if status, _ := s.Send(t, "GET", path, "", ""); status != http.StatusNotFound {
				t.Errorf("%s on the public address: %d, want 404", path, status)
			}
			private := harness.Server{API: harness.API{URL: s.Profiles}}
			if status, _ := private.Send(t, "GET", path, "", ""); status != http.StatusOK {
				t.Errorf("%s on the private address: %d, want 200", path, status)
			}
		}
		s.Stop(t)
	})

	t.Run("refused configuration", func(t *testing.T) {
		for _, tt := range []struct {
			variable string // what the sentence is about
			env      []string
		}{
			{"ADDR", []string{"ADDR=8000"}},
			{"ADDR", []string{"ADDR=127.0.0.1:"}},
			{"DEBUG_ADDR", []string{"DEBUG_ADDR=0.0.0.0:6060", secret}},
			{"DEBUG_ADDR", []string{"DEBUG_ADDR=:6060", secret}},
			{"DEBUG_ADDR", []string{"DEBUG_ADDR=clinic.example:6060", secret}},
			{"DEBUG_ADDR", []string{"DEBUG_ADDR=127.0.0.1", secret}},
			{"DATABASE_URL", []string{"DATABASE_URL=mysql://root:hidden@localhost/x", secret}},
			{"DATABASE_URL", []string{"DATABASE_URL=caregraph.db", secret}},
			{"DATABASE_URL", []string{"DATABASE_URL=sqlite:", secret}},
			{"DATABASE_URL", []string{"DATABASE_URL=postgres://u:hidden@[/x", secret}},
			{"SECRET_KEY", []string{"SECRET_KEY=hidden"}},
			{"SECRET_KEY", []string{"DATABASE_URL=postgres://u:hidden@127.0.0.1/x"}},
			{"DEBUG", []string{"DEBUG=hidden"}},
			{"PLAYGROUND", []string{"PLAYGROUND=hidden"}},
			{"ACCESS_TOKEN_LIFETIME", []string{"ACCESS_TOKEN_LIFETIME=24"}},
			{"REFRESH_TOKEN_LIFETIME", []string{"REFRESH_TOKEN_LIFETIME=-1h"}},
			{"nowhere", []string{"DATABASE_URL=sqlite:nowhere/at/all.db", secret}},
		} {
			code, stdout, stderr := b.Run(t, t.TempDir(), tt.env, "")
			if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "caregraph: ") || !strings.Contains(stderr, tt.variable) ||
				strings.Contains(stderr, "hidden") || strings.Contains(stderr, "goroutine") || strings.Count(stderr, "\n") > 3 {
				t.Errorf("%q: exit status %d, %q, %q", tt.env, code, stdout, stderr)
			}
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("no variable here\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := b.Run(t, dir, nil, ""); code != 1 || !strings.Contains(stderr, ".env") {
			t.Errorf("a bad .env: exit status %d, %q", code, stderr)
		}
		if code, _, stderr := b.Run(t, dir, nil, "", "dance"); code != 1 || !strings.Contains(stderr, "--help") {
			t.Errorf("an unknown command: exit status %d, %q", code, stderr)
		}
		// Nothing listens there: the database is away, and that is said.
		if code, _, stderr := b.Run(t, t.TempDir(), []string{"DATABASE_URL=postgres://u:hidden@127.0.0.1:1/x?sslmode=disable", secret}, ""); code != 1 || strings.Contains(stderr, "hidden") || !strings.Contains(stderr, "database") {
			t.Errorf("no database: exit status %d, %q", code, stderr)
		}
	})

	t.Run(".env", func(t *testing.T) {
		dir := t.TempDir()
		text := "# settings\nDATABASE_URL=sqlite:other.db\nPLAYGROUND=true\nACCESS_TOKEN_LIFETIME=\"1h\"\n"
		if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := b.Start(t, dir, []string{"PLAYGROUND=false"})
		if status, _ := s.Send(t, "GET", "/playground", "", ""); status != http.StatusNotFound {
			t.Errorf("the environment does not come before .env: %d", status)
		}
		s.Stop(t)
		if _, err := os.Stat(filepath.Join(dir, "other.db")); err != nil {
			t.Error(err)
		}
	})

	t.Run("a taken port", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		code, stdout, stderr := b.Run(t, t.TempDir(), []string{"ADDR=" + taken.Addr().String()}, "")
		if code != 1 || stdout != "" || !strings.Contains(stderr, "set ADDR") {
			t.Errorf("exit status %d, %q, %q", code, stdout, stderr)
		}
	})

	t.Run("stopping with a request in flight", func(t *testing.T) {
		s := b.Start(t, t.TempDir(), nil)
		asha := s.Register(t, "asha")
		address := strings.TrimPrefix(s.URL, "http://")
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(harness.Most))
		body := `{"query":"mutation { createDoctor(input: {name: \"Dr. Rao\", email: \"r@example.com\", specialization: \"X\", licenseNumber: \"R-1\", experienceYears: 1, consultationFee: 1}) { name } }"}`
		fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", address, asha.Token, len(body))
		answer := bufio.NewReader(conn)
		if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
			t.Fatalf("%q, %v", line, err)
		}
		s.Cmd.Process.Signal(syscall.SIGTERM) // while the handler waits for the body
		harness.Eventually(t, "no new connection", func() bool {
			c, err := net.Dial("tcp", address)
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		fmt.Fprint(conn, body)
		answer.ReadString('\n') // the end of 100 Continue
		response, err := http.ReadResponse(answer, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		reply, err := io.ReadAll(response.Body)
		if want := `{"data":{"createDoctor":{"name":"Dr. Rao"}}}`; err != nil || response.StatusCode != http.StatusOK || string(reply) != want {
			t.Errorf("got %d %s (%v), want %s", response.StatusCode, reply, err, want)
		}
		<-s.Exited
		if code := s.Cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit status %d, want 0: %s", code, s.Stderr)
		}
	})

	t.Run("commands", func(t *testing.T) {
		dir := t.TempDir()
		staff := []string{"createsuperuser", "--email", "Chandra@Example.com", "--username", "chandra", "--password-stdin"}
		for _, tt := range []struct {
			name, stdin    string
			args           []string
			code           int
			stdout, stderr string
		}{
			{"migrate", "", []string{"migrate"}, 0, "", ""},
			{"staff user", harness.Password + "\n", staff, 0, "Staff user chandra was created.\n", ""},
			{"staff user again", harness.Password + "\n", staff, 1, "", "already exists"},
			{"weak password", "12345678\n", []string{"createsuperuser", "--email", "b@example.com", "--username", "b", "--password-stdin"}, 1, "", "password: This password is entirely numeric."},
			{"no password", "", []string{"createsuperuser", "--email", "b@example.com", "--username", "b", "--password-stdin"}, 1, "", "password: This field may not be blank."},
			{"bad email", harness.Password, []string{"createsuperuser", "--email", "b", "--username", "b", "--password-stdin"}, 1, "", "email: Enter a valid email address."},
			{"no terminal", "", []string{"createsuperuser"}, 1, "", "--password-stdin"},
			{"seed", "", []string{"seed"}, 0, "The sample data was added.\n", ""},
			{"seed again", "", []string{"seed"}, 0, "nothing was added.\n", ""},
			{"version", "", []string{"version"}, 0, "caregraph ", ""},
			{"help", "", []string{"--help"}, 0, "DATABASE_URL", ""},
			{"help of serve", "", []string{"serve", "--help"}, 0, "--demo", ""},
			{"help of health", "", []string{"health", "--help"}, 0, "--live", ""},
			{"help of migrate", "", []string{"migrate", "--help"}, 0, "Usage: caregraph migrate", ""},
			{"help of createsuperuser", "", []string{"createsuperuser", "--help"}, 0, "--password-stdin", ""},
			{"help of seed", "", []string{"seed", "--help"}, 0, "Usage: caregraph seed", ""},
			{"help of version", "", []string{"version", "--help"}, 0, "Usage: caregraph version", ""},
		} {
			code, stdout, stderr := b.Run(t, dir, nil, tt.stdin, tt.args...)
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) || strings.Contains(stdout+stderr, harness.Password) {
				t.Errorf("%s: exit status %d, %q, %q, want %d, %q, %q", tt.name, code, stdout, stderr, tt.code, tt.stdout, tt.stderr)
			}
		}
		s := b.Start(t, dir, nil)
		admin := harness.Caller{Token: s.Login(t, "chandra@example.com").Access}
		s.Expect(t, "staff sees the sample data once", admin, `{ viewer { username isStaff } patients { totalCount } doctors { totalCount } mappings { totalCount } }`, nil,
			`{"data":{"viewer":{"username":"chandra","isStaff":true},"patients":{"totalCount":3},"doctors":{"totalCount":3},"mappings":{"totalCount":4}}}`)
		s.Stop(t)
	})

	t.Run("servers that start together", func(t *testing.T) {
		url := storetest.Postgres(t)
		storetest.Exec(t, url("postgres"), "CREATE DATABASE together")
		t.Cleanup(func() { storetest.Exec(t, url("postgres"), "DROP DATABASE together WITH (FORCE)") })
		var servers [2]*harness.Server
		harness.Together(len(servers), func(i int) string {
			servers[i] = b.Start(t, t.TempDir(), []string{secret, "DATABASE_URL=" + url("together")})
			return ""
		})
		asha := servers[0].Register(t, "asha")
		servers[0].CreatePatient(t, asha, "Arjun")
		servers[1].Expect(t, "one session on both", asha, `{ patients { totalCount } }`, nil, `{"data":{"patients":{"totalCount":1}}}`)
		for _, s := range servers {
			s.Stop(t)
		}
	})

	t.Run("killed", func(t *testing.T) {
		dir := t.TempDir()
		s := b.Start(t, dir, nil)
		asha := s.Register(t, "asha")
		var mu sync.Mutex
		var stored []string
		enough := make(chan struct{})
		var writers sync.WaitGroup
		for w := range 4 {
			writers.Go(func() {
				for i := range 25 {
					name := fmt.Sprintf("Patient %d %d", w, i)
					body, _ := json.Marshal(map[string]any{
						"query":     `mutation($name: String!) { createPatient(input: {name: $name, email: "p@example.com", phone: "9876543210", dateOfBirth: "1990-05-15", address: "Pune", gender: MALE}) { id } }`,
						"variables": map[string]any{"name": name},
					})
					request, _ := http.NewRequest("POST", s.URL+"/graphql", strings.NewReader(string(body)))
					request.Header = http.Header{"Authorization": {"Bearer " + asha.Token}, "Content-Type": {"application/json"}}
					response, err := http.DefaultClient.Do(request)
					if err != nil {
						return // killed
					}
					reply, err := io.ReadAll(response.Body)
					response.Body.Close()
					if err != nil || !strings.HasPrefix(string(reply), `{"data":{"createPatient":{"id":`) {
						return
					}
					mu.Lock()
					if stored = append(stored, name); len(stored) == 60 {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		<-enough
		s.Kill()
		writers.Wait()
		again := b.Start(t, dir, nil)
		var in struct {
			Data struct {
				Patients struct{ Nodes []struct{ Name string } }
			}
		}
		again.Read(t, asha, `{ patients(first: 100) { nodes { name } } }`, nil, &in)
		var kept []string
		for _, n := range in.Data.Patients.Nodes {
			kept = append(kept, n.Name)
		}
		for _, name := range stored {
			if !slices.Contains(kept, name) {
				t.Errorf("%s was acknowledged and is lost", name)
			}
		}
		t.Logf("%d acknowledged, %d kept", len(stored), len(kept))
		again.Stop(t)
	})
}
