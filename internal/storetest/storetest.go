// Package storetest gives tests real databases: a SQLite file always, and a
// PostgreSQL database when the machine has its server. The server is a private
// one, on a free port, in a temporary folder, and gone when the tests end.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/store"
)

// Main runs the tests of a package that uses Postgres, and ends the server.
func Main(m *testing.M) {
	code := m.Run()
	if server.stop != nil {
		server.stop()
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
	db, err := store.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Migrate(t.Context()); err != nil {
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

// server is the PostgreSQL server that the tests of a process share.
var server struct {
	once sync.Once
	err  error
	stop func()
	url  func(database string) string
}

// Postgres returns the URLs of the databases of the server. It skips the test
// if the machine has no PostgreSQL, and fails it with CI=true.
func Postgres(t testing.TB) func(database string) string {
	t.Helper()
	bin := binaries()
	if bin == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PostgreSQL is not installed")
		}
		t.Skip("PostgreSQL is not installed; the test ran on SQLite only")
	}
	server.once.Do(func() { server.url, server.stop, server.err = Start(bin) })
	if server.err != nil {
		t.Fatal(server.err)
	}
	return server.url
}

// binaries returns the folder of PostgreSQL's programs: on PATH, or where
// Debian and Homebrew put them; of several the newest.
func binaries() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
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

// Start starts a PostgreSQL server from the programs in bin, with a migrated
// database named template, and returns its URLs and what stops it and removes
// its files. It is durable only as long as the machine runs.
func Start(bin string) (url func(string) string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "caregraph-postgres")
	if err != nil {
		return nil, nil, err
	}
	remove := func() { os.RemoveAll(dir) }
	credential, err := unprivileged(dir)
	if err != nil {
		remove()
		return nil, nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := command(credential, dir, filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		remove()
		return nil, nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := freePort()
	if err != nil {
		remove()
		return nil, nil, err
	}
	postgres := command(credential, dir, filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")
	if err := postgres.Start(); err != nil {
		remove()
		return nil, nil, err
	}
	stop = func() {
		postgres.Process.Signal(os.Interrupt)
		postgres.Wait()
		remove()
	}
	url = func(database string) string {
		return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", port, database)
	}
	if err := prepare(url); err != nil {
		stop()
		return nil, nil, err
	}
	return url, stop, nil
}

// prepare waits for the server and makes the database template.
func prepare(url func(string) string) error {
	admin, err := sql.Open("postgres", url("postgres"))
	if err != nil {
		return err
	}
	defer admin.Close()
	for range 200 {
		if err = admin.Ping(); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("the PostgreSQL server does not answer: %w", err)
	}
	if _, err := admin.Exec("CREATE DATABASE template"); err != nil {
		return err
	}
	db, err := store.Open(url("template"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Migrate(context.Background())
	return err
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

func command(credential *syscall.Credential, dir, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = dir
	c.SysProcAttr = dyingWithParent()
	c.SysProcAttr.Credential = credential
	return c
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
