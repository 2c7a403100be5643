package reading

import (
	"strconv"
	"time"
)

// Ordering is a column that a list can be ordered by, together with the id. The
// column is never NULL. A cursor holds what Encode returns.
type Ordering[T any] struct {
	Column string
	Encode func(*T) string
	Decode func(string) (any, error)
}

// Text returns the ordering by a column of text.
func Text[T any](column string, of func(*T) string) Ordering[T] {
	return Ordering[T]{column, of, func(s string) (any, error) { return s, nil }}
}

// Integer returns the ordering by a column of integers.
func Integer[T any](column string, of func(*T) int64) Ordering[T] {
	return Ordering[T]{
		column,
		func(row *T) string { return strconv.FormatInt(of(row), 10) },
		func(s string) (any, error) { return strconv.ParseInt(s, 10, 64) },
	}
}

// Instant returns the ordering by a column of instants in microseconds.
func Instant[T any](column string, of func(*T) time.Time) Ordering[T] {
	return Ordering[T]{
		column,
		func(row *T) string { return strconv.FormatInt(of(row).UnixMicro(), 10) },
		func(s string) (any, error) {
			micros, err := strconv.ParseInt(s, 10, 64)
			return time.UnixMicro(micros).UTC(), err
		},
	}
}
