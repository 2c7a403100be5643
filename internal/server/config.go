package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/auth"
	"caregraph/internal/bus"
	"caregraph/internal/graphqlhttp"
	"caregraph/internal/request"
	"caregraph/internal/store"
)

// Config is the whole configuration. Each setting is one field, whose tags say
// its default and its help; its type, and the tag form, say which values it takes.
// internal/command reads it: the field MaxConcurrency is the flag
// --max-concurrency and the environment variable MAX_CONCURRENCY. A setting that
// few people change is hidden from --help; `caregraph settings` lists all of them.
type Config struct {
	Listening `embed:"" group:"Server"`
	Database  `embed:"" group:"Database"`
	SigningIn `embed:"" group:"Sign-in"`
	Undoing   `embed:"" group:"Undo"`
	Auditing  `embed:"" group:"Access log"`
	Limiting  `embed:"" group:"Limits; 0 switches one off"`

	Demo bool `help:"Serve sample data, in memory unless DATABASE_URL is set, with Playground."` // not a setting

	Key      []byte            `kong:"-"` // signs tokens and cursors; SECRET_KEY, or the one beside the SQLite file
	Previous []byte            `kong:"-"` // the one of before, which is accepted; nil for none
	Traces   *Traces           `kong:"-"` // nil: nothing is traced
	Trusted  map[string]string `kong:"-"` // the content of TRUSTED_DOCUMENTS
}

// Listening is where and how the server answers.
type Listening struct {
	Addr                 HostPort        `default:"127.0.0.1:8000" form:"HOST:PORT, such as 127.0.0.1:8000" help:"Where to listen, HOST:PORT."`
	TLSCert              string          `placeholder:"FILE" help:"TLS certificate. Without one: plain HTTP."`
	TLSKey               string          `placeholder:"FILE" help:"Key of the certificate."`
	TrustedProxies       request.Proxies `placeholder:"NETWORK,…" form:"networks such as 10.0.0.0/8, separated by commas" help:"Proxies whose X-Forwarded-For and X-Request-Id count."`
	AllowedOrigins       []Origin        `placeholder:"ORIGIN" form:"origins such as https://clinic.example, separated by commas, or *" help:"Sites whose pages may use the API, or *."`
	AllowCredentials     bool            `hidden:"" help:"Let the pages of ALLOWED_ORIGINS send cookies. Not together with *."`
	Playground           *bool           `otherwise:"as DEBUG" help:"Playground and introspection."`
	TrustedDocuments     string          `hidden:"" placeholder:"FILE" help:"JSON file of the GraphQL documents that are answered, {SHA-256 in hexadecimal: text}; others are refused."`
	TrustedDocumentsMode DocumentsMode   `hidden:"" default:"enforce" form:"enforce or log" help:"log: other documents are answered, too, and their hashes are logged."`
	PersistedQueries     bool            `hidden:"" help:"A document that was sent once with its hash can be asked for by the hash (automatic persisted queries)."`
	Drain                Duration        `hidden:"" default:"5s" form:"a time such as 5s, or 0" help:"After SIGTERM: how long requests are still taken, while /readyz is 503 and balancers look away."`
	Debug                bool            `help:"Readable, detailed logs; and Playground."`
	MetricsAddr          HostPort        `hidden:"" placeholder:"HOST:PORT" form:"HOST:PORT, such as 127.0.0.1:9090" help:"Where Prometheus finds /metrics, HOST:PORT; not for the open internet."`
	SlowQuery            Duration        `hidden:"" default:"0s" form:"a time such as 500ms, or 0" help:"From when on the log has the statements of a request, without their values, such as 500ms; 0: never."`
	DebugAddr            Loopback        `hidden:"" placeholder:"HOST:PORT" form:"HOST:PORT on the loopback interface, such as 127.0.0.1:6060: whoever reaches it can slow the server down" help:"A loopback address on which Go's profiles (/debug/pprof/) and memory figures (/debug/vars) are served."`
}

