package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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

// Program is the executable, built for a test.
type Program struct{ path string }

// built is the executable of the tests of a package, which link it once.
var built = sync.OnceValues(func() (Program, error) {
	dir, err := os.MkdirTemp("", "caregraph-program")
	if err != nil {
		return Program{}, err
	}
	storetest.AtEnd(func() { os.RemoveAll(dir) })
	p := Program{filepath.Join(dir, "caregraph")}
	if out, err := exec.Command("go", "build", "-o", p.path, Path(".")).CombinedOutput(); err != nil {
		return Program{}, fmt.Errorf("%w\n%s", err, out)
	}
	return p, os.Chmod(dir, 0o755)
})

// Build returns the program. The tests of the package must be run by storetest.Main.
func Build(t *testing.T) Program {
	t.Helper()
	p, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// At returns the program at the path.
func At(path string) Program { return Program{path} }

// Most is how long anything a process does may take, on a machine that does much else.
const Most = time.Minute

// Command prepares the program to run in the folder with this environment and
// no other.
func (b Program) Command(t *testing.T, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Most)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, b.path, args...)
	c.Dir, c.Env = dir, env
	return c
}

// Run runs the program to its end.
func (b Program) Run(t *testing.T, dir string, env []string, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := b.Command(t, dir, env, args...)
	var out, errs strings.Builder
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errs
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// Server is the program while it serves.
type Server struct {
	API
	Cmd      *exec.Cmd
	Profiles string // URL of the private address, if there is one
	Metrics  string // URL of the metrics, if there are some
	Stderr   *Journal
	Exited   chan struct{}
}

var (
	Greeting = regexp.MustCompile(`GraphQL +(http://\S+)/graphql`)
	Private  = regexp.MustCompile(`Profiles +(http://\S+)/debug/pprof/`)
	measured = regexp.MustCompile(`Metrics +(http://\S+)`)
)

// Start serves on a free port and waits for the greeting. Asked to stop, it does so at once,
// unless env says otherwise.
func (b Program) Start(t *testing.T, dir string, env []string, args ...string) *Server {
	t.Helper()
	c := b.Command(t, dir, append([]string{"ADDR=127.0.0.1:0", "DRAIN=0"}, env...), args...)
	s := &Server{Cmd: c, Stderr: &Journal{}, Exited: make(chan struct{})}
	c.Stderr = s.Stderr
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	lines := bufio.NewScanner(stdout)
	has := func(setting string) bool {
		return slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, setting+"=") })
	}
	for (s.URL == "" || has("DEBUG_ADDR") && s.Profiles == "" || has("METRICS_ADDR") && s.Metrics == "") && lines.Scan() {
		if found := Greeting.FindStringSubmatch(lines.Text()); found != nil {
			s.URL = found[1]
		}
		if found := Private.FindStringSubmatch(lines.Text()); found != nil {
			s.Profiles = found[1]
		}
		if found := measured.FindStringSubmatch(lines.Text()); found != nil {
			s.Metrics = found[1]
		}
	}
	go func() {
		defer close(s.Exited)
		io.Copy(io.Discard, stdout)
		c.Wait()
	}()
	if s.URL == "" {
		<-s.Exited
		t.Fatalf("the server did not start: %s", s.Stderr)
	}
	return s
}

// Kill ends the process at once, as kill -9 does.
func (s *Server) Kill() {
	s.Cmd.Process.Kill()
	<-s.Exited
}

// Stop ends the server as an operator does.
func (s *Server) Stop(t *testing.T) {
	t.Helper()
	s.Cmd.Process.Signal(syscall.SIGTERM)
	<-s.Exited
	if code := s.Cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d after SIGTERM, want 0: %s", code, s.Stderr)
	}
}

// Eventually waits until ok returns true.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range int(Most / (10 * time.Millisecond)) {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatalf("not in %s: %s", Most, what)
}
