package django

import (
	"strings"
	"testing"
)

// TestProgress checks that a bar moves on a terminal and is out of the way of
// the report, and that elsewhere there are plain lines.
func TestProgress(t *testing.T) {
	for _, tt := range []struct {
		name     string
		terminal bool
		lines    string
	}{
		{"terminal", true, "note   users_user 7  is_staff: why\nChecked users_user: 1000 rows\n"},
		{"file", false, "note   users_user 7  is_staff: why\nChecked users_user: 1000 rows\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var screen strings.Builder
			p := &progress{w: &screen, terminal: tt.terminal}
			r := &report{w: &screen, progress: p, found: map[action]int{}}
			p.start("Checked", "users_user", 1000)
			for i := range 1000 {
				if i == 700 {
					r.add(note, tables[0], 7, "is_staff", "why")
				}
				p.advance()
			}
			p.end()
			if moved := strings.Contains(screen.String(), "50%"); moved != tt.terminal {
				t.Errorf("a bar is %t in %q", moved, screen.String())
			}
			if got := visible(screen.String()); got != tt.lines {
				t.Errorf("%q leaves %q, want %q", screen.String(), got, tt.lines)
			}
		})
	}
}

// visible returns what a terminal shows in the end: a carriage return goes back
// to the beginning of the line, where new text takes the place of the old.
func visible(screen string) string {
	var lines []string
	for line := range strings.SplitSeq(screen, "\n") {
		var shown []rune
		for part := range strings.SplitSeq(line, "\r") {
			text := []rune(part)
			shown = append(text, shown[min(len(text), len(shown)):]...)
		}
		lines = append(lines, strings.TrimRight(string(shown), " "))
	}
	return strings.Join(lines, "\n")
}
