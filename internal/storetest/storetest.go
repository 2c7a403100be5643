// Package storetest gives tests real databases: a SQLite file always, and a
// PostgreSQL database when the machine has its server. The server is a private
// one, on a free port, in a temporary folder, and gone when the tests end.
package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/store"
)

// atEnd is called when the tests of a package have run.
var atEnd []func()

// AtEnd has f called when the tests of the package have run, if Main runs them.
func AtEnd(f func()) { atEnd = append(atEnd, f) }

// Main runs the tests of a package that uses Postgres or AtEnd, and ends the server.
func Main(m *testing.M) {
	code := m.Run()
	for _, f := range atEnd {
		f()
	}
	if server.through != nil {
		server.through.Stop()
	}
	if server.Server != nil {
		server.Remove()
	}
	os.Exit(code)
}

// Each runs the test once on each database: SQLite always; PostgreSQL is
// skipped when the machine does not have it, but with CI=true that fails.
func Each(t *testing.T, f func(t *testing.T, db *store.DB)) {
	t.Run("sqlite", func(t *testing.T) { f(t, Open(t, URL(t, dialect.SQLite))) })
	t.Run("postgres", func(t *testing.T) { f(t, Open(t, URL(t, dialect.Postgres))) })
}

// Open opens the database of the URL, and closes it when the test ends.
func Open(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Migrate(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return db
}

// URL returns the DATABASE_URL of a new database, which is gone when the test
// ends. That of PostgreSQL has all tables already.
func URL(t testing.TB, kind string) string {
	t.Helper()
	if kind == dialect.SQLite {
		return "sqlite:" + filepath.Join(t.TempDir(), "caregraph.db")
	}
	url := Postgres(t)
	name := fmt.Sprintf("test%d", databases.Add(1))
	Exec(t, url("postgres"), "CREATE DATABASE "+name+" TEMPLATE template")
	t.Cleanup(func() { Exec(t, url("postgres"), "DROP DATABASE "+name+" WITH (FORCE)") })
	return url(name)
}

var databases atomic.Int64

// Exec runs a statement on the database of the URL.
func Exec(t testing.TB, url, statement string) {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

// Explain returns the plan of a query on PostgreSQL.
func Explain(t testing.TB, db *store.DB, query string, args ...any) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

// server is the PostgreSQL server that the tests of a process share.
var server struct {
	once sync.Once
	err  error
	*Server
	through *Pooler // if the tests are Pooled
}

// open opens the database of the URL, through the pooler if there is one before its server.
func open(url string) (*store.DB, error) {
	if server.through == nil || strings.HasPrefix(url, "sqlite:") {
		return store.Open(url)
	}
	return store.OpenPooled(server.through.through(server.Server, url), url)
}

// Postgres returns the URLs of the databases of the server. It skips the test
// if the machine has no PostgreSQL, and fails it with CI=true.
func Postgres(t testing.TB) func(database string) string {
	t.Helper()
	bin := programs(t)
	server.once.Do(func() {
		if server.Server, server.err = newServer(bin); server.err == nil && Pooled {
			server.through, server.err = server.NewPooler("pool_mode = transaction")
		}
	})
	if server.err != nil {
		t.Fatal(server.err)
	}
	return server.URL
}

// Own returns a server for this test alone, which may stop and start it. It
// skips the test as Postgres does.
func Own(t testing.TB) *Server {
	t.Helper()
	s, err := newServer(programs(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Remove)
	return s
}

func programs(t testing.TB) string {
	t.Helper()
	bin := binaries()
	if bin == "" {
		Missing(t, errors.New("PostgreSQL is not installed; the test ran on SQLite only"))
	}
	return bin
}

// Missing skips a test for what the machine does not have, and fails it with CI=true.
func Missing(t testing.TB, what error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// binaries returns the folder of PostgreSQL's programs: on PATH, or where
// Debian and Homebrew put them; of several the newest.
func binaries() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil { // beside which the other programs are
			return filepath.Dir(real)
		}
	}
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/opt/homebrew/opt/postgresql@*/bin/initdb", "/usr/local/opt/postgresql@*/bin/initdb"} {
		paths, _ := filepath.Glob(pattern)
		found = append(found, paths...)
	}
	if found == nil {
		return ""
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1])
}

// NewServer starts a PostgreSQL server from the machine's programs, with a
// migrated database named template. It is durable only as long as the machine
// runs. The caller removes it.
func NewServer() (*Server, error) {
	bin := binaries()
	if bin == "" {
		return nil, errors.New("PostgreSQL is not installed")
	}
	return newServer(bin)
}

// Server is a PostgreSQL server on a port of its own.
type Server struct {
	bin, dir   string
	port       int
	credential *syscall.Credential
	process    *exec.Cmd // nil while it is stopped
}

func newServer(bin string) (s *Server, err error) {
	dir, err := os.MkdirTemp("", "caregraph-postgres")
	if err != nil {
		return nil, err
	}
	s = &Server{bin: bin, dir: dir}
	defer func(begun *Server) {
		if err != nil {
			begun.Remove()
		}
	}(s)
	if s.credential, err = unprivileged(dir); err != nil {
		return nil, err
	}
	initdb := s.command("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		return nil, err
	}
	return s, s.prepare()
}

// URL returns the DATABASE_URL of a database of the server.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// Start starts the server, on the same port and with the same databases as
// before, and waits until it answers.
func (s *Server) Start() error {
	process := s.command("postgres", "-p", strconv.Itoa(s.port), "-k", s.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")
	if err := process.Start(); err != nil {
		return err
	}
	s.process = process
	admin, err := sql.Open("postgres", s.URL("postgres"))
	if err != nil {
		return err
	}
	defer admin.Close()
	for range 200 {
		if err = admin.Ping(); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the PostgreSQL server does not answer: %w", err)
}

// Stop ends the server and every connection to it, and waits until it is gone.
func (s *Server) Stop() {
	if s.process != nil {
		s.process.Process.Signal(os.Interrupt)
		s.process.Wait()
		s.process = nil
	}
}

// PID returns the id of the process that is the parent of all others of the
// server.
func (s *Server) PID() int { return s.process.Process.Pid }

// Remove ends the server and removes its files.
func (s *Server) Remove() {
	s.Stop()
	os.RemoveAll(s.dir)
}

// prepare makes the database template.
func (s *Server) prepare() error {
	admin, err := sql.Open("postgres", s.URL("postgres"))
	if err != nil {
		return err
	}
	defer admin.Close()
	if _, err := admin.Exec("CREATE DATABASE template"); err != nil {
		return err
	}
	db, err := store.Open(s.URL("template"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Migrate(context.Background(), slog.New(slog.DiscardHandler))
	return err
}

func (s *Server) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, program), append([]string{"-D", filepath.Join(s.dir, "data")}, args...)...)
	c.Dir = s.dir
	c.SysProcAttr = dyingWithParent()
	c.SysProcAttr.Credential = s.credential
	return c
}

// unprivileged returns whom the server runs as: PostgreSQL refuses to run as
// root. The folder is made that user's.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
