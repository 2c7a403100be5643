package graph

import (
	"errors"
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// dateTime is how an instant is written: in UTC, in microseconds.
const dateTime = `"2006-01-02T15:04:05.000000Z"`

// MarshalDateTime writes the scalar DateTime.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		io.WriteString(w, t.UTC().Format(dateTime))
	})
}

// UnmarshalDateTime reads the scalar DateTime.
func UnmarshalDateTime(v any) (time.Time, error) {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, errors.New("not an instant of RFC 3339")
	}
	return t.UTC().Truncate(time.Microsecond), nil
}
