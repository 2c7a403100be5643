package reading

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"slices"
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
type Cursors struct{ macs []*sync.Pool } // of each key

// NewCursors returns the cursors of servers with the first of these keys. Those of the others are
// read, too.
func NewCursors(keys ...[]byte) Cursors {
	var c Cursors
	for _, key := range keys {
		c.macs = append(c.macs, &sync.Pool{New: func() any { return hmac.New(sha256.New, key) }})
	}
	return c
}

const sumSize = 12

func sum(macs *sync.Pool, payload []byte) []byte {
	mac := macs.Get().(hash.Hash)
	defer macs.Put(mac)
	mac.Reset()
	mac.Write(payload)
	return mac.Sum(nil)[:sumSize]
}

func (c Cursors) encode(ordering, value string, id int) string {
	raw := make([]byte, sumSize, sumSize+len(ordering)+len(value)+20)
	raw = append(raw, ordering...)
	raw = strconv.AppendInt(append(raw, ' '), int64(id), 10)
	raw = append(append(raw, ' '), value...)
	copy(raw, sum(c.macs[0], raw[sumSize:]))
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
	if !slices.ContainsFunc(c.macs, func(macs *sync.Pool) bool { return hmac.Equal(raw[:sumSize], sum(macs, raw[sumSize:])) }) {
		return "", 0, errCursor
	}
	rest, ok := strings.CutPrefix(string(raw[sumSize:]), ordering+" ")
	number, value, _ := strings.Cut(rest, " ")
	if id, err = strconv.Atoi(number); !ok || err != nil {
		return "", 0, errCursor
	}
	return value, id, nil
}
