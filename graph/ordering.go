package graph

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"

	"caregraph/internal/fault"
	"caregraph/internal/scalar"
)

// ordering is a column that a list can be ordered by, together with the id. It
// is never NULL.
type ordering[T any] struct {
	column string
	encode func(*T) string
	decode func(string) (any, error)
}

func text[T any](column string, of func(*T) string) ordering[T] {
	return ordering[T]{column, of, func(s string) (any, error) { return s, nil }}
}

func integer[T any](column string, of func(*T) int64) ordering[T] {
	return ordering[T]{
		column,
		func(row *T) string { return strconv.FormatInt(of(row), 10) },
		func(s string) (any, error) { return strconv.ParseInt(s, 10, 64) },
	}
}

func instant[T any](column string, of func(*T) time.Time) ordering[T] {
	return ordering[T]{
		column,
		func(row *T) string { return strconv.FormatInt(of(row).UnixMicro(), 10) },
		func(s string) (any, error) {
			micros, err := strconv.ParseInt(s, 10, 64)
			return time.UnixMicro(micros).UTC(), err
		},
	}
}

func day[T any](column string, of func(*T) scalar.Date) ordering[T] {
	return ordering[T]{
		column,
		func(row *T) string { return of(row).String() },
		func(s string) (any, error) { return scalar.ParseDate(s), nil },
	}
}

// position is a place in an ordered list: that of a record, or where it was.
type position struct {
	value any
	id    int
}

// cursors writes positions as opaque text that only a server with the same key
// can write: a keyed hash of 12 bytes, then the ordering, the id and the value.
type cursors struct{ macs *sync.Pool }

// newCursors returns the cursors of servers with this key.
func newCursors(key []byte) cursors {
	return cursors{&sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

const sumSize = 12

func (c cursors) sum(payload []byte) []byte {
	mac := c.macs.Get().(hash.Hash)
	defer c.macs.Put(mac)
	mac.Reset()
	mac.Write(payload)
	return mac.Sum(nil)[:sumSize]
}

func (c cursors) encode(ordering, value string, id int) string {
	raw := make([]byte, sumSize, sumSize+len(ordering)+len(value)+20)
	raw = append(raw, ordering...)
	raw = strconv.AppendInt(append(raw, ' '), int64(id), 10)
	raw = append(append(raw, ' '), value...)
	copy(raw, c.sum(raw[sumSize:]))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// decode returns the value and the id that encode was given. It fails with
// fault.Invalid for a cursor of another ordering and for a forged one.
func (c cursors) decode(ordering, cursor string) (value string, id int, err error) {
	invalid := &fault.Error{Kind: fault.Invalid, Message: "This is no position in a list of this ordering."}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < sumSize || strings.ContainsAny(cursor, "\r\n") { // which the decoder skips
		return "", 0, invalid
	}
	if !hmac.Equal(raw[:sumSize], c.sum(raw[sumSize:])) {
		return "", 0, invalid
	}
	rest, ok := strings.CutPrefix(string(raw[sumSize:]), ordering+" ")
	number, value, _ := strings.Cut(rest, " ")
	if id, err = strconv.Atoi(number); !ok || err != nil {
		return "", 0, invalid
	}
	return value, id, nil
}
