package scalar

import (
	"io"
	"strings"
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

const (
	badInstant = Problem("Expected an instant, such as 2026-01-31T18:30:00Z or 2026-02-01T00:00:00+05:30.")
	noOffset   = Problem("An instant needs its offset from UTC at its end, such as Z or +05:30.")
)

// UnmarshalDateTime reads the scalar DateTime, an instant of RFC 3339. The offset
// may be without its colon, as Python and Java write it.
func UnmarshalDateTime(v any) (time.Time, error) {
	s, _ := v.(string)
	s = strings.ToUpper(s) // its T and Z may be lower-case (RFC 3339, 5.6)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05-0700"} {
		t, err := time.Parse(layout, s)
		if err == nil && t.Year() >= 1 && t.Year() <= 9999 {
			return t.UTC().Truncate(time.Microsecond), nil
		}
	}
	if _, err := time.Parse("2006-01-02T15:04:05", s); err == nil {
		return time.Time{}, noOffset
	}
	return time.Time{}, badInstant
}
