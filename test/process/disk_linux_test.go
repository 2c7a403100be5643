package process_test

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"caregraph/internal/doctor"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

const bigPatient = `mutation($address: String!) { createPatient(input: {name: "Arjun", phone: "9876543210", ageYears: 4, address: $address, gender: MALE}) { id } }`

// fails lets a caller record patients until one is refused, and checks that the log says why.
func fails(t *testing.T, s *harness.Server, c harness.Caller, why string) {
	t.Helper()
	for begin := time.Now(); ; {
		text := make([]byte, 9000)
		rand.Read(text)
		reply := s.Query(t, c, bigPatient, map[string]any{"address": hex.EncodeToString(text)})
		if strings.Contains(reply, "UNAVAILABLE") && strings.Contains(s.Stderr.String(), why) {
			return
		}
		if time.Since(begin) > harness.Most/3 {
			t.Fatalf("the answer is %s and the log lacks %q: %s", reply, why, s.Stderr)
		}
	}
}

// standby makes PostgreSQL a standby of nobody, which is read-only, under a server that serves.
func standby(t *testing.T, program harness.Program, server *storetest.Server) {
	t.Helper()
	url := server.URL("template")
	db := storetest.Open(t, url)
	var data string
	if err := db.QueryRow("SHOW data_directory").Scan(&data); err != nil {
		t.Fatal(err)
	}
	env := []string{"DATABASE_URL=" + url, signs}
	s := program.Start(t, t.TempDir(), env)
	ben := s.Register(t, "ben")
	restart := func(change func() error) {
		t.Helper()
		server.Stop()
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	}
	signal := filepath.Join(data, "standby.signal")
	restart(func() error { return os.WriteFile(signal, nil, 0o644) })
	fails(t, s, ben, "The database is read-only, so that nothing can be stored: ")
	if e := examine(t, program, t.TempDir(), url); !e.says("writes", doctor.Must, "read-only") {
		t.Errorf("a standby: %s", e.text)
	}
	if code, _, stderr := program.Run(t, t.TempDir(), env, ""); code != 1 || !strings.Contains(stderr, "the database cannot be used: The database is read-only") {
		t.Errorf("serve: %d %s", code, stderr)
	}
	restart(func() error { return os.Remove(signal) })
	harness.Eventually(t, "it is written again", func() bool {
		return strings.Contains(s.Query(t, ben, bigPatient, map[string]any{"address": "Pune"}), `"id"`)
	})
	s.Stop(t)
	whole(t, db)
}

// disk mounts a small disk, which only root can do.
func disk(t *testing.T, size string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "caregraph-disk") // where PostgreSQL's user gets to
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=1777,size="+size); err != nil {
		t.Skipf("a disk cannot be mounted: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fill takes all that is left of the disk, and returns what gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; _, err = f.Write(make([]byte, size)) {
		}
	}
	return func() { f.Close(); os.Remove(f.Name()) }
}

// TestDoctorDisk fills the disk of a database under a server that serves it, and makes it
// read-only.
func TestDoctorDisk(t *testing.T) {
	program := harness.Build(t)
	full := func(t *testing.T, mount, url, check, log string) {
		dir, env := t.TempDir(), []string{"DATABASE_URL=" + url, signs}
		s := program.Start(t, dir, env)
		asha := s.Register(t, "asha")
		free := fill(t, mount)
		fails(t, s, asha, log)
		if e := examine(t, program, dir, url); !e.says(check, doctor.Must, "full") {
			t.Errorf("full: %s", e.text)
		}
		if code, _, stderr := program.Run(t, dir, env, "", "backup", filepath.Join(mount, "backup")); code != 1 || !strings.Contains(strings.ToLower(stderr), "no backup: ") {
			t.Errorf("a backup onto the full disk: %d %s", code, stderr)
		}
		free()
		if parts, _ := filepath.Glob(filepath.Join(mount, "backup*")); parts != nil {
			t.Errorf("left: %v", parts)
		}
		harness.Eventually(t, "it is written again", func() bool {
			return strings.Contains(s.Query(t, asha, bigPatient, map[string]any{"address": "Pune"}), `"id"`)
		})
		s.Stop(t)
		db := storetest.Open(t, url)
		whole(t, db)
		db.Close()
	}
	t.Run("sqlite", func(t *testing.T) {
		mount := disk(t, "16m")
		url := "sqlite:" + filepath.Join(mount, "care.db")
		full(t, mount, url, "disk", "The disk of the database file is full, so that nothing can be stored: free space on it")
		if err := syscall.Mount("", mount, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		e := examine(t, program, t.TempDir(), url)
		code, _, stderr := program.Run(t, t.TempDir(), []string{"DATABASE_URL=" + url, signs}, "")
		if !e.says("database", doctor.Must, "write its folder") || code != 1 || !strings.Contains(stderr, "write its folder") {
			t.Errorf("read-only: %s\nserve: %d %s", e.text, code, stderr)
		}
		if err := syscall.Mount("", mount, "", syscall.MS_REMOUNT, ""); err != nil {
			t.Fatal(err)
		}
		whole(t, storetest.Open(t, url))
	})
	t.Run("postgres", func(t *testing.T) {
		mount := disk(t, "256m")
		t.Setenv("TMPDIR", mount)
		server := storetest.Own(t)
		t.Setenv("TMPDIR", "")
		full(t, mount, server.URL("template"), "writes", "The disk of PostgreSQL is full, so that nothing can be stored: free space on it")
		standby(t, program, server)
	})
}
