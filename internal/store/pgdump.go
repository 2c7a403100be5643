package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	programs "os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/lib/pq"
)

// dump writes the PostgreSQL database into the draft by pg_dump, and reads it back.
func dump(ctx context.Context, databaseURL, draft string) error {
	conninfo, env, err := conninfo(databaseURL)
	if err != nil {
		return err
	}
	args := []string{"--format=custom", "--file=" + draft, "--dbname=" + conninfo}
	if _, err := programs.LookPath("pg_dump"); err != nil {
		shown := slices.Clone(args)
		shown[1] = "--file=FILE"
		return fmt.Errorf("pg_dump is not on PATH. Install PostgreSQL's client programs, or run this where they are, with the password in PGPASSWORD:\n  %s", command("pg_dump", shown))
	}
	db, err := Open(databaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	if applied, err := db.applied(ctx); err != nil {
		return fmt.Errorf("the database cannot be read: %w", err)
	} else if applied == nil {
		return errors.New("the database has no tables of Caregraph: there is nothing to back up")
	}
	var number int
	if err := db.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int").Scan(&number); err != nil {
		return err
	}
	if own, err := major(ctx, "pg_dump"); err != nil || own < number/10000 {
		return cmp.Or(err, fmt.Errorf("pg_dump is of version %d and PostgreSQL of %d: put a pg_dump of version %[2]d or later first on PATH", own, number/10000))
	}
	if _, err := runProgram(ctx, env, "pg_dump", args...); err != nil {
		return err
	}
	if _, err := programs.LookPath("pg_restore"); err != nil {
		return errors.New("pg_restore is not on PATH, so that the backup cannot be checked: install PostgreSQL's client programs")
	}
	if _, err := runProgram(ctx, nil, "pg_restore", "--file="+os.DevNull, draft); err != nil {
		return fmt.Errorf("the backup cannot be read back: %w", err)
	}
	return nil
}

