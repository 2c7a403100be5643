// Caregraph is a GraphQL API server for the records of clinics and hospitals in
// India. See README.md.
package main

import (
	"os"

	"caregraph/internal/command"
)

func main() {
	os.Exit(command.Main(os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
