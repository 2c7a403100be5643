package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// result is what one target showed in one operation.
type result struct {
	Operation string  `json:"operation"`
	Target    string  `json:"target"`
	Rate      float64 `json:"rps"`
	Median    float64 `json:"p50_ms"`
	Slow      float64 `json:"p99_ms"`
	Server    float64 `json:"server_cpu_ms"` // of a request
	Postgres  float64 `json:"postgres_cpu_ms"`
	Allocs    float64 `json:"allocs"`

	ratios map[string]float64 // of the CPU time of a request to that of another target
}

func (r result) cpu() float64 { return r.Server + r.Postgres }

// timing sums up what a target did in its turns.
type timing struct {
	elapsed, server, postgres time.Duration
	allocs                    uint64
	latencies                 []time.Duration
	turns                     []float64 // the CPU time of a request in each turn, in nanoseconds
}

// ratio returns that of the CPU time to that of another target in the same
// round, and of all rounds the one in the middle: what disturbs the machine now
// and then disturbs that least.
func (s *timing) ratio(other *timing) float64 {
	ratios := make([]float64, len(s.turns))
	for round := range ratios {
		ratios[round] = s.turns[round] / other.turns[round]
	}
	slices.Sort(ratios)
	return (ratios[(len(ratios)-1)/2] + ratios[len(ratios)/2]) / 2
}

// turn is how long a target is under load before the next one is, and warm how
// long before it counts.
const (
	turn = time.Second
	warm = 300 * time.Millisecond
)

// measure compares the answers of the targets, and puts each of them that
// knows the operation under load for so long in all.
func (b *bench) measure(ctx context.Context, op operation, length time.Duration, profile string) ([]result, error) {
	var targets []*process
	for _, t := range b.targets {
		if t.name == "server" || op.floor(t.name) != nil {
			targets = append(targets, t)
		}
	}
	if err := b.compare(ctx, op, targets); err != nil {
		return nil, err
	}
	if op.prepare != "" {
		if _, err := b.db.ExecContext(ctx, op.prepare); err != nil {
			return nil, err
		}
	}
	samples := make([]timing, len(targets))
	var n atomic.Int64
	for round := time.Duration(0); round < length; round += turn {
		for i := range targets {
			t := (i + int(round/turn)) % len(targets) // who begins, changes
			if err := b.drive(ctx, op, targets[t], &samples[t], &n); err != nil {
				return nil, fmt.Errorf("%s: %w", targets[t].name, err)
			}
		}
	}
	if profile != "" {
		if err := b.profile(ctx, op, targets[0], length, profile, &n); err != nil {
			return nil, err
		}
	}
	results := make([]result, len(targets))
	for i, s := range samples {
		slices.Sort(s.latencies)
		count := float64(len(s.latencies))
		ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
		results[i] = result{
			Operation: op.name, Target: targets[i].name, Rate: count / s.elapsed.Seconds(),
			Median: ms(s.latencies[len(s.latencies)/2]), Slow: ms(s.latencies[len(s.latencies)*99/100]),
			Server: ms(s.server) / count, Postgres: ms(s.postgres) / count, Allocs: float64(s.allocs) / count,
			ratios: map[string]float64{},
		}
		for other, t := range targets {
			results[i].ratios[t.name] = s.ratio(&samples[other])
		}
	}
	return results, b.undo(ctx, op)
}

// profile writes a CPU profile of a target under load for so long into a
// folder.
func (b *bench) profile(ctx context.Context, op operation, t *process, length time.Duration, dir string, n *atomic.Int64) error {
	f, err := os.Create(filepath.Join(dir, op.name+".pprof"))
	if err != nil {
		return err
	}
	defer f.Close()
	profiled := make(chan error, 1)
	go func() {
		profiled <- t.get(fmt.Sprintf("/debug/pprof/profile?seconds=%d", int(length.Seconds())), func(body io.Reader) error {
			_, err := io.Copy(f, body)
			return err
		})
	}()
	for {
		select {
		case err := <-profiled:
			return err
		default:
			if err := b.drive(ctx, op, t, &timing{}, n); err != nil {
				return err
			}
		}
	}
}