// Database is where records are stored.
type Database struct {
	DatabaseURL           string `otherwise:"sqlite:caregraph.db" placeholder:"URL" help:"sqlite:PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST/DATABASE."`
	DatabaseListenURL     string `hidden:"" placeholder:"URL" help:"Another URL of the same PostgreSQL, for what needs a session of its own: LISTEN, and migrations. For a pooler that lends connections for a transaction."`
	DatabaseListenURLFile string `hidden:"" placeholder:"FILE" help:"File to read DATABASE_LISTEN_URL from."`
	PreparedStatements    bool   `hidden:"" default:"true" negatable:"" help:"Keep statements prepared in the connections to PostgreSQL. false: for a pooler that lends connections for a transaction."`
	DatabaseURLFile       string `hidden:"" placeholder:"FILE" help:"File to read DATABASE_URL from."`
}

// Undoing is about what was deleted.
type Undoing struct {
	RestoreWindow time.Duration `default:"720h" hidden:"" help:"How long what was deleted can be brought back."`
}

// SigningIn is about tokens and passwords.
type SigningIn struct {
	SecretKey             string        `otherwise:"made at first start" placeholder:"KEY" help:"Signs tokens: at least 32 bytes, the same for all servers. Required with PostgreSQL."`
	SecretKeyFile         string        `hidden:"" placeholder:"FILE" help:"File to read SECRET_KEY from."`
	SecretKeyPrevious     string        `hidden:"" placeholder:"KEY" help:"Another key whose tokens and cursors are accepted, while SECRET_KEY changes; see: caregraph rotate-key."`
	SecretKeyPreviousFile string        `hidden:"" placeholder:"FILE" help:"File to read SECRET_KEY_PREVIOUS from."`
	AccessTokenLifetime   time.Duration `default:"24h" help:"How long an access token is good."`
	RefreshTokenLifetime  time.Duration `default:"168h" help:"How long a refresh token is good."`
	RotateRefreshTokens   bool          `hidden:"" help:"A refresh replaces the refresh token."`
	SignInCache           int           `default:"10000" hidden:"" help:"Of how many access tokens a server on PostgreSQL remembers for whom they stand. What changes that is heard at once; if it cannot be heard, the database is asked for each request. 0: always."`
	LoginLimit            int           `default:"5" hidden:"" help:"Failed sign-ins of one account from one address before a client must wait."`
}

// Auditing is about who looked at which record.
type Auditing struct {
	AuditRetention time.Duration `hidden:"" default:"9600h" help:"How long the access log is kept: 400 days, or longer."`
}

// minRetention is a year, as the DPDP Rules 2025, Rule 6, ask for, and some days to look at
// it.
const minRetention = 400 * 24 * time.Hour

// Limiting bounds what callers may ask for.
type Limiting struct {
	RateLimit          int `default:"50" help:"Requests per second of one viewer."`
	MaxConcurrency     int `default:"256" help:"Requests at once. More are refused with 503."`
	MaxSubscriptions   int `default:"100" help:"GraphQL subscriptions of one user at once; and WebSockets and event streams."`
	graphqlhttp.Limits `embed:"" prefix:"max-"`
}

// MinKey is the least length of SECRET_KEY in bytes, that of the output of the
// hash in HS256 (RFC 7518, 3.2).
const MinKey = 32

