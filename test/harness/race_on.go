//go:build race

package harness

// Raced tells whether the race detector watches, which makes a program several
// times slower.
const Raced = true
