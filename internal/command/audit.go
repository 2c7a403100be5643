package command

import (
	"bufio"
	"cmp"
	"fmt"
	"time"

	"caregraph/internal/audit"
	"caregraph/internal/store"
)

type auditCommand struct {
	Verify verifyCommand `cmd:"" help:"Walk the chains of the access log, and name the first break of each; exit 1 if there is one."`
	Export exportCommand `cmd:"" help:"Write the access log as lines of JSON, the oldest first."`
}

type verifyCommand struct{ onDatabase }

func (c *verifyCommand) Run(p *process) error {
	return c.withDatabase(p, func(db *store.DB) error {
		v, err := audit.Verify(p.ctx, db.DB, db.Dialect)
		if err != nil {
			return fmt.Errorf("the access log could not be read: %w", err)
		}
		for _, at := range v.Breaks {
			fmt.Fprintln(p.stdout, at)
		}
		if len(v.Breaks) > 0 {
			return fmt.Errorf("the access log is not whole: %d of %d chains break", len(v.Breaks), v.Writers)
		}
		fmt.Fprintf(p.stdout, "The access log is whole: %d events in %d batches of %d chains.\n", v.Events, v.Batches, v.Writers)
		return nil
	})
}

type exportCommand struct {
	onDatabase
	Since   instant `placeholder:"TIME" help:"From this day or instant on, such as 2026-01-31 or 2026-01-31T09:00:00Z; all that is kept if left out."`
	Patient int     `placeholder:"ID" help:"Only what is about this patient."`
}

func (c *exportCommand) Run(p *process) error {
	return c.withDatabase(p, func(db *store.DB) error {
		out := bufio.NewWriter(p.stdout)
		err := audit.Export(p.ctx, db.DB, db.Dialect, time.Time(c.Since), c.Patient, out)
		return cmp.Or(err, out.Flush())
	})
}

// instant is a day, from its beginning in UTC, or an instant.
type instant time.Time

// UnmarshalText takes a day, or an instant as RFC 3339 writes it.
func (i *instant) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		t, err = time.Parse(time.RFC3339, string(text))
	}
	*i = instant(t)
	return err
}
