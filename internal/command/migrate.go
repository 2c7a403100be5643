package command

import (
	"caregraph/internal/server"
	"caregraph/internal/store"
)

// onDatabase has the settings of a command that works on the database without
// serving it.
type onDatabase struct {
	server.Database `embed:"" group:"Database"`
}

// withDatabase calls f with the configured database, up to date.
func (c *onDatabase) withDatabase(p *process, f func(*store.DB) error) error {
	if err := p.complete(c); err != nil {
		return err
	}
	return p.withDatabase(func() (*store.DB, error) { return store.Open(c.Direct()) }, p.logger(false), f)
}

type migrateCommand struct{ onDatabase }

func (c *migrateCommand) Run(p *process) error {
	return c.withDatabase(p, func(*store.DB) error { return nil })
}
