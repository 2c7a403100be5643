package graphqlhttp

import (
	"slices"
	"sync"
)

// Bounds of what waits for a client that reads slowly.
const (
	keptMessages = 100     // that tell of events
	keptBytes    = 1 << 20 // of those
	keptAnswers  = 200     // to what the client asked
)

// outbox is what a connection has to send. Its methods may be called concurrently.
type outbox struct {
	wake chan struct{} // has an element when there is something to send

	mu       sync.Mutex
	messages []*message
	byTopic  map[topic]*message // those that were pushed
	bytes    int                // of those
	code     int                // with which the connection ends; 0: not yet
	reason   string
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

func newOutbox() *outbox {
	return &outbox{wake: make(chan struct{}, 1), byTopic: map[topic]*message{}}
}

func (o *outbox) awake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// push adds what a subscription is told of an event, in place of what it has not been told yet of
// the same record; minor news takes the place of minor news only. If too much waits, all that
// waits for this subscription is dropped, and push returns false.
func (o *outbox) push(id, record string, minor bool, payload []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
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
	if len(o.byTopic) > keptMessages || o.bytes > keptBytes {
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
		o.messages = slices.DeleteFunc(o.messages, func(m *message) bool { return m.record != "" && m.payload == nil })
	}
}

// send adds an answer. If too many wait, the connection ends.
func (o *outbox) send(kind, id string, payload []byte) {
	o.mu.Lock()
	o.messages = append(o.messages, &message{topic{id: id}, kind, payload})
	full := len(o.messages)-len(o.byTopic) > keptAnswers
	o.awake()
	o.mu.Unlock()
	if full {
		o.end(closePolicy, "The client reads too slowly.")
	}
}

// end ends the connection, without what has not been sent unless it is going away. The first
// call counts.
func (o *outbox) end(code int, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.code == 0 {
		o.code, o.reason = code, reason
		if code != closeGoingAway {
			o.messages = nil
		}
		o.awake()
	}
}

// take returns what is to be sent now, and the code with which the connection ends after it, or
// 0. What follows an end is not sent.
func (o *outbox) take() (messages []*message, code int, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	messages = o.messages
	if o.code != 0 && o.code != closeGoingAway {
		messages = nil
	}
	o.messages, o.bytes = nil, 0
	clear(o.byTopic)
	return messages, o.code, o.reason
}
