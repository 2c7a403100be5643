package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestTLS checks which certificate a client is shown after its files changed in
// the ways that renewals change them.
func TestTLS(t *testing.T) {
	oldKey, newKey := newKey(t), newKey(t)
	oldCert, renewed, newCert := issue(t, "old", oldKey), issue(t, "renewed", oldKey), issue(t, "new", newKey)
	nonsense := []byte("nonsense")
	for _, tt := range []struct {
		name      string
		cert, key []byte // what is written, if anything
		want      string
	}{
		{"nothing", nil, nil, "old"},
		{"certificate and key", newCert, pemKey(t, newKey), "new"},
		{"the certificate, for the same key", renewed, nil, "renewed"},
		{"the key before the certificate", nil, pemKey(t, newKey), "old"},
		{"the certificate before the key", newCert, nil, "old"},
		{"nonsense", nonsense, nonsense, "old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
			at := time.Now().Add(-time.Hour)
			put := func(name string, text []byte) {
				t.Helper()
				if text == nil {
					return
				}
				if err := os.WriteFile(name, text, 0o600); err != nil {
					t.Fatal(err)
				}
				if at = at.Add(time.Minute); os.Chtimes(name, at, at) != nil {
					t.Fatal("the time of a file cannot be set")
				}
			}
			put(certFile, oldCert)
			put(keyFile, pemKey(t, oldKey))
			config, err := tlsConfig(certFile, keyFile, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := shown(t, config); got != "old" {
				t.Fatalf("shows %q at first", got)
			}
			put(certFile, tt.cert)
			put(keyFile, tt.key)
			for range 2 {
				if got := shown(t, config); got != tt.want {
					t.Errorf("shows %q, want %q", got, tt.want)
				}
			}
			put(keyFile, pemKey(t, newKey))
			put(certFile, newCert)
			if got := shown(t, config); got != "new" {
				t.Errorf("shows %q when both are there", got)
			}
		})
	}
	if _, err := tlsConfig(filepath.Join(t.TempDir(), "none"), "none", 0); err == nil {
		t.Error("files that are not there are taken")
	}
}

// shown returns the name in the certificate that a client is shown.
func shown(t *testing.T, config *tls.Config) string {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	go tls.Server(server, config).Handshake()
	c := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pemKey(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// issue returns a certificate of the name for the key.
func issue(t *testing.T, name string, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