// Complete fills in what depends on other settings, reads the settings that are
// files, and returns all that is wrong. No error shows a value that may be secret.
func (c *Config) Complete() []error {
	if c.Demo && c.DatabaseURLFile == "" {
		c.DatabaseURL = cmp.Or(c.DatabaseURL, "sqlite::memory:")
	}
	errs := append(c.Database.Complete(), fromFile(&c.SecretKey, "SECRET_KEY", c.SecretKeyFile), fromFile(&c.SecretKeyPrevious, "SECRET_KEY_PREVIOUS", c.SecretKeyPreviousFile))
	failIf := func(wrong bool, message string) {
		if wrong {
			errs = append(errs, errors.New(message))
		}
	}
	const generate = "set SECRET_KEY to at least 32 bytes that nobody knows, such as the output of: openssl rand -hex 32"
	failIf(c.SecretKey != "" && len(c.SecretKey) < MinKey, "SECRET_KEY is too short: "+generate)
	failIf(c.SecretKeyPrevious != "" && len(c.SecretKeyPrevious) < MinKey, "SECRET_KEY_PREVIOUS is too short: it must be a key of at least 32 bytes, or not be set")
	failIf(c.SecretKey+c.SecretKeyFile == "" && strings.HasPrefix(c.DatabaseURL, "postgres"), "SECRET_KEY is missing: "+generate)
	if c.TrustedDocuments != "" {
		text, err := os.ReadFile(c.TrustedDocuments)
		if err == nil {
			c.Trusted, err = graphqlhttp.ParseDocuments(text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("TRUSTED_DOCUMENTS: %w", err))
		}
	}
	failIf(c.DatabaseListenURL != "" && !(strings.HasPrefix(c.DatabaseListenURL, "postgres") && strings.HasPrefix(c.DatabaseURL, "postgres")), "DATABASE_LISTEN_URL is for PostgreSQL: postgres://USER:PASSWORD@HOST/DATABASE, of the database of DATABASE_URL")
	failIf(c.AuditRetention < minRetention, "AUDIT_RETENTION must be at least 9600h, which is 400 days: the law asks for access logs of a year")
	failIf((c.TLSCert == "") != (c.TLSKey == ""), "TLS_CERT and TLS_KEY must both be set: the files of a certificate and its key")
	failIf(c.AllowCredentials && slices.Contains(c.AllowedOrigins, "*"), "ALLOWED_ORIGINS must name the origins when ALLOW_CREDENTIALS is true; * is every page of the internet")
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// Complete reads DATABASE_URL_FILE, takes the standard URL if none is set, and
// returns all that is wrong.
func (d *Database) Complete() []error {
	err := fromFile(&d.DatabaseURL, "DATABASE_URL", d.DatabaseURLFile)
	d.DatabaseURL = store.Hosts(cmp.Or(d.DatabaseURL, "sqlite:caregraph.db"))
	listen := fromFile(&d.DatabaseListenURL, "DATABASE_LISTEN_URL", d.DatabaseListenURLFile)
	d.DatabaseListenURL = store.Hosts(d.DatabaseListenURL)
	return []error{err, listen, store.Check(d.DatabaseURL)}
}

// Direct returns the URL of the database itself, whatever stands before it.
func (d *Database) Direct() string { return cmp.Or(d.DatabaseListenURL, d.DatabaseURL) }

// Open opens the database for a server.
func (d *Database) Open() (*store.DB, error) {
	if strings.HasPrefix(d.DatabaseURL, "postgres") && !d.PreparedStatements {
		return store.OpenPooled(d.DatabaseURL, d.DatabaseListenURL)
	}
	return store.Open(d.DatabaseURL)
}

// Suits fails if something stands between a server and PostgreSQL through which requests would be
// lost, with store.Between that says what to set, or if it cannot be found out.
func (d *Database) Suits(ctx context.Context) error {
	db, err := d.Open()
	if err != nil {
		return err
	}
	defer db.Close()
	db.Limit()
	return db.Suits(ctx)
}

// fromFile reads a secret from the file, if one is named.
func fromFile(secret *string, name, file string) error {
	if file == "" {
		return nil
	}
	if *secret != "" {
		return fmt.Errorf("%s and %s_FILE are both set: set one of them", name, name)
	}
	text, err := os.ReadFile(file)
	if failure, ok := errors.AsType[*fs.PathError](err); ok {
		err = failure.Err // without the name, in place of which somebody may write the secret
	}
	if *secret = strings.TrimSpace(string(text)); err == nil && *secret == "" {
		err = errors.New("the file is empty")
	}
	if err != nil {
		return fmt.Errorf("%s_FILE: %w", name, err)
	}
	return nil
}

// PlaygroundOn tells whether Playground is served and introspection answered.
func (c Config) PlaygroundOn() bool {
	if c.Playground != nil {
		return *c.Playground
	}
	return c.Debug || c.Demo
}

// Auth returns what is configured about signing in.
func (c Config) Auth() auth.Options {
	return auth.Options{Remember: c.SignInCache, Key: c.Key, Previous: c.Previous, Access: c.AccessTokenLifetime, Refresh: c.RefreshTokenLifetime, Rotate: c.RotateRefreshTokens, Limit: c.LoginLimit}
}

// Keys returns the keys that are accepted, first the one that signs.
func (c Config) Keys() [][]byte {
	if len(c.Previous) == 0 {
		return [][]byte{c.Key}
	}
	return [][]byte{c.Key, c.Previous}
}

// origins returns the origins whose pages may use the API.
func (c Config) origins() []string {
	origins := make([]string, len(c.AllowedOrigins))
	for i, o := range c.AllowedOrigins {
		origins[i] = string(o)
	}
	return origins
}

// changes returns what hears what changes in the database.
func (c Config) changes(db *store.DB, log *slog.Logger) (*bus.Bus, error) {
	if db.Dialect == dialect.SQLite {
		return bus.Watch(db.DB, log), nil
	}
	return bus.New(cmp.Or(c.DatabaseListenURL, c.DatabaseURL), db.DB, log)
}

func (c Config) documents() graphqlhttp.Documents {
	return graphqlhttp.Documents{Trusted: c.Trusted, LogOnly: c.TrustedDocumentsMode == "log", Persist: c.PersistedQueries}
}

// Unguarded names what a server on the open internet should have and this
// configuration does not.
func (c Config) Unguarded() []string {
	var missing []string
	say := func(missed bool, what string) {
		if missed {
			missing = append(missing, what)
		}
	}
	say(c.Debug, "DEBUG is on")
	say(c.PlaygroundOn(), "PLAYGROUND is on: the whole contract can be read")
	say(!loopback(string(c.Addr)) && c.TLSCert == "" && c.TrustedProxies == nil, "no TLS: set TLS_CERT and TLS_KEY, or TRUSTED_PROXIES if a proxy ends TLS")
	say(slices.Contains(c.AllowedOrigins, "*"), "ALLOWED_ORIGINS is *: every page of the internet may use the API")
	say(store.Unverified(c.DatabaseURL), "the connection to PostgreSQL is not verified: set sslmode=verify-full in DATABASE_URL")
	say(store.Unverified(c.DatabaseListenURL), "the connection to PostgreSQL is not verified: set sslmode=verify-full in DATABASE_LISTEN_URL")
	say(c.LoginLimit == 0, "LOGIN_LIMIT is off: passwords can be guessed")
	say(c.RateLimit == 0, "RATE_LIMIT is off")
	say(c.MaxConcurrency == 0, "MAX_CONCURRENCY is off")
	say(c.MaxSubscriptions == 0, "MAX_SUBSCRIPTIONS is off")
	for limit, n := range reflect.ValueOf(c.Limits).Fields() {
		say(n.IsZero(), "MAX_"+strings.ToUpper(wordEnd.ReplaceAllString(limit.Name, "${1}_$2"))+" is off")
	}
	return missing
}

// Reachable tells whether others than this machine reach the server, directly or through a
// proxy.
func (c Config) Reachable() bool { return !loopback(string(c.Addr)) || c.TrustedProxies != nil }

// wordEnd matches where a word ends in the name of a field.
var wordEnd = regexp.MustCompile(`([a-z])([A-Z])`)

// Duration is a time that may be 0, which switches off what it is for.
type Duration time.Duration

// UnmarshalText takes 0, 500ms, 5s and the like, up to an hour.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	if err == nil && (parsed < 0 || parsed > time.Hour) {
		err = errors.New("no time between 0 and an hour")
	}
	return err
}

