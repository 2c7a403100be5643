package command

import (
	"errors"
	"fmt"
	"io"

	"caregraph/internal/auth"
	"caregraph/internal/sample"
	"caregraph/internal/server"
	"caregraph/internal/store"
)

type serveCommand struct{ server.Config }

func (c *serveCommand) Run(p *process) error {
	err := p.complete(c)
	if err != nil {
		return err
	}
	if c.Key, err = secretKey(c.SecretKey, c.DatabaseURL); err != nil {
		return err
	}
	if c.Previous, err = previousKey(c.SecretKey, c.SecretKeyPrevious, c.DatabaseURL); err != nil {
		return err
	}
	if c.Traces, err = server.StartTraces(p.ctx, p.getenv); err != nil {
		return fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	defer c.Traces.Stop(p.ctx)
	log := p.logger(c.Debug)
	switch err := c.Suits(p.ctx); {
	case errors.Is(err, store.ErrUnlimited):
		log.Warn("statements may take long", "why", err)
	case errors.As(err, new(store.Between)):
		return fmt.Errorf("the database cannot be used: %w", err)
	} // any other failure is one of whatever comes next, too
	return p.withDatabase(c.Open, log, func(db *store.DB) error {
		if c.Demo {
			client := db.Client()
			if _, err := sample.Fill(p.ctx, client, auth.New(client, c.Auth())); err != nil {
				return err
			}
		}
		return server.Serve(p.ctx, db, c.Config, log, func(at server.Addresses) { c.greet(p.stdout, at) })
	})
}

// greet tells where the server answers.
func (c *serveCommand) greet(w io.Writer, at server.Addresses) {
	url := at.Public
	fmt.Fprintf(w, "Caregraph is ready.\n\n  Dashboard   %s/admin/\n  GraphQL     %s/graphql\n  REST        %s/api/      described at %s/swagger/\n  Health      %s/health/\n", url, url, url, url, url)
	if at.Profiles != "" {
		fmt.Fprintf(w, "  Profiles    http://%s/debug/pprof/\n", at.Profiles)
	}
	if at.Metrics != "" {
		fmt.Fprintf(w, "  Metrics     http://%s/metrics\n", at.Metrics)
	}
	if c.PlaygroundOn() {
		fmt.Fprintf(w, "  Playground  %s/playground\n", url)
	} else {
		fmt.Fprintf(w, "\nSet PLAYGROUND=true to explore the API in a browser, or try: go run . --demo\n")
	}
	if c.Demo {
		fmt.Fprintf(w, "\nSign in with one of these (sample data; never use it in production):\n\n")
		for _, s := range sample.SignIns {
			fmt.Fprintf(w, "  %-19s  %-20s  %s\n", s.Sees, s.Email, s.Password)
		}
	}
	fmt.Fprintln(w)
}
