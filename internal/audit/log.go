package audit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"caregraph/ent"
)

// Limits of storing events.
const (
	maxBatch     = 64              // requests whose events one statement stores
	storeTimeout = 5 * time.Second // of that statement
)

// ErrNotStored is the failure to store an event. Nothing that it tells of may leave.
var ErrNotStored = errors.New("access log")

// Log stores events in a database. Its methods may be called concurrently.
type Log struct {
	client *ent.Client

	mu     sync.Mutex
	chains []chain // that nobody uses at the moment

	queue   []*waiting
	storing bool // whether somebody stores what is in the queue
}

// waiting is a request that waits until its events are stored.
type waiting struct {
	events []event
	done   chan error
}

// New returns the log in the client's database.
func New(client *ent.Client) *Log { return &Log{client: client} }

// chain is a chain of batches, which one transaction at a time makes longer.
type chain struct {
	writer int
	batch  int // the last one
	hash   string
}

// chain returns a chain that nobody uses: a new one if there is none. It is lost unless
// free is called with what became of it.
func (l *Log) chain() chain {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := len(l.chains) - 1; last >= 0 {
		c := l.chains[last]
		l.chains = l.chains[:last]
		return c
	}
	var random [8]byte
	rand.Read(random[:])
	return chain{writer: int(binary.BigEndian.Uint64(random[:]) >> 1)}
}

// free lets others use the chain.
func (l *Log) free(c chain) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.chains = append(l.chains, c)
}

// store stores events, and returns when they are stored. Requests that come while others
// store share one statement.
func (l *Log) store(ctx context.Context, events []event) error {
	w := &waiting{events, make(chan error, 1)}
	l.mu.Lock()
	l.queue = append(l.queue, w)
	first := !l.storing
	l.storing = true
	l.mu.Unlock()
	if first {
		l.storeQueue()
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNotStored, ctx.Err())
	}
}

// Waiting returns how many requests wait until their events are stored.
func (l *Log) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// storeQueue stores what is in the queue by one statement, for everybody who waits. If
// others came meanwhile, it goes on beside its caller.
func (l *Log) storeQueue() {
	l.mu.Lock()
	n := min(len(l.queue), maxBatch)
	batch := slices.Clone(l.queue[:n])
	l.queue = slices.Delete(l.queue, 0, n)
	l.mu.Unlock()

	var events []event
	for _, w := range batch {
		events = append(events, w.events...)
	}
	c := l.chain()
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	next, err := c.store(ctx, l.client, events)
	if err == nil {
		l.free(next)
	}
	for _, w := range batch {
		w.done <- err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.storing = len(l.queue) > 0; l.storing {
		go l.storeQueue()
	}
}

type recordingKey struct{}

// Recording tells whether the context is one in which this package stores events.
func Recording(ctx context.Context) bool { return ctx.Value(recordingKey{}) != nil }

// store stores a batch of events and returns the chain with it.
func (c chain) store(ctx context.Context, db *ent.Client, events []event) (chain, error) {
	next := chain{c.writer, c.batch + 1, c.hash}
	texts := make([][]byte, len(events))
	rows := make([]*ent.AccessEventCreate, len(events))
	for i, e := range events {
		texts[i] = e.append(nil)
		rows[i] = db.AccessEvent.Create().SetAt(e.at).SetAction(e.action).SetDoor(e.door).SetOperation(e.operation).SetRequestID(e.request).
			SetAddress(e.address).SetUserAgent(e.client).SetPatients(e.patients).SetWriter(next.writer).SetBatch(next.batch)
		if e.user != 0 {
			rows[i].SetUserID(e.user)
		}
		if e.session != 0 {
			rows[i].SetSessionID(e.session)
		}
		if e.seenAs != "" {
			rows[i].SetSeenAs(e.seenAs)
		}
		if e.subject != "" {
			rows[i].SetSubject(e.subject)
		}
	}
	next.hash = hash(c, texts)
	rows[len(rows)-1].SetHash(next.hash)
	ctx = context.WithValue(ctx, recordingKey{}, true)
	if err := db.AccessEvent.CreateBulk(rows...).Exec(ctx); err != nil {
		return next, fmt.Errorf("%w: %w", ErrNotStored, err)
	}
	return next, nil
}

// hash returns the hash of the batch after the last one of the chain: SHA-256, in
// hexadecimal, over the writer, the number of the batch, the hash before, and the events.
func hash(before chain, events [][]byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %d %s\n", before.writer, before.batch+1, before.hash)
	for _, e := range events {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(e))))
		h.Write(e)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// append appends what is hashed of an event.
func (e event) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(e.at.UnixMicro()))
	b = binary.BigEndian.AppendUint64(b, uint64(e.user))
	b = binary.BigEndian.AppendUint64(b, uint64(e.session))
	for _, text := range []string{string(e.action), string(e.seenAs), string(e.door), e.operation, e.request, e.address, e.client, e.patients.String(), e.subject} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
	}
	return b
}
