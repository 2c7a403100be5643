package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

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
}

// Serve answers requests until ctx ends; then it waits for those in flight. The
// database must be migrated. It calls ready when it listens. It fails if an
// address cannot be listened on, or a certificate not be read.
func Serve(ctx context.Context, db *store.DB, cfg Config, log *slog.Logger, ready func(Addresses)) error {
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
	go rekey(ctx, db, log)
	go indexSearch(ctx, db, log, indexAgain)
	go sweep(ctx, db, auth.New(db.Client(), cfg.Auth()), cfg.AuditRetention, log)
	handler, shutdown, err := Live(ctx, db, cfg, log)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ready(at)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping; requests in flight finish")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	var connections sync.WaitGroup
	connections.Go(func() { shutdown(ending) })
	defer connections.Wait()
	return server.Shutdown(ending)
}

// listen listens on the address that the setting names.
func listen(addr HostPort, setting string) (net.Listener, error) {
	listener, err := net.Listen("tcp", string(addr))
	if err != nil {
		return nil, fmt.Errorf("the address %s cannot be listened on (set %s to another HOST:PORT): %w", addr, setting, err)
	}
	return listener, nil
}
