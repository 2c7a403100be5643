// Package bus tells a server at once what other servers, or anybody, changed in a PostgreSQL
// database. Triggers announce a change in the transaction that makes it; PostgreSQL delivers
// it when that is committed, to each server over a connection of its own.
//
// A server knows at any moment whether it can have missed something: it sends itself a beat
// over the same connection, four times a second, which arrives behind everything that was
// committed before it was sent.
package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lib/pq"
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

// Bus hears what changes. Its methods may be called concurrently. The zero of *Bus is one
// that never hears anything and never is sure.
type Bus struct {
	url, beat string
	log       *slog.Logger
	begun     time.Time
	kick      chan struct{} // sends a beat at once
	rubbish   sync.Once

	sure atomic.Int64 // when the last beat that came back was sent, since begun; 0 for none

	mu        sync.Mutex
	listening bool
	flushes   []flush
	dropped   []func(user int)
	missed    []func()
}

// flush waits for a beat that is sent at an instant since begun or later.
type flush struct {
	at   time.Duration
	done chan struct{}
}

// New returns a bus that hears what changes in the database of the URL, as long as Run runs.
func New(databaseURL string, log *slog.Logger) (*Bus, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return nil, errors.New("the URL of PostgreSQL cannot be read")
	}
	if q := u.Query(); !q.Has("connect_timeout") {
		q.Set("connect_timeout", strconv.Itoa(int(lostAfter.Seconds())))
		u.RawQuery = q.Encode()
	}
	return &Bus{url: u.String(), beat: "caregraph_beat_" + strings.ToLower(rand.Text()), log: log, begun: time.Now(), kick: make(chan struct{}, 1)}, nil
}

// OnChange calls dropped with each user whose sign-ins or rights changed, and missed when
// others may have, too. Both are called in the order of the changes, and must be quick.
func (b *Bus) OnChange(dropped func(user int), missed func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropped, b.missed = append(b.dropped, dropped), append(b.missed, missed)
}

// Sure tells whether everything was heard that was committed longer than a second ago.
func (b *Bus) Sure() bool {
	if b == nil {
		return false
	}
	at := b.sure.Load()
	return at > 0 && time.Since(b.begun)-time.Duration(at) < sureFor
}

// Flush returns when everything was heard that was committed before it was called. If that
// takes longer than a second, the bus is not sure any more until it has begun anew.
func (b *Bus) Flush() {
	if b == nil {
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
	for ctx.Err() == nil {
		start := time.Now()
		err := b.listen(ctx)
		b.end()
		if ctx.Err() != nil {
			return
		}
		if time.Since(start) > againMost {
			again, told = againFirst, false
		}
		if !told {
			b.log.Warn("changes of other servers are not heard; sign-ins are looked up for each request", "err", safe(err))
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
	if errors.Is(err, errSilent) {
		return err.Error()
	}
	return "the connection is lost"
}

var errSilent = errors.New("no answer")

// listen hears over one connection until that is lost.
func (b *Bus) listen(ctx context.Context) error {
	arrived := make(chan *pq.Notification, 64)
	conn, err := pq.NewListenerConn(b.url, arrived)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for n := range arrived {
			b.hear(n)
		}
	}()
	defer func() {
		conn.Close()
		<-heard
	}()
	execute := func(query string) error {
		defer time.AfterFunc(lostAfter, func() { conn.Close() }).Stop()
		_, err := conn.ExecSimpleQuery(query)
		return err
	}
	for _, name := range []string{channel, b.beat} {
		if err := execute("LISTEN " + name); err != nil {
			return err
		}
	}
	b.mu.Lock()
	b.listening = true
	missed := b.missed
	b.mu.Unlock()
	for _, f := range missed {
		f()
	}
	began := time.Since(b.begun)
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		now := time.Since(b.begun)
		if err := execute(fmt.Sprintf("NOTIFY %s, '%d'", b.beat, now)); err != nil {
			return err
		}
		if now-max(began, time.Duration(b.sure.Load())) > lostAfter { // a pooler may take LISTEN and deliver nothing
			return errSilent
		}
		select {
		case <-heard:
			return errors.Join(conn.Err(), errSilent)
		case <-ticker.C:
		case <-b.kick:
		}
		b.mu.Lock()
		listening := b.listening
		b.mu.Unlock()
		if !listening {
			return errSilent
		}
	}
}

// hear takes what PostgreSQL delivers.
func (b *Bus) hear(n *pq.Notification) {
	if n.Channel == b.beat {
		b.returned(n.Extra)
		return
	}
	kind, id, _ := strings.Cut(n.Extra, " ")
	user, err := strconv.Atoi(id)
	if n.Channel != channel || kind != "User" || err != nil {
		b.rubbish.Do(func() {
			b.log.Warn("what was announced on the channel of this server makes no sense", "channel", channel)
		})
		return
	}
	b.mu.Lock()
	dropped := b.dropped
	b.mu.Unlock()
	for _, f := range dropped {
		f(user)
	}
}

// returned takes a beat that came back.
func (b *Bus) returned(sent string) {
	at, err := strconv.ParseInt(sent, 10, 64)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil || !b.listening || at <= b.sure.Load() || time.Duration(at) > time.Since(b.begun) {
		return
	}
	b.sure.Store(at)
	var later []flush
	for _, f := range b.flushes {
		if f.at <= time.Duration(at) {
			close(f.done)
		} else {
			later = append(later, f)
		}
	}
	b.flushes = later
}

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
