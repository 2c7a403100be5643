package graphqlhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"caregraph/internal/fault"
	"caregraph/internal/viewer"
)

const (
	keptEvents   = 1000                   // that one subscription has not been told of yet
	eventsAtOnce = 50                     // that a group is told before others, and before who missed something
	keptText     = 128 << 10              // bytes of the documents of a user's subscriptions
	tellingMost  = 4                      // groups of equal subscriptions that are told at the same time
	lookEvery    = 200 * time.Millisecond // at who subscribes: whether it may still, and whether it missed something
)

// Event is something that happened, of which subscriptions may tell.
type Event struct {
	Record string // what it happened to; of several events of one record the last is told
	Minor  bool   // whether it is no news for who is told of another event of the record
	Clinic int    // whose the record is; 0 if it is nobody's
	Value  any    // what the resolver knows of it; nil: something may have been missed
}

// Subscribe is what a resolver of a subscription returns. An operation that subscribes is
// executed once to check it, and then once more for each event that wants returns true for.
//
// check is called the first time, and tells why nobody can subscribe so. see is called for an
// event and returns what is told of it, or nil if nothing is.
func Subscribe[T any](ctx context.Context, wants func(Event) bool, check func() error, see func(Event) (*T, error)) (<-chan *T, error) {
	told := make(chan *T, 1)
	defer close(told)
	run, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		return nil, errors.New("a subscription is executed as something else")
	}
	if run.event == nil {
		run.wants = wants
		return told, check()
	}
	v, err := see(*run.event)
	if v != nil {
		told <- v
	}
	return told, err
}

type runKey struct{}

// run is one execution of an operation that subscribes.
type run struct {
	event *Event           // nil: it is only checked
	wants func(Event) bool // which events it wants
}

// subscriptions tells subscribers what happens. Those who ask for the same and have the same
// right are told by one execution.
type subscriptions struct {
	*Handler
	turn chan struct{} // taken while a group is told, so many at once

	mu       sync.Mutex
	groups   map[string]*group // by what is asked for
	callers  map[*caller]bool
	ofUser   map[int]*counts
	watching bool
}

// counts are what a user has open.
type counts struct {
	connections, subscriptions int
	bytes                      int           // of the documents of the subscriptions
	turn                       chan struct{} // taken while a group of nobody else is told
}

func newSubscriptions(h *Handler) *subscriptions {
	return &subscriptions{Handler: h, turn: make(chan struct{}, tellingMost), groups: map[string]*group{}, callers: map[*caller]bool{}, ofUser: map[int]*counts{}}
}

// group is subscriptions that ask for the same.
type group struct {
	key       string
	operation *graphql.OperationContext
	wants     func(Event) bool
	personal  bool // what is asked for is another thing for each user

	// Guarded by subscriptions.mu.
	members map[*subscriber]bool
	records []string // of the events, in their order
	events  map[string]Event
	telling bool
}

// subscriber is one subscription of a caller.
type subscriber struct {
	*caller
	id     string // of the subscription
	group  *group
	missed bool // something, and has not been told so; guarded by subscriptions.mu
}

// caller is who subscribes over one connection. It is told as the one that it is at that
// moment.
type caller struct {
	ctx           context.Context // of the connection
	authorization string
	out           *outbox

	// Guarded by subscriptions.mu.
	viewer viewer.Viewer // as it was when it was looked at last
	sight  []int         // the clinics whose records it may see; nil if those may be all
	by     string        // another when it sees some of those by another right
	seen   []int         // the clinics, with those whose records it could see before that; nil as in sight
	subs   map[string]*subscriber

	// How often its rights may have changed, and after how many of these it was looked at last.
	doubts, checked int
}

// stale tells whether the rights of a caller may have changed since it was looked at. Who calls
// it holds the lock.
func (c *caller) stale() bool { return c.checked != c.doubts }

// errEnded is the failure to find out who is calling when the session has ended.
var errEnded = errors.New("the session has ended")

