// Package audit keeps the access log: who looked at which patient, changed it, or tried.
//
// The trail of a request collects what happens in it. What was changed is stored in the
// transaction of the change, so that neither exists without the other; everything else
// before the answer leaves, together with what other requests have to store at that
// moment. The events are chained by hashes, so that Verify finds what was changed or
// removed afterwards.
package audit

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"caregraph/ent"
	"caregraph/ent/accessevent"
	"caregraph/internal/request"
	"caregraph/internal/scalar"
	"caregraph/internal/viewer"
)

// maxOperation bounds the name of an operation, which a client may choose.
const maxOperation = 100 // characters

// Door is where a request came in.
type Door struct {
	Name accessevent.Door

	// Operation tells what the request does, of the context of its execution.
	Operation func(ctx context.Context) string

	// HowSeen tells in which way the viewer sees each of the patients, whose clinics it is
	// given by their ids.
	HowSeen func(ctx context.Context, clinics map[int]int) (map[int]accessevent.SeenAs, error)
}

// trail is what happened in one request and is not stored yet.
type trail struct {
	log  *Log
	door Door

	mu      sync.Mutex
	viewer  context.Context   // whose viewer it is; nil: that of the request
	others  []context.Context // whose viewers get the answer, too
	read    map[int]int       // the clinics of the patients who were asked for, by their ids
	listed  map[int]int       // and of those who came in lists
	changed map[int]bool      // the patients of whom an event tells that they were changed
	events  []event
}

// event is an entry of the log.
type event struct {
	at              time.Time
	action          accessevent.Action
	user, session   int                // 0 for none
	seenAs          accessevent.SeenAs // empty for none
	door            accessevent.Door
	operation       string
	request         string
	address, client string
	patients        scalar.IDs
	subject         string // what was changed that is no patient; empty for nothing
}

type trailKey struct{}

// Begin returns the context of a request, whose trail ends in the log.
func Begin(ctx context.Context, log *Log, door Door) context.Context {
	return context.WithValue(ctx, trailKey{}, &trail{log: log, door: door})
}

// of returns the trail of the context, or nil: commands have none.
func of(ctx context.Context) *trail {
	t, _ := ctx.Value(trailKey{}).(*trail)
	return t
}

// Become makes the viewer of the context the one whose answer is made from now on: who has
// just signed in, or may see something else than before.
func Become(ctx context.Context) {
	if t := of(ctx); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.viewer = ctx
	}
}

// Share makes the viewers of others get the answer, too: each looks at what it holds.
func Share(ctx context.Context, others []context.Context) {
	if t := of(ctx); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.others = others
	}
}

// Look notes that the answer holds data of patients, whose ids and clinics are given; asked
// tells whether they were asked for by their ids, or came in a list.
func Look(ctx context.Context, asked bool, patients iter.Seq2[int, int]) {
	t := of(ctx)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	into := &t.listed
	if asked {
		into = &t.read
	}
	if *into == nil {
		*into = map[int]int{}
	}
	maps.Insert(*into, patients)
}

// Change notes what the viewer did to patients whom it sees in one way, in the transaction
// of the context. Without patients seenAs is empty.
func Change(ctx context.Context, action accessevent.Action, seenAs accessevent.SeenAs, patients ...int) {
	if v, err := viewer.FromContext(ctx); err == nil {
		note(ctx, action, v.UserID, v.SessionID, seenAs, patients)
	}
}

// ChangeOther notes what the viewer did to what is no patient, such as "User 12", in the
// transaction of the context.
func ChangeOther(ctx context.Context, action accessevent.Action, subject string) {
	v, err := viewer.FromContext(ctx)
	t := of(ctx)
	if err != nil || t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, event{action: action, user: v.UserID, session: v.SessionID, subject: subject})
}

// SignIn notes what a user did to a session: neither is the viewer yet, or any more. user
// and session are 0 for a sign-in that failed.
func SignIn(ctx context.Context, action accessevent.Action, user, session int) {
	note(ctx, action, user, session, "", nil)
}

// Deny notes that the viewer was refused. The patients are those whom it named; whether
// they exist is not asked.
func Deny(ctx context.Context, patients ...int) {
	if v, err := viewer.FromContext(ctx); err == nil {
		note(ctx, accessevent.ActionDENIED, v.UserID, v.SessionID, "", patients)
	}
}