// compare fails if two targets answer differently. Positions in a list are
// each target's own.
func (b *bench) compare(ctx context.Context, op operation, targets []*process) error {
	for user := 1; user <= len(b.tokens); user++ {
		var first any
		for i, t := range targets {
			answer, err := send(ctx, op, t, b.tokens[user-1], op.variables(user, 0, b))
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			var value any
			if err := json.Unmarshal(answer, &value); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			forgetCursors(value)
			for _, path := range op.fresh {
				forget(value, strings.Split(path, "."))
			}
			if err := b.undo(ctx, op); err != nil {
				return err
			}
			if i == 0 {
				first = value
			} else if !reflect.DeepEqual(first, value) {
				a, _ := json.Marshal(first)
				c, _ := json.Marshal(value)
				at := 0
				for at < min(len(a), len(c)) && a[at] == c[at] {
					at++
				}
				from := max(at-80, 0)
				return fmt.Errorf("%s answers user %d\n%.240s\nbut %s\n%.240s", targets[0].name, user, a[from:], t.name, c[from:])
			}
		}
	}
	return nil
}

// undo takes back what an operation wrote.
func (b *bench) undo(ctx context.Context, op operation) error {
	if op.undo == nil {
		return nil
	}
	_, err := b.db.ExecContext(ctx, op.undo(b))
	return err
}

// forget removes the member at the path.
func forget(value any, path []string) {
	object, ok := value.(map[string]any)
	switch {
	case ok && len(path) == 1:
		delete(object, path[0])
	case ok:
		forget(object[path[0]], path[1:])
	}
}

// forgetCursors puts the same position for all that are there.
func forgetCursors(value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if _, ok := member.(string); ok && (name == "cursor" || strings.HasSuffix(name, "Cursor")) {
				v[name] = "cursor"
			}
			forgetCursors(member)
		}
	case []any:
		for _, element := range v {
			forgetCursors(element)
		}
	}
}

// client has one keep-alive connection to each target for each goroutine.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true}, Timeout: 20 * time.Second}

// send sends the operation to a target, and returns its answer: to the server
// as GraphQL, to a floor as a plain URL, or with the input as a plain body.
func send(ctx context.Context, op operation, t *process, token string, variables map[string]any) ([]byte, error) {
	method, to, body := http.MethodPost, t.url+"/graphql", any(map[string]any{"query": op.document, "variables": variables})
	switch {
	case t.name == "server":
	case op.writes:
		to, body = t.url+"/"+op.name, variables["input"]
	default:
		query := url.Values{}
		for name, value := range variables {
			query.Set(name, fmt.Sprint(value))
		}
		method, to, body = http.MethodGet, t.url+"/"+op.name+"?"+query.Encode(), nil
	}
	sent, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	if body == nil {
		sent = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	reply, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	answer, err := io.ReadAll(reply.Body)
	if err == nil && (reply.StatusCode != http.StatusOK || bytes.Contains(answer, []byte(`"errors"`))) {
		err = fmt.Errorf("%s: %.300s", reply.Status, answer)
	}
	return answer, err
}

// drive puts a target under load for one turn. n counts the requests.
func (b *bench) drive(ctx context.Context, op operation, t *process, s *timing, n *atomic.Int64) error {
	load := func(length time.Duration) ([]time.Duration, error) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		end := time.Now().Add(length)
		latencies := make([][]time.Duration, b.connections)
		var all sync.WaitGroup
		for i := range b.connections {
			user := i%len(b.tokens) + 1
			all.Go(func() {
				for time.Now().Before(end) && ctx.Err() == nil {
					variables := op.variables(user, int(n.Add(1)), b)
					begin := time.Now()
					if _, err := send(ctx, op, t, b.tokens[user-1], variables); err != nil {
						cancel(err)
						return
					}
					latencies[i] = append(latencies[i], time.Since(begin))
				}
			})
		}
		all.Wait()
		return slices.Concat(latencies...), context.Cause(ctx)
	}
	if _, err := load(warm); err != nil {
		return err
	}
	before, err := t.memory()
	if err != nil {
		return err
	}
	serverBefore, postgresBefore, begin := t.cpu(), b.system.cpu(), time.Now()
	latencies, err := load(turn)
	if err != nil {
		return err
	}
	s.elapsed += time.Since(begin)
	server, postgres := t.cpu()-serverBefore, b.system.cpu().since(postgresBefore)
	s.server += server
	s.postgres += postgres
	s.turns = append(s.turns, float64(server+postgres)/float64(len(latencies)))
	after, err := t.memory()
	s.allocs += after.Mallocs - before.Mallocs
	s.latencies = append(s.latencies, latencies...)
	return err
}
