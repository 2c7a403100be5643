package storetest

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Standby returns a running copy of the server that follows it (a hot standby), until the test
// ends. From then on the server acknowledges nothing that the standby does not have.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "caregraph-postgres")
	if err != nil {
		t.Fatal(err)
	}
	standby := &Server{bin: s.bin, dir: dir}
	t.Cleanup(standby.Remove)
	if standby.credential, err = unprivileged(dir); err != nil {
		t.Fatal(err)
	}
	if standby.port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	copying := standby.command("pg_basebackup", "-d", s.URL("postgres"), "-R", "-c", "fast", "--no-sync")
	if out, err := copying.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	if err := os.Chmod(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := standby.Start(); err != nil {
		t.Fatal(err)
	}
	Exec(t, s.URL("postgres"), "ALTER SYSTEM SET synchronous_standby_names = '*'")
	Exec(t, s.URL("postgres"), "SELECT pg_reload_conf()")
	return standby
}

// Kill ends the server as a power cut does: all of its processes at once.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	db, err := sql.Open("postgres", s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT pid FROM pg_stat_activity WHERE pid IS NOT NULL")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	processes := []int{s.PID()}
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			t.Fatal(err)
		}
		processes = append(processes, pid)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range processes {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	s.process.Wait()
	s.process = nil
}

// Promote makes a standby a primary.
func (s *Server) Promote(t testing.TB) { Exec(t, s.URL("postgres"), "SELECT pg_promote()") }

// Pair returns the URL of a database of two servers, of which the one counts that takes writes.
func Pair(a, b *Server, database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/%s?sslmode=disable&target_session_attrs=read-write", a.port, b.port, database)
}
