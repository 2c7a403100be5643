package bus_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/bus"
	"caregraph/internal/storetest"
)

// TestFlush checks that what was announced before a flush is heard when it returns, by many at
// once, also while connections are lost; and that a bus is sure again afterwards.
func TestFlush(t *testing.T) {
	url := storetest.URL(t, dialect.Postgres)
	db := storetest.Open(t, url)
	b, err := bus.New(url, db.DB, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var heard sync.Map
	var missed atomic.Int64
	b.Listen(bus.Listener{User: func(user int) { heard.Store(user, true) }, Missed: func() { missed.Add(1) }})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	sure := func() {
		t.Helper()
		for start := time.Now(); !b.Sure(); time.Sleep(10 * time.Millisecond) {
			if time.Since(start) > 20*time.Second {
				t.Fatal("the bus is never sure")
			}
		}
	}
	if b.Sure() {
		t.Error("sure before it listens")
	}
	sure()
	var flushes sync.WaitGroup
	for worker := range 8 {
		flushes.Go(func() {
			for i := range 40 {
				user, before := worker*1000+i, missed.Load()
				if _, err := db.ExecContext(ctx, "SELECT pg_notify('caregraph', $1)", fmt.Sprint("User ", user)); err != nil {
					t.Error(err)
					return
				}
				b.Flush()
				if _, ok := heard.Load(user); !ok && b.Sure() && missed.Load() == before {
					t.Errorf("user %d was not heard", user)
				}
				if worker == 0 && i%10 == 5 {
					db.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'NOTIFY caregraph_beat%'")
				}
			}
		})
	}
	flushes.Wait()
	sure()
	if missed.Load() < 2 {
		t.Errorf("began anew %d times", missed.Load())
	}
	stop()
	running.Wait()
	if b.Sure() {
		t.Error("sure after it has ended")
	}
	b.Flush() // returns
	(*bus.Bus)(nil).Flush()
}