// HostPort is an address to listen on, with a port by number.
type HostPort string

// UnmarshalText takes host:port.
func (a *HostPort) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	_, wrong := strconv.ParseUint(port, 10, 16)
	*a = HostPort(text)
	return errors.Join(err, wrong)
}

// Loopback is an address that only this machine can reach.
type Loopback string

// UnmarshalText takes host:port with a host of the loopback interface.
func (a *Loopback) UnmarshalText(text []byte) error {
	var address HostPort
	err := address.UnmarshalText(text)
	if err == nil && !loopback(string(address)) {
		err = errors.New("no loopback address")
	}
	*a = Loopback(address)
	return err
}

// loopback tells whether only this machine can reach the address host:port.
func loopback(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Origin is the scheme, host and port of a page (RFC 6454), or *.
type Origin string

// UnmarshalText takes an origin such as https://clinic.example, or *.
func (o *Origin) UnmarshalText(text []byte) error {
	*o = Origin(text)
	u, err := url.Parse(string(text))
	if err == nil && *o != "*" && (u.Scheme == "" || u.Host == "" || u.Path != "") {
		err = errors.New("no origin")
	}
	return err
}

// DocumentsMode says what happens to documents that are not trusted.
type DocumentsMode string

// UnmarshalText takes enforce and log.
func (m *DocumentsMode) UnmarshalText(text []byte) error {
	*m = DocumentsMode(text)
	if *m != "enforce" && *m != "log" {
		return errors.New("no mode")
	}
	return nil
}
