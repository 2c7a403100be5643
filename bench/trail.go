package main

import (
	"context"
	"fmt"
	"time"

	"caregraph/internal/audit"
	"caregraph/internal/sample"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// measureTrail prints how long it takes to find the newest events about a patient, and how
// fast the chains are verified, in an access log of 400 days. Each event is about 20 of
// 100,000 patients. The hashes are no real ones: all chains are read to their ends.
func (o *options) measureTrail(ctx context.Context, binary string, postgres *storetest.Server, events int) error {
	const patients = 100_000
	size := sample.Size{Users: 10, Patients: patients, Doctors: 1_000, Mappings: patients}
	return with(ctx, binary, postgres, "trail", size, func(b *bench) error {
		fmt.Printf("%d events in the access log, %d of them about a patient:\n", events, events*20/patients)
		unlimited, err := store.Open(postgres.URL("trail"))
		if err != nil {
			return err
		}
		defer unlimited.Close()
		for _, statement := range []string{
			"ALTER TABLE access_events DISABLE TRIGGER access_head",
			"DROP INDEX access_event_patients",
			fmt.Sprintf(`INSERT INTO access_events (at, action, user_id, session_id, seen_as, door, operation, request_id, address, user_agent, patients, writer, batch, hash)
				SELECT now() - (%[1]d - i) * (interval '400 days' / %[1]d), 'LIST', 1 + i %% 10, 1 + i %% 1000, 'CLINIC', 'GRAPHQL', 'MyPatientsWithDoctors', to_char(i, 'FM0000000000000000'), '203.0.113.7',
					'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36',
					ARRAY(SELECT 1 + (i * 7919::bigint + k * 104729) %% %[2]d FROM generate_series(1, 20) AS k), i %% 8, 1 + i / 8, repeat('0', 64)
				FROM generate_series(1, %[1]d) AS i`, events, patients),
			"INSERT INTO access_heads SELECT writer, 0, '', max(batch), repeat('0', 64) FROM access_events WHERE writer < 8 GROUP BY writer",
			"CREATE INDEX access_event_patients ON access_events USING gin (patients)",
			"ALTER TABLE access_events ENABLE TRIGGER access_head",
			"VACUUM ANALYZE access_events",
		} {
			if _, err := unlimited.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		page := func(name, arguments string) operation {
			return operation{
				name:     name,
				document: "query($id: ID!) { patient(id: $id) { accessLog(" + arguments + ") { nodes { at action actor { username } seenAs operation address } } } }",
				variables: func(user, n int, b *bench) map[string]any {
					return map[string]any{"id": user + size.Users*(n*7919%(patients/size.Users))}
				},
			}
		}
		b.connections = 1
		pages := []operation{page("first: 20", "first: 20"), page("first: 20, actions: [UPDATE]", "first: 20, actions: [UPDATE]")}
		results, err := b.each(ctx, time.Duration(o.seconds)*time.Second, pages...)
		if err != nil {
			return err
		}
		for i, r := range results {
			fmt.Printf("patient.accessLog(%s): p50 %.2f ms, p99 %.2f ms, CPU %.2f + %.2f ms\n", pages[i].name, r.Median, r.Slow, r.Server, r.Postgres)
		}
		start := time.Now()
		v, err := audit.Verify(ctx, unlimited.DB, unlimited.Dialect)
		if err != nil {
			return err
		}
		fmt.Printf("verify: %d events, %.0f a second\n", v.Events, float64(v.Events)/time.Since(start).Seconds())
		return nil
	})
}
