package command

import (
	"fmt"

	"caregraph/internal/store"
)

type backupCommand struct {
	File string `arg:"" help:"The new file. It holds every record: keep it as safe as the database."`
	onDatabase
}

func (c *backupCommand) Run(p *process) error {
	if err := p.complete(c); err != nil {
		return err
	}
	size, err := store.Backup(p.ctx, c.Direct(), c.File)
	if err != nil {
		return fmt.Errorf("there is no backup: %w", explained(err))
	}
	fmt.Fprintf(p.stdout, "The backup is in %s: %d bytes, read back and checked.\n", c.File, size)
	key := "SECRET_KEY"
	if path := store.Path(c.DatabaseURL); path != "" {
		key = "SECRET_KEY, or " + store.KeyPath(path)
	}
	fmt.Fprintf(p.stdout, "It does not hold %s: keep that too, in another place. Without it cursors and answers that clients may ask for again are lost.\n", key)
	return nil
}
