package command

import (
	"fmt"

	"caregraph/internal/auth"
	"caregraph/internal/sample"
	"caregraph/internal/store"
)

type seedCommand struct{ onDatabase }

func (c *seedCommand) Run(p *process) error {
	return c.withDatabase(p, func(db *store.DB) error {
		client := db.Client()
		added, err := sample.Fill(p.ctx, client, auth.New(client, auth.Options{}))
		switch {
		case err != nil:
			return readable(err)
		case added:
			fmt.Fprintln(p.stdout, "The sample data was added.")
		default:
			fmt.Fprintln(p.stdout, "The sample data is there already; nothing was added.")
		}
		return nil
	})
}
