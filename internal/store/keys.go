package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"entgo.io/ent/dialect"
)

// NoteEvery is how often a server calls NoteKey. A key is in use if that was done in three
// times as long.
const NoteEvery = time.Minute

// Keys is how the keys of a server stand to those of all servers of the database.
type Keys struct {
	Known  bool // a server had one of these keys
	Others bool // a server had another one
	InUse  bool // a server has another one now
}

// Trouble says in a sentence what is wrong, and what to do about it; else it is empty.
func (k Keys) Trouble() (what, do string) {
	switch {
	case k.InUse:
		return "Another server of this database signs with another SECRET_KEY, so that what one signs is refused by the other", "give all servers the same SECRET_KEY; this is over three minutes after the last one with another has stopped"
	case k.Others && !k.Known:
		return "SECRET_KEY is not the one that this database was served with, so that everybody who signed in must do so again", "set the one of before, or start the server if it was replaced on purpose"
	}
	return "", ""
}

// fingerprint returns what the database keeps of a key. It does not tell the key, which has
// at least 32 bytes that nobody knows.
func fingerprint(key []byte) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("which key a server of Caregraph signs with"))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// now is the time of the database in seconds, since the clocks of servers differ.
func (db *DB) now() string {
	if db.Dialect == dialect.Postgres {
		return "extract(epoch FROM now())::bigint"
	}
	return "CAST(strftime('%s', 'now') AS integer)"
}

// NoteKey keeps in the database that a server signs with the key now.
func (db *DB) NoteKey(ctx context.Context, key []byte) error {
	_, err := db.ExecContext(ctx, "INSERT INTO secret_keys (fingerprint, seen_at) VALUES ($1, "+db.now()+") ON CONFLICT (fingerprint) DO UPDATE SET seen_at = excluded.seen_at", fingerprint(key))
	return err
}

// Keys tells how the keys that a server takes stand to those that servers have noted.
func (db *DB) Keys(ctx context.Context, own ...[]byte) (k Keys, err error) {
	rows, err := db.QueryContext(ctx, "SELECT fingerprint, "+db.now()+" - seen_at FROM secret_keys")
	if err != nil {
		return k, err
	}
	defer rows.Close()
	for rows.Next() {
		var noted string
		var seconds int64
		if err := rows.Scan(&noted, &seconds); err != nil {
			return k, err
		}
		if slices.ContainsFunc(own, func(key []byte) bool { return fingerprint(key) == noted }) {
			k.Known = true
			continue
		}
		k.Others = true
		k.InUse = k.InUse || seconds <= int64(3*NoteEvery/time.Second)
	}
	return k, rows.Err()
}
