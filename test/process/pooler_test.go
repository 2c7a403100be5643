package process_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestPooler starts a server behind PgBouncer as operators set both, and sends requests of eight
// clients: either all are right, or the server does not start, and says what to set.
func TestPooler(t *testing.T) {
	program := harness.Build(t)
	const (
		ignore  = "ignore_startup_parameters = statement_timeout,idle_in_transaction_session_timeout"
		through = "PREPARED_STATEMENTS=false"
		listen  = "DATABASE_LISTEN_URL"
		tell    = "Set PREPARED_STATEMENTS=false, and DATABASE_LISTEN_URL to PostgreSQL itself"
	)
	for _, tt := range []struct {
		name   string
		pooler []string
		env    []string
		says   string
		starts bool
	}{
		{"transactions, as it is", []string{"pool_mode = transaction"}, nil, tell, false},
		{"transactions, parameters ignored", []string{"pool_mode = transaction", ignore}, nil, "pool_mode=transaction: statements prepared on one connection would be missing on another, and requests would fail. " + tell, false},
		{"transactions, nothing prepared", []string{"pool_mode = transaction"}, []string{through}, "changes made elsewhere would not be heard: set DATABASE_LISTEN_URL", false},
		{"transactions, as they should be", []string{"pool_mode = transaction"}, []string{through, listen}, "", true},
		{"a pool of two", []string{"pool_mode = transaction", "default_pool_size = 2"}, []string{through, listen}, "", true},
		{"sessions, as it is", []string{"pool_mode = session"}, nil, tell, false},
		{"sessions, parameters ignored", []string{"pool_mode = session", ignore}, nil, "drops the limits of its sessions", true},
		{"sessions, nothing prepared", []string{"pool_mode = session"}, []string{through}, "", true},
		{"statements", []string{"pool_mode = statement"}, []string{through, listen}, "let it lend them for a transaction", false},
		{"none, nothing prepared", nil, []string{through}, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			direct := storetest.URL(t, dialect.Postgres)
			url := direct
			if tt.pooler != nil {
				url = storetest.Through(t, direct, tt.pooler...)
			}
			env := []string{"DATABASE_URL=" + url, "SECRET_KEY=" + strings.Repeat("k", 32), "RATE_LIMIT=0"}
			for _, setting := range tt.env {
				if setting == listen {
					setting += "=" + direct
				}
				env = append(env, setting)
			}
			if tt.pooler != nil {
				says := tt.says
				if says == "" {
					says = "loses nothing"
				}
				if _, stdout, stderr := program.Run(t, t.TempDir(), env, "", "doctor"); !strings.Contains(stdout, says) {
					t.Errorf("doctor: %s%s; want it to say %q", stdout, stderr, says)
				}
			}
			if !tt.starts {
				code, stdout, stderr := program.Run(t, t.TempDir(), append(env, "ADDR=127.0.0.1:0"), "")
				if code != 1 || stdout != "" || !strings.Contains(stderr, tt.says) {
					t.Errorf("exit status %d, %q, %s; want it to say %q", code, stdout, stderr, tt.says)
				}
				return
			}
			s := program.Start(t, t.TempDir(), env)
			asha := s.Register(t, "asha")
			id := s.CreatePatient(t, asha, "Arjun")
			socket := s.Follow(t, asha, `subscription { patientChanged { kind patient { address } } }`, nil)
			var right atomic.Int64
			var clients sync.WaitGroup
			for client := range 8 {
				clients.Go(func() {
					for i := range 120 {
						document, want := fmt.Sprintf(`{ patient(id: %d) { name doctors { name } } }`, id), `{"data":{"patient":{"name":"Arjun","doctors":[]}}}`
						if i%4 == 0 {
							address := fmt.Sprintf("Lane %d %d", client, i)
							document = fmt.Sprintf(`mutation { updatePatient(id: %d, input: {address: %q}) { address } }`, id, address)
							want = fmt.Sprintf(`{"data":{"updatePatient":{"address":%q}}}`, address)
						}
						if got := s.Query(t, asha, document, nil); got == want {
							right.Add(1)
						} else {
							t.Log(got)
						}
					}
				})
			}
			clients.Wait()
			if right.Load() != 8*120 {
				t.Errorf("%d of %d answers are right", right.Load(), 8*120)
			}
			if message := socket.Next(t); message.Type != "next" {
				t.Errorf("who follows is told %+v", message)
			}
			if log := s.Stderr.String(); tt.says != "" && !strings.Contains(log, tt.says) {
				t.Errorf("it does not say %q: %s", tt.says, log)
			}
			s.Stop(t)
		})
	}
}
