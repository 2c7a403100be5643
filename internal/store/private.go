package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// private makes the file of a SQLite database, if there is none, so that only its
// owner can read it. SQLite would make it with the mode that the umask leaves; the
// files beside it, -wal and -shm, get the mode of the database.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return fmt.Errorf("the database file %s cannot be used: %w", path, err)
	}
	return f.Close()
}

// KeyPath returns where the key of a SQLite file is kept: beside it.
func KeyPath(path string) string { return filepath.Join(filepath.Dir(path), "caregraph.key") }

// PreviousKeyPath returns where the key of before is kept, while its tokens are still accepted.
func PreviousKeyPath(path string) string { return KeyPath(path) + ".previous" }

// Exposed returns those files of the SQLite database, and of its key, that other
// users of the machine can read or write, and nothing for any other database. On
// Windows it cannot tell.
func Exposed(databaseURL string) []string {
	path := Path(databaseURL)
	if path == "" || runtime.GOOS == "windows" {
		return nil
	}
	var exposed []string
	for _, name := range []string{path, path + "-wal", path + "-shm", KeyPath(path), PreviousKeyPath(path)} {
		if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
			exposed = append(exposed, name)
		}
	}
	return exposed
}
