package process_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"caregraph/internal/doctor"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// examined is what doctor says.
type examined struct {
	code     int
	findings []doctor.Finding
	text     string
}

// examine runs doctor on the database, with more of the environment.
func examine(t *testing.T, program harness.Program, dir, url string, env ...string) examined {
	t.Helper()
	env = append([]string{"DATABASE_URL=" + url, signs}, env...)
	code, stdout, stderr := program.Run(t, dir, env, "", "doctor", "--json", "--patience", "10s")
	e := examined{code: code}
	if err := json.Unmarshal([]byte(stdout), &e.findings); err != nil {
		t.Fatalf("%v: %s %s", err, stdout, stderr)
	}
	e.text = stderr
	for _, f := range e.findings {
		e.text += fmt.Sprintf("\n%s %s: %s %s", f.Level, f.Check, f.What, f.Do)
	}
	return e
}

// says tells whether a check has a finding of the level, with a text in what it says or
// what is to be done.
func (e examined) says(check string, level doctor.Level, text string) bool {
	for _, f := range e.findings {
		if f.Check == check && f.Level == level && strings.Contains(f.What+" "+f.Do, text) {
			return f.Level != doctor.Must || e.code == 1 && f.Do != ""
		}
	}
	return false
}

// pressing returns the findings that must be dealt with. The servers of tests do not wait for
// their disk, which is one of them.
func (e examined) pressing() (checks []string) {
	for _, f := range e.findings {
		if f.Level == doctor.Must && f.Check != "durability" {
			checks = append(checks, f.Check+": "+f.What)
		}
	}
	return checks
}

