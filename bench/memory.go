package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"caregraph/internal/sample"
	"caregraph/internal/storetest"
)

// Sizes of the measurement of memory.
const (
	idleConnections = 1_000
	atOnce          = 64
	mebibyte        = 1 << 20
)

// measureMemory prints the resident memory of the server with idle
// connections, under parallel nested queries, and over a soak.
func (o *options) measureMemory(ctx context.Context, binary string, postgres *storetest.Server) error {
	return with(ctx, binary, postgres, "memory", sample.Full, func(b *bench) error {
		server := b.targets[0]
		nested := operations[0]
		nested.floors, nested.variables = nil, first(100)
		settled := func() (int, error) {
			if err := server.collect(); err != nil {
				return 0, err
			}
			now, _, err := server.resident()
			return now, err
		}
		before, err := settled()
		if err != nil {
			return err
		}
		closeAll, err := idle(server.url, idleConnections)
		if err != nil {
			return err
		}
		after, err := settled()
		closeAll()
		if err != nil {
			return err
		}
		fmt.Printf("%d idle connections: %.1f MiB beside %.1f MiB without\n", idleConnections, float64(after-before)/mebibyte, float64(before)/mebibyte)

		b.connections = atOnce
		if _, err := b.each(ctx, 5*time.Second, nested); err != nil {
			return err
		}
		_, peak, err := server.resident()
		if err != nil {
			return err
		}
		fmt.Printf("%d nested queries at once: %.1f MiB at most\n", atOnce, float64(peak)/mebibyte)

		b.connections = connections
		fmt.Printf("soak of %v, all operations by turns:\n", o.soak)
		var n atomic.Int64
		var requests int
		begin, next := time.Now(), time.Now()
		for i := 0; time.Since(begin) < o.soak; i++ {
			op := operations[i%len(operations)]
			var s timing
			if err := b.drive(ctx, op, server, &s, &n); err != nil {
				return err
			}
			if err := b.undo(ctx, op); err != nil {
				return err
			}
			requests += len(s.latencies)
			if time.Now().Before(next) && time.Since(begin) < o.soak {
				continue
			}
			next = next.Add(max(o.soak/10, time.Second))
			now, err := settled()
			if err != nil {
				return err
			}
			heap, err := server.memory()
			if err != nil {
				return err
			}
			running, err := server.goroutines()
			if err != nil {
				return err
			}
			fmt.Printf("%8v: %8d requests, %.1f MiB resident, %.1f MiB heap, %d goroutines\n",
				time.Since(begin).Round(time.Second), requests, float64(now)/mebibyte, float64(heap.HeapInuse)/mebibyte, running)
		}
		return nil
	})
}

// idle opens connections, of which each has had one answer, and returns what
// closes them.
func idle(url string, n int) (closeAll func(), err error) {
	host := strings.TrimPrefix(url, "http://")
	var open []net.Conn
	closeAll = func() {
		for _, c := range open {
			c.Close()
		}
	}
	for range n {
		c, err := net.Dial("tcp", host)
		if err != nil {
			closeAll()
			return nil, err
		}
		open = append(open, c)
		if _, err := fmt.Fprintf(c, "GET /health/ HTTP/1.1\r\nHost: %s\r\n\r\n", host); err != nil {
			closeAll()
			return nil, err
		}
		reply, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil {
			_, err = io.Copy(io.Discard, reply.Body)
			reply.Body.Close()
		}
		if err != nil {
			closeAll()
			return nil, err
		}
	}
	return closeAll, nil
}