// look finds out who is calling. If the session has ended, the connection does, too. If the
// caller may see other records than before, it may have missed something.
func (s *subscriptions) look(c *caller) (ctx context.Context, v viewer.Viewer, err error) {
	for newest := false; !newest; {
		if ctx, v, newest, err = s.lookOnce(c); err != nil {
			return nil, v, err
		}
	}
	return ctx, v, nil
}

// lookOnce is look, unless another look that began later has ended before: then newest is false.
func (s *subscriptions) lookOnce(c *caller) (ctx context.Context, v viewer.Viewer, newest bool, err error) {
	s.mu.Lock()
	doubts, stale := c.doubts, c.stale()
	before, sight, by := c.viewer, c.sight, c.by
	s.mu.Unlock()
	ctx = s.streams.Identify(c.ctx, c.authorization)
	v, err = viewer.FromContext(ctx)
	if errors.Is(err, viewer.ErrBadToken) || errors.Is(err, viewer.ErrAnonymous) {
		c.out.end(closeUnauthorized, "The sign-in has ended.")
		return nil, v, false, errEnded
	}
	if err == nil && (before.Right(true) != v.Right(true) || stale && v.Beyond()) {
		asking, cancel := context.WithTimeout(ctx, maxDuration)
		sight, by, err = s.contract.Sight(s.contract.Begin(asking, false))
		cancel()
	}
	if c.ctx.Err() != nil { // the connection has ended
		return nil, v, false, errEnded
	}
	if err != nil {
		return nil, v, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if doubts < c.checked {
		return nil, v, false, nil
	}
	before = c.viewer
	if before.UserID != 0 && (before.Right(true) != v.Right(true) || c.by != by || !slices.Equal(c.sight, sight)) {
		for _, sub := range c.subs {
			sub.missed = true
		}
		c.seen = slices.Concat(c.sight, sight) // it is told that what it saw is gone
	}
	if before.UserID == 0 || c.sight == nil || sight == nil {
		c.seen = sight
	}
	c.viewer, c.sight, c.by, c.checked = v, sight, by, doubts
	return ctx, v, true, nil
}

// Live returns how many subscriptions there are, and how many connections of those who may have
// some.
func (h *Handler) Live() (subscriptions, connections int) {
	s := h.subscriptions
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.callers {
		subscriptions += len(c.subs)
	}
	return subscriptions, len(s.callers)
}

// join lets a caller in who subscribes. It fails with fault.RateLimited if its user has too
// many connections, with errEnded, or with the database's error.
func (s *subscriptions) join(c *caller) error {
	c.subs = map[string]*subscriber{}
	if _, _, err := s.look(c); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.ofUser[c.viewer.UserID]
	if of == nil {
		of = &counts{turn: make(chan struct{}, 1)}
		s.ofUser[c.viewer.UserID] = of
	}
	if over(of.connections+1, s.streams.Most) {
		return tooMany("No more than %d connections of one user at once.", s.streams.Most)
	}
	of.connections++
	s.callers[c] = true
	c.doubts++ // who was not among them before has not heard of doubts
	if !s.watching {
		s.watching = true
		go s.watch()
	}
	return nil
}

func tooMany(format string, most int) error {
	return &fault.Error{Kind: fault.RateLimited, Message: fmt.Sprintf(format, most), RetryAfter: time.Second}
}

// leave ends all subscriptions of a caller.
func (s *subscriptions) leave(c *caller) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.callers[c] {
		return
	}
	for _, sub := range c.subs {
		s.remove(sub)
	}
	delete(s.callers, c)
	of := s.ofUser[c.viewer.UserID]
	if of.connections--; of.connections == 0 {
		delete(s.ofUser, c.viewer.UserID)
	}
}

