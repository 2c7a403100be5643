package storetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Pooled tells whether the tests of this process reach PostgreSQL through PgBouncer in
// transaction mode: the environment says POOLER=pgbouncer.
var Pooled = os.Getenv("POOLER") == "pgbouncer"

// Pooler is PgBouncer before a server.
type Pooler struct {
	port    int
	process *exec.Cmd
}

// NewPooler starts PgBouncer before the server with more lines of its configuration, such as
// pool_mode = transaction. The caller stops it.
func (s *Server) NewPooler(lines ...string) (*Pooler, error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			return nil, err
		}
	}
	p := &Pooler{}
	if p.port, err = freePort(); err != nil {
		return nil, err
	}
	config := filepath.Join(s.dir, fmt.Sprintf("pgbouncer%d.ini", p.port))
	text := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = any\nlog_connections = 0\nlog_disconnections = 0\n%s\n",
		s.port, p.port, strings.Join(lines, "\n"))
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	p.process = exec.Command(program, "-q", config)
	p.process.SysProcAttr = dyingWithParent()
	p.process.SysProcAttr.Credential = s.credential
	if err := p.process.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", p.port))
		if err == nil {
			c.Close()
			return p, nil
		}
		time.Sleep(25 * time.Millisecond)
	}
	p.Stop()
	return nil, fmt.Errorf("%s does not answer", program)
}

// Stop ends the pooler.
func (p *Pooler) Stop() {
	p.process.Process.Signal(syscall.SIGTERM)
	p.process.Wait()
}

// through returns the URL with the pooler in the place of the server.
func (p *Pooler) through(s *Server, url string) string {
	return strings.Replace(url, fmt.Sprintf("127.0.0.1:%d/", s.port), fmt.Sprintf("127.0.0.1:%d/", p.port), 1)
}

// Through returns another URL of a database of the server that the tests share: through PgBouncer,
// which is started with these lines of its configuration and ends with the test. Without
// PgBouncer the test is skipped, but with CI=true it fails.
func Through(t testing.TB, url string, lines ...string) string {
	t.Helper()
	p, err := server.NewPooler(lines...)
	if err != nil {
		Missing(t, err)
	}
	t.Cleanup(p.Stop)
	return p.through(server.Server, url)
}
