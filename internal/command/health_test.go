package command

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestHealth checks what a container learns of the server in it.
func TestHealth(t *testing.T) {
	away := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		io.WriteString(w, "as "+r.URL.Path+"\n")
	})
	well := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "as "+r.URL.Path+"\n") })
	plain, secured, alone := httptest.NewServer(well), httptest.NewTLSServer(well), httptest.NewServer(away)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connects, and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { plain.Close(); secured.Close(); alone.Close(); silent.Close() })
	port := func(s *httptest.Server) string { return s.URL[strings.LastIndex(s.URL, ":"):] }
	for _, tt := range []struct {
		name, addr, cert, args string
		want, fails            string
	}{
		{"ready", "127.0.0.1" + port(plain), "", "health", "as /readyz\n", ""},
		{"listens everywhere", "0.0.0.0" + port(plain), "", "health", "as /readyz\n", ""},
		{"listens everywhere, without a host", port(plain), "", "health", "as /readyz\n", ""},
		{"with TLS, whatever the name in the certificate", "127.0.0.1" + port(secured), "cert.pem", "health", "as /readyz\n", ""},
		{"without its database", "127.0.0.1" + port(alone), "", "health", "", "503 as /readyz"},
		{"lives without its database", "127.0.0.1" + port(alone), "", "health --live", "as /health/\n", ""},
		{"plain, where TLS is expected", "127.0.0.1" + port(plain), "cert.pem", "health", "", "no answer"},
		{"silent", silent.Addr().String(), "", "health", "", "no answer"},
		{"nobody listens", "127.0.0.1:1", "", "health", "", "no answer"},
		{"a wrong setting", "8000", "", "health", "", "ADDR must be HOST:PORT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"ADDR": tt.addr, "TLS_CERT": tt.cert, "HTTP_PROXY": "http://127.0.0.1:1"}
			var out strings.Builder
			err := Run(context.WithoutCancel(t.Context()), strings.Fields(tt.args), func(name string) string { return env[name] }, os.Stdin, &out, os.Stderr)
			if out.String() != tt.want || (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("got %q, %v, want %q, %s", &out, err, tt.want, tt.fails)
			}
		})
	}
}
