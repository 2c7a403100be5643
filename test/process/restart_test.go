package process_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestStop asks a server in each way to stop, and looks at what clients, a balancer and systemd
// see meanwhile.
func TestStop(t *testing.T) {
	program := harness.Build(t)
	start := func(t *testing.T, env ...string) *harness.Server {
		return program.Start(t, t.TempDir(), append([]string{"DATABASE_URL=sqlite::memory:", "SECRET_KEY=" + strings.Repeat("k", 32)}, env...))
	}

	t.Run("it drains", func(t *testing.T) {
		state, err := net.ListenPacket("unixgram", filepath.Join(t.TempDir(), "notify"))
		if err != nil {
			t.Fatal(err)
		}
		defer state.Close()
		state.SetDeadline(time.Now().Add(harness.Most))
		told := func(want string) {
			t.Helper()
			for text := make([]byte, 100); ; {
				n, _, err := state.ReadFrom(text)
				if err != nil || want != "WATCHDOG=1" && string(text[:n]) != "WATCHDOG=1" && string(text[:n]) != want {
					t.Fatalf("systemd is told %q, %v, want %q", text[:n], err, want)
				}
				if string(text[:n]) == want {
					return
				}
			}
		}
		s := start(t, "DRAIN=2s", "NOTIFY_SOCKET="+state.LocalAddr().String(), "WATCHDOG_USEC=100000")
		told("READY=1")
		told("WATCHDOG=1")
		told("WATCHDOG=1")
		asha := s.Register(t, "asha")
		begin := time.Now()
		s.Cmd.Process.Signal(syscall.SIGTERM)
		told("STOPPING=1")
		harness.Eventually(t, "a balancer is told", func() bool {
			status, text := s.Send(t, "GET", "/readyz", "", "")
			return status == http.StatusServiceUnavailable && text == "not ready: the server stops\n"
		})
		status, header, _ := s.Do(t, "POST", "/graphql", http.Header{"Authorization": {"Bearer " + asha.Token}, "Content-Type": {"application/json"}}, `{"query":"{ viewer { username } }"}`)
		if status != http.StatusOK || time.Since(begin) > 2*time.Second {
			t.Errorf("a request after %s: %d %v", time.Since(begin), status, header)
		}
		told("WATCHDOG=1")
		<-s.Exited
		if code, took := s.Cmd.ProcessState.ExitCode(), time.Since(begin); code != 0 || took < 2*time.Second {
			t.Errorf("exit status %d after %s", code, took)
		}
	})

	t.Run("connections end", func(t *testing.T) {
		s := start(t, "DRAIN=1m")
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(harness.Most))
		s.Cmd.Process.Signal(syscall.SIGTERM)
		harness.Eventually(t, "it drains", func() bool {
			status, _ := s.Send(t, "GET", "/readyz", "", "")
			return status == http.StatusServiceUnavailable
		})
		fmt.Fprint(conn, "GET /health/ HTTP/1.1\r\nHost: localhost\r\n\r\n") // on a connection of before
		if answer, err := io.ReadAll(conn); err != nil || !strings.Contains(string(answer), "\r\nConnection: close\r\n") || !strings.HasSuffix(string(answer), "ok\n") {
			t.Errorf("%q, %v", answer, err)
		}
		s.Cmd.Process.Signal(syscall.SIGTERM) // who asks twice does not want to wait
		<-s.Exited
		if status := s.Cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
			t.Errorf("asked twice, it ends with %v", s.Cmd.ProcessState)
		}
	})

	t.Run("at a terminal", func(t *testing.T) {
		s := start(t, "DRAIN=1h")
		s.Cmd.Process.Signal(os.Interrupt)
		<-s.Exited
		if code := s.Cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit status %d", code)
		}
	})
}

