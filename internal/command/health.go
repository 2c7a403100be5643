package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"caregraph/internal/server"
)

// healthTimeout is how long a server may take to answer, of which the database may
// take 3 seconds.
const healthTimeout = 4 * time.Second

// healthCommand asks the server on this machine how it is, where no other program
// could: in a container that has nothing but this one.
type healthCommand struct {
	Live             bool `help:"Ask only whether the process lives, and not whether it can answer requests."`
	server.Listening `embed:"" group:"Server"`
}

func (c *healthCommand) Run(p *process) error {
	if err := errors.Join(p.wrong...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(p.ctx, healthTimeout)
	defer cancel()
	scheme, path := "http", "/readyz"
	if c.TLSCert != "" {
		scheme = "https"
	}
	if c.Live {
		path = "/health/"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://localhost"+path, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, string(c.Addr)) // of 0.0.0.0, this machine
		},
		// The certificate is for the name that clients know. Nothing secret is sent.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no answer at %s, which ADDR says: %w", c.Addr, err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s at %s: %d %s", path, c.Addr, response.StatusCode, strings.TrimSpace(string(text)))
	}
	fmt.Fprintln(p.stdout, strings.TrimSpace(string(text)))
	return nil
}
