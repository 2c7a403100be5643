package reading

import (
	"strings"
	"testing"
)

// FuzzCursor checks that a cursor reads what it writes, and that nothing else
// is read as one.
func FuzzCursor(f *testing.F) {
	c := NewCursors([]byte(strings.Repeat("k", 32)))
	good := c.encode("name", "Arjun", 7)
	for _, cursor := range []string{good, good + "=", good + "\n", good[1:], "", "AAAA", strings.Repeat("A", 16), c.encode("name", "", -1), c.encode("", "", 0)} {
		f.Add("name", "Arjun", 7, cursor)
	}
	f.Add("created_at", "1700000000000000", 1, good)
	f.Add("name", "a b\x00\xff आ", 0, good)
	f.Fuzz(func(t *testing.T, ordering, value string, id int, cursor string) {
		if strings.Contains(ordering, " ") {
			return // no ordering has a name with a space
		}
		if v, n, err := c.decode(ordering, c.encode(ordering, value, id)); err != nil || v != value || n != id {
			t.Errorf("%q %q %d is read as %q %d (%v)", ordering, value, id, v, n, err)
		}
		if v, n, err := c.decode(ordering, cursor); err == nil && c.encode(ordering, v, n) != cursor {
			t.Errorf("%q is read as %q %d, which is written otherwise", cursor, v, n)
		}
	})
}
