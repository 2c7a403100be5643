package command

import (
	"cmp"
	"fmt"
	"runtime/debug"
)

// version is that of a released binary, set by deploy/build. Of any other, Go tells.
var version string

type versionCommand struct{}

func (versionCommand) Run(p *process) error {
	told := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		told = info.Main.Version
	}
	fmt.Fprintln(p.stdout, "caregraph", cmp.Or(version, told))
	return nil
}
