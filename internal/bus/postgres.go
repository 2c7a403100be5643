package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

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
	if err := b.prove(ctx); err != nil {
		return err
	}
	b.missed()
	b.mu.Lock()
	b.listening = true
	b.mu.Unlock()
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

// proof is a beat that is announced in the database itself.
const proof = "proof"

// prove fails with errElsewhere if what is announced in the database is not heard.
func (b *Bus) prove(ctx context.Context) error {
	proved := make(chan struct{})
	b.mu.Lock()
	b.proved = proved
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lostAfter)
	defer cancel()
	if _, err := b.db.ExecContext(ctx, "SELECT pg_notify($1, $2)", b.beat, proof); err != nil {
		return err
	}
	select {
	case <-proved:
		return nil
	case <-ctx.Done():
		return errElsewhere
	}
}

// hear takes what PostgreSQL delivers.
func (b *Bus) hear(n *pq.Notification) {
	if n.Channel == b.beat {
		b.returned(n.Extra)
		return
	}
	if n.Channel == channel && b.announced(strings.Fields(n.Extra)) {
		return
	}
	b.rubbish.Do(func() {
		b.log.Warn("what was announced on the channel of this server makes no sense", "channel", channel)
	})
}

// kinds are the kinds of changes.
var kinds = []string{"CREATED", "UPDATED", "DELETED", "RESTORED", "ENDED"}

// announced tells the listeners what a trigger announced: "All"; "User", its id; or the type of
// a record, its id, the kind and the clinic, and of a mapping the patient and the doctor. It
// returns false if that makes no sense.
func (b *Bus) announced(words []string) bool {
	if slices.Equal(words, []string{"All"}) {
		b.missed()
		return true
	}
	if len(words) < 2 || len(words) > 6 {
		return false
	}
	c := Change{Type: words[0]}
	numbers := []*int{&c.ID, nil, &c.Clinic, &c.Patient, &c.Doctor}
	for i, word := range words[1:] {
		if numbers[i] == nil {
			c.Kind = word
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < 0 {
			return false
		}
		*numbers[i] = n
	}
	switch {
	case c.Type == "User" && len(words) == 2:
		b.user(c.ID)
	case !slices.Contains(kinds, c.Kind):
		return false
	case (c.Type == "Patient" || c.Type == "Doctor") && len(words) == 4, c.Type == "Mapping" && len(words) == 6:
		b.changed(c)
	default:
		return false
	}
	return true
}

// returned takes a beat that came back.
func (b *Bus) returned(sent string) {
	at, err := strconv.ParseInt(sent, 10, 64)
	b.mu.Lock()
	defer b.mu.Unlock()
	if sent == proof && b.proved != nil {
		close(b.proved)
		b.proved = nil
	}
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
