// Package doctor examines what a server depends on: its configuration, the database and
// the machine. It changes nothing, and tells no secret and nothing of a patient.
package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"caregraph/internal/fault"
	"caregraph/internal/server"
	"caregraph/internal/store"
)

// Level is how much a finding matters.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // worth knowing; it works
	Must    Level = "must"    // something must be done
)

// Finding is something that a check found.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	What  string `json:"what"`
	Do    string `json:"do"` // empty if nothing is to be done
}

func ok(format string, args ...any) Finding {
	return Finding{Level: OK, What: fmt.Sprintf(format, args...)}
}

func warning(what, do string) Finding { return Finding{Level: Warning, What: what, Do: do} }

func must(what, do string) Finding { return Finding{Level: Must, What: what, Do: do} }

// because returns the finding that is the failure of a check itself.
func because(err error, do string) Finding {
	if what, mend := fault.Trouble(err); what != "" {
		return must(sentence(what), sentence(mend))
	}
	return must(sentence(fault.Safe(err)), do)
}

// sentence returns the text with a capital and a full stop.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[size:], ".") + "."
}

// Examine makes every check of a server with this configuration, of which the errors say
// what is wrong. No check takes longer than patience. A Key that is missing is not made.
func Examine(ctx context.Context, cfg server.Config, wrong []error, patience time.Duration) []Finding {
	e := &examination{ctx: ctx, patience: patience}
	e.check("configuration", func(context.Context) []Finding { return configuration(wrong) })
	e.check("internet", func(context.Context) []Finding { return internet(cfg) })
	e.check("certificate", func(context.Context) []Finding { return certificate(cfg, time.Now()) })
	e.check("files", func(context.Context) []Finding { return files(cfg.DatabaseURL) })
	if store.Check(cfg.DatabaseURL) == nil {
		e.database(cfg)
	}
	return e.findings
}

// examination is the findings so far.
type examination struct {
	ctx      context.Context
	patience time.Duration
	findings []Finding
}

// check makes a check, and tells whether it found nothing that must be done. What it would
// have found later than in time is lost.
func (e *examination) check(name string, f func(context.Context) []Finding) bool {
	ctx, cancel := context.WithTimeout(e.ctx, e.patience)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() { done <- f(ctx) }()
	var found []Finding
	select {
	case found = <-done:
	case <-ctx.Done():
		select {
		case found = <-done: // it ended in time, with what it has
		case <-time.After(time.Second): // not every driver looks at the context
			found = []Finding{must(fmt.Sprintf("There was no answer in %s.", e.patience), "Look whether the database is busy or hangs, or give the check more time with --patience.")}
		}
	}
	sound := true
	for _, f := range found {
		f.Check = name
		e.findings = append(e.findings, f)
		sound = sound && f.Level != Must
	}
	return sound
}

func configuration(wrong []error) []Finding {
	var found []Finding
	for _, err := range wrong {
		found = append(found, must(sentence(err.Error()), "Mend the setting: docs/configuration.md, or caregraph settings, has all of them."))
	}
	if found == nil {
		return []Finding{ok("Every setting can be read.")}
	}
	return found
}

// internet tells what a server that others reach should have.
func internet(cfg server.Config) []Finding {
	missing := cfg.Unguarded()
	var found []Finding
	for _, what := range missing {
		do := "Set it before others than this machine reach the server."
		if cfg.Reachable() {
			do = "Set it now: others than this machine reach the server at " + string(cfg.Addr) + "."
		}
		f := warning(sentence(what), do)
		if cfg.Reachable() {
			f.Level = Must
		}
		found = append(found, f)
	}
	switch {
	case found != nil:
		return found
	case cfg.Reachable():
		return []Finding{ok("Others reach the server at %s, and every guard is up.", cfg.Addr)}
	}
	return []Finding{ok("This machine alone reaches the server at %s.", cfg.Addr)}
}

// renewal is how long before its end a certificate should have been renewed.
const renewal = 14 * 24 * time.Hour

func certificate(cfg server.Config, now time.Time) []Finding {
	if cfg.TLSCert == "" || cfg.TLSKey == "" {
		return []Finding{ok("TLS_CERT is not set.")}
	}
	pair, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey)
	if err != nil {
		return []Finding{must(sentence("TLS_CERT and TLS_KEY cannot be used: "+err.Error()), "Name a certificate and its key, which the user of the server can read.")}
	}
	renew := "Renew the certificate; the server reads the new file by itself."
	var end time.Time
	for _, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return []Finding{must("TLS_CERT has a certificate that cannot be read.", renew)}
		}
		if now.Before(c.NotBefore) {
			return []Finding{must("The certificate begins only on "+c.NotBefore.UTC().Format(time.DateTime)+" UTC.", "Look at the clock of this machine, or use another certificate.")}
		}
		if end.IsZero() || c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	day := end.UTC().Format(time.DateTime) + " UTC"
	switch {
	case now.After(end):
		return []Finding{must("The certificate ended on "+day+".", renew)}
	case now.Add(renewal).After(end):
		return []Finding{must("The certificate ends on "+day+", in less than 14 days.", renew)}
	}
	return []Finding{ok("The certificate ends on %s.", day)}
}

// files tells which files of SQLite others can read.
func files(databaseURL string) []Finding {
	exposed := store.Exposed(databaseURL)
	if exposed == nil {
		return nil
	}
	return []Finding{must("Other users of this machine can read or write "+strings.Join(exposed, ", ")+".", "Run chmod 600 on each.")}
}
