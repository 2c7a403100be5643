package auth

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/guess"
	"caregraph/ent/replay"
	"caregraph/ent/session"
	"caregraph/internal/fault"
	answers "caregraph/internal/replay"
	"caregraph/internal/request"
	"caregraph/internal/store"
	"caregraph/internal/viewer"
)

// Failed sign-ins are counted in the database, so that all servers count
// together. From the limit on, each further attempt must wait: 2 seconds after
// the failure that reached the limit, twice as long after each further one, at
// most 15 minutes. A guesser reaches the limit of the pair of account and
// address, and so locks out itself, long before the owner of the account.
const (
	accountFactor = 10 // the limit of an account, in limits of a pair
	addressFactor = 20 // the limit of an address, in limits of a pair
	firstWait     = 2 * time.Second
	longestWait   = 15 * time.Minute
	forgotten     = time.Hour // after the last failure
)

// counter is one thing that failures are counted of.
type counter struct {
	id    string // as the table has it
	limit int    // failures without a wait
}

// counters returns what an attempt on the account counts for: the pair first.
func (s *Service) counters(ctx context.Context, account string) []counter {
	if s.limit == 0 {
		return nil
	}
	address := request.ClientOf(ctx).Network()
	return []counter{
		{s.hidden("pair", account, address), s.limit},
		{s.hidden("account", account), s.limit * accountFactor},
		{s.hidden("address", address), s.limit * addressFactor},
	}
}

// hidden returns a keyed hash of the parts.
func (s *Service) hidden(parts ...string) string {
	mac := hmac.New(sha256.New, s.key)
	for _, p := range parts {
		fmt.Fprintf(mac, "%d:%s,", len(p), p)
	}
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// admit fails with fault.RateLimited if an attempt must wait.
func (s *Service) admit(ctx context.Context, counters []counter) error {
	if counters == nil {
		return nil
	}
	ids := make([]string, len(counters))
	for i, c := range counters {
		ids[i] = c.id
	}
	rows, err := s.client.Guess.Query().Where(guess.IDIn(ids...)).All(unrestricted(ctx))
	if err != nil {
		return fmt.Errorf("sign-in: %w", err)
	}
	var wait time.Duration
	for _, row := range rows {
		for _, c := range counters {
			if c.id == row.ID {
				wait = max(wait, row.LastAt.Add(c.wait(row.Failures)).Sub(s.now()))
			}
		}
	}
	if wait > 0 {
		return &fault.Error{Kind: fault.RateLimited, Message: "Too many failed attempts. Try again later.", RetryAfter: wait}
	}
	return nil
}

// wait returns how long an attempt waits after so many failures.
func (c counter) wait(failures int) time.Duration {
	if failures < c.limit {
		return 0
	}
	return min(firstWait<<min(failures-c.limit, 20), longestWait)
}

// failed counts a failed attempt.
func (s *Service) failed(ctx context.Context, counters []counter) error {
	// The failure counts even if the caller closes the connection meanwhile.
	ctx = unrestricted(context.WithoutCancel(ctx))
	return store.InTx(ctx, s.client, func(ctx context.Context) error {
		now := s.now()
		again := sql.ExprFunc(func(b *sql.Builder) {
			b.WriteString("CASE WHEN guesses.last_at < ").Arg(now.Add(-forgotten)).WriteString(" THEN 1 ELSE guesses.failures + 1 END")
		})
		for _, c := range counters {
			err := ent.FromContext(ctx).Guess.Create().SetID(c.id).SetFailures(1).SetLastAt(now).
				OnConflict(sql.ConflictColumns(guess.FieldID), sql.ResolveWith(func(u *sql.UpdateSet) {
					u.Set(guess.FieldFailures, again).Set(guess.FieldLastAt, now)
				})).Exec(ctx)
			if err != nil {
				return fmt.Errorf("sign-in: %w", err)
			}
		}
		return nil
	})
}

// succeeded forgets the failures of the pair: its owner knows the password.
func (s *Service) succeeded(ctx context.Context, counters []counter) error {
	if counters == nil {
		return nil
	}
	_, err := ent.FromContext(ctx).Guess.Delete().Where(guess.ID(counters[0].id)).Exec(unrestricted(ctx))
	return err
}

// Guarded calls look, which looks for a secret that the viewer typed, unless the viewer or
// its address failed too often. That it fails with fault.NotFound counts as a failed
// sign-in does; that it succeeds makes nothing forgotten, because everybody can have a
// secret that is right. Looks at once may pass the limit together, so the secret must be
// one that a few hundred guesses do not find. It must not run in a transaction.
func (s *Service) Guarded(ctx context.Context, look func() error) error {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return err
	}
	counters := s.counters(ctx, fmt.Sprintf("secrets of user %d", v.UserID))
	if err := s.admit(ctx, counters); err != nil {
		return err
	}
	err = look()
	if err != nil && fault.Of(err)[0].Kind == fault.NotFound {
		return cmp.Or(s.failed(ctx, counters), err)
	}
	return err
}

// kept is how long a session stays on record after it expired.
const kept = 90 * 24 * time.Hour

// Sweep deletes the counts of failures that are forgotten, the sessions that expired more
// than 90 days ago, and the answers that are no longer kept for who sends a change again.
func (s *Service) Sweep(ctx context.Context) error {
	return store.InTx(ctx, s.client, func(ctx context.Context) error {
		db, all := ent.FromContext(ctx), unrestricted(ctx)
		if _, err := db.Guess.Delete().Where(guess.LastAtLT(s.now().Add(-forgotten))).Exec(all); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		if _, err := db.Replay.Delete().Where(replay.CreatedAtLT(s.now().Add(-answers.Kept))).Exec(all); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		if _, err := db.Session.Delete().Where(session.ExpiresAtLT(s.now().Add(-kept))).Exec(all); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		return nil
	})
}
