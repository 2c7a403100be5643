package server

import (
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// How the garbage collector works unless GOGC and GOMEMLIMIT say otherwise. An
// answer is thousands of short-lived values on a heap of a few megabytes, for
// which Go's own pace spends a quarter of the CPU time. At the memory limit the
// collector works as often as it must.
const (
	collectAt   = 800       // percent of what is in use
	memoryLimit = 224 << 20 // bytes, where the cgroup of the process has no limit
)

// TuneMemory makes the garbage collector of this process work as a server needs it, unless
// the environment says otherwise.
func TuneMemory(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limitWithin(memlimit.FromCgroup))
	}
}

// limitWithin returns the memory limit in bytes: four fifths of that of the cgroup, if it
// has one. The rest is for what Go does not count: SQLite, which was C, keeps the pages
// of 16 connections in memory of its own.
func limitWithin(cgroup memlimit.Provider) int64 {
	limit, err := cgroup()
	if err != nil {
		return memoryLimit
	}
	return int64(limit / 5 * 4)
}
