package server

import (
	"cmp"
	"runtime/debug"
)

// released is the version of a released binary, set by deploy/build. Of any other, Go tells.
var released string

// Version returns the version of this program.
func Version() string {
	told := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		told = info.Main.Version
	}
	return cmp.Or(released, told)
}
