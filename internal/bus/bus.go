// Package bus tells a server at once what other servers, or anybody, changed in the database.
//
// On PostgreSQL, triggers announce a change in the transaction that makes it; it is delivered
// when that is committed, to each server over a connection of its own. A server knows at any
// moment whether it can have missed something: it sends itself a beat over the same
// connection, four times a second, which arrives behind everything that was committed before
// it was sent.
//
// On SQLite, where one transaction writes at a time, what changed is read from the revisions
// that each change leaves, in their order.
package bus

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lib/pq"
	"modernc.org/sqlite"
)

const (
	channel      = "caregraph"            // on which the triggers announce
	beatEvery    = 250 * time.Millisecond // at most; Flush sends one at once
	sureFor      = 750 * time.Millisecond // after the last beat that came back was sent
	lostAfter    = 3 * time.Second        // without an answer
	flushTimeout = time.Second
	againFirst   = 100 * time.Millisecond // after a connection was lost; twice as long each time,
	againMost    = 5 * time.Second        // at most
)

// Change is what happened to a record. It has nothing of what the record holds.
type Change struct {
	Type            string // Patient, Doctor or Mapping
	ID              int
	Kind            string // CREATED, UPDATED, DELETED, RESTORED, or ENDED of a mapping
	Clinic          int    // 0 for a doctor, and for what is gone altogether
	Patient, Doctor int    // of a mapping
}

// Listener is told what changes, in the order of the changes. Each of its functions may be
// nil, and must be quick.
type Listener struct {
	Changed func(Change)   // once it is committed
	User    func(user int) // whose sign-ins or rights changed; 0 if that may be anybody
	Missed  func()         // others may have changed, too
}

// Bus hears what changes. Its methods may be called concurrently. The zero of *Bus is one
// that never hears anything and never is sure.
type Bus struct {
	url, beat string  // of PostgreSQL; empty of SQLite
	db        *sql.DB // in which it changes
	log       *slog.Logger
	begun     time.Time
	kick      chan struct{} // sends a beat at once
	rubbish   sync.Once

	watching atomic.Bool // of SQLite: it hears

	sure atomic.Int64 // when the last beat that came back was sent, since begun; 0 for none

	mu        sync.Mutex
	listening bool
	proved    chan struct{} // is closed when it hears what is announced in the database
	flushes   []flush
	listeners []Listener
}

// flush waits for a beat that is sent at an instant since begun or later.
type flush struct {
	at   time.Duration
	done chan struct{}
}

// New returns a bus that hears what changes in a PostgreSQL database, as long as Run runs: over a
// connection of the URL, which must be the same database.
func New(databaseURL string, db *sql.DB, log *slog.Logger) (*Bus, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return nil, errors.New("the URL of PostgreSQL cannot be read")
	}
	if q := u.Query(); !q.Has("connect_timeout") {
		q.Set("connect_timeout", strconv.Itoa(int(lostAfter.Seconds())))
		u.RawQuery = q.Encode()
	}
	return &Bus{url: u.String(), db: db, beat: "caregraph_beat_" + strings.ToLower(rand.Text()), log: log, begun: time.Now(), kick: make(chan struct{}, 1)}, nil
}

// Watch returns a bus that hears what changes in the SQLite database, as long as Run runs.
func Watch(db *sql.DB, log *slog.Logger) *Bus { return &Bus{db: db, log: log} }

// Listen tells the listener what changes from now on.
func (b *Bus) Listen(l Listener) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listeners = append(b.listeners, l)
}

// each tells all listeners.
func (b *Bus) each(tell func(Listener)) {
	b.mu.Lock()
	listeners := b.listeners
	b.mu.Unlock()
	for _, l := range listeners {
		tell(l)
	}
}

func (b *Bus) changed(c Change) {
	b.each(func(l Listener) {
		if l.Changed != nil {
			l.Changed(c)
		}
	})
}

func (b *Bus) user(id int) {
	b.each(func(l Listener) {
		if l.User != nil {
			l.User(id)
		}
	})
}

