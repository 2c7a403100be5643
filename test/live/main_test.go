// Package live_test tests what tells clients of changes as they happen: WebSockets and event
// streams, on both databases.
package live_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/server"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// each runs the test on a server of each database.
func each(t *testing.T, test func(t *testing.T, a *harness.API), changes ...func(*server.Config)) {
	for _, kind := range []string{dialect.SQLite, dialect.Postgres} {
		t.Run(kind, func(t *testing.T) { test(t, harness.NewLive(t, storetest.URL(t, kind), changes...)) })
	}
}

// told is what one message tells.
type told struct {
	Kind string
	ID   string
	Name string // of the patient or the doctor, or the patient's of a mapping; empty if it is not shown
}

// subscriptions are documents that tell of everything, by the field.
var subscriptions = map[string]string{
	"patientChanged": `subscription Patients { patientChanged { kind id patient { name } } }`,
	"mappingChanged": `subscription Mappings { mappingChanged { kind id mapping { patient { name } } } }`,
	"doctorChanged":  `subscription Doctors { doctorChanged { kind id doctor { name } } }`,
}

// read reads what a message tells.
func read(t testing.TB, m harness.Message) told {
	t.Helper()
	var in struct {
		Data map[string]struct {
			Kind, ID        string
			Patient, Doctor *struct{ Name string }
			Mapping         *struct{ Patient struct{ Name string } }
		}
		Errors []any
	}
	if err := json.Unmarshal(m.Payload, &in); err != nil || m.Type != "next" || in.Errors != nil || len(in.Data) != 1 {
		t.Fatalf("%s %s (%v)", m.Type, m.Payload, err)
	}
	for _, change := range in.Data {
		k := told{Kind: change.Kind, ID: change.ID}
		switch {
		case change.Patient != nil:
			k.Name = change.Patient.Name
		case change.Doctor != nil:
			k.Name = change.Doctor.Name
		case change.Mapping != nil:
			k.Name = change.Mapping.Patient.Name
		}
		return k
	}
	return told{}
}

// follower is a caller who subscribes to everything.
type follower struct {
	harness.Caller
	name    string
	streams map[string]chan harness.Message
}

// follow subscribes a caller to everything, over a WebSocket or event streams.
func follow(t testing.TB, a *harness.API, name string, c harness.Caller, events bool) *follower {
	t.Helper()
	f := &follower{Caller: c, name: name, streams: map[string]chan harness.Message{}}
	if events {
		for field, document := range subscriptions {
			f.streams[field] = a.Stream(t, c, document, nil).Messages
		}
		return f
	}
	s := a.Connect(t, c)
	for field, document := range subscriptions {
		s.Subscribe(t, field, document, nil)
		f.streams[field] = make(chan harness.Message, 1000)
	}
	s.Subscribe(t, "begun", "{ __typename }", nil)
	for m := s.Next(t); m.Type != "complete"; m = s.Next(t) {
		if m.ID != "begun" {
			t.Fatalf("%s: %s %s", name, m.Type, m.Payload)
		}
	}
	go func() {
		for m := range s.Messages {
			if stream := f.streams[m.ID]; stream != nil {
				stream <- m
			}
		}
	}()
	return f
}

// until returns what the follower is told by the field until it is told of the record.
func (f *follower) until(t testing.TB, field string, id int) []told {
	t.Helper()
	var all []told
	for {
		m, open := next(t, f.streams[field])
		if !open {
			t.Fatalf("%s %s: the connection has ended", f.name, field)
		}
		k := read(t, m)
		if k.ID == fmt.Sprint(id) {
			return all
		}
		all = append(all, k)
	}
}
