package graphqlhttp

import (
	"slices"
	"sync"
	"time"
)

// Bounds of what waits for a client that reads slowly.
const (
	keptMessages = 100     // that tell of events
	keptBytes    = 1 << 20 // of those
	keptAnswers  = 200     // to what the client asked
	keptAnswered = 4 << 20 // bytes of those
)

// endTimeout is how long a connection that ends may take to send what it is sending.
const endTimeout = 800 * time.Millisecond

// outbox is what a connection has to send. Its methods may be called concurrently.
type outbox struct {
	wake chan struct{} // has an element when there is something to send

	mu       sync.Mutex
	messages []*message
	byTopic  map[topic]*message // those that were pushed
	bytes    int                // of those
	answered int                // bytes of the answers
	code     int                // with which the connection ends; 0: not yet
	reason   string
	late     func()      // ends what is being sent
	timer    *time.Timer // calls late
}

// topic is what a message is about.
type topic struct {
	id     string // of the operation
	record string // that the message tells of
	minor  bool   // whether it is no news for who is told something else of the record
}

// message is sent to a client.
type message struct {
	topic
	kind    string // the type of graphql-transport-ws
	payload []byte // JSON
}

// newOutbox returns an outbox that calls late some time after its connection has ended, if that
// is still sending.
func newOutbox(late func()) *outbox {
	return &outbox{late: late, wake: make(chan struct{}, 1), byTopic: map[topic]*message{}}
}

func (o *outbox) awake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// push adds what a subscription is told of an event, in place of what it has not been told yet of
// the same record; minor news takes the place of minor news only. If too much waits, all that
// waits for this subscription is dropped, and push returns false; but never for what is of no
// record: that something was missed.
func (o *outbox) push(id, record string, minor bool, payload []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.code != 0 {
		return true // nobody waits for it
	}
	key := topic{id, record, minor}
	if !minor {
		o.dropped(func(t topic) bool { return t.id == id && t.record == record && t.minor })
	}
	m := o.byTopic[key]
	if m == nil {
		m = &message{kind: "next", topic: key}
		o.byTopic[key] = m
		o.messages = append(o.messages, m)
	}
	o.bytes += len(payload) - len(m.payload)
	m.payload = payload
	o.awake()
	if record != "" && (len(o.byTopic) > keptMessages || o.bytes > keptBytes) {
		o.dropped(func(t topic) bool { return t.id == id })
		return false
	}
	return true
}

// drop drops what a subscription has not been told yet.
func (o *outbox) drop(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropped(func(t topic) bool { return t.id == id })
}

// dropped drops what was pushed about the topics. Who calls it holds the lock.
func (o *outbox) dropped(about func(topic) bool) {
	some := false
	for t, m := range o.byTopic {
		if about(t) {
			delete(o.byTopic, t)
			o.bytes -= len(m.payload)
			m.payload = nil
			some = true
		}
	}
	if some {
		o.messages = slices.DeleteFunc(o.messages, func(m *message) bool { return m.kind == "next" && m.payload == nil })
	}
}

// send adds an answer. If too much waits, the connection ends.
func (o *outbox) send(kind, id string, payload []byte) {
	o.mu.Lock()
	if o.code != 0 {
		o.mu.Unlock()
		return
	}
	o.messages = append(o.messages, &message{topic{id: id}, kind, payload})
	o.answered += len(payload)
	full := len(o.messages)-len(o.byTopic) > keptAnswers || o.answered > keptAnswered
	o.awake()
	o.mu.Unlock()
	if full {
		o.end(closeTryAgain, "The client reads too slowly.")
	}
}

// end ends the connection, without what has not been sent unless it is going away. The first
// call counts.
func (o *outbox) end(code int, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.code != 0 {
		return
	}
	o.code, o.reason = code, reason
	if code != closeGoingAway {
		o.messages = nil
		o.timer = time.AfterFunc(endTimeout, o.late)
	}
	o.awake()
}

// close says that the connection has ended.
func (o *outbox) close() {
	o.end(closeGoingAway, "")
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.timer != nil {
		o.timer.Stop()
	}
}

// ended tells whether the connection ends.
func (o *outbox) ended() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.code != 0
}

// next returns what is to be sent next, or nil, and then the code with which the connection
// ends, or 0.
func (o *outbox) next() (m *message, code int, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.messages) == 0 {
		return nil, o.code, o.reason
	}
	m = o.messages[0]
	o.messages[0] = nil
	if o.messages = o.messages[1:]; len(o.messages) == 0 {
		o.messages = nil
	}
	if o.byTopic[m.topic] == m {
		delete(o.byTopic, m.topic)
		o.bytes -= len(m.payload)
	} else {
		o.answered -= len(m.payload)
	}
	return m, 0, ""
}