// load puts an archive of pg_dump into the PostgreSQL database, in one transaction.
func load(ctx context.Context, databaseURL, file string) error {
	conninfo, env, err := conninfo(databaseURL)
	if err != nil {
		return err
	}
	// Owners, rights and comments may be of roles that are not there, or on extensions that
	// are somebody else's.
	args := []string{"--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", "--no-comments", "--dbname=" + conninfo, file}
	if _, err := programs.LookPath("pg_restore"); err != nil {
		return fmt.Errorf("pg_restore is not on PATH. Install PostgreSQL's client programs, or run this where they are, with the password in PGPASSWORD:\n  %s", command("pg_restore", args))
	}
	if _, err := runProgram(ctx, nil, "pg_restore", "--file="+os.DevNull, file); err != nil {
		return fmt.Errorf("%s is damaged, or from a newer pg_dump: %w", file, err)
	}
	script, err := runProgram(ctx, nil, "pg_restore", "--data-only", "--table=migrations", "--file=-", file)
	if err != nil {
		return err
	}
	db, err := Open(databaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	applied := migrationLine.FindAllString(script, -1)
	if applied == nil {
		return fmt.Errorf("%s is no backup of Caregraph: it lacks the table migrations", file)
	}
	if err := db.know(applied); err != nil {
		return err
	}
	var table string
	err = db.QueryRowContext(ctx, "SELECT coalesce(min(tablename), '') FROM pg_tables WHERE schemaname = current_schema() AND tablename IN ('migrations', 'users', 'patients')").Scan(&table)
	switch {
	case err != nil:
		return fmt.Errorf("the database cannot be read: %w", err)
	case table != "":
		return fmt.Errorf("the database has the table %s already, and nothing is overwritten: make an empty database, and name it in DATABASE_URL", table)
	}
	if _, err := runProgram(ctx, env, "pg_restore", args...); err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	if err := signOut(ctx, db.DB, dialect.Postgres); err != nil {
		return fmt.Errorf("the records are restored, but not every sign-in is ended: make the database anew and try again: %w", err)
	}
	_, err = db.ExecContext(ctx, "ANALYZE")
	return err
}

// migrationLine matches the name of a migration in the data of its table.
var migrationLine = regexp.MustCompile(`(?m)^migrations/\S+\.sql$`)

// conninfo returns how PostgreSQL's programs, which do not know every parameter of lib/pq,
// connect to the database of the URL, and the password as their environment has it: others
// can see the arguments of a process.
func conninfo(databaseURL string) (text string, env []string, err error) {
	cfg, err := pq.NewConfig(databaseURL)
	if err != nil {
		return "", nil, fmt.Errorf("%w; it could not be read", errURL)
	}
	if cfg.SSLInline {
		return "", nil, errors.New("sslinline in DATABASE_URL is not known to pg_dump: write the certificates to files")
	}
	hosts, ports, addresses := []string{cfg.Host}, []string{strconv.Itoa(int(cfg.Port))}, []string{}
	if cfg.Hostaddr.IsValid() {
		addresses = append(addresses, cfg.Hostaddr.String())
	}
	for _, other := range cfg.Multi {
		hosts, ports = append(hosts, other.Host), append(ports, strconv.Itoa(int(other.Port)))
		if other.Hostaddr.IsValid() {
			addresses = append(addresses, other.Hostaddr.String())
		}
	}
	options := []string{cfg.Options}
	for _, name := range slices.Sorted(maps.Keys(cfg.Runtime)) {
		options = append(options, "-c "+name+"="+strings.NewReplacer(`\`, `\\`, " ", `\ `).Replace(cfg.Runtime[name]))
	}
	seconds := ""
	if cfg.ConnectTimeout > 0 {
		seconds = strconv.Itoa(int(max(cfg.ConnectTimeout/time.Second, 2)))
	}
	for _, p := range [][2]string{
		{"host", strings.Join(hosts, ",")},
		{"hostaddr", strings.Join(addresses, ",")},
		{"port", strings.Join(ports, ",")},
		{"user", cfg.User},
		{"dbname", cfg.Database},
		{"passfile", cfg.Passfile},
		{"options", strings.TrimSpace(strings.Join(options, " "))},
		{"sslmode", cmp.Or(string(cfg.SSLMode), "require")}, // lib/pq's default
		{"sslnegotiation", string(cfg.SSLNegotiation)},
		{"sslcert", cfg.SSLCert},
		{"sslkey", cfg.SSLKey},
		{"sslrootcert", cfg.SSLRootCert},
		{"ssl_min_protocol_version", string(cfg.SSLMinProtocolVersion)},
		{"ssl_max_protocol_version", string(cfg.SSLMaxProtocolVersion)},
		{"krbsrvname", cfg.KrbSrvname},
		{"connect_timeout", seconds},
		{"target_session_attrs", string(cfg.TargetSessionAttrs)},
		{"load_balance_hosts", string(cfg.LoadBalanceHosts)},
	} {
		if p[1] != "" {
			text += " " + p[0] + "='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(p[1]) + "'"
		}
	}
	if cfg.Password != "" {
		env = []string{"PGPASSWORD=" + cfg.Password}
	}
	return strings.TrimSpace(text), env, nil
}

// runProgram runs one of PostgreSQL's programs and returns what it writes. It fails with the lines
// of the program that are about itself: others can quote a record.
func runProgram(ctx context.Context, env []string, program string, args ...string) (string, error) {
	c := programs.CommandContext(ctx, program, args...)
	c.Env = append(os.Environ(), append(env, "LC_MESSAGES=C")...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) } // it removes what it began
	c.WaitDelay = 5 * time.Second
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	err := c.Run()
	if err == nil {
		return out.String(), nil
	}
	var lines []string
	for line := range strings.Lines(said.String()) {
		if own, ok := strings.CutPrefix(strings.TrimSpace(line), program+": error: "); ok {
			lines = append(lines, own)
		}
	}
	return "", fmt.Errorf("%s: %s", program, cmp.Or(strings.Join(lines, "; "), err.Error()))
}

// major returns the major version of one of PostgreSQL's programs.
func major(ctx context.Context, program string) (int, error) {
	said, err := runProgram(ctx, nil, program, "--version")
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`\d+`).FindString(said)
	return strconv.Atoi(cmp.Or(found, "0"))
}

// command returns a call as a shell takes it.
func command(program string, args []string) string {
	for _, a := range args {
		if strings.ContainsAny(a, " '\"\\$`*?;&|<>()") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		program += " " + a
	}
	return program
}
