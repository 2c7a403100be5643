package main

import (
	"context"
	"fmt"
	"time"

	"caregraph/internal/sample"
	"caregraph/internal/storetest"
)

// measureGrowth prints how the cost of a nested page grows with its size and
// with the tables.
func (o *options) measureGrowth(ctx context.Context, binary string, postgres *storetest.Server) error {
	length := time.Duration(o.seconds) * time.Second
	page := func(rows int) operation {
		op := operations[0]
		op.name, op.variables, op.floors = fmt.Sprintf("%s, %d rows", op.name, rows), first(rows), nil
		return op
	}
	fmt.Println("A page of patients with their doctors; users have 100 patients each.")
	for _, patients := range []int{10_000, 1_000_000} {
		size := sample.Size{Users: patients / 100, Patients: patients, Doctors: patients / 50, Mappings: 3 * patients}
		err := with(ctx, binary, postgres, fmt.Sprintf("of_%d", patients), size, func(b *bench) error {
			results, err := b.each(ctx, length, page(10), page(55), page(100))
			if err != nil {
				return err
			}
			few, some, many := results[0].cpu(), results[1].cpu(), results[2].cpu()
			fmt.Printf("%9d patients: %.3f ms for 10 rows, %.3f for 55, %.3f for 100; one more row costs %.4f ms up to 55, %.4f up to 100\n",
				patients, few, some, many, (some-few)/45, (many-some)/45)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// with calls f with a server on a database of the size.
func with(ctx context.Context, binary string, postgres *storetest.Server, name string, size sample.Size, f func(*bench) error) error {
	b, err := start(ctx, binary, postgres, name, size, "server")
	if err != nil {
		return err
	}
	defer b.stop()
	return f(b)
}

// each measures the server in several operations by turns.
func (b *bench) each(ctx context.Context, length time.Duration, operations ...operation) ([]result, error) {
	results := make([]result, len(operations))
	const rounds = 3
	for range rounds {
		for i, op := range operations {
			measured, err := b.measure(ctx, op, max(length/rounds, turn), "")
			if err != nil {
				return nil, err
			}
			r, m := &results[i], measured[0]
			r.Rate += m.Rate / rounds
			r.Server += m.Server / rounds
			r.Postgres += m.Postgres / rounds
			r.Median, r.Slow = max(r.Median, m.Median), max(r.Slow, m.Slow)
		}
	}
	return results, nil
}