// subscribe begins a subscription. Its operation has been prepared in the context, which is
// one of the caller as it is now. It returns what is wrong with it, if anything is.
func (s *subscriptions) subscribe(ctx context.Context, c *caller, id string, o *graphql.OperationContext) *graphql.Response {
	check := &run{}
	responses, checked := s.exec.DispatchOperation(context.WithValue(ctx, runKey{}, check), o)
	if refusal := responses(checked); refusal != nil || check.wants == nil {
		if refusal == nil {
			refusal = s.exec.DispatchError(checked, gqlerror.List{{Err: context.Cause(ctx), Message: "timeout"}})
		} else if err := s.contract.Settle(checked, refusal); err != nil {
			refusal = s.exec.DispatchError(checked, gqlerror.List{{Err: err, Message: "access log"}})
		}
		return refusal
	}
	asked, err := json.Marshal([]any{o.RawQuery, o.OperationName, o.Variables})
	if err != nil {
		panic(err) // they came as JSON
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.callers[c] {
		return &graphql.Response{Errors: gqlerror.List{refused(fault.Unavailable, "The connection has ended.", nil)}}
	}
	of := s.ofUser[c.viewer.UserID]
	if over(max(len(c.subs), of.subscriptions)+1, s.streams.Most) {
		err := tooMany("No more than %d subscriptions of one user at once.", s.streams.Most)
		return &graphql.Response{Errors: gqlerror.List{presentFault(fault.Of(err)[0])}}
	}
	if of.bytes+len(o.RawQuery) > keptText {
		err := tooMany("The documents of one user's subscriptions have no more than %d bytes together.", keptText)
		return &graphql.Response{Errors: gqlerror.List{presentFault(fault.Of(err)[0])}}
	}
	g := s.groups[string(asked)]
	if g == nil {
		g = &group{key: string(asked), operation: o, wants: check.wants, personal: s.personal(o.Operation.SelectionSet, map[*ast.FragmentDefinition]bool{}), members: map[*subscriber]bool{}, events: map[string]Event{}}
		s.groups[g.key] = g
	}
	of.subscriptions++
	of.bytes += len(o.RawQuery)
	c.subs[id] = &subscriber{caller: c, id: id, group: g}
	g.members[c.subs[id]] = true
	return nil
}

// unsubscribe ends a subscription, if there is one of the id.
func (s *subscriptions) unsubscribe(c *caller, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub := c.subs[id]; sub != nil {
		s.remove(sub)
		c.out.drop(id)
	}
}

// remove ends a subscription. Who calls it holds the lock.
func (s *subscriptions) remove(sub *subscriber) {
	delete(sub.subs, sub.id)
	delete(sub.group.members, sub)
	if len(sub.group.members) == 0 {
		delete(s.groups, sub.group.key)
	}
	of := s.ofUser[sub.viewer.UserID]
	of.subscriptions--
	of.bytes -= len(sub.group.operation.RawQuery)
}

// personal tells whether the selections show something of which each user sees another part.
func (s *subscriptions) personal(selections ast.SelectionSet, seen map[*ast.FragmentDefinition]bool) bool {
	return slices.ContainsFunc(selections, func(selection ast.Selection) bool {
		switch selection := selection.(type) {
		case *ast.Field:
			return selection.Definition != nil && slices.Contains(s.contract.Personal, selection.Definition.Type.Name()) || s.personal(selection.SelectionSet, seen)
		case *ast.InlineFragment:
			return s.personal(selection.SelectionSet, seen)
		case *ast.FragmentSpread:
			if seen[selection.Definition] {
				return false
			}
			seen[selection.Definition] = true
			return s.personal(selection.Definition.SelectionSet, seen)
		}
		return true
	})
}

// Changed tells subscribers of an event, beside its caller.
func (h *Handler) Changed(e Event) {
	s := h.subscriptions
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		if !g.wants(e) {
			continue
		}
		before, known := g.events[e.Record]
		if !known {
			g.records = append(g.records, e.Record)
		}
		if known && before.Clinic != e.Clinic {
			e.Clinic, before.Clinic = 0, 0
		}
		if known && e.Minor {
			e = before
		}
		g.events[e.Record] = e
		if len(g.records) > keptEvents {
			clear(g.events)
			g.records = nil
			for member := range g.members {
				member.missed = true
			}
		}
		s.wake(g)
	}
}

