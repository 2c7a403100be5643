package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/joho/godotenv"
	"golang.org/x/term"

	"caregraph/graph"
	"caregraph/internal/auth"
	"caregraph/internal/request"
	"caregraph/internal/store"
)

// config is everything that the environment decides.
type config struct {
	addr       string        // listen address, host:port
	database   string        // DATABASE_URL
	key        []byte        // secret of tokens and cursors, at least 32 bytes
	debug      bool          // readable logs at debug level
	debugAddr  string        // loopback address of the profiles; none if empty
	playground bool          // Playground, introspection and suggestions
	access     time.Duration // lifetime of an access token
	refresh    time.Duration // lifetime of a refresh token

	rotate bool // a refresh replaces the refresh token

	origins     []string        // whose pages may use the API from a browser
	credentials bool            // and may send cookies along
	proxies     request.Proxies // whose X-Forwarded-For is believed
	certificate string          // file of the TLS certificate; plain HTTP without one
	certKey     string          // file of its key
	logins      int             // failed sign-ins of an account from an address without a wait
	rate        int             // requests per second of one viewer
	concurrency int             // requests at once
	limits      graph.Limits
	documents   graph.Documents
}

// limitNames has the variable of each limit of an operation.
var limitNames = []struct {
	name string
	of   func(*graph.Limits) *int
}{
	{"MAX_DOCUMENT", func(l *graph.Limits) *int { return &l.Document }},
	{"MAX_TOKENS", func(l *graph.Limits) *int { return &l.Tokens }},
	{"MAX_DEPTH", func(l *graph.Limits) *int { return &l.Depth }},
	{"MAX_FIELDS", func(l *graph.Limits) *int { return &l.Fields }},
	{"MAX_ROOT_FIELDS", func(l *graph.Limits) *int { return &l.RootFields }},
	{"MAX_ALIASES", func(l *graph.Limits) *int { return &l.Aliases }},
	{"MAX_DIRECTIVES", func(l *graph.Limits) *int { return &l.Directives }},
	{"MAX_VARIABLES", func(l *graph.Limits) *int { return &l.Variables }},
	{"MAX_LIST", func(l *graph.Limits) *int { return &l.List }},
	{"MAX_COST", func(l *graph.Limits) *int { return &l.Cost }},
}

// unguarded names what a server on the open internet should have and this
// configuration does not.
func (c config) unguarded() []string {
	var missing []string
	say := func(missed bool, what string) {
		if missed {
			missing = append(missing, what)
		}
	}
	say(c.debug, "DEBUG is on")
	say(c.playground, "PLAYGROUND is on: the whole contract can be read")
	say(!loopback(c.addr) && c.certificate == "" && c.proxies == nil, "no TLS: set TLS_CERT and TLS_KEY, or TRUSTED_PROXIES if a proxy ends TLS")
	say(slices.Contains(c.origins, "*"), "ALLOWED_ORIGINS is *: every page of the internet may use the API")
	if u, err := url.Parse(c.database); err == nil && strings.HasPrefix(u.Scheme, "postgres") {
		away := u.Hostname() != "localhost" && u.Hostname() != "" && !strings.HasPrefix(u.Hostname(), "127.") && u.Hostname() != "::1"
		say(away && u.Query().Get("sslmode") != "verify-full", "the connection to PostgreSQL is not verified: set sslmode=verify-full in DATABASE_URL")
	}
	say(c.logins == 0, "LOGIN_LIMIT is off: passwords can be guessed")
	say(c.rate == 0, "RATE_LIMIT is off")
	say(c.concurrency == 0, "MAX_CONCURRENCY is off")
	for _, l := range limitNames {
		say(*l.of(&c.limits) == 0, l.name+" is off")
	}
	return missing
}

// hostPort tells whether the address is host:port with a port by number.
func hostPort(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	_, wrong := strconv.ParseUint(port, 10, 16)
	return err == nil && wrong == nil
}