// TestDoctor plants faults, one at a time: each has its finding, and its sentence in the log
// where a server meets it. When it is mended nothing is damaged.
func TestDoctor(t *testing.T) {
	program := harness.Build(t)
	eachKind(t, func(t *testing.T, kind string, empty func() string) {
		dir, url := t.TempDir(), empty()
		env := append(os.Environ(), "DATABASE_URL="+url, signs)
		begin := examine(t, program, dir, url)
		if text := map[string]string{dialect.SQLite: "There is no file", dialect.Postgres: "migrations are missing"}[kind]; !strings.Contains(begin.text, text) {
			t.Errorf("before the first start: %s", begin.text)
		}
		s := program.Start(t, dir, env)
		asha := s.Register(t, "asha")
		s.CreatePatient(t, asha, "Arjun")
		s.CreatePatient(t, asha, "Arjun")
		db := storetest.Open(t, url)
		harness.Eventually(t, "indexes for searches", func() bool { return examine(t, program, dir, url).pressing() == nil })
		sound := examine(t, program, dir, url)
		if want := map[string]int{dialect.SQLite: 0, dialect.Postgres: 1}[kind]; sound.code != want || sound.pressing() != nil {
			t.Errorf("when all is well: %d %s", sound.code, sound.text)
		}
		if e := examine(t, program, dir, url); strings.Contains(e.text, "Arjun") || strings.Contains(e.text, strings.Repeat("k", 32)) {
			t.Errorf("it tells what it should not: %s", e.text)
		}
		do := func(statements ...string) func() {
			return func() {
				t.Helper()
				for _, statement := range statements {
					if _, err := db.Exec(statement); err != nil {
						t.Fatalf("%s: %v", statement, err)
					}
				}
			}
		}
		later := "UPDATE access_events SET at = %s WHERE id = (SELECT max(id) FROM access_events)"
		clock, right := do(fmt.Sprintf(later, "strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', '+10 minutes')")), do("UPDATE access_events SET at = (SELECT kept FROM kept_at) WHERE id = (SELECT max(id) FROM access_events)", "DROP TABLE kept_at")
		if kind == dialect.SQLite {
			do("CREATE TABLE kept_at AS SELECT at AS kept FROM access_events ORDER BY id DESC LIMIT 1")()
		} else { // the server's clock, as every statement sees it that does not say which one
			clock = do("CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.clock_timestamp() - interval '10 minutes' $$",
				fmt.Sprintf("ALTER DATABASE %s SET search_path = public, pg_catalog", regexp.MustCompile(`/(\w+)\?`).FindStringSubmatch(url)[1]))
			right = do("DROP FUNCTION public.clock_timestamp()", fmt.Sprintf("ALTER DATABASE %s RESET search_path", regexp.MustCompile(`/(\w+)\?`).FindStringSubmatch(url)[1]))
		}
		var wrongKey *harness.Server
		for _, tt := range []struct {
			name        string
			only        string // the kind of database, or both
			plant, mend func()
			check, text string
			log         string // of a server that starts meanwhile, or of one that does not start
		}{
			{"a clock that is 10 minutes off", "", clock, right, "clock", map[string]string{dialect.SQLite: "in the future", dialect.Postgres: "ahead of that of PostgreSQL"}[kind], "set the clocks by NTP"},
			{"a database of a newer version", "", do("INSERT INTO migrations (name) VALUES ('migrations/9999_future.sql')"), do("DELETE FROM migrations WHERE name LIKE '%9999%'"), "migrations", "newer version", "newer version of Caregraph: run that version"},
			{"a missing migration", "", do("DELETE FROM migrations WHERE name LIKE '%secret_keys.sql'"), do("INSERT INTO migrations (name) SELECT replace(name, '0001_init', '" + map[string]string{dialect.SQLite: "0010", dialect.Postgres: "0046"}[kind] + "_secret_keys') FROM migrations WHERE name LIKE '%0001_init.sql'"), "migrations", "Run caregraph migrate", ""},
			{"an index that is gone", "", do("DROP INDEX patient_account_id"), do("CREATE INDEX patient_account_id ON patients (account_id) WHERE account_id IS NOT NULL"), "indexes", "patient_account_id", ""},
			{"an index for searches that is gone", dialect.Postgres, do("DROP INDEX patient_find"), func() {
				if err := db.IndexSearch(t.Context()); err != nil {
					t.Error(err)
				}
			}, "indexes", "patient_find", ""},
			{"an index that is not complete", dialect.Postgres, func() {
				if _, err := db.Exec("CREATE UNIQUE INDEX CONCURRENTLY half ON patients (address)"); err == nil {
					t.Error("the index was built")
				}
			}, do("DROP INDEX half"), "indexes", "REINDEX INDEX CONCURRENTLY half", ""},
			{"an access log that was changed", "", do("UPDATE access_events SET operation = operation || 'x' WHERE id = (SELECT min(id) FROM access_events)"), do("UPDATE access_events SET operation = substr(operation, 1, length(operation) - 1) WHERE id = (SELECT min(id) FROM access_events)"), "access log", "does not fit", ""},
			{"a file that others read", dialect.SQLite, func() { os.Chmod(store.Path(url), 0o644) }, func() { os.Chmod(store.Path(url), 0o600) }, "files", "chmod 600", "chmod 600"},
			{"another SECRET_KEY on a second server", "", func() {
				wrongKey = program.Start(t, dir, append(os.Environ(), "DATABASE_URL="+url, "SECRET_KEY="+strings.Repeat("x", 32)))
				harness.Eventually(t, "the second server says so", func() bool { return strings.Contains(wrongKey.Stderr.String(), "another SECRET_KEY") })
				if e := examine(t, program, dir, url, "SECRET_KEY="+strings.Repeat("x", 32)); !e.says("key", doctor.Must, "same SECRET_KEY") {
					t.Errorf("with the other key: %s", e.text)
				}
			}, func() {
				wrongKey.Stop(t)
				do("DELETE FROM secret_keys WHERE fingerprint NOT IN (SELECT fingerprint FROM secret_keys ORDER BY seen_at LIMIT 1)")()
			}, "key", "same SECRET_KEY", ""},
		} {
			if tt.only != "" && tt.only != kind {
				continue
			}
			tt.plant()
			e := examine(t, program, dir, url)
			if !e.says(tt.check, doctor.Must, tt.text) {
				t.Errorf("%s: %s", tt.name, e.text)
			}
			if tt.log != "" {
				if told := firstWords(t, program, dir, env, tt.log); !strings.Contains(told, tt.log) {
					t.Errorf("%s: the log of a server has %s", tt.name, told)
				}
			}
			tt.mend()
			if e := examine(t, program, dir, url); e.pressing() != nil {
				t.Errorf("%s, mended: %s", tt.name, e.text)
			}
			s.CreatePatient(t, asha, "Arjun")
			whole(t, db)
		}
		s.Stop(t)
		whole(t, db)
	})
}

