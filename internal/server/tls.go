package server

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certificateCheck is how often the files are looked at.
const certificateCheck = time.Second

// tlsConfig returns a configuration that serves the certificate of the files, and
// reads them again when they change, so that a renewed certificate needs no
// restart. It looks at the files as often as every says. It fails if they cannot
// be read now; a later failure leaves the certificate that is there.
func tlsConfig(certFile, keyFile string, every time.Duration) (*tls.Config, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, every: every}
	if _, err := c.get(nil); err != nil {
		return nil, fmt.Errorf("TLS_CERT and TLS_KEY: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

type certificate struct {
	certFile, keyFile string
	every             time.Duration

	mu       sync.Mutex
	loaded   *tls.Certificate
	modified [2]time.Time // of the two files
	checked  time.Time
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded != nil && time.Since(c.checked) < c.every {
		return c.loaded, nil
	}
	c.checked = time.Now()
	modified, err := c.times()
	if err == nil && (c.loaded == nil || modified != c.modified) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.certFile, c.keyFile); err == nil {
			c.loaded, c.modified = &pair, modified
		}
	}
	if c.loaded != nil {
		return c.loaded, nil
	}
	return nil, err
}

// times returns when the files were changed: one alone may be, as by a renewal
// that keeps the key.
func (c *certificate) times() (times [2]time.Time, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return times, err
		}
		times[i] = info.ModTime()
	}
	return times, nil
}
