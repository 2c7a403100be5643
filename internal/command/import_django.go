package command

import (
	"golang.org/x/term"

	"caregraph/internal/django"
)

type importCommand struct {
	Source    string `arg:"" placeholder:"postgres://…" help:"Database of the original. The password may also stand in PGPASSWORD or ~/.pgpass."`
	OneClinic string `placeholder:"NAME" help:"Put all users and records into one clinic of this name; else each user begins in an own one, with the user's patients."`
	DryRun    bool   `help:"Write nothing; tell what would be copied, and every row that breaks a rule."`
	onDatabase
}

func (c *importCommand) Run(p *process) error {
	if err := p.complete(c); err != nil {
		return err
	}
	move := django.Import{
		Source: c.Source, Target: c.Direct(), Clinic: c.OneClinic, DryRun: c.DryRun,
		Report: p.stdout, Progress: p.stderr, Terminal: term.IsTerminal(int(p.stderr.Fd())),
		Log: p.logger(false),
	}
	return move.Run(p.ctx)
}