// firstWords returns what a server that starts says, until it says a text or ends.
func firstWords(t *testing.T, program harness.Program, dir string, env []string, text string) string {
	t.Helper()
	log := &harness.Journal{}
	c := program.Command(t, dir, append([]string{"ADDR=127.0.0.1:0"}, env...))
	c.Stderr = log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { c.Wait(); close(ended) }()
	harness.Eventually(t, "a word or an end", func() bool {
		select {
		case <-ended:
			return true
		default:
			return strings.Contains(log.String(), text)
		}
	})
	c.Process.Signal(syscall.SIGTERM)
	<-ended
	return log.String()
}

// TestDoctorSettings examines configurations, and databases that do not answer.
func TestDoctorSettings(t *testing.T) {
	program := harness.Build(t)
	dir := t.TempDir()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	db := "sqlite:" + filepath.Join(dir, "care.db")
	storetest.Open(t, db)
	for name, until := range map[string]time.Duration{"ended": -time.Hour, "soon": 5 * 24 * time.Hour, "fine": 90 * 24 * time.Hour} {
		selfSigned(t, filepath.Join(dir, name), time.Now().Add(until))
	}
	cert := func(name string) []string {
		return []string{"TLS_CERT=" + filepath.Join(dir, name+".crt"), "TLS_KEY=" + filepath.Join(dir, name+".key")}
	}
	for _, tt := range []struct {
		name, url, check string
		level            doctor.Level
		text             string
		env              []string
	}{
		{"a certificate that ended", db, "certificate", doctor.Must, "ended on", cert("ended")},
		{"a certificate that ends", db, "certificate", doctor.Must, "less than 14 days", cert("soon")},
		{"a certificate", db, "certificate", doctor.OK, "ends on", cert("fine")},
		{"no certificate", db, "certificate", doctor.Must, "cannot be used", cert("none")},
		{"half of a certificate", db, "configuration", doctor.Must, "TLS_CERT and TLS_KEY", cert("fine")[:1]},
		{"open to the internet", db, "internet", doctor.Must, "No TLS", []string{"ADDR=0.0.0.0:8000"}},
		{"behind a proxy, without limits", db, "internet", doctor.Must, "RATE_LIMIT is off", []string{"TRUSTED_PROXIES=10.0.0.0/8", "RATE_LIMIT=0"}},
		{"alone, without limits", db, "internet", doctor.Warning, "RATE_LIMIT is off", []string{"RATE_LIMIT=0"}},
		{"guarded", db, "internet", doctor.OK, "every guard is up", append(cert("fine"), "ADDR=0.0.0.0:8000")},
		{"a short key", db, "configuration", doctor.Must, "SECRET_KEY is too short", []string{"SECRET_KEY=hidden"}},
		{"no number", db, "configuration", doctor.Must, "MAX_COST", []string{"MAX_COST=hidden"}},
		{"no such database", "mysql://hidden", "configuration", doctor.Must, "DATABASE_URL must be", nil},
		{"a database that is away", "postgres://u:hidden@127.0.0.1:1/x?sslmode=disable", "database", doctor.Must, "connection refused", nil},
		{"a database that hangs", "postgres://u:hidden@" + silent.Addr().String() + "/x?sslmode=disable", "database", doctor.Must, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := examine(t, program, dir, tt.url, tt.env...)
			if !e.says(tt.check, tt.level, tt.text) || strings.Contains(e.text, "hidden") {
				t.Errorf("got %d %s", e.code, e.text)
			}
			if tt.level != doctor.Must && e.code != 0 {
				t.Errorf("exit status %d: %s", e.code, e.text)
			}
		})
	}
	code, stdout, stderr := program.Run(t, dir, []string{"DATABASE_URL=" + db, "ADDR=0.0.0.0:8000"}, "", "doctor")
	if code != 1 || !strings.Contains(stdout, "\nmust      internet       No TLS: set TLS_CERT and TLS_KEY") || !strings.Contains(stderr, "must be dealt with") {
		t.Errorf("for a person: %d\n%s%s", code, stdout, stderr)
	}
}

// selfSigned writes a certificate that ends at a time, and its key.
func selfSigned(t *testing.T, name string, until time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-365 * 24 * time.Hour), NotAfter: until, DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".crt": {Type: "CERTIFICATE", Bytes: cert}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
