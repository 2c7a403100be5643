package auth

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"caregraph/internal/bus"
	"caregraph/internal/viewer"
)

// known remembers for whom access tokens stand, as long as the bus is sure to hear what
// changes that. Its methods may be called concurrently. The zero of *known remembers nothing.
type known struct {
	bus *bus.Bus

	mu        sync.Mutex
	byUse     *simplelru.LRU[string, bearer] // by token
	ofUser    map[int]map[string]bool        // the tokens of a user
	forgotten uint64                         // how often something was forgotten
}

// bearer is for whom a token stands until an instant.
type bearer struct {
	viewer viewer.Viewer
	until  time.Time
}

// newKnown returns what remembers so many tokens, or nil for none or without a bus.
func newKnown(size int, b *bus.Bus) *known {
	if size <= 0 || b == nil {
		return nil
	}
	k := &known{bus: b, ofUser: map[int]map[string]bool{}}
	var err error
	if k.byUse, err = simplelru.NewLRU(size, k.gone); err != nil {
		panic(err) // the size is positive
	}
	b.Listen(bus.Listener{User: k.forget, Missed: k.forgetAll})
	return k
}

// gone keeps ofUser in line with byUse.
func (k *known) gone(token string, of bearer) {
	tokens := k.ofUser[of.viewer.UserID]
	if delete(tokens, token); len(tokens) == 0 {
		delete(k.ofUser, of.viewer.UserID)
	}
}

// get returns for whom the token stands, if that is known for certain.
func (k *known) get(token string, now time.Time) (viewer.Viewer, bool) {
	if k == nil || !k.bus.Sure() {
		return viewer.Viewer{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	of, ok := k.byUse.Get(token)
	return of.viewer, ok && now.Before(of.until)
}

// asking returns what remembers for whom the token stands until an instant, if the database,
// which is asked next, tells so: unless something was forgotten since, for what it tells may
// have been before that.
func (k *known) asking(token string) func(v viewer.Viewer, until time.Time) {
	if k == nil {
		return func(viewer.Viewer, time.Time) {}
	}
	k.mu.Lock()
	before := k.forgotten
	k.mu.Unlock()
	return func(v viewer.Viewer, until time.Time) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.forgotten != before {
			return
		}
		k.byUse.Add(token, bearer{v, until})
		if k.ofUser[v.UserID] == nil {
			k.ofUser[v.UserID] = map[string]bool{}
		}
		k.ofUser[v.UserID][token] = true
	}
}

// forget forgets the tokens of a user.
func (k *known) forget(user int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forgotten++
	for token := range k.ofUser[user] {
		k.byUse.Remove(token)
	}
}

// forgetAll forgets all tokens.
func (k *known) forgetAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forgotten++
	k.byUse.Purge()
}
