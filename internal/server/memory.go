package server

import "runtime/debug"

// How the garbage collector works unless GOGC and GOMEMLIMIT say otherwise. An
// answer is thousands of short-lived values on a heap of a few megabytes, for
// which Go's own pace spends a quarter of the CPU time. At the memory limit the
// collector works as often as it must.
const (
	collectAt   = 800       // percent of what is in use
	memoryLimit = 224 << 20 // bytes
)

// TuneMemory makes the garbage collector of this process work as a server needs it, unless
// the environment says otherwise.
func TuneMemory(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
