package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"caregraph/internal/storetest"
)

// program is the executable, built for a test.
type program struct{ path string }

func build(t *testing.T) program {
	t.Helper()
	b := program{filepath.Join(t.TempDir(), "caregraph")}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", b.path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return b
}

// most is how long anything a process does may take.
const most = 30 * time.Second

// command prepares the program to run in the folder with this environment and
// no other.
func (b program) command(t *testing.T, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, b.path, args...)
	c.Dir, c.Env = dir, env
	return c
}

// run runs the program to its end.
func (b program) run(t *testing.T, dir string, env []string, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := b.command(t, dir, env, args...)
	var out, errs strings.Builder
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errs
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// server is the program while it serves.
type server struct {
	api
	cmd      *exec.Cmd
	profiles string // URL of the private address, if there is one
	stderr   *journal
	exited   chan struct{}
}

var (
	greeting = regexp.MustCompile(`GraphQL +(http://\S+)/graphql`)
	private  = regexp.MustCompile(`Profiles +(http://\S+)/debug/pprof/`)
)

// start serves on a free port and waits for the greeting.
func (b program) start(t *testing.T, dir string, env []string, args ...string) *server {
	t.Helper()
	c := b.command(t, dir, append([]string{"ADDR=127.0.0.1:0"}, env...), args...)
	s := &server{cmd: c, stderr: &journal{}, exited: make(chan struct{})}
	c.Stderr = s.stderr
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	lines := bufio.NewScanner(stdout)
	debugged := slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "DEBUG_ADDR=") })
	for (s.url == "" || debugged && s.profiles == "") && lines.Scan() {
		if found := greeting.FindStringSubmatch(lines.Text()); found != nil {
			s.url = found[1]
		}
		if found := private.FindStringSubmatch(lines.Text()); found != nil {
			s.profiles = found[1]
		}
	}
	go func() {
		defer close(s.exited)
		io.Copy(io.Discard, stdout)
		c.Wait()
	}()
	if s.url == "" {
		<-s.exited
		t.Fatalf("the server did not start: %s", s.stderr)
	}
	return s
}

// kill ends the process at once, as kill -9 does.
func (s *server) kill() {
	s.cmd.Process.Kill()
	<-s.exited
}

// stop ends the server as an operator does.
func (s *server) stop(t *testing.T) {
	t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.exited
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d after SIGTERM, want 0: %s", code, s.stderr)
	}
}

// eventually waits until ok returns true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range int(most / (10 * time.Millisecond)) {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatalf("not in %s: %s", most, what)
}

