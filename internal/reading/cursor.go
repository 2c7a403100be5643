package reading

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strconv"
	"strings"
	"sync"
)

// position is a place in an ordered list: that of a record, or where it was.
type position struct {
	value any
	id    int
}

// Cursors writes positions as opaque text that only a server with the same key
// can write: a keyed hash of 12 bytes, then the ordering, the id and the value.
// Its methods may be called concurrently.
type Cursors struct{ macs *sync.Pool }

// NewCursors returns the cursors of servers with this key.
func NewCursors(key []byte) Cursors {
	return Cursors{&sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

const sumSize = 12

func (c Cursors) sum(payload []byte) []byte {
	mac := c.macs.Get().(hash.Hash)
	defer c.macs.Put(mac)
	mac.Reset()
	mac.Write(payload)
	return mac.Sum(nil)[:sumSize]
}

func (c Cursors) encode(ordering, value string, id int) string {
	raw := make([]byte, sumSize, sumSize+len(ordering)+len(value)+20)
	raw = append(raw, ordering...)
	raw = strconv.AppendInt(append(raw, ' '), int64(id), 10)
	raw = append(append(raw, ' '), value...)
	copy(raw, c.sum(raw[sumSize:]))
	return base64.RawURLEncoding.EncodeToString(raw)
}

var errCursor = errors.New("no position in a list of this ordering")

// decode returns the value and the id that encode was given. It fails for a
// cursor of another ordering and for a forged one.
func (c Cursors) decode(ordering, cursor string) (value string, id int, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < sumSize || strings.ContainsAny(cursor, "\r\n") { // which the decoder skips
		return "", 0, errCursor
	}
	if !hmac.Equal(raw[:sumSize], c.sum(raw[sumSize:])) {
		return "", 0, errCursor
	}
	rest, ok := strings.CutPrefix(string(raw[sumSize:]), ordering+" ")
	number, value, _ := strings.Cut(rest, " ")
	if id, err = strconv.Atoi(number); !ok || err != nil {
		return "", 0, errCursor
	}
	return value, id, nil
}
