package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"caregraph/ent/user"
	"caregraph/internal/auth"
	"caregraph/internal/django"
	"caregraph/internal/fault"
	"caregraph/internal/sample"
	"caregraph/internal/store"
)

// commands is the command line.
type commands struct {
	Serve           serveCommand   `cmd:"" default:"withargs" help:"Serve the API (the default)."`
	Migrate         migrateCommand `cmd:"" help:"Bring the database's tables up to date and stop."`
	CreateSuperuser userCommand    `cmd:"" name:"createsuperuser" help:"Create a staff user, who sees and changes every record."`
	Seed            seedCommand    `cmd:"" help:"Add the sample data, once. Its passwords are public: never in production."`
	ImportDjango    importCommand  `cmd:"" name:"import-django" help:"Copy all records of the Django original into the configured database, which must be empty."`
	Version         versionCommand `cmd:"" help:"Tell the version."`
}

// process is what a command may use of the process it runs in.
type process struct {
	ctx    context.Context
	getenv func(string) string
	stdin  *os.File
	stdout io.Writer
	stderr *os.File
}

const help = `A GraphQL API server for the records of clinics and hospitals in India.

It is configured by the environment or a file .env:

  ADDR                    address to listen on (127.0.0.1:8000)
  DATABASE_URL            sqlite:PATH, sqlite::memory: or postgres://… (sqlite:caregraph.db)
  SECRET_KEY              at least 32 bytes; required on PostgreSQL
  DEBUG                   readable logs at debug level, Playground (false)
  DEBUG_ADDR              loopback address of Go's profiles and memory figures (none)
  PLAYGROUND              Playground, introspection and suggestions (as DEBUG)
  ACCESS_TOKEN_LIFETIME   lifetime of an access token (24h)
  REFRESH_TOKEN_LIFETIME  lifetime of a refresh token (168h)
  ALLOWED_ORIGINS         origins whose pages may use the API, or * (none)
  ALLOW_CREDENTIALS       let those pages send cookies; not with * (false)
  TLS_CERT                file of the TLS certificate, read again when it changes (plain HTTP)
  TLS_KEY                 file of its key
  TRUSTED_PROXIES         networks whose X-Forwarded-For is believed (none)
  ROTATE_REFRESH_TOKENS   a refresh replaces the refresh token (false)
  TRUSTED_DOCUMENTS       JSON file of the only documents that are answered, by SHA-256 (none)
  TRUSTED_DOCUMENTS_MODE  enforce, or log: answer others, too, and log their hashes (enforce)
  PERSISTED_QUERIES       keep what clients send with its hash (false)
  LOGIN_LIMIT             failed sign-ins of an account from an address without a wait (5)
  RATE_LIMIT              requests per second of one viewer (50)
  MAX_CONCURRENCY         requests at once; more are refused with 503 (256)
  MAX_COST                objects that the answer to a GraphQL operation may hold (5000)
  MAX_DEPTH               fields inside fields (12)
  MAX_FIELDS              fields with every fragment written out, and pairs of the same (10000)
  MAX_ROOT_FIELDS         fields at the root (30)
  MAX_ALIASES             aliases (60)
  MAX_DIRECTIVES          directives on one field (5)
  MAX_TOKENS              lexical tokens of a document (2000)
  MAX_DOCUMENT            bytes of a document (16384)
  MAX_VARIABLES           characters of all variables (32768)
  MAX_LIST                elements of one list (100)

A limit of 0 is off.`

// run runs the command that args name.
func run(ctx context.Context, args []string, getenv func(string) string, stdin *os.File, stdout io.Writer, stderr *os.File) error {
	exit := -1
	parser, err := kong.New(&commands{}, kong.Name("caregraph"), kong.Description(help), kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }))
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if exit >= 0 { // --help
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w; see caregraph --help", err)
	}
	return command.Run(&process{ctx, getenv, stdin, stdout, stderr})
}

type serveCommand struct {
	Demo bool `help:"Serve sample data, in memory unless DATABASE_URL is set, with Playground."`
}

func (c *serveCommand) Run(p *process) error {
	cfg, err := newConfig(p.getenv, c.Demo)
	if err != nil {
		return err
	}
	return serve(p.ctx, cfg, c.Demo, p.stdout, newLogger(p.stderr, cfg.debug))
}

type migrateCommand struct{}

func (c *migrateCommand) Run(p *process) error {
	return p.withDatabase(func(*store.DB, config) error { return nil })
}

type seedCommand struct{}

