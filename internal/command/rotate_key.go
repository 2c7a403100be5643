package command

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"caregraph/internal/server"
	"caregraph/internal/store"
)

type rotateKeyCommand struct {
	AtOnce bool `help:"Accept the key of before no more: everybody signs in again. For a key that others may know."`
	Forget bool `help:"Keep the key, and accept the one of before no more."`
	onDatabase
	server.SigningIn `embed:"" group:"Sign-in"`
}

// byHand says how keys change that are not in a file of the server's own.
const byHand = `SECRET_KEY is yours to change. So that nobody has to sign in again:

  1. Make another key:       openssl rand -hex 32
  2. On each server, one by one, set SECRET_KEY_PREVIOUS to the new key, and restart it.
     Then every server accepts both.
  3. On each server, one by one, set SECRET_KEY to the new key and SECRET_KEY_PREVIOUS
     to the old one, and restart it. New tokens are signed with the new key.
  4. After REFRESH_TOKEN_LIFETIME (7 days), unset SECRET_KEY_PREVIOUS, and restart.

If others may know the old key, set SECRET_KEY to the new one at once and
SECRET_KEY_PREVIOUS not at all: everybody signs in again.
`

func (c *rotateKeyCommand) Run(p *process) error {
	if err := p.complete(c); err != nil {
		return err
	}
	path := store.Path(c.DatabaseURL)
	if path == "" || c.SecretKey+c.SecretKeyFile != "" {
		fmt.Fprint(p.stdout, byHand)
		return nil
	}
	file, previous := store.KeyPath(path), store.PreviousKeyPath(path)
	current, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("there is no key to change; the first start makes one: %w", err)
	}
	if _, err := os.Lstat(previous); err == nil && !c.AtOnce && !c.Forget {
		return errors.New("the key of before the last change is still accepted, and would be no more: everybody whose sign-in is that old would have to sign in again. Run caregraph rotate-key --forget, or --at-once")
	}
	if !c.AtOnce && !c.Forget {
		if err := replaceFile(previous, current); err != nil {
			return err
		}
	} else if err := os.Remove(previous); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if c.Forget {
		fmt.Fprintln(p.stdout, "The key of before is forgotten. Restart the servers.")
		return nil
	}
	random := make([]byte, server.MinKey)
	rand.Read(random)
	if err := replaceFile(file, []byte(hex.EncodeToString(random)+"\n")); err != nil {
		return err
	}
	if c.AtOnce {
		fmt.Fprintf(p.stdout, "There is a new key in %s. Restart the servers: everybody signs in again.\n", file)
		return nil
	}
	fmt.Fprintf(p.stdout, "There is a new key in %s, and the one of before in %s. Restart the servers.\nNobody has to sign in again. After %s (REFRESH_TOKEN_LIFETIME) run: caregraph rotate-key --forget\n", file, previous, c.RefreshTokenLifetime)
	return nil
}

// replaceFile gives a file that its owner alone can read another content: all of it, or none.
func replaceFile(path string, content []byte) error {
	draft := path + ".new"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close(), os.Rename(draft, path))
}
