// Package replay lets a client send a change again whose answer it did not get: the answer
// is kept in the transaction of the change, and told again instead of changing twice
// (draft-ietf-httpapi-idempotency-key-header).
package replay

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"

	"caregraph/ent"
	"caregraph/ent/accessevent"
	"caregraph/ent/erasure"
	"caregraph/ent/replay"
	"caregraph/ent/user"
	"caregraph/internal/audit"
	"caregraph/internal/fault"
	"caregraph/internal/viewer"
)

// Limits of what is kept.
const (
	Kept      = 24 * time.Hour
	maxKey    = 200     // characters
	maxAnswer = 1 << 20 // bytes
)

var (
	errKey     = &fault.Error{Kind: fault.Invalid, Field: "idempotency_key", Message: "An Idempotency-Key has 1 to 200 visible ASCII characters."}
	errRunning = &fault.Error{Kind: fault.Conflict, Message: "The first request with this Idempotency-Key is still running.", RetryAfter: time.Second}
	errLarge   = &fault.Error{Kind: fault.TooComplex, Message: "The answer is too large to be kept. Ask for less, or send no Idempotency-Key."}
)

// Answers keeps the answers to changes. Its methods may be called concurrently.
type Answers struct {
	secrets [][]byte // the first for what is kept from now on

	mu      sync.Mutex
	running map[string]bool
}

// New returns the answers of servers with the first of these secrets. Those that were kept with
// the others are found, too.
func New(secrets ...[]byte) *Answers { return &Answers{secrets: secrets, running: map[string]bool{}} }

// Enter begins a change that the viewer sends with a key; leave must be called when its
// transaction has ended. It fails with fault.Invalid for what is no key, and with
// fault.Conflict while this server makes the same change.
func (a *Answers) Enter(ctx context.Context, key string) (leave func(), err error) {
	if !valid(key) {
		return nil, errKey
	}
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	id := sum(a.secrets[0], "id", v.UserID, key)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running[id] {
		return nil, errRunning
	}
	a.running[id] = true
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.running, id)
	}, nil
}

// Once returns what change returns, and keeps it; or what it returned when the viewer sent
// the same request with the same key in the last 24 hours, without calling it. It must run
// in a transaction. It fails with fault.Conflict while another server makes the change, with
// fault.KeyReused if the key was sent with another request, and as change does.
func (a *Answers) Once(ctx context.Context, key string, request []byte, change func() ([]byte, error)) (answer []byte, again bool, err error) {
	v, err := viewer.FromContext(ctx)
	if err != nil {
		return nil, false, err
	}
	ids := make([]string, len(a.secrets))
	for i, secret := range a.secrets {
		ids[i] = sum(secret, "id", v.UserID, key)
	}
	for _, id := range slices.Sorted(slices.Values(ids)) { // a server whose keys are in another order has the same locks
		if err := lock(ctx, v.UserID, id); err != nil {
			return nil, false, err
		}
	}
	db, now := ent.FromContext(ctx), time.Now().UTC().Truncate(time.Microsecond)
	kept, err := db.Replay.Query().Where(replay.IDIn(ids...), replay.CreatedAtGT(now.Add(-Kept))).First(ctx)
	switch {
	case err == nil:
		secret := a.secrets[slices.Index(ids, kept.ID)]
		if kept.Request != sum(secret, "request", v.UserID, string(request)) {
			return nil, false, fault.KeyReused
		}
		answer, err = open(ctx, secret, v.UserID, key, kept.Answer)
		return answer, true, err
	case !ent.IsNotFound(err):
		return nil, false, fmt.Errorf("replay: %w", err)
	}
	if answer, err = change(); err != nil {
		return nil, false, err
	}
	if len(answer) > maxAnswer {
		return nil, false, errLarge
	}
	sealed, err := seal(ctx, a.secrets[0], v.UserID, key, answer)
	if err != nil {
		return nil, false, err
	}
	err = db.Replay.Create().SetID(ids[0]).SetRequest(sum(a.secrets[0], "request", v.UserID, string(request))).SetAnswer(sealed).SetCreatedAt(now).
		OnConflict(sql.ConflictColumns(replay.FieldID)).UpdateNewValues().Exec(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("replay: %w", err)
	}
	return answer, false, nil
}

// lock fails with errRunning if another transaction holds the lock of the id. On SQLite a
// transaction that writes is alone.
func lock(ctx context.Context, viewer int, id string) error {
	var rows []struct{ Locked bool }
	err := ent.FromContext(ctx).User.Query().Where(user.ID(viewer)).Select(user.FieldID).Modify(func(s *sql.Selector) {
		if s.Dialect() != dialect.Postgres {
			s.Select().AppendSelectExprAs(sql.Raw("true"), "locked")
			return
		}
		number := sha256.Sum256([]byte(id))
		s.Select().AppendSelectExprAs(sql.ExprFunc(func(b *sql.Builder) {
			b.WriteString("pg_try_advisory_xact_lock(").Arg(int64(binary.BigEndian.Uint64(number[:]))).WriteByte(')')
		}), "locked")
	}).Scan(ctx, &rows)
	switch {
	case err != nil:
		return fmt.Errorf("replay: %w", err)
	case len(rows) != 1 || !rows[0].Locked:
		return errRunning
	}
	return nil
}

func valid(key string) bool {
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(key) > 0 && len(key) <= maxKey
}

// hashed returns a hash, for one purpose, that only servers with the same secret can compute.
func hashed(secret []byte, purpose string, viewer int, text string) []byte {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "replay %s %d\n%s", purpose, viewer, text)
	return mac.Sum(nil)
}

func sum(secret []byte, purpose string, viewer int, text string) string {
	return hex.EncodeToString(hashed(secret, purpose, viewer, text))
}

// told is what is kept of an answer.
type told struct {
	Answer   []byte
	Patients []int // of whom it has data
}

// sealing returns what encrypts the answer to a change with the client's key.
func sealing(secret []byte, viewer int, key string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(hashed(secret, "answer", viewer, key))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func seal(ctx context.Context, secret []byte, viewer int, key string, answer []byte) ([]byte, error) {
	text, err := json.Marshal(told{answer, audit.Patients(ctx)})
	aead, failed := sealing(secret, viewer, key)
	if err := cmp.Or(err, failed); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, text, nil), nil
}

// open returns the answer, and notes that it is seen once more. It fails with fault.NotFound
// if the data of a patient whom it shows were erased.
func open(ctx context.Context, secret []byte, viewer int, key string, sealed []byte) ([]byte, error) {
	aead, err := sealing(secret, viewer, key)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("replay: a kept answer is too short")
	}
	nonce, text := sealed[:aead.NonceSize()], sealed[aead.NonceSize():]
	var t told
	if text, err = aead.Open(nil, nonce, text, nil); err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	erased, err := ent.FromContext(ctx).Erasure.Query().Where(erasure.PatientIDIn(t.Patients...)).Exist(ctx)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	if erased {
		return nil, &fault.Error{Kind: fault.NotFound, Message: fault.TextNotFound}
	}
	if len(t.Patients) > 0 {
		audit.Change(ctx, accessevent.ActionREAD, "", t.Patients...)
	}
	return t.Answer, nil
}
