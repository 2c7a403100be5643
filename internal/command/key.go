package command

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"caregraph/internal/server"
	"caregraph/internal/store"
)

// secretKey returns SECRET_KEY, or without one the key in the file beside that of
// SQLite, which is made at first start. Of a database in memory nothing outlives the
// process, so its key need not either.
func secretKey(set, database string) ([]byte, error) {
	path := store.Path(database)
	switch {
	case set != "":
		return []byte(set), nil
	case database == "sqlite::memory:":
		return []byte(rand.Text() + rand.Text()), nil
	case path == "":
		return nil, errors.New("SECRET_KEY is missing")
	}
	return keyFile(store.KeyPath(path))
}

// previousKey returns SECRET_KEY_PREVIOUS, or that of the file that rotate-key has written, if
// the key is in a file, too; nil for none.
func previousKey(set, previous, database string) ([]byte, error) {
	path := store.Path(database)
	if previous != "" || set != "" || path == "" {
		if previous == "" {
			return nil, nil
		}
		return []byte(previous), nil
	}
	text, err := os.ReadFile(store.PreviousKeyPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	key := strings.TrimSpace(string(text))
	if err == nil && len(key) < server.MinKey {
		err = errors.New("it is too short")
	}
	if err != nil {
		return nil, fmt.Errorf("the key of before, in %s, cannot be read: %w", store.PreviousKeyPath(path), err)
	}
	return []byte(key), nil
}

// keyFile returns the key in the file, which it makes if there is none. Servers
// that start together get the same one.
func keyFile(path string) ([]byte, error) {
	random := make([]byte, server.MinKey)
	rand.Read(random)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		_, err = f.WriteString(hex.EncodeToString(random) + "\n")
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return nil, fmt.Errorf("the key file %s cannot be written: %w", path, err)
		}
	case !errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("the key file %s cannot be written: %w", path, err)
	}
	text, err := os.ReadFile(path)
	for tries := 0; err == nil && len(text) == 0 && tries < 20; tries++ {
		time.Sleep(50 * time.Millisecond) // a server that starts with this one is writing it
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("the key file %s cannot be read: %w", path, err)
	}
	key := strings.TrimSpace(string(text))
	if len(key) < server.MinKey {
		return nil, fmt.Errorf("the key file %s is too short; remove it to have a new key, which signs everybody out", path)
	}
	return []byte(key), nil
}
