package command

import (
	"fmt"

	"caregraph/internal/server"
)

type versionCommand struct{}

func (versionCommand) Run(p *process) error {
	fmt.Fprintln(p.stdout, "caregraph", server.Version())
	return nil
}
