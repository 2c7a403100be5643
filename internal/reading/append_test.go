package reading_test

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"caregraph/internal/reading"
)

// FuzzAppend checks that what is appended is read back by the standard library.
func FuzzAppend(f *testing.F) {
	f.Add("अर्जुन \"quoted\" \\ \x00\n\u2028", int64(1_600_000_000_123_456), 42)
	f.Add("", int64(-1), -7)
	f.Fuzz(func(t *testing.T, s string, micros int64, n int) {
		var text string
		if err := json.Unmarshal(reading.AppendString(nil, s), &text); err != nil || utf8.ValidString(s) && text != s {
			t.Errorf("%q was read back as %q, %v", s, text, err)
		}
		var number int
		if err := json.Unmarshal(reading.AppendInt(nil, n), &number); err != nil || number != n {
			t.Errorf("%d was read back as %d, %v", n, number, err)
		}
		at := time.UnixMicro(micros)
		if year := at.UTC().Year(); year < 0 || year > 9999 {
			return
		}
		if got, want := string(reading.AppendTime(nil, at)), at.UTC().Format(`"2006-01-02T15:04:05.000000Z"`); got != want {
			t.Errorf("an instant was written %s, want %s", got, want)
		}
	})
}
