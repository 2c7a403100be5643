package harness

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Guess signs in over REST as a client with the address that a proxy tells.
func (a *API) Guess(t testing.TB, address, email, password string) (status int, wait string) {
	t.Helper()
	header := http.Header{"Content-Type": {"application/json"}, "X-Forwarded-For": {address}}
	status, answered, reply := a.Do(t, "POST", "/api/auth/login/", header, fmt.Sprintf(`{"email":%q,"password":%q}`, email, password))
	want := map[int]string{
		http.StatusUnauthorized:    `{"detail":"No active account found with the given credentials"}`,
		http.StatusTooManyRequests: `{"detail":"Too many failed attempts. Try again later."}`,
	}[status]
	if want != "" && reply != want {
		t.Errorf("%d is answered with %s, want %s", status, reply, want)
	}
	return status, answered.Get("Retry-After")
}

// Memory returns what the system tells of the server's memory, in KiB.
func (s *Server) Memory(t testing.TB) map[string]int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB")); err == nil {
			sizes[name] = n
		}
	}
	if !slices.Contains(slices.Collect(maps.Keys(sizes)), "VmHWM") {
		t.Fatal("the system does not tell the memory of a process")
	}
	return sizes
}
