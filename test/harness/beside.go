package harness

import (
	"net"
	"os/exec"
	"testing"

	"caregraph/internal/storetest"
)

// Beside starts a program that is not ours, such as haproxy, which ends with the test. What it
// says is the test's output. Without it the test is skipped, but with CI=true it fails.
func Beside(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(Installed(t, name), args...)
	c.Stdout, c.Stderr = t.Output(), t.Output()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	return c
}

// Installed returns the path of a program of Debian's packages. Without it the test is skipped,
// but with CI=true it fails.
func Installed(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		storetest.Missing(t, err)
	}
	return path
}

// FreeAddress returns an address of this machine on which nobody listens.
func FreeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