func note(ctx context.Context, action accessevent.Action, user, session int, seenAs accessevent.SeenAs, patients []int) {
	t := of(ctx)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range patients {
		if t.changed == nil {
			t.changed = map[int]bool{}
		}
		t.changed[id] = t.changed[id] || action != accessevent.ActionDENIED && action != accessevent.ActionLIST
	}
	ids := slices.Compact(slices.Sorted(slices.Values(patients)))
	for i := range t.events {
		if e := &t.events[i]; e.action == action && e.user == user && e.session == session && e.seenAs == seenAs && (len(ids) > 0 || action == accessevent.ActionLIST) {
			e.patients = slices.Compact(slices.Sorted(slices.Values(slices.Concat(e.patients, ids))))
			return
		}
	}
	t.events = append(t.events, event{action: action, user: user, session: session, seenAs: seenAs, patients: ids})
}

// take returns what is to be stored, and forgets it. The patients whose data the answer
// holds are among it if looks is true; one who was changed was looked at anyway.
func (t *trail) take(ctx context.Context, looks bool) ([]event, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if looks {
		if err := t.look(ctx); err != nil {
			return nil, err
		}
	}
	events := t.events
	t.events = nil
	if events == nil {
		return nil, nil
	}
	operation := t.door.Operation(ctx)
	if utf8.RuneCountInString(operation) > maxOperation {
		operation = string([]rune(operation)[:maxOperation])
	}
	at := time.Now().UTC().Truncate(time.Microsecond)
	of := func(ctx context.Context, events []event) {
		client := request.ClientOf(ctx)
		for i := range events {
			e := &events[i]
			e.at, e.door, e.operation, e.request = at, t.door.Name, operation, request.ID(ctx)
			e.address, e.client = client.Address.String(), client.UserAgent
		}
	}
	of(ctx, events)
	own := events
	for _, other := range t.others {
		v, err := viewer.FromContext(other)
		if err != nil {
			return nil, err
		}
		theirs := slices.Clone(own)
		for i := range theirs {
			theirs[i].user, theirs[i].session = v.UserID, v.SessionID
		}
		of(other, theirs)
		events = append(events, theirs...)
	}
	return events, nil
}

// look makes events of the patients whose data the answer holds: one for each way of
// asking and of seeing.
func (t *trail) look(ctx context.Context) error {
	for id := range t.read {
		delete(t.listed, id)
	}
	if t.viewer != nil {
		ctx = t.viewer
	}
	v, _ := viewer.FromContext(ctx)
	for _, looks := range []struct {
		action  accessevent.Action
		clinics map[int]int
	}{{accessevent.ActionREAD, t.read}, {accessevent.ActionLIST, t.listed}} {
		maps.DeleteFunc(looks.clinics, func(id, _ int) bool { return t.changed[id] })
		if len(looks.clinics) == 0 {
			continue
		}
		ways, err := t.door.HowSeen(ctx, looks.clinics)
		if err != nil {
			return err
		}
		patients := map[accessevent.SeenAs]scalar.IDs{}
		for _, id := range slices.Sorted(maps.Keys(looks.clinics)) {
			patients[ways[id]] = append(patients[ways[id]], id)
		}
		for _, way := range slices.Sorted(maps.Keys(patients)) {
			t.events = append(t.events, event{action: looks.action, user: v.UserID, session: v.SessionID, seenAs: way, patients: patients[way]})
		}
	}
	t.read, t.listed = nil, nil
	return nil
}

// Patients returns the patients whom the trail tells of, in ascending order.
func Patients(ctx context.Context) []int {
	t := of(ctx)
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := slices.Concat(slices.Collect(maps.Keys(t.read)), slices.Collect(maps.Keys(t.listed)))
	for _, e := range t.events {
		ids = append(ids, e.patients...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Forget drops what happened in a transaction that is undone.
func Forget(ctx context.Context) {
	if t := of(ctx); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.read, t.listed, t.changed, t.events = nil, nil, nil, nil
	}
}

// Seal stores what happened so far in the transaction of the context, which must be
// committed next. done must be told whether it was.
func Seal(ctx context.Context) (done func(committed bool), err error) {
	t := of(ctx)
	if t == nil {
		return func(bool) {}, nil
	}
	events, err := t.take(ctx, true)
	if err != nil || events == nil {
		return func(bool) {}, err
	}
	chain := t.log.chain()
	next, err := chain.store(ctx, ent.FromContext(ctx), events)
	return func(committed bool) {
		if committed {
			t.log.free(next)
		}
	}, err
}

// Settle stores what is not stored yet: the patients whose data the answer holds, if it
// holds data, and what was refused. The answer may leave when it has returned; if it
// fails, it must not.
func Settle(ctx context.Context, data bool) error {
	t := of(ctx)
	if t == nil {
		return nil
	}
	events, err := t.take(ctx, data)
	if err != nil || events == nil {
		return err
	}
	return t.log.store(ctx, events)
}
