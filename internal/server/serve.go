package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"caregraph/internal/auth"
	"caregraph/internal/store"
)

// Timeouts and limits of the HTTP server.
const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 15 * time.Second
	writeTimeout    = 30 * time.Second
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 10 * time.Second // for requests in flight
	maxHeader       = 16 << 10         // bytes
)

// Addresses are where a server answers.
type Addresses struct {
	Public   string // https://HOST:PORT or http://HOST:PORT
	Profiles string // host:port of Go's profiles; empty without DEBUG_ADDR
	Metrics  string // host:port of Prometheus's metrics; empty without METRICS_ADDR
}

// ErrInterrupted is the cause of a context that ends because somebody at a terminal wants the server
// to stop: it does not wait for balancers.
var ErrInterrupted = errors.New("interrupted")

// Serve answers requests until asked ends, and then for another cfg.Drain, in which /readyz
// says that it does no more; at last it waits for requests in flight. The database must be
// migrated. It calls ready when it listens. It fails if an address cannot be listened on, or a
// certificate not be read.
func Serve(asked context.Context, db *store.DB, cfg Config, log *slog.Logger, ready func(Addresses)) error {
	ctx, end := context.WithCancel(context.WithoutCancel(asked))
	defer end()
	listener, err := listen(cfg.Addr, "ADDR")
	if err != nil {
		return err
	}
	at := Addresses{Public: "http://" + listener.Addr().String()}
	if cfg.TLSCert != "" {
		secured, err := tlsConfig(cfg.TLSCert, cfg.TLSKey, certificateCheck)
		if err != nil {
			return err
		}
		at.Public = "https://" + listener.Addr().String()
		listener = tls.NewListener(listener, secured)
	}
	if cfg.DebugAddr != "" {
		private, err := listen(HostPort(cfg.DebugAddr), "DEBUG_ADDR")
		if err != nil {
			return err
		}
		defer private.Close()
		at.Profiles = private.Addr().String()
		go serveProfiles(ctx, private, log)
	}
	if exposed := store.Exposed(cfg.DatabaseURL); exposed != nil {
		for i, name := range exposed {
			exposed[i] = "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
		}
		log.Warn("other users of this machine can read or write the files of the database, or its key", "run", "chmod 600 "+strings.Join(exposed, " "))
	}
	for _, missing := range cfg.Unguarded() {
		log.Warn("not for the open internet", "why", missing)
	}
	go attend(ctx, db, cfg.Keys(), log)
	go rekey(ctx, db, log)
	go indexSearch(ctx, db, log, indexAgain)
	go sweep(ctx, db, auth.New(db.Client(), cfg.Auth()), cfg.AuditRetention, log)
	service, err := Live(ctx, db, cfg, log)
	if err != nil {
		return err
	}
	if cfg.MetricsAddr != "" {
		private, err := listen(cfg.MetricsAddr, "METRICS_ADDR")
		if err != nil {
			return err
		}
		defer private.Close()
		at.Metrics = private.Addr().String()
		go serveMetrics(ctx, private, service.Metrics, log)
	}
	var leaving atomic.Bool
	server := &http.Server{
		Handler:           leave(service, &leaving),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	ready(at)
	notify(daemon.SdNotifyReady)
	go watchdog(ctx)
	select {
	case err := <-failed:
		return err
	case <-asked.Done():
	}
	notify(daemon.SdNotifyStopping)
	if drain := time.Duration(cfg.Drain); drain > 0 && context.Cause(asked) != ErrInterrupted {
		log.Info("stopping; requests are still taken", "for", drain.String())
		leaving.Store(true)
		select {
		case err := <-failed:
			return err
		case <-time.After(drain):
		}
	}
	log.Info("stopping; requests in flight finish")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	var connections sync.WaitGroup
	connections.Go(func() { service.Shutdown(ending) })
	defer connections.Wait()
	return server.Shutdown(ending)
}

// leave wraps the handler of a server that will stop listening once it is leaving: it says
// that it is not ready, and ends each connection after its next answer, so that no client sends
// a request on one that is about to be closed (RFC 9112, 9.6).
func leave(h http.Handler, leaving *atomic.Bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !leaving.Load() {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Connection", "close")
		if r.URL.Path == "/readyz" {
			notReady(w, "the server stops")
			return
		}
		h.ServeHTTP(w, r)
	})
}

// listen listens on the address that the setting names.
func listen(addr HostPort, setting string) (net.Listener, error) {
	listener, err := net.Listen("tcp", string(addr))
	if err != nil {
		return nil, fmt.Errorf("the address %s cannot be listened on (set %s to another HOST:PORT): %w", addr, setting, err)
	}
	return listener, nil
}
