package django

import (
	"fmt"
	"io"

	"github.com/schollz/progressbar/v3"
)

// action says what is done about a row in which something was found.
type action string

const (
	stop  action = "stop"  // our tables cannot hold it
	leave action = "leave" // the value has no place here
	keep  action = "keep"  // it breaks a rule of ours
	note  action = "note"  // somebody should know
)

// meanings explain the actions.
var meanings = []struct {
	action
	text string
}{
	{stop, "cannot be stored here: nothing is imported until it is put right in the original"},
	{leave, "is not copied: it stays in the original"},
	{keep, "breaks a rule: it is copied as it is, and must be put right when somebody edits it"},
	{note, "is copied; somebody should know"},
}

// report tells what was found as it is found, so in bounded memory: in a row by its
// table, id and column, and in what has no place here by table and column. It never
// shows a value.
type report struct {
	w        io.Writer
	progress *progress
	found    map[action]int
	changed  map[*table]*changes
	err      error // the first of writing
}

// changes counts the values that are not stored as they were.
type changes struct {
	lower    int // addresses put in lower case
	empty    int // empty values stored as none
	names    int // usernames put in the form NFKC
	phones   int // phone numbers put in the form in which they are searched
	composed int // texts put in the form NFC
}

// change counts what was done to a value of a column.
func (r *report) change(t *table, column string, from, to any) {
	before, err := plain(from)
	after, isText := to.(string)
	if err != nil || to != nil && (!isText || before == after) {
		return
	}
	if r.changed[t] == nil {
		r.changed[t] = &changes{}
	}
	switch {
	case to == nil:
		r.changed[t].empty++
	case column == "username":
		r.changed[t].names++
	case column == "email":
		r.changed[t].lower++
	case column == "phone":
		r.changed[t].phones++
	default:
		r.changed[t].composed++
	}
}

func (r *report) add(a action, t *table, id int64, column, reason string) {
	r.found[a]++
	r.printf("%-5s  %s %d  %s: %s\n", a, t.name, id, column, reason)
}

// leave adds a column, or a table without one, that has values and no place here.
// rows is negative for a table that cannot be read.
func (r *report) leave(table, column string, rows int64) {
	r.found[leave]++
	switch {
	case rows < 0:
		r.printf("%-5s  %s: Caregraph has no such table; it may have rows, which may not be read.\n", leave, table)
	case column == "":
		r.printf("%-5s  %s: Caregraph has no such table; rows: %d.\n", leave, table, rows)
	default:
		r.printf("%-5s  %s  %s: Caregraph has no such column; rows with a value: %d.\n", leave, table, column, rows)
	}
}

func (r *report) printf(format string, args ...any) {
	r.progress.hide()
	if _, err := fmt.Fprintf(r.w, format, args...); r.err == nil {
		r.err = err
	}
}

// finish sums up.
func (r *report) finish(tables []*table, sizes []size) {
	r.printf("\n")
	for i, t := range tables {
		r.printf("%-30s %9d rows", t.name, sizes[i].rows)
		if c := r.changed[t]; c != nil {
			r.printf("; %d e-mail addresses put in lower case, %d empty values stored as none", c.lower, c.empty)
			if c.names > 0 {
				r.printf(", %d usernames put in the form NFKC", c.names)
			}
			if c.phones > 0 {
				r.printf(", %d phone numbers put in the form in which they are searched", c.phones)
			}
			if c.composed > 0 {
				r.printf(", %d texts put in the form NFC", c.composed)
			}
		}
		r.printf("\n")
	}
	for _, m := range meanings {
		if n := r.found[m.action]; n > 0 {
			r.printf("%-30s %9d found: %s\n", m.action, n, m.text)
		}
	}
}

// progress tells how far the import is: with a bar on a terminal, and with a
// line for each table elsewhere.
type progress struct {
	w        io.Writer
	terminal bool
	bar      *progressbar.ProgressBar
	verb     string
	table    string
	done     int
}

// step is the number of rows after which the bar moves.
const step = 500

// start begins with a table.
func (p *progress) start(verb, table string, rows int64) {
	p.verb, p.table, p.done = verb, table, 0
	if p.terminal {
		p.bar = progressbar.NewOptions64(rows, progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(verb+" "+table),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
	}
}

// advance counts a row.
func (p *progress) advance() {
	if p.done++; p.bar != nil && p.done%step == 0 {
		p.bar.Add(step)
	}
}

// end ends with the table.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Finish()
		p.bar = nil
	}
	fmt.Fprintf(p.w, "%s %s: %d rows\n", p.verb, p.table, p.done)
}

// hide removes the bar until it moves again.
func (p *progress) hide() {
	if p.bar != nil {
		p.bar.Clear()
	}
}