// Doubt says that the rights or the sign-ins of a user, or of anybody if it is 0, may have
// changed.
func (h *Handler) Doubt(user int) {
	s := h.subscriptions
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.callers {
		if user == 0 || user == c.viewer.UserID {
			c.doubts++
		}
	}
}

// Missed says that something may have changed of which nobody was told.
func (h *Handler) Missed() {
	s := h.subscriptions
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.callers {
		c.doubts++
	}
	for _, g := range s.groups {
		for member := range g.members {
			member.missed = true
		}
		s.wake(g)
	}
}

// wake tells a group what it has not been told of yet, beside its caller, who holds the lock.
func (s *subscriptions) wake(g *group) {
	if !g.telling {
		g.telling = true
		go s.tell(g)
	}
}

// tell tells a group until nothing is left. The groups of one user take turns among themselves
// first, so that whoever has many does not keep others waiting.
func (s *subscriptions) tell(g *group) {
	for {
		sole := s.soleTurn(g)
		sole <- struct{}{}
		s.turn <- struct{}{}
		r := s.round(g)
		done := r == nil || r.run()
		<-s.turn
		<-sole
		if done {
			return
		}
	}
}

// round returns what a group is told now, or nil if that is nothing.
func (s *subscriptions) round(g *group) *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &round{subscriptions: s, group: g, known: map[*subscriber]identity{}}
	n := min(len(g.records), eventsAtOnce)
	for _, record := range g.records[:n] {
		r.events = append(r.events, g.events[record])
		delete(g.events, record)
	}
	g.records = slices.Clone(g.records[n:])
	for m := range g.members {
		r.members = append(r.members, m)
		if m.missed {
			m.missed = false
			r.missed = append(r.missed, m)
		}
	}
	if g.telling = len(r.events)+len(r.missed) > 0; !g.telling {
		return nil
	}
	return r
}

// soleTurn returns the turn of the user of whom all members of a group are, and a turn of the
// group's own if they are of several.
func (s *subscriptions) soleTurn(g *group) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, own := 0, make(chan struct{}, 1)
	for m := range g.members {
		if user != 0 && user != m.viewer.UserID {
			return own
		}
		user = m.viewer.UserID
	}
	if of := s.ofUser[user]; of != nil {
		return of.turn
	}
	return own
}

// round tells a group of events.
type round struct {
	*subscriptions
	group   *group
	events  []Event
	members []*subscriber
	missed  []*subscriber            // who are told that they missed something
	known   map[*subscriber]identity // who the members are
}

// identity is who a member is.
type identity struct {
	ctx     context.Context
	right   viewer.Viewer
	expires time.Time
}

// run tells all of it, and returns true if that failed: then the group is told so when somebody
// looks the next time.
func (r *round) run() (failed bool) {
	defer r.recover(func() {
		r.miss(r.members)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.group.telling, failed = false, true
	})
	for _, e := range r.events {
		failed = r.tell(e, r.members) || failed
	}
	failed = r.tell(Event{}, r.missed) || failed
	if failed {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.group.telling = false
	}
	return failed
}