// balancer is HAProxy before servers of which each may stop.
func balancer(t *testing.T, servers []*harness.Server) string {
	t.Helper()
	address := harness.FreeAddress(t)
	config := `defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  option redispatch
  retries 3
  retry-on conn-failure
frontend front
  bind ` + address + `
  default_backend servers
backend servers
  balance roundrobin
  option httpchk GET /readyz
  default-server check inter 100ms fall 1 rise 1
`
	for i, s := range servers {
		config += fmt.Sprintf("  server s%d %s\n", i, strings.TrimPrefix(s.URL, "http://"))
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	harness.Beside(t, "haproxy", "-db", "-f", file)
	harness.Eventually(t, "the balancer answers", func() bool {
		response, err := http.Get("http://" + address + "/readyz")
		if err == nil {
			response.Body.Close()
		}
		return err == nil && response.StatusCode == http.StatusOK
	})
	return "http://" + address
}

// TestRollingRestart restarts three servers behind HAProxy one by one, three times, while
// clients read, write and follow: no request fails, and nobody who follows misses anything. Of
// a server that is killed only what was under way fails.
func TestRollingRestart(t *testing.T) {
	const clients = 6
	program, dir := harness.Build(t), t.TempDir()
	env := []string{"DATABASE_URL=" + storetest.URL(t, dialect.Postgres), "SECRET_KEY=" + strings.Repeat("k", 32), "RATE_LIMIT=0", "DRAIN=1s", "TRUSTED_PROXIES=127.0.0.1/32"}
	var servers []*harness.Server
	for range 3 {
		servers = append(servers, program.Start(t, dir, env))
	}
	front := balancer(t, servers)
	asha := servers[0].Register(t, "asha")
	id := servers[0].CreatePatient(t, asha, "Arjun")
	follow := startFollowers(t, []string{front}, []harness.Caller{asha})

	var failed, answered, written atomic.Int64
	var stop atomic.Bool
	var load sync.WaitGroup
	for client := range clients {
		load.Go(func() {
			connection := &http.Client{Transport: &http.Transport{}, Timeout: harness.Most}
			for i := 0; !stop.Load(); i++ {
				body := fmt.Sprintf(`{"query":"{ patient(id: %d) { name } }"}`, id)
				if i%3 == 0 {
					body = fmt.Sprintf(`{"query":"mutation { createPatient(input: {name: \"P %d %d\", phone: \"9876543210\", gender: MALE, dateOfBirth: \"1990-05-15\", address: \"Pune\"}) { name } }"}`, client, i)
				}
				request, _ := http.NewRequest("POST", front+"/graphql", strings.NewReader(body))
				request.Header = http.Header{"Authorization": {"Bearer " + asha.Token}, "Content-Type": {"application/json"}}
				response, err := connection.Do(request)
				var text []byte
				if err == nil {
					text, err = io.ReadAll(response.Body)
					response.Body.Close()
				}
				if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(text), `"name"`) {
					failed.Add(1)
					t.Logf("%v %s", err, text)
				} else if answered.Add(1); i%3 == 0 {
					written.Add(1)
				}
			}
		})
	}
	for range 3 {
		for i, s := range servers {
			s.Stop(t)
			servers[i] = program.Start(t, dir, append(env, "ADDR="+strings.TrimPrefix(s.URL, "http://")))
			time.Sleep(300 * time.Millisecond) // until the balancer has seen it
		}
	}
	t.Logf("%d requests answered, %d failed", answered.Load(), failed.Load())
	if failed.Load() > 0 || answered.Load() < 100 {
		t.Errorf("of %d requests %d failed", failed.Load()+answered.Load(), failed.Load())
	}

	before := failed.Load()
	servers[0].Kill()
	time.Sleep(time.Second)
	if lost := failed.Load() - before; lost > clients {
		t.Errorf("a server that was killed took %d requests of %d clients with it", lost, clients)
	}
	stop.Store(true)
	load.Wait()

	var stored int64
	db := storetest.Open(t, strings.TrimPrefix(env[0], "DATABASE_URL="))
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM patients").Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if want := written.Load() + 1; stored < want || stored > want+clients {
		t.Errorf("%d patients are stored, %d were answered", stored, want)
	}
	harness.Eventually(t, "who follows shows everybody", func() bool {
		for _, shown := range follow.show(t) {
			if int64(len(shown.Patients)) != stored || len(shown.Errors) > 0 {
				time.Sleep(100 * time.Millisecond)
				return false
			}
		}
		return true
	})
	for i, shown := range follow.show(t) {
		t.Logf("client %d: %d events, %d to ask again, connected %d times", i, shown.Events, shown.Resyncs, shown.Connects)
	}
}
