package server

import (
	"errors"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// TestMemoryLimit checks that the memory limit follows that of the cgroup, larger or
// smaller than the standard, and is the standard without one.
func TestMemoryLimit(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit uint64
		err   error
		want  int64
	}{
		{"a small container", 100 << 20, nil, 80 << 20},
		{"a large container", 1000 << 20, nil, 800 << 20},
		{"no limit", 0, memlimit.ErrNoLimit, memoryLimit},
		{"no cgroup", 0, errors.New("not here"), memoryLimit},
	} {
		if got := limitWithin(func() (uint64, error) { return tt.limit, tt.err }); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}
