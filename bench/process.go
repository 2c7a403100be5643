package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"caregraph/internal/auth"
	"caregraph/internal/sample"
	"caregraph/internal/store"
)

// key signs the tokens of every target.
const key = "the-key-of-a-benchmark-that-ends-with-it"

// signIn returns an access token for each of the first users.
func signIn(ctx context.Context, db *store.DB, users int) ([]string, error) {
	authn := auth.New(db.Client(), auth.Options{Key: []byte(key), Access: 24 * time.Hour, Refresh: 24 * time.Hour})
	tokens := make([]string, users)
	for i := range tokens {
		session, err := authn.Login(ctx, sample.Email(i+1), sample.Password)
		if err != nil {
			return nil, err
		}
		tokens[i] = session.Access
	}
	return tokens, nil
}

// process is a target that runs.
type process struct {
	name  string
	url   string // without a slash at the end
	debug string // the same, of its memory figures
	cmd   *exec.Cmd
}

// startTarget starts the server or a floor and waits until it answers.
func startTarget(ctx context.Context, name, binary, database string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-floor", name)
	// These limits are those of a user, and a benchmark has few.
	cmd.Env = []string{"DATABASE_URL=" + database, "SECRET_KEY=" + key, "ADDR=127.0.0.1:0", "DEBUG_ADDR=127.0.0.1:0", "RATE_LIMIT=0", "MAX_SUBSCRIPTIONS=0"}
	for _, setting := range []string{"GOGC", "GOMEMLIMIT"} {
		if value, ok := os.LookupEnv(setting); ok {
			cmd.Env = append(cmd.Env, setting+"="+value)
		}
	}
	if name == "server" {
		cmd.Path, cmd.Args = binary, []string{binary}
	}
	cmd.Dir = filepath.Dir(binary)
	cmd.Stderr = io.Discard
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{name: name, cmd: cmd}
	lines := bufio.NewScanner(out)
	for p.debug == "" && lines.Scan() {
		if m := regexp.MustCompile(`(http://[^/]+)/(graphql|debug)`).FindStringSubmatch(lines.Text()); m != nil && m[2] == "debug" {
			p.debug = m[1]
		} else if m != nil {
			p.url = m[1]
		}
	}
	go io.Copy(io.Discard, out)
	if p.url == "" || p.debug == "" {
		p.stop()
		return nil, fmt.Errorf("it did not start")
	}
	return p, nil
}

func (p *process) stop() {
	p.cmd.Process.Signal(os.Interrupt)
	p.cmd.Wait()
}

// memory is a part of runtime.MemStats.
type memory struct{ Mallocs, HeapInuse uint64 }

func (p *process) memory() (memory, error) {
	var vars struct{ Memstats memory }
	err := p.get("/debug/vars", func(body io.Reader) error { return json.NewDecoder(body).Decode(&vars) })
	return vars.Memstats, err
}

// collect makes the process give up the memory it does not need.
func (p *process) collect() error {
	return p.get("/debug/pprof/heap?gc=1", discard)
}

// goroutines returns how many the process has.
func (p *process) goroutines() (n int, err error) {
	err = p.get("/debug/pprof/goroutine?debug=1", func(body io.Reader) error {
		_, err := fmt.Fscanf(body, "goroutine profile: total %d", &n)
		return err
	})
	return n, err
}

func (p *process) get(path string, read func(io.Reader) error) error {
	reply, err := http.Get(p.debug + path)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	return read(reply.Body)
}

func discard(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// resident returns the resident memory of the process in bytes: now, and the
// most it ever had.
func (p *process) resident() (now, peak int, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	figure := func(name string) int {
		m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
		if m == nil {
			return 0
		}
		n, _ := strconv.Atoi(string(m[1]))
		return n << 10
	}
	return figure("VmRSS"), figure("VmHWM"), nil
}

// cpu returns the CPU time that the process has used.
func (p *process) cpu() time.Duration { return cpu(p.cmd.Process.Pid) }

// cpu returns the CPU time that all threads of a process have used, which
// /proc has in nanoseconds (Linux, proc_pid_schedstat); 0 if it is gone.
func cpu(pid int) time.Duration {
	var sum time.Duration
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it ended
		}
		ns, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.ParseInt(ns, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}

// system is a PostgreSQL server.
type system struct{ postmaster int }

// used is the CPU time of processes by their ids.
type used map[int]time.Duration

// cpu returns the CPU time of all its processes but those that clean up after
// others.
func (s *system) cpu() used {
	times := used{}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.postmaster, s.postmaster))
	for _, child := range strings.Fields(string(children)) {
		title, _ := os.ReadFile("/proc/" + child + "/cmdline")
		if pid, err := strconv.Atoi(child); err == nil && !strings.Contains(string(title), "autovacuum") {
			times[pid] = cpu(pid)
		}
	}
	return times
}

// since returns the CPU time that was used since before; what a process used
// that has ended meanwhile is not known.
func (u used) since(before used) (sum time.Duration) {
	for pid, time := range u {
		sum += time - before[pid]
	}
	return sum
}