// TestProcess runs the program as its users do.
func TestProcess(t *testing.T) {
	b := build(t)
	secret := "SECRET_KEY=" + strings.Repeat("s", minKey)

	t.Run("first and second start", func(t *testing.T) {
		dir, begin := t.TempDir(), time.Now()
		first := b.start(t, dir, nil)
		if status, _ := first.send(t, "GET", "/readyz", "", ""); status != http.StatusOK {
			t.Errorf("readyz: %d", status)
		}
		t.Logf("first start to first answer: %s", time.Since(begin).Round(time.Millisecond))
		if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", first.cmd.Process.Pid)); err == nil {
			t.Log(regexp.MustCompile(`VmRSS:.*`).FindString(string(status)))
		}
		asha := first.register(t, "asha")
		first.createPatient(t, asha, "Arjun")
		first.stop(t)
		for name, mode := range map[string]os.FileMode{"caregraph.db": 0, "caregraph.key": 0o600} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || mode != 0 && info.Mode().Perm() != mode {
				t.Errorf("%s: %v %v", name, info, err)
			}
		}
		key, err := os.ReadFile(filepath.Join(dir, "caregraph.key"))
		if err != nil {
			t.Fatal(err)
		}
		second := b.start(t, dir, nil)
		second.expect(t, "the same data for the same token", asha, `{ viewer { username patients { totalCount } } }`, nil,
			`{"data":{"viewer":{"username":"asha","patients":{"totalCount":1}}}}`)
		second.stop(t)
		for _, s := range []*server{first, second} {
			for _, planted := range []string{"asha", "Arjun", asha.token, strings.TrimSpace(string(key))} {
				if strings.Contains(s.stderr.String(), planted) {
					t.Errorf("the log has %q: %s", planted, s.stderr)
				}
			}
		}
	})

	t.Run("demo", func(t *testing.T) {
		dir := t.TempDir()
		s := b.start(t, dir, nil, "--demo")
		status, reply := s.send(t, "POST", "/api/auth/login/", "", `{"email":"aniket@example.com","password":"Aniket@123"}`)
		if status != http.StatusOK {
			t.Errorf("log in: %d %s", status, reply)
		}
		if status, _ := s.send(t, "GET", "/playground", "", ""); status != http.StatusOK {
			t.Errorf("playground: %d", status)
		}
		s.stop(t)
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("the demonstration left %v", left)
		}
	})

	t.Run("profiles", func(t *testing.T) {
		s := b.start(t, t.TempDir(), []string{"DEBUG_ADDR=127.0.0.1:0"})
		for _, path := range []string{"/debug/pprof/", "/debug/vars"} {
			if status, _ := s.send(t, "GET", path, "", ""); status != http.StatusNotFound {
				t.Errorf("%s on the public address: %d, want 404", path, status)
			}
			private := server{api: api{url: s.profiles}}
			if status, _ := private.send(t, "GET", path, "", ""); status != http.StatusOK {
				t.Errorf("%s on the private address: %d, want 200", path, status)
			}
		}
		s.stop(t)
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
			code, stdout, stderr := b.run(t, t.TempDir(), tt.env, "")
			if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "caregraph: ") || !strings.Contains(stderr, tt.variable) ||
				strings.Contains(stderr, "hidden") || strings.Contains(stderr, "goroutine") || strings.Count(stderr, "\n") > 3 {
				t.Errorf("%q: exit status %d, %q, %q", tt.env, code, stdout, stderr)
			}
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("no variable here\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := b.run(t, dir, nil, ""); code != 1 || !strings.Contains(stderr, ".env") {
			t.Errorf("a bad .env: exit status %d, %q", code, stderr)
		}
		if code, _, stderr := b.run(t, dir, nil, "", "dance"); code != 1 || !strings.Contains(stderr, "--help") {
			t.Errorf("an unknown command: exit status %d, %q", code, stderr)
		}
		// Nothing listens there: the database is away, and that is said.
		if code, _, stderr := b.run(t, t.TempDir(), []string{"DATABASE_URL=postgres://u:hidden@127.0.0.1:1/x?sslmode=disable", secret}, ""); code != 1 || strings.Contains(stderr, "hidden") || !strings.Contains(stderr, "database") {
			t.Errorf("no database: exit status %d, %q", code, stderr)
		}
	})

	t.Run(".env", func(t *testing.T) {
		dir := t.TempDir()
		text := "# settings\nDATABASE_URL=sqlite:other.db\nPLAYGROUND=true\nACCESS_TOKEN_LIFETIME=\"1h\"\n"
		if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := b.start(t, dir, []string{"PLAYGROUND=false"})
		if status, _ := s.send(t, "GET", "/playground", "", ""); status != http.StatusNotFound {
			t.Errorf("the environment does not come before .env: %d", status)
		}
		s.stop(t)
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
		code, stdout, stderr := b.run(t, t.TempDir(), []string{"ADDR=" + taken.Addr().String()}, "")
		if code != 1 || stdout != "" || !strings.Contains(stderr, "set ADDR") {
			t.Errorf("exit status %d, %q, %q", code, stdout, stderr)
		}
	})

	t.Run("stopping with a request in flight", func(t *testing.T) {
		s := b.start(t, t.TempDir(), nil)
		asha := s.register(t, "asha")
		address := strings.TrimPrefix(s.url, "http://")
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(most))
		body := `{"query":"mutation { createDoctor(input: {name: \"Dr. Rao\", email: \"r@example.com\", specialization: \"X\", licenseNumber: \"R-1\", experienceYears: 1, consultationFee: 1}) { name } }"}`
		fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", address, asha.token, len(body))
		answer := bufio.NewReader(conn)
		if line, err := answer.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
			t.Fatalf("%q, %v", line, err)
		}
		s.cmd.Process.Signal(syscall.SIGTERM) // while the handler waits for the body
		eventually(t, "no new connection", func() bool {
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
		<-s.exited
		if code := s.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit status %d, want 0: %s", code, s.stderr)
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
			{"staff user", password + "\n", staff, 0, "Staff user chandra was created.\n", ""},
			{"staff user again", password + "\n", staff, 1, "", "already exists"},
			{"weak password", "12345678\n", []string{"createsuperuser", "--email", "b@example.com", "--username", "b", "--password-stdin"}, 1, "", "password: This password is entirely numeric."},
			{"no password", "", []string{"createsuperuser", "--email", "b@example.com", "--username", "b", "--password-stdin"}, 1, "", "password: This field may not be blank."},
			{"bad email", password, []string{"createsuperuser", "--email", "b", "--username", "b", "--password-stdin"}, 1, "", "email: Enter a valid email address."},
			{"no terminal", "", []string{"createsuperuser"}, 1, "", "--password-stdin"},
			{"seed", "", []string{"seed"}, 0, "The sample data was added.\n", ""},
			{"seed again", "", []string{"seed"}, 0, "nothing was added.\n", ""},
			{"version", "", []string{"version"}, 0, "caregraph ", ""},
			{"help", "", []string{"--help"}, 0, "DATABASE_URL", ""},
			{"help of serve", "", []string{"serve", "--help"}, 0, "--demo", ""},
			{"help of migrate", "", []string{"migrate", "--help"}, 0, "Usage: caregraph migrate", ""},
			{"help of createsuperuser", "", []string{"createsuperuser", "--help"}, 0, "--password-stdin", ""},
			{"help of seed", "", []string{"seed", "--help"}, 0, "Usage: caregraph seed", ""},
			{"help of version", "", []string{"version", "--help"}, 0, "Usage: caregraph version", ""},
		} {
			code, stdout, stderr := b.run(t, dir, nil, tt.stdin, tt.args...)
			if code != tt.code || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) || strings.Contains(stdout+stderr, password) {
				t.Errorf("%s: exit status %d, %q, %q, want %d, %q, %q", tt.name, code, stdout, stderr, tt.code, tt.stdout, tt.stderr)
			}
		}
		s := b.start(t, dir, nil)
		admin := caller{token: s.login(t, "chandra@example.com").Access}
		s.expect(t, "staff sees the sample data once", admin, `{ viewer { username isStaff } patients { totalCount } doctors { totalCount } mappings { totalCount } }`, nil,
			`{"data":{"viewer":{"username":"chandra","isStaff":true},"patients":{"totalCount":3},"doctors":{"totalCount":3},"mappings":{"totalCount":4}}}`)
		s.stop(t)
	})

	t.Run("servers that start together", func(t *testing.T) {
		url := storetest.Postgres(t)
		storetest.Exec(t, url("postgres"), "CREATE DATABASE together")
		t.Cleanup(func() { storetest.Exec(t, url("postgres"), "DROP DATABASE together WITH (FORCE)") })
		var servers [2]*server
		together(len(servers), func(i int) string {
			servers[i] = b.start(t, t.TempDir(), []string{secret, "DATABASE_URL=" + url("together")})
			return ""
		})
		asha := servers[0].register(t, "asha")
		servers[0].createPatient(t, asha, "Arjun")
		servers[1].expect(t, "one session on both", asha, `{ patients { totalCount } }`, nil, `{"data":{"patients":{"totalCount":1}}}`)
		for _, s := range servers {
			s.stop(t)
		}
	})

	t.Run("killed", func(t *testing.T) {
		dir := t.TempDir()
		s := b.start(t, dir, nil)
		asha := s.register(t, "asha")
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
					request, _ := http.NewRequest("POST", s.url+"/graphql", strings.NewReader(string(body)))
					request.Header = http.Header{"Authorization": {"Bearer " + asha.token}, "Content-Type": {"application/json"}}
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
		s.kill()
		writers.Wait()
		again := b.start(t, dir, nil)
		var in struct {
			Data struct {
				Patients struct{ Nodes []struct{ Name string } }
			}
		}
		again.read(t, asha, `{ patients(first: 100) { nodes { name } } }`, nil, &in)
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
		again.stop(t)
	})
}
