//go:build !race

package main

// raced tells whether the race detector watches, which makes all much slower.
const raced = false
