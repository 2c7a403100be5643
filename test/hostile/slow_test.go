package hostile_test

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"caregraph/test/harness"
)

// TestSlowConnections checks that clients that send their headers or bodies one
// byte a second hold nobody up, and are sent away within the timeouts. There
// are as many as SLOW_CONNECTIONS says, or 400: more than requests that may be
// served at once.
func TestSlowConnections(t *testing.T) {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("SLOW_CONNECTIONS"), "400"))
	if err != nil {
		t.Fatal(err)
	}
	s := harness.Build(t).Start(t, t.TempDir(), []string{"RATE_LIMIT=1000000"})
	asha := s.Register(t, "asha")
	address := strings.TrimPrefix(s.URL, "http://")
	starts := []struct {
		name, begin, goes string
		within            time.Duration
	}{
		{"headers", "POST /graphql HTTP/1.1\r\nHost: x\r\nX: ", "x", 5 * time.Second},
		{"a body for GraphQL", "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n", " ", 15 * time.Second},
		{"a body for REST", "POST /api/auth/login/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n", " ", 15 * time.Second},
	}
	closed := make([]time.Duration, n)
	var open sync.WaitGroup
	done := make(chan struct{})
	for i := range n {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		begin, kind := time.Now(), starts[i%len(starts)]
		conn.SetDeadline(begin.Add(harness.Most))
		if _, err := io.WriteString(conn, kind.begin); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		open.Go(func() { // until the server closes it
			defer close(ended)
			defer conn.Close()
			_, err := io.Copy(io.Discard, conn)
			closed[i] = time.Since(begin)
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Errorf("%s: not closed in %s", kind.name, closed[i])
			}
		})
		go func() {
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				select {
				case <-ended:
					return
				case <-tick.C:
					io.WriteString(conn, kind.goes)
				}
			}
		}()
	}
	go func() { open.Wait(); close(done) }()
	var took []time.Duration
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting; {
		start := time.Now()
		if status, reply := s.Send(t, "POST", "/graphql", asha.Token, `{"query":"{ viewer { username patients { totalCount } } }"}`); status != http.StatusOK {
			t.Errorf("a normal client: %d %s", status, reply)
		}
		took = append(took, time.Since(start))
		select {
		case <-done:
			waiting = false
		case <-tick.C:
		}
	}
	slices.Sort(took)
	t.Logf("%d slow connections; %d requests of a normal client: median %s, 99 %% %s, longest %s", n, len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	if longest := took[len(took)-1]; longest > 2*time.Second {
		t.Errorf("a normal client waited for %s", longest)
	}
	for k, kind := range starts {
		var first, last time.Duration
		for i := k; i < n; i += len(starts) {
			first, last = cmp.Or(min(first, closed[i]), closed[i]), max(last, closed[i])
		}
		t.Logf("%s: closed after %s", kind.name, fmt.Sprintf("%.1f to %.1f s", first.Seconds(), last.Seconds()))
		if last > kind.within+3*time.Second {
			t.Errorf("%s: closed after %s, want %s", kind.name, last, kind.within)
		}
	}
	if strings.Contains(s.Stderr.String(), "panic") {
		t.Errorf("the log has %.2000s", s.Stderr)
	}
}
