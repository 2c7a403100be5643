//go:build !linux && !darwin

package doctor

import "errors"

// freeSpace cannot tell on this system.
func freeSpace(string) (uint64, error) { return 0, errors.ErrUnsupported }
