package store

import (
	"cmp"
	"context"
	"database/sql/driver"
	"net"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/lib/pq"
)

// Limits of PostgreSQL's sessions. A URL that sets statement_timeout,
// idle_in_transaction_session_timeout or connect_timeout decides itself.
const (
	statementTimeout = 6 * time.Second  // of one statement; an operation may have several
	idleTransaction  = 15 * time.Second // between two statements of a transaction
	connectTimeout   = 5 * time.Second  // of connecting and signing in, to all hosts together
)

// connector connects to PostgreSQL: first without limits, for migrations and
// imports, and once limited is set with those of a server.
type connector struct {
	free, bound *pq.Connector
	dialer      *dialer // of bound
	limited     atomic.Bool
	idle        time.Duration // between two statements of a transaction; 0 for no limit
	pooled      *pooled       // nil when sessions are the server's own
}

func newConnector(databaseURL string, through *pooled) (*connector, error) {
	cfg, err := pq.NewConfig(databaseURL)
	if err != nil {
		return nil, err
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = max(connectTimeout/time.Duration(len(cfg.Multi)+1), time.Second)
	}
	limits, free := cfg.Clone(), cfg
	silence := limit(&limits, "statement_timeout", statementTimeout)
	idle := limit(&limits, "idle_in_transaction_session_timeout", idleTransaction)
	if through != nil {
		through.statement = silence
		delete(limits.Runtime, "statement_timeout")
		delete(limits.Runtime, "idle_in_transaction_session_timeout")
		limits.BinaryParameters = true // a statement goes out at once, and leaves nothing prepared
		if through.direct == "" {
			free = limits
		} else if free, err = pq.NewConfig(through.direct); err != nil {
			return nil, err
		}
		free.ConnectTimeout = cmp.Or(free.ConnectTimeout, cfg.ConnectTimeout)
	}
	if silence > 0 {
		silence += silenceMargin
	}
	c := &connector{dialer: newDialer(silence), idle: idle, pooled: through}
	if c.free, err = pq.NewConnectorConfig(free); err != nil {
		return nil, err
	}
	if c.bound, err = pq.NewConnectorConfig(limits); err != nil {
		return nil, err
	}
	c.bound.Dialer(c.dialer)
	return c, nil
}

// limit sets a timeout of the session, in milliseconds, unless the URL or the
// environment sets it. It returns what holds, and 0 if that is no limit or
// cannot be told.
func limit(cfg *pq.Config, name string, standard time.Duration) time.Duration {
	set, found := cfg.Runtime[name]
	if !found {
		options := regexp.MustCompile(name+`\s*=\s*([0-9.]+[a-z]*)`).FindAllStringSubmatch(cfg.Options, -1)
		if found = options != nil; found {
			set = options[len(options)-1][1]
		}
	}
	if !found {
		cfg.Runtime[name] = strconv.FormatInt(standard.Milliseconds(), 10)
		return standard
	}
	return duration(set)
}

var (
	number = regexp.MustCompile(`^\s*([0-9.]+)\s*([a-z]*)\s*$`)
	units  = map[string]time.Duration{
		"": time.Millisecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}
)

// duration reads a time as PostgreSQL writes it, such as 500, 30s or 2min. It
// returns 0 for what it cannot read.
func duration(text string) time.Duration {
	parts := number.FindStringSubmatch(text)
	if parts == nil {
		return 0
	}
	n, _ := strconv.ParseFloat(parts[1], 64)
	return time.Duration(n * float64(units[parts[2]]))
}

// Connect fails with a net.Error, whatever kept it from connecting.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	use := c.free
	if c.limited.Load() {
		use = c.bound
	}
	conn, err := use.Connect(ctx)
	if err != nil {
		return nil, &net.OpError{Op: "connect", Net: "postgres", Err: err}
	}
	return conn, nil
}

// Driver returns lib/pq's.
func (c *connector) Driver() driver.Driver { return c.free.Driver() }

// Close ends what the connector does in the background.
func (c *connector) Close() error {
	c.dialer.close()
	return nil
}

// Limit bounds every call to PostgreSQL from now on, for a server, whose callers
// wait: a statement takes at most 6 seconds, and no call lasts longer than 8,
// not even on a network that swallows everything. Without it, statements take
// as long as they need, as those of migrations and imports do.
func (db *DB) Limit() {
	if db.connector == nil {
		return // SQLite waits 5 seconds for a lock, and for nothing else
	}
	db.connector.limited.Store(true)
	db.SetMaxIdleConns(0) // closes those without limits
	db.SetMaxIdleConns(maxIdle)
}
