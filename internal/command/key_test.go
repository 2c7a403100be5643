package command

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"caregraph/internal/server"
)

// TestKeyFile checks that servers which start together sign with the same key,
// and that nobody else can read it.
func TestKeyFile(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "caregraph.key")
		var keys [4]string
		var all sync.WaitGroup
		for i := range keys {
			all.Go(func() {
				key, err := keyFile(path)
				if err != nil {
					t.Error(err)
				}
				keys[i] = string(key)
			})
		}
		all.Wait()
		for _, key := range keys {
			if len(key) < server.MinKey || key != keys[0] {
				t.Errorf("a key of %d bytes, the same: %t", len(key), key == keys[0])
			}
		}
		if file, err := os.Stat(path); err != nil || file.Mode() != 0o600 {
			t.Errorf("got %v, %v, want mode 0600", file, err)
		}
	}
}
