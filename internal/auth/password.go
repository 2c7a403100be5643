package auth

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go/data"
	"golang.org/x/crypto/argon2"

	"caregraph/internal/fault"
	"caregraph/internal/scalar"
)

// Cost of a new hash: argon2id with the parameters of the OWASP Password
// Storage Cheat Sheet.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2         // passes
	argonThreads = 1
	argonSalt    = 16 // bytes
	argonKey     = 32 // bytes
)

// Bounds on stored hashes, so that a forged row cannot occupy the server.
const (
	maxArgonMemory  = 256 * 1024 // KiB
	maxArgonTime    = 16
	maxPBKDF2Rounds = 10_000_000
)

// Length of a password in characters, after trimming.
const (
	minPassword = 8
	maxPassword = 256
)

// hashing holds a token for each hash that is computed now. One processor is
// left to other requests.
var hashing = make(chan struct{}, max(runtime.NumCPU()-1, 1))

// waiting holds a token for each hash that is computed or waited for: fewer
// than the requests that the server takes at once, so that a flood of sign-ins
// leaves room for others.
var waiting = make(chan struct{}, 128)

// exclusively waits until a processor is free for hashing, and calls f. It fails if
// ctx ends first, and with fault.Unavailable if too many wait already. Do not call it
// in a transaction: f may need another connection, or a lock that the transaction
// holds.
func exclusively(ctx context.Context, f func() error) error {
	select {
	case waiting <- struct{}{}:
		defer func() { <-waiting }()
	default:
		return fault.NoRoom()
	}
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
		defer giveBack()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// idle is how long after a hash its memory is given back to the system.
const idle = 3 * time.Second

var givingBack atomic.Bool

// giveBack gives the memory of hashes back to the system, a little later and
// for all of them at once. The runtime by itself keeps it for minutes.
func giveBack() {
	if givingBack.CompareAndSwap(false, true) {
		time.AfterFunc(idle, func() {
			givingBack.Store(false)
			debug.FreeOSMemory()
		})
	}
}

// Hash returns the argon2id hash of a password in PHC form. Surrounding space
// does not count.
func Hash(ctx context.Context, password string) (string, error) {
	salt := random(argonSalt)
	var key []byte
	err := exclusively(ctx, func() error {
		key = argon2.IDKey([]byte(strings.TrimSpace(password)), salt, argonTime, argonMemory, argonThreads, argonKey)
		return nil
	})
	if err != nil {
		return "", err
	}
	return phc(salt, key), nil
}

func phc(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// unknown is the hash that a password is compared with when there is no such
// account, so that the answer takes the same time. No password has this hash.
var unknown = phc(random(argonSalt), random(argonKey))

// unusable is a hash that no password has, in the words of the Django original.
const unusable = "!"

// verifies tells whether the password has the hash: one of Hash, or one of the
// Django original, pbkdf2_sha256$… or pbkdf2_sha1$…. A hash of any other form
// never verifies. It must run exclusively.
func verifies(password, stored string) bool {
	h, err := parseHash(stored)
	return err == nil && subtle.ConstantTimeCompare(h.derive(strings.TrimSpace(password)), h.key) == 1
}

// stale tells whether a hash should be made anew.
func stale(stored string) bool {
	h, err := parseHash(stored)
	return err == nil && h.stale
}

// storedHash is a hash taken apart.
type storedHash struct {
	key    []byte
	derive func(password string) []byte
	stale  bool
}

var errHash = errors.New("no known form of a password hash")

func parseHash(stored string) (storedHash, error) {
	if strings.HasPrefix(stored, "$argon2id$") {
		return parseArgon2(stored)
	}
	return parsePBKDF2(stored)
}

func parseArgon2(stored string) (storedHash, error) {
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return storedHash{}, errHash
	}
	var memory, passes uint32
	var threads uint8
	n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads)
	exact := parts[3] == fmt.Sprintf("m=%d,t=%d,p=%d", memory, passes, threads)
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	key, errKey := base64.RawStdEncoding.DecodeString(parts[5])
	if n != 3 || !exact || errors.Join(err, errSalt, errKey) != nil || len(key) < 16 || len(key) > 64 ||
		memory > maxArgonMemory || passes < 1 || passes > maxArgonTime || threads < 1 {
		return storedHash{}, errHash
	}
	return storedHash{
		key: key,
		derive: func(password string) []byte {
			return argon2.IDKey([]byte(password), salt, passes, memory, threads, uint32(len(key)))
		},
		stale: memory < argonMemory || passes < argonTime,
	}, nil
}

func parsePBKDF2(stored string) (storedHash, error) {
	parts := strings.Split(stored, "$")
	if len(parts) != 4 {
		return storedHash{}, errHash
	}
	var sum func() hash.Hash
	switch parts[0] {
	case "pbkdf2_sha256":
		sum = sha256.New
	case "pbkdf2_sha1":
		sum = sha1.New
	default:
		return storedHash{}, errHash
	}
	rounds, err := strconv.Atoi(parts[1])
	key, errKey := base64.StdEncoding.DecodeString(parts[3])
	if errors.Join(err, errKey) != nil || rounds < 1 || rounds > maxPBKDF2Rounds || len(key) != sum().Size() {
		return storedHash{}, errHash
	}
	return storedHash{
		key: key,
		derive: func(password string) []byte {
			derived, err := pbkdf2.Key(sum, password, []byte(parts[2]), rounds, len(key))
			if err != nil { // the standard library refuses weak parameters in FIPS mode only
				return nil
			}
			return derived
		},
		stale: true,
	}, nil
}

// checkPassword tells what is wrong with a new password of the user, after the
// rules of OWASP ASVS 5.0, 6.2: at least 8 characters, not all digits, not the
// user's own name or address, not one of the commonest. It returns nil or a
// scalar.Problem.
func checkPassword(password, username, email string) error {
	password = strings.TrimSpace(password)
	folded := scalar.Fold(password)
	local, _, _ := strings.Cut(email, "@")
	switch n := utf8.RuneCountInString(password); {
	case n == 0:
		return scalar.Blank
	case n < minPassword:
		return scalar.Problem("This password is too short. It must contain at least 8 characters.")
	case scalar.Text(maxPassword)(password) != nil:
		return scalar.Text(maxPassword)(password)
	case strings.Trim(password, "0123456789") == "":
		return scalar.Problem("This password is entirely numeric.")
	case folded == scalar.Fold(username), folded == scalar.Fold(email), folded == scalar.Fold(local):
		return scalar.Problem("The password is too similar to the username or email.")
	case commonPasswords()[folded]:
		return scalar.Problem("This password is too common.")
	}
	return nil
}

// commonPasswords are the commonest passwords of public breaches, as the
// password meter zxcvbn lists them.
var commonPasswords = sync.OnceValue(func() map[string]bool {
	var ranked struct{ List []string }
	if err := json.Unmarshal(data.MustAsset("data/Passwords.json"), &ranked); err != nil {
		panic(err) // the list is part of the binary
	}
	common := map[string]bool{}
	for _, p := range ranked.List[:min(len(ranked.List), mostCommon)] {
		common[scalar.Fold(p)] = true
	}
	return common
})

// mostCommon is how many of the commonest passwords are refused.
const mostCommon = 10_000
