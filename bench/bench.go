// Bench measures the server against what a careful engineer would write by
// hand for one operation. It starts a private PostgreSQL with the data of a
// large clinic, the server, and three floors over the same data, with the server's
// settings of the garbage collector:
//
//   - hand: a handler of net/http and lib/pq for each operation: one prepared
//     statement for each table it reads, structs and encoding/json, behind a token
//     check that asks the database for each request;
//   - open: the same without a token check, as other servers are measured;
//   - sql: one prepared statement for each operation that builds the JSON in
//     PostgreSQL, behind the same token check.
//
// Each is a process of its own. Their answers are compared before anything is
// measured. Then they take turns under the same load, so that a machine that
// is busy at times treats them alike: only ratios of one run mean something. A
// ratio is the middle one of all rounds of turns; the other figures are means.
//
//	go run ./bench
//	go run ./bench -operations MyPatientsWithDoctors,Patient -seconds 20 -json now.json
//	go run ./bench -growth
//	go run ./bench -search
//	go run ./bench -memory -soak 10m
//	go run ./bench -trail 10000000
//	go run ./bench -live
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"caregraph/internal/sample"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// options are the flags.
type options struct {
	operations string
	seconds    int
	json       string
	profile    string
	growth     bool
	search     bool
	memory     bool
	live       bool
	trail      int
	soak       time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.operations, "operations", "", "measure only these operations: names, separated by commas")
	flag.IntVar(&o.seconds, "seconds", 10, "measure each operation of each target for so long")
	flag.StringVar(&o.json, "json", "", "write the figures to this file, too")
	flag.StringVar(&o.profile, "profile", "", "write CPU profiles of the server under the load to this folder, one for each operation")
	flag.BoolVar(&o.growth, "growth", false, "measure how the cost grows with the page and with the tables instead")
	flag.BoolVar(&o.search, "search", false, "measure how long a search takes in many patients of one owner instead")
	flag.IntVar(&o.trail, "trail", 0, "measure reading and verifying an access log of so many events instead")
	flag.BoolVar(&o.memory, "memory", false, "measure memory under idle connections, parallel requests and a soak instead")
	flag.BoolVar(&o.live, "live", false, "measure memory and CPU time under 2,000 subscriptions instead")
	flag.DurationVar(&o.soak, "soak", time.Minute, "how long the soak of -memory takes")
	floor := flag.String("floor", "", "serve a floor, hand, open or sql, on the database of DATABASE_URL (what the program starts itself)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := o.run
	if *floor != "" {
		run = func(ctx context.Context) error { return serveFloor(ctx, *floor) }
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) error {
	chosen := operations
	if o.operations != "" {
		chosen = nil
		for _, name := range strings.Split(o.operations, ",") {
			i := slices.IndexFunc(operations, func(op operation) bool { return op.name == name })
			if i < 0 {
				return fmt.Errorf("there is no operation %s", name)
			}
			chosen = append(chosen, operations[i])
		}
	}
	dir, err := os.MkdirTemp("", "caregraph-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "caregraph")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("the server cannot be built (run this in the folder of go.mod): %w", err)
	}
	postgres, err := storetest.NewServer()
	if err != nil {
		return err
	}
	defer postgres.Remove()
	switch {
	case o.growth:
		return o.measureGrowth(ctx, binary, postgres)
	case o.search:
		return o.measureSearch(ctx, binary, postgres)
	case o.trail > 0:
		return o.measureTrail(ctx, binary, postgres, o.trail)
	case o.live:
		return o.measureLive(ctx, binary, postgres)
	case o.memory:
		return o.measureMemory(ctx, binary, postgres)
	}
	b, err := start(ctx, binary, postgres, "clinic", sample.Full, "server", "hand", "open", "sql")
	if err != nil {
		return err
	}
	defer b.stop()
	var results []result
	table := newReport(os.Stdout)
	for _, op := range chosen {
		measured, err := b.measure(ctx, op, time.Duration(o.seconds)*time.Second, o.profile)
		if err != nil {
			return fmt.Errorf("%s: %w", op.name, err)
		}
		table.add(measured)
		results = append(results, measured...)
	}
	if o.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(text, '\n'), 0o644)
}

// bench is a database and the targets that serve it.
type bench struct {
	size    sample.Size
	db      *store.DB
	system  *system
	targets []*process
	tokens  []string // of the users 1, 2, …

	connections int // how many requests are under way at once
}

// connections is how many requests are under way at once, each of a user of
// its own if there are as many.
const connections = 16

// start fills a database with the size and starts the targets on it.
func start(ctx context.Context, binary string, postgres *storetest.Server, name string, size sample.Size, targets ...string) (b *bench, err error) {
	b = &bench{size: size, connections: connections, system: &system{postmaster: postgres.PID()}}
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	if b.db, err = store.Open(postgres.URL("template")); err != nil {
		return nil, err
	}
	_, err = b.db.ExecContext(ctx, "CREATE DATABASE "+name)
	if err = errors.Join(err, b.db.Close()); err != nil {
		return nil, err
	}
	if b.db, err = store.Open(postgres.URL(name)); err != nil {
		return nil, err
	}
	if _, err := b.db.Migrate(ctx, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "filling %s: %d users, %d patients, %d doctors, %d mappings\n", name, size.Users, size.Patients, size.Doctors, size.Mappings)
	if err := sample.Generate(ctx, b.db, size); err != nil {
		return nil, err
	}
	if err := b.db.IndexSearch(ctx); err != nil {
		return nil, err
	}
	if _, err := b.db.Rekey(ctx); err != nil { // which the server would do beside the first requests
		return nil, err
	}
	if b.tokens, err = signIn(ctx, b.db, min(connections, size.Users)); err != nil {
		return nil, err
	}
	for _, target := range targets {
		p, err := startTarget(ctx, target, binary, postgres.URL(name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", target, err)
		}
		b.targets = append(b.targets, p)
	}
	return b, nil
}

// stop ends what start began.
func (b *bench) stop() {
	for _, p := range b.targets {
		p.stop()
	}
	if b.db != nil {
		b.db.Close()
	}
}
