package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"caregraph/internal/sample"
	"caregraph/internal/storetest"
)

// parts are what is searched for, in turn: parts of names that come first and
// last in the order of names, frequent and rare ones, one of nobody, and one of
// everybody's phone number.
var parts = []string{"sha", "kum", "ish", "zzq", "ree", "jos", "900", "yad", "zoy", "vik", "esh"}

// measureSearch prints how long a search takes in the patients of one owner.
func (o *options) measureSearch(ctx context.Context, binary string, postgres *storetest.Server) error {
	size := sample.Size{Users: 1, Patients: 100_000, Doctors: 2_000, Mappings: 300_000}
	return with(ctx, binary, postgres, "one_owner", size, func(b *bench) error {
		search := operations[slices.IndexFunc(operations, func(op operation) bool { return op.name == "PatientSearch" })]
		search.floors = nil
		length := time.Duration(o.seconds) * time.Second
		measure := func(name string, users int, part func(n int) string) error {
			search.variables = func(_, n int, _ *bench) map[string]any { return map[string]any{"q": part(n), "first": 10} }
			b.connections = users
			results, err := b.each(ctx, length, search)
			if err != nil {
				return err
			}
			r := results[0]
			fmt.Printf("%-14s %6.0f a second, p50 %5.2f ms, p99 %5.2f ms, CPU %.2f + %.2f ms\n", name, r.Rate, r.Median, r.Slow, r.Server, r.Postgres)
			return nil
		}
		fmt.Println("A search for three letters in the 100,000 patients of one owner:")
		for _, part := range parts {
			if err := measure(part, 1, func(int) string { return part }); err != nil {
				return err
			}
		}
		for _, users := range []int{1, connections} {
			name := fmt.Sprintf("all, %d at once", users)
			if err := measure(name, users, func(n int) string { return parts[n%len(parts)] }); err != nil {
				return err
			}
		}
		return nil
	})
}
