package graphqlhttp

import (
	"fmt"
	"testing"
)

// TestOutbox checks what is sent of what was pushed, in which order.
func TestOutbox(t *testing.T) {
	o := newOutbox(func() {})
	drain := func() (all string) {
		for {
			m, code, _ := o.next()
			if m == nil {
				return fmt.Sprint(all, code)
			}
			all += fmt.Sprintf("%s %s %s %s; ", m.kind, m.id, m.record, m.payload)
		}
	}
	for _, c := range []struct {
		name string
		do   func()
		want string
	}{
		{"the newest of a record", func() {
			o.push("1", "Patient 1", true, []byte("a"))
			o.push("1", "Patient 2", true, []byte("b"))
			o.push("1", "Patient 1", true, []byte("c"))
		}, "next 1 Patient 1 c; next 1 Patient 2 b; 0"},
		{"minor news beside other news", func() {
			o.push("1", "Patient 1", false, []byte("new"))
			o.push("1", "Patient 1", true, []byte("a"))
			o.push("1", "Patient 1", true, []byte("b"))
		}, "next 1 Patient 1 new; next 1 Patient 1 b; 0"},
		{"other news in place of both", func() {
			o.push("1", "Patient 1", false, []byte("new"))
			o.push("1", "Patient 1", true, []byte("a"))
			o.push("1", "Patient 1", false, []byte("gone"))
		}, "next 1 Patient 1 gone; 0"},
		{"two subscriptions, of which one ends", func() {
			o.push("1", "Patient 1", true, []byte("a"))
			o.push("1", "", false, []byte("again"))
			o.push("2", "Patient 1", true, []byte("a"))
			o.send("pong", "", nil)
			o.drop("1")
		}, "next 2 Patient 1 a; pong   ; 0"},
		{"too much", func() {
			for i := range keptMessages {
				if !o.push("1", fmt.Sprint("Patient ", i), true, []byte("a")) {
					t.Error("dropped too early")
				}
			}
			if o.push("1", "Patient x", true, []byte("a")) {
				t.Error("not dropped")
			}
			o.push("1", "", false, []byte("again"))
		}, "next 1  again; 0"},
		{"that something was missed, though others' messages are too many", func() {
			for i := range keptMessages {
				o.push("1", fmt.Sprint("Patient ", i), true, []byte("a"))
			}
			if o.push("2", "Patient 1", true, []byte("b")) || !o.push("2", "", false, []byte("again")) {
				t.Error("dropped, or not")
			}
			o.drop("1")
		}, "next 2  again; 0"},
		{"too many bytes", func() {
			o.push("2", "Patient 1", true, []byte("a"))
			if o.push("1", "Patient 1", true, make([]byte, keptBytes+1)) {
				t.Error("not dropped")
			}
		}, "next 2 Patient 1 a; 0"},
		{"going away after what there is", func() {
			o.push("1", "Patient 1", true, []byte("a"))
			o.end(closeGoingAway, "")
		}, "next 1 Patient 1 a; 1001"},
	} {
		c.do()
		if got := drain(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if o.bytes != 0 || o.answered != 0 || len(o.byTopic) != 0 {
			t.Errorf("%s: %d and %d bytes are left, and %v", c.name, o.bytes, o.answered, o.byTopic)
		}
	}
	o = newOutbox(func() {})
	o.push("1", "Patient 1", true, []byte("a"))
	o.send("next", "2", make([]byte, keptAnswered+1))
	o.end(closeUnauthorized, "")
	if got := drain(); got != fmt.Sprint(closeTryAgain) {
		t.Errorf("too many answers: %s", got)
	}
	o.push("1", "Patient 1", true, []byte("a"))
	o.send("pong", "", nil)
	if got := drain(); got != fmt.Sprint(closeTryAgain) {
		t.Errorf("after the end: %s", got)
	}
	o.close()
}
