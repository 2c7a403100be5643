//go:build tools

// Package main pins the versions of the programs that generate code.
package main

import (
	_ "entgo.io/ent/cmd/ent"
	_ "github.com/99designs/gqlgen"
)