func (b *Bus) missed() {
	b.each(func(l Listener) {
		if l.Missed != nil {
			l.Missed()
		}
	})
}

// Sure tells whether everything was heard that was committed longer than a second ago.
func (b *Bus) Sure() bool {
	if b == nil {
		return false
	}
	if b.url == "" {
		return b.watching.Load()
	}
	at := b.sure.Load()
	return at > 0 && time.Since(b.begun)-time.Duration(at) < sureFor
}

// Lag returns how old what was heard last may be: on PostgreSQL the time since the last beat was
// sent that came back, or since the bus began.
func (b *Bus) Lag() time.Duration {
	if b == nil || b.url == "" {
		return 0
	}
	return time.Since(b.begun) - time.Duration(b.sure.Load())
}

// Flush returns when everything was heard that was committed before it was called. If that
// takes longer than a second, the bus is not sure any more until it has begun anew. On SQLite it
// says that anybody's rights may have changed.
func (b *Bus) Flush() {
	if b == nil {
		return
	}
	if b.url == "" {
		b.user(0)
		return
	}
	f := flush{time.Since(b.begun), make(chan struct{})}
	b.mu.Lock()
	if !b.listening { // it will begin anew
		b.mu.Unlock()
		return
	}
	b.flushes = append(b.flushes, f)
	b.mu.Unlock()
	select {
	case b.kick <- struct{}{}:
	default: // somebody has asked already
	}
	select {
	case <-f.done:
	case <-time.After(flushTimeout):
		b.end()
	}
}

// end makes what is known no longer sure, and lets everybody go who waits.
func (b *Bus) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listening = false
	b.sure.Store(0)
	for _, f := range b.flushes {
		close(f.done)
	}
	b.flushes = nil
}

// Run listens until ctx ends, and connects again when the connection is lost.
func (b *Bus) Run(ctx context.Context) {
	if b == nil {
		return
	}
	again, told := againFirst, false
	run := b.listen
	if b.url == "" {
		run = b.watch
	}
	for ctx.Err() == nil {
		start := time.Now()
		err := run(ctx)
		b.end()
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > againMost {
			again, told = againFirst, false
		}
		if !told {
			b.log.Warn("changes are not heard; sign-ins are looked up for each request, and pages do not update themselves", "err", safe(err))
			told = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
		again = min(2*again, againMost)
	}
}

// safe returns err as it may be logged: without what the URL has.
func safe(err error) string {
	var postgres *pq.Error
	if errors.As(err, &postgres) {
		return "postgres " + string(postgres.Code)
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return "sqlite " + strconv.Itoa(lite.Code())
	}
	if errors.Is(err, errSilent) || errors.Is(err, errElsewhere) {
		return err.Error()
	}
	return "the connection is lost"
}

var (
	errSilent    = errors.New("no answer")
	errElsewhere = errors.New("what is announced in the database is not heard: DATABASE_LISTEN_URL must be the same database")
)

type (
	busKey     struct{}
	touchedKey struct{}
)

// NewContext returns a context whose transactions tell the bus what they changed.
func NewContext(ctx context.Context, b *Bus) context.Context {
	return context.WithValue(ctx, busKey{}, b)
}

// Begin returns the context of a transaction, and what must be called when it is committed:
// it returns when this server has heard what the transaction changed, if that was told to
// Touch.
func Begin(ctx context.Context) (inside context.Context, committed func()) {
	b, _ := ctx.Value(busKey{}).(*Bus)
	if b == nil {
		return ctx, func() {}
	}
	touched := new(atomic.Bool)
	return context.WithValue(ctx, touchedKey{}, touched), func() {
		if touched.Load() {
			b.Flush()
		}
	}
}

// Touch notes that the transaction of the context changes the sign-ins or the rights of a
// user.
func Touch(ctx context.Context) {
	if touched, ok := ctx.Value(touchedKey{}).(*atomic.Bool); ok {
		touched.Store(true)
	}
}
