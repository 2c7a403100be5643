package command

import (
	"fmt"
	"time"

	"caregraph/internal/server"
	"caregraph/internal/store"
)

type purgeCommand struct {
	onDatabase
	server.Undoing `embed:"" group:"Undo"`
}

func (c *purgeCommand) Run(p *process) error {
	return c.withDatabase(p, func(db *store.DB) error {
		n, err := db.Purge(p.ctx, time.Now().Add(-c.RestoreWindow))
		if err != nil {
			return fmt.Errorf("what is left can be removed by the same command again: %w", err)
		}
		fmt.Fprintf(p.stdout, "Removed for good: %d patients with %d assignments, and %d doctors.\n", n.Patients, n.Assignments, n.Doctors)
		return nil
	})
}
