package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/joho/godotenv"
	"golang.org/x/term"

	"caregraph/internal/store"
)

// config is everything that the environment decides.
type config struct {
	addr       string        // listen address, host:port
	database   string        // DATABASE_URL
	key        []byte        // secret of tokens and cursors, at least 32 bytes
	debug      bool          // readable logs at debug level
	playground bool          // Playground, introspection and suggestions
	access     time.Duration // lifetime of an access token
	refresh    time.Duration // lifetime of a refresh token

	origins     []string // whose pages may use the API from a browser
	credentials bool     // and may send cookies along
}

// minKey is the least length of SECRET_KEY in bytes, that of the output of the
// hash in HS256 (RFC 7518, 3.2).
const minKey = 32

// environment returns what getenv knows, or else the file .env in the working
// directory, if there is one.
func environment(getenv func(string) string) (func(string) string, error) {
	file, err := godotenv.Read(".env")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the file .env cannot be read: write one NAME=value a line")
	}
	return func(name string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return file[name]
	}, nil
}

// newConfig reads the configuration. Its errors say what to set, and never show
// a value that may be secret. demo is the configuration of --demo.
func newConfig(getenv func(string) string, demo bool) (config, error) {
	getenv, err := environment(getenv)
	if err != nil {
		return config{}, err
	}
	text := func(name, standard string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return standard
	}
	var errs []error
	flag := func(name string, standard bool) bool {
		v, err := strconv.ParseBool(text(name, strconv.FormatBool(standard)))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s must be true or false", name))
		}
		return v
	}
	lifetime := func(name string, standard time.Duration) time.Duration {
		d, err := time.ParseDuration(text(name, standard.String()))
		if err != nil || d < time.Second {
			errs = append(errs, fmt.Errorf("%s must be a duration of at least 1s, such as 24h or 30m", name))
		}
		return d
	}
	standard := "sqlite:caregraph.db"
	if demo {
		standard = "sqlite::memory:"
	}
	c := config{
		addr:     text("ADDR", "127.0.0.1:8000"),
		database: text("DATABASE_URL", standard),
		debug:    flag("DEBUG", false),
		access:   lifetime("ACCESS_TOKEN_LIFETIME", 24*time.Hour),
		refresh:  lifetime("REFRESH_TOKEN_LIFETIME", 168*time.Hour),
	}
	c.playground = flag("PLAYGROUND", c.debug || demo)
	c.origins = strings.FieldsFunc(getenv("ALLOWED_ORIGINS"), func(r rune) bool { return r == ',' || r == ' ' })
	c.credentials = flag("ALLOW_CREDENTIALS", false)
	for _, o := range c.origins {
		if u, err := url.Parse(o); o != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			errs = append(errs, errors.New("ALLOWED_ORIGINS must be origins such as https://clinic.example, separated by commas, or *"))
		}
	}
	if c.credentials && slices.Contains(c.origins, "*") {
		errs = append(errs, errors.New("ALLOWED_ORIGINS must name the origins when ALLOW_CREDENTIALS is true; * is every page of the internet"))
	}
	if _, port, err := net.SplitHostPort(c.addr); err != nil || port == "" {
		errs = append(errs, errors.New("ADDR must be HOST:PORT, such as 127.0.0.1:8000"))
	}
	if err := errors.Join(errs...); err != nil {
		return config{}, err
	}
	c.key, err = secretKey(getenv("SECRET_KEY"), c.database)
	return c, err
}

// secretKey returns SECRET_KEY, or without one the key that stands beside the
// SQLite file, which is made at first start. PostgreSQL has none beside it, and
// every server on it needs the same.
func secretKey(set, database string) ([]byte, error) {
	generate := "set SECRET_KEY to at least 32 bytes that nobody knows, such as the output of: openssl rand -hex 32"
	path := store.Path(database)
	switch {
	case set != "" && len(set) < minKey:
		return nil, errors.New("SECRET_KEY is too short: " + generate)
	case set != "":
		return []byte(set), nil
	case database == "sqlite::memory:":
		return []byte(rand.Text() + rand.Text()), nil
	case path == "":
		return nil, errors.New("SECRET_KEY is missing: " + generate)
	}
	return keyFile(filepath.Join(filepath.Dir(path), "caregraph.key"))
}

// keyFile returns the key in the file, which it makes if there is none. Servers
// that start together get the same one.
func keyFile(path string) ([]byte, error) {
	random := make([]byte, minKey)
	rand.Read(random)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		_, err = f.WriteString(hex.EncodeToString(random) + "\n")
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return nil, fmt.Errorf("the key file %s cannot be written: %w", path, err)
		}
	case !errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("the key file %s cannot be written: %w", path, err)
	}
	text, err := os.ReadFile(path)
	for tries := 0; err == nil && len(text) == 0 && tries < 20; tries++ {
		time.Sleep(50 * time.Millisecond) // a server that starts with this one is writing it
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("the key file %s cannot be read: %w", path, err)
	}
	key := strings.TrimSpace(string(text))
	if len(key) < minKey {
		return nil, fmt.Errorf("the key file %s is too short; remove it to have a new key, which signs everybody out", path)
	}
	return []byte(key), nil
}

// newLogger writes to w: JSON, or readable lines for a person.
func newLogger(w *os.File, debug bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if debug {
		options.Level = slog.LevelDebug
	}
	if debug || term.IsTerminal(int(w.Fd())) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