// loopback tells whether only this machine can reach the address host:port.
func loopback(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
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
		addr:      text("ADDR", "127.0.0.1:8000"),
		database:  text("DATABASE_URL", standard),
		debug:     flag("DEBUG", false),
		debugAddr: getenv("DEBUG_ADDR"),
		access:    lifetime("ACCESS_TOKEN_LIFETIME", 24*time.Hour),
		refresh:   lifetime("REFRESH_TOKEN_LIFETIME", 168*time.Hour),
	}
	c.playground = flag("PLAYGROUND", c.debug || demo)
	number := func(name string, standard int) int {
		n, err := strconv.ParseUint(text(name, strconv.Itoa(standard)), 10, 31)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s must be a whole number; 0 switches the limit off", name))
		}
		return int(n)
	}
	list := func(name string) []string {
		return strings.FieldsFunc(getenv(name), func(r rune) bool { return r == ',' || r == ' ' })
	}
	c.rotate = flag("ROTATE_REFRESH_TOKENS", false)
	c.logins, c.rate, c.concurrency = number("LOGIN_LIMIT", 5), number("RATE_LIMIT", 50), number("MAX_CONCURRENCY", 256)
	for _, l := range limitNames {
		*l.of(&c.limits) = number(l.name, *l.of(&graph.DefaultLimits))
	}
	c.documents.Persist = flag("PERSISTED_QUERIES", false)
	if file := getenv("TRUSTED_DOCUMENTS"); file != "" {
		data, err := os.ReadFile(file)
		if err == nil {
			c.documents.Trusted, err = graph.ParseDocuments(data)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("TRUSTED_DOCUMENTS: %w", err))
		}
	}
	switch mode := text("TRUSTED_DOCUMENTS_MODE", "enforce"); mode {
	case "enforce", "log":
		c.documents.LogOnly = mode == "log"
	default:
		errs = append(errs, errors.New("TRUSTED_DOCUMENTS_MODE must be enforce or log"))
	}
	for _, network := range list("TRUSTED_PROXIES") {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			errs = append(errs, errors.New("TRUSTED_PROXIES must be networks such as 10.0.0.0/8, separated by commas"))
		}
		c.proxies = append(c.proxies, prefix)
	}
	c.certificate, c.certKey = getenv("TLS_CERT"), getenv("TLS_KEY")
	if (c.certificate == "") != (c.certKey == "") {
		errs = append(errs, errors.New("TLS_CERT and TLS_KEY must both be set: the files of a certificate and its key"))
	}
	c.origins = list("ALLOWED_ORIGINS")
	c.credentials = flag("ALLOW_CREDENTIALS", false)
	for _, o := range c.origins {
		if u, err := url.Parse(o); o != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			errs = append(errs, errors.New("ALLOWED_ORIGINS must be origins such as https://clinic.example, separated by commas, or *"))
		}
	}
	if c.credentials && slices.Contains(c.origins, "*") {
		errs = append(errs, errors.New("ALLOWED_ORIGINS must name the origins when ALLOW_CREDENTIALS is true; * is every page of the internet"))
	}
	if err := store.Check(c.database); err != nil {
		errs = append(errs, err)
	}
	if !hostPort(c.addr) {
		errs = append(errs, errors.New("ADDR must be HOST:PORT, such as 127.0.0.1:8000"))
	}
	if c.debugAddr != "" && (!hostPort(c.debugAddr) || !loopback(c.debugAddr)) {
		errs = append(errs, errors.New("DEBUG_ADDR must be HOST:PORT on the loopback interface, such as 127.0.0.1:6060: whoever reaches it can slow the server down"))
	}
	if err := errors.Join(errs...); err != nil {
		return config{}, err
	}
	c.key, err = secretKey(getenv("SECRET_KEY"), c.database)
	return c, err
}

// auth returns what is configured about signing in.
func (c config) auth() auth.Options {
	return auth.Options{Key: c.key, Access: c.access, Refresh: c.refresh, Rotate: c.rotate, Limit: c.logins}
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
