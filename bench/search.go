package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"caregraph/internal/sample"
	"caregraph/internal/storetest"
)

// What is searched for, in turn: parts of names that come first and last in the order
// of names, frequent and rare ones, one of nobody, and one of everybody's phone number.
var (
	parts  = []string{"sha", "kum", "ish", "zzq", "ree", "jos", "900", "yad", "zoy", "vik", "esh"}
	twos   = []string{"sharma zoya", "kum pri", "ish sha", "zzq sharma", "esh 900", "zoya joshi", "vikram yad", "rajesh example", "neha zzq"}
	sounds = []string{"laxmi", "rajes", "मीरा", "sharmaa", "zoya joshi", "rahool", "vikram zzq", "neha sharma", "lakshmee yadav"}
)

// finding are the ways to find somebody, by the name of the operation.
func finding() []operation {
	list := func(name, filter string, texts []string) operation {
		return operation{
			name:      name,
			document:  "query($q: String!, $first: Int!) { patients(first: $first, filter: {" + filter + ": $q}, orderBy: {field: NAME}) { nodes { id name phone dateOfBirth gender } } }",
			variables: func(_, n int, _ *bench) map[string]any { return map[string]any{"q": texts[n%len(texts)], "first": 10} },
		}
	}
	return []operation{
		list("one word", "search", parts),
		list("two words", "search", twos),
		list("soundsLike", "soundsLike", sounds),
		{
			name:     "possibleDuplicates",
			document: "query($name: String!, $phone: String!, $day: Date!) { possibleDuplicates(name: $name, phone: $phone, dateOfBirth: $day) { reasons patient { id name phone dateOfBirth gender } } }",
			variables: func(_, n int, b *bench) map[string]any {
				return map[string]any{"name": sounds[n%len(sounds)], "phone": fmt.Sprintf("9%09d", 1+n*7919%b.size.Patients), "day": fmt.Sprintf("19%02d-03-15", 40+n%60)}
			},
		},
	}
}

// measureSearch prints how long it takes to find somebody among 100,000 patients, of an
// owner of few and of an owner of half of them; then a search for three letters in the
// 100,000 patients of one owner.
func (o *options) measureSearch(ctx context.Context, binary string, postgres *storetest.Server) error {
	length := time.Duration(o.seconds) * time.Second
	for _, owner := range []struct {
		name, change string
	}{
		{"100", ""},
		{"50,000", `UPDATE patients SET clinic_id = 1 WHERE id <= 50000; UPDATE mappings SET clinic_id = 1 WHERE patient_id <= 50000`},
	} {
		err := with(ctx, binary, postgres, "owner_of_"+strings.ReplaceAll(owner.name, ",", ""), sample.Full, func(b *bench) error {
			if owner.change != "" {
				if _, err := b.db.ExecContext(ctx, owner.change); err != nil {
					return err
				}
			}
			if _, err := b.db.ExecContext(ctx, "VACUUM ANALYZE"); err != nil {
				return err
			}
			b.connections = 1
			operations := finding()
			results, err := b.each(ctx, length, operations...)
			if err != nil {
				return err
			}
			fmt.Printf("The owner of %s of 100,000 patients:\n", owner.name)
			for i, r := range results {
				fmt.Printf("%-18s p50 %5.2f ms, p99 %5.2f ms, CPU %.2f + %.2f ms: %.2f of one word\n", operations[i].name, r.Median, r.Slow, r.Server, r.Postgres, (r.Server+r.Postgres)/(results[0].Server+results[0].Postgres))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return o.measureParts(ctx, binary, postgres, length)
}

func (o *options) measureParts(ctx context.Context, binary string, postgres *storetest.Server, length time.Duration) error {
	size := sample.Size{Users: 1, Patients: 100_000, Doctors: 2_000, Mappings: 300_000}
	return with(ctx, binary, postgres, "one_owner", size, func(b *bench) error {
		search := operations[slices.IndexFunc(operations, func(op operation) bool { return op.name == "PatientSearch" })]
		search.floors = nil
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
