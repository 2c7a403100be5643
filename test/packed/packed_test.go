// Package packed_test is about what operators are given: the binary, and the files in
// deploy/ that run it.
package packed_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

const version = "v1.2.3"

// build builds the binary that is released, from the source in the folder.
func build(t *testing.T, source, file string) harness.Program {
	t.Helper()
	c := exec.CommandContext(t.Context(), filepath.Join(source, "deploy", "build"), file)
	c.Env = append(os.Environ(), "VERSION="+version, "GOFLAGS=-tags=other") // what a machine is set to makes no difference
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return harness.At(file)
}

// TestReproducible checks that the binary of one source is the same bytes from whatever
// folder, and tells its version.
func TestReproducible(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("deploy/build is for bash")
	}
	list, err := exec.CommandContext(t.Context(), "git", "-C", harness.Path("."), "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Skip("not from a clone: ", err)
	}
	elsewhere := filepath.Join(t.TempDir(), "a", "longer", "path")
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		from, to := harness.Path(name), filepath.Join(elsewhere, name)
		text, err := os.ReadFile(from)
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
	here, err := filepath.Abs(harness.Path("."))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var sums [2]string
	for i, source := range []string{here, elsewhere} {
		file := filepath.Join(dir, fmt.Sprint("caregraph", i))
		b := build(t, source, file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = fmt.Sprintf("%x", sha256.Sum256(text))
		if strings.Contains(string(text), source) {
			t.Errorf("the binary names %s", source)
		}
		if code, stdout, stderr := b.Run(t, dir, nil, "", "version"); code != 0 || stdout != "caregraph "+version+"\n" {
			t.Errorf("version: %d, %q, %q", code, stdout, stderr)
		}
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds differ: %s and %s", sums[0], sums[1])
	}
	t.Log("SHA-256", sums[0])
}

// TestEmptyRoot runs the binary as the image does: nothing else is there, the root is
// read-only, and /data is the one folder to write in.
func TestEmptyRoot(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("containers are of Linux")
	}
	root, data := t.TempDir(), t.TempDir()
	build(t, harness.Path("."), filepath.Join(root, "caregraph"))
	for name, mode := range map[string]os.FileMode{root: 0o777, filepath.Join(root, "caregraph"): 0o755, data: 0o700} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	apart, user := "unshare --mount --map-root-user", ""
	if os.Getuid() == 0 {
		const nobody = 65532 // as in Dockerfile
		apart, user = "unshare --mount", fmt.Sprintf("--setgid=%d --setuid=%d", nobody, nobody)
		if err := os.Chown(data, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", apart+" mount --bind "+root+" "+root).CombinedOutput(); err != nil {
		storetest.Missing(t, fmt.Errorf("no folder can be mounted here: %s", out))
	}
	script := filepath.Join(t.TempDir(), "contained")
	text := fmt.Sprintf(`#!/bin/sh
exec %s sh -e -c '
mount --bind %[2]s %[2]s
mount --bind %[3]s %[2]s/data
mount -o remount,bind,ro %[2]s
exec unshare --root=%[2]s --wd=/data %[4]s /caregraph "$@"' caregraph "$@"
`, apart, root, data, user)
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	contained := harness.At(script)
	if code, _, stderr := contained.Run(t, "/", []string{"DATABASE_URL=sqlite:/other.db"}, ""); code != 1 || !strings.Contains(stderr, "read-only file system") {
		t.Fatalf("the root is not read-only: %d, %s", code, stderr)
	}

	s := contained.Start(t, "/", nil)
	for _, path := range []string{"/health/", "/readyz", "/admin/"} {
		if status, reply := s.Send(t, "GET", path, "", ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, reply)
		}
	}
	asha := s.Register(t, "asha")
	s.CreatePatient(t, asha, "Arjun")
	again := harness.Caller{Token: s.Login(t, asha.Email).Access}
	s.Expect(t, "after a sign-in", again, `{ viewer { username patients { totalCount } } }`, nil, `{"data":{"viewer":{"username":"asha","patients":{"totalCount":1}}}}`)

	address := "ADDR=" + strings.TrimPrefix(s.URL, "http://")
	if code, stdout, stderr := contained.Run(t, "/", []string{address}, "", "health"); code != 0 || stdout != "ready\n" {
		t.Errorf("health: %d, %q, %q", code, stdout, stderr)
	}
	s.Stop(t)
	if code, stdout, stderr := contained.Run(t, "/", []string{address}, "", "health"); code != 1 || stdout != "" {
		t.Errorf("health of no server: %d, %q, %q", code, stdout, stderr)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) != 2 {
		t.Errorf("the root has %v (%v), want caregraph and data", left, err)
	}
}
