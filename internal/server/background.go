package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"caregraph/internal/audit"
	"caregraph/internal/auth"
	"caregraph/internal/fault"
	"caregraph/internal/store"
)

// sweepEvery is how often what is no longer needed is deleted.
const sweepEvery = time.Hour

// sweep deletes what is no longer needed until ctx ends.
func sweep(ctx context.Context, db *store.DB, authn *auth.Service, retention time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := authn.Sweep(ctx); err != nil {
				log.Warn("sweep", "err", fault.Safe(err))
			}
			if deleted, err := audit.Expire(ctx, db.DB, db.Dialect, time.Now().Add(-retention)); err != nil {
				log.Warn("old entries of the access log stay", "err", fault.Safe(err))
			} else if deleted > 0 {
				log.Info("old entries of the access log are deleted", "entries", deleted)
			}
		}
	}
}

// attend notes in the database with which key this server signs, the first of those that it
// takes, until ctx ends, and says in the log what is wrong with that or with the clock, once for
// as long as it is.
func attend(ctx context.Context, db *store.DB, taken [][]byte, log *slog.Logger) {
	said := map[string]bool{}
	say := func(about, what, do string) {
		if what != "" && !said[about] {
			log.Warn(what, "do", do)
		}
		said[about] = what != ""
	}
	for {
		keys, err := db.Keys(ctx, taken...)
		if err == nil {
			what, do := keys.Trouble()
			say("keys", what, do)
			err = db.NoteKey(ctx, taken[0])
		}
		var clock store.ClockOff
		if err == nil {
			clock, err = db.Clock(ctx)
		}
		if err == nil {
			what, do := clock.Trouble()
			say("clock", what, do)
			say("database", "", "")
		} else if ctx.Err() == nil {
			say("database", "the keys and the clocks of servers cannot be compared", fault.Safe(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(store.NoteEvery):
		}
	}
}

// rekeyEvery is how often rows that a server of an older version wrote are looked for.
const rekeyEvery = time.Minute

// rekey keeps what is stored beside names as this server would store it, until ctx
// ends. Until it has done so after an update, a search may miss names.
func rekey(ctx context.Context, db *store.DB, log *slog.Logger) {
	for {
		changed, err := db.Rekey(ctx)
		if err != nil && ctx.Err() == nil {
			log.Warn("searches may miss names", "err", fault.Safe(err), "again_in", rekeyEvery.String())
		}
		if changed > 0 {
			log.Info("names can be found as this version finds them", "rows", changed)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(rekeyEvery):
		}
	}
}

// How long indexSearch waits before it tries again: at first, and at most.
const (
	indexAgain     = 30 * time.Second
	indexAgainMost = time.Hour
)

// indexSearch adds the indexes that make searches fast. If that fails, because of a
// transaction in the way or of missing extensions, it waits for the time again and
// tries once more, then waits twice as long each time, until it succeeds or ctx ends.
// Without the indexes searches are slow, but work.
func indexSearch(ctx context.Context, db *store.DB, log *slog.Logger, again time.Duration) {
	for ; ; again = min(2*again, indexAgainMost) {
		err := db.IndexSearch(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
			return
		case errors.Is(err, store.ErrIndexing): // it may stop before it is done
		case errors.Is(err, store.ErrNoTrigrams):
			log.Warn("searches are slow", "why", err, "again_in", again.String())
		default:
			log.Warn("searches are slow", "err", fault.Safe(err), "again_in", again.String())
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}