func (c *seedCommand) Run(p *process) error {
	return p.withDatabase(func(db *store.DB, cfg config) error {
		client := db.Client()
		added, err := sample.Fill(p.ctx, client, auth.New(client, cfg.auth()))
		switch {
		case err != nil:
			return readable(err)
		case added:
			fmt.Fprintln(p.stdout, "The sample data was added.")
		default:
			fmt.Fprintln(p.stdout, "The sample data is there already; nothing was added.")
		}
		return nil
	})
}

type importCommand struct {
	Source string `arg:"" placeholder:"postgres://…" help:"Database of the original. The password may also stand in PGPASSWORD or ~/.pgpass."`
	DryRun bool   `help:"Write nothing; tell what would be copied, and every row that breaks a rule."`
}

func (c *importCommand) Run(p *process) error {
	// Nothing is signed: a secret key is neither needed nor made.
	cfg, err := newConfig(func(name string) string {
		if name == "SECRET_KEY" {
			return strings.Repeat("-", minKey)
		}
		return p.getenv(name)
	}, false)
	if err != nil {
		return err
	}
	move := django.Import{
		Source: c.Source, Target: cfg.database, DryRun: c.DryRun,
		Report: p.stdout, Progress: p.stderr, Terminal: term.IsTerminal(int(p.stderr.Fd())),
	}
	return move.Run(p.ctx)
}

type userCommand struct {
	Email         string `help:"E-mail address."`
	Username      string `help:"User name."`
	PasswordStdin bool   `help:"Read the password from standard input, one line."`
}

func (c *userCommand) Run(p *process) error {
	if err := c.ask(p); err != nil {
		return err
	}
	password, err := c.password(p)
	if err != nil {
		return err
	}
	return p.withDatabase(func(db *store.DB, cfg config) error {
		_, err := auth.New(db.Client(), cfg.auth()).CreateUser(p.ctx, auth.Registration{
			Username: c.Username, Email: c.Email, Password: password, Role: user.RoleDoctor, Staff: true,
		})
		if err != nil {
			return readable(err)
		}
		fmt.Fprintf(p.stdout, "Staff user %s was created.\n", strings.TrimSpace(c.Username))
		return nil
	})
}

// ask asks on a terminal for what the flags do not tell.
func (c *userCommand) ask(p *process) error {
	terminal := term.IsTerminal(int(p.stdin.Fd()))
	lines := bufio.NewReader(p.stdin)
	for _, q := range []struct {
		prompt string
		answer *string
	}{{"User name: ", &c.Username}, {"E-mail: ", &c.Email}} {
		if *q.answer != "" {
			continue
		}
		if !terminal || c.PasswordStdin {
			return errors.New("give --email, --username and --password-stdin, or run this on a terminal")
		}
		fmt.Fprint(p.stdout, q.prompt)
		line, err := lines.ReadString('\n')
		if err != nil {
			return errors.New("nothing was entered")
		}
		*q.answer = strings.TrimSpace(line)
	}
	return nil
}

func (c *userCommand) password(p *process) (string, error) {
	if c.PasswordStdin {
		line, err := bufio.NewReader(p.stdin).ReadString('\n')
		if err != nil && err != io.EOF {
			return "", errors.New("the password could not be read from standard input")
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	if !term.IsTerminal(int(p.stdin.Fd())) {
		return "", errors.New("give --password-stdin, or run this on a terminal")
	}
	var answers [2]string
	for i, prompt := range []string{"Password: ", "Password again: "} {
		fmt.Fprint(p.stdout, prompt)
		typed, err := term.ReadPassword(int(p.stdin.Fd()))
		fmt.Fprintln(p.stdout)
		if err != nil {
			return "", errors.New("nothing was entered")
		}
		answers[i] = string(typed)
	}
	if answers[0] != answers[1] {
		return "", errors.New("the two passwords differ")
	}
	return answers[0], nil
}

type versionCommand struct{}

func (versionCommand) Run(p *process) error {
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version
	}
	fmt.Fprintln(p.stdout, "caregraph", version)
	return nil
}

// withDatabase calls f with the configured database, up to date.
func (p *process) withDatabase(f func(*store.DB, config) error) (err error) {
	cfg, err := newConfig(p.getenv, false)
	if err != nil {
		return err
	}
	db, err := store.Open(cfg.database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := migrate(p.ctx, db, p.logger(cfg)); err != nil {
		return err
	}
	return f(db, cfg)
}

func (p *process) logger(cfg config) *slog.Logger { return newLogger(p.stderr, cfg.debug) }

// readable returns the public text of a failure, a line for each field.
func readable(err error) error {
	var lines []error
	for _, f := range fault.Of(err) {
		if f.Kind == fault.Internal {
			return err
		}
		lines = append(lines, errors.New(strings.TrimSpace(f.Field+": "+f.Message)))
	}
	return errors.Join(lines...)
}
