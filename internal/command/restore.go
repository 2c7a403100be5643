package command

import (
	"fmt"

	"caregraph/internal/store"
)

type restoreCommand struct {
	File string `arg:"" help:"A file that caregraph backup wrote."`
	onDatabase
}

func (c *restoreCommand) Run(p *process) error {
	if err := p.complete(c); err != nil {
		return err
	}
	if err := store.Restore(p.ctx, c.Direct(), c.File); err != nil {
		return explained(err)
	}
	fmt.Fprintf(p.stdout, "The records of %s are restored. Everybody signs in again.\nGive the servers the SECRET_KEY of before, and start them: they bring the tables up to date. Then run caregraph doctor.\n", c.File)
	return nil
}