// tell tells those members of an event, or that they missed something, who may know. Who cannot
// be told has missed it; then tell returns true.
func (r *round) tell(e Event, members []*subscriber) (failed bool) {
	audiences := map[viewer.Viewer][]*subscriber{}
	for i, m := range members {
		r.mu.Lock()
		near, fresh := e.Clinic == 0 || m.seen == nil || slices.Contains(m.seen, e.Clinic), !m.stale()
		r.mu.Unlock()
		if !near && fresh {
			continue
		}
		is, known := r.known[m]
		if !known || !fresh || !r.streams.Sure() || !time.Now().Before(is.expires) {
			ctx, v, err := r.look(m.caller)
			if errors.Is(err, errEnded) {
				continue
			}
			if err != nil { // nobody is told while it cannot be found out who may be
				r.miss(members[i:])
				failed = true
				break
			}
			is = identity{ctx, v.Right(r.group.personal), v.Expires}
			r.known[m] = is
		}
		audiences[is.right] = append(audiences[is.right], m)
	}
	for right, audience := range audiences {
		failed = r.deliver(e, right, audience) || failed
	}
	return failed
}

// deliver tells members who have the same right of an event. It returns true if that failed.
func (r *round) deliver(e Event, right viewer.Viewer, members []*subscriber) (failed bool) {
	defer r.recover(func() {
		r.miss(members)
		failed = true
	})
	var callers []context.Context // each once
	seen := map[*caller]bool{}
	for _, m := range members {
		if !seen[m.caller] {
			seen[m.caller] = true
			callers = append(callers, r.known[m].ctx)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithValue(graphql.StartOperationTrace(context.WithoutCancel(callers[0])), runKey{}, &run{event: &e}), maxDuration)
	defer cancel()
	ctx = r.contract.Begin(ctx, false)
	r.contract.Share(ctx, callers[1:])
	responses, executed := r.exec.DispatchOperation(ctx, r.group.operation)
	response := responses(executed)
	switch {
	case response == nil && ctx.Err() == nil:
		return false // the viewer may not know
	case response == nil, response.Data == nil, slices.ContainsFunc(response.Errors, func(err *gqlerror.Error) bool { return err.Extensions["code"] == string(fault.Unavailable) }):
		r.miss(members)
		return true
	}
	payload := body(response)
	for _, m := range members {
		r.push(e, right, m, payload)
	}
	return false
}

// push gives a member what was found out for those of a right, if it has that right still.
func (r *round) push(e Event, right viewer.Viewer, m *subscriber, payload []byte) {
	for {
		r.mu.Lock()
		if !m.stale() {
			break
		}
		r.mu.Unlock()
		if _, _, err := r.look(m.caller); errors.Is(err, errEnded) {
			return
		} else if err != nil {
			r.miss([]*subscriber{m})
			return
		}
	}
	defer r.mu.Unlock()
	switch {
	case m.subs[m.id] != m: // it has ended
	case m.viewer.Right(r.group.personal) != right, !m.out.push(m.id, e.Record, e.Minor, payload):
		m.missed = true
	}
}

// miss says that members missed something.
func (s *subscriptions) miss(members []*subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range members {
		m.missed = true
	}
}

// watch looks from time to time at those who subscribe, until there are none.
func (s *subscriptions) watch() {
	for {
		time.Sleep(lookEvery)
		s.mu.Lock()
		if len(s.callers) == 0 {
			s.watching = false
			s.mu.Unlock()
			return
		}
		sure, now := s.streams.Sure(), time.Now()
		var doubtful []*caller
		for c := range s.callers {
			if c.stale() || !sure || !now.Before(c.viewer.Expires) {
				doubtful = append(doubtful, c)
			}
		}
		s.mu.Unlock()
		s.lookAt(doubtful)
		s.mu.Lock()
		for _, g := range s.groups {
			waits := len(g.records) > 0
			for m := range g.members {
				waits = waits || m.missed
			}
			if waits {
				s.wake(g)
			}
		}
		s.mu.Unlock()
	}
}

// lookAt looks at callers, as long as the database answers.
func (s *subscriptions) lookAt(callers []*caller) {
	defer s.recover(func() {})
	for _, c := range callers {
		if _, _, err := s.look(c); err != nil && !errors.Is(err, errEnded) {
			return
		}
	}
}

// has tells whether the caller has a subscription of the id.
func (s *subscriptions) has(c *caller, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.subs[id] != nil
}
