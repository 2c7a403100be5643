// Package command is the command line: a file for each command, and settings.go,
// which reads the configuration.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"caregraph/internal/fault"
	"caregraph/internal/server"
	"caregraph/internal/store"
)

// commands is the command line.
type commands struct {
	Serve           serveCommand     `cmd:"" default:"withargs" help:"Serve the API (the default). Less usual settings are in: caregraph settings."`
	Health          healthCommand    `cmd:"" help:"Ask the server on this machine whether it can answer requests; exit 1 if not."`
	Migrate         migrateCommand   `cmd:"" help:"Bring the database's tables up to date and stop."`
	CreateSuperuser userCommand      `cmd:"" name:"createsuperuser" help:"Create a staff user, who sees and changes every record."`
	Seed            seedCommand      `cmd:"" help:"Add the sample data, once. Its passwords are public: never in production."`
	ImportDjango    importCommand    `cmd:"" name:"import-django" help:"Copy all records of the Django original into the configured database, which must be empty."`
	Audit           auditCommand     `cmd:"" help:"Check or export the access log: caregraph audit verify, caregraph audit export."`
	Backup          backupCommand    `cmd:"" help:"Write the records to a new file, while servers go on. PostgreSQL: by pg_dump."`
	Restore         restoreCommand   `cmd:"" help:"Put a backup into the configured database, which must be empty."`
	Doctor          doctorCommand    `cmd:"" help:"Examine the configuration, the database and this machine, and say what to do; exit 1 if something must be done."`
	Purge           purgeCommand     `cmd:"" help:"Remove for good what was deleted longer ago than it can be brought back."`
	RotateKey       rotateKeyCommand `cmd:"" help:"Change the key that signs tokens: on SQLite do it, else say how."`
	Settings        settingsCommand  `cmd:"" help:"List every setting with its default."`
	Version         versionCommand   `cmd:"" help:"Tell the version."`
}

const description = "A GraphQL API server for the records of clinics and hospitals in India. " +
	"Every setting is a flag and an environment variable, or a line of the file .env: --database-url is DATABASE_URL. " +
	"A flag comes before the environment, and that before .env."

// process is what a command may use of the process that it runs in.
type process struct {
	ctx    context.Context
	getenv func(string) string
	stdin  *os.File
	stdout io.Writer
	stderr *os.File

	wrong []error // about the settings that parse has read
}

// complete completes the settings of a command. It fails with all that is wrong
// with them.
func (p *process) complete(settings interface{ Complete() []error }) error {
	return errors.Join(append(p.wrong, settings.Complete()...)...)
}

// Main runs the command that args name until it ends or the process is asked to
// stop (SIGINT, SIGTERM). It returns the exit status, and has told on stderr what
// failed.
func Main(args []string, getenv func(string) string, stdin *os.File, stdout io.Writer, stderr *os.File) int {
	server.TuneMemory(getenv)
	if err := Run(untilAsked(), args, getenv, stdin, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "caregraph:", err)
		return 1
	}
	return 0
}

// untilAsked returns a context that ends when the process is asked to stop, because of
// server.ErrInterrupted if that was at a terminal. Who asks again ends the process.
func untilAsked() context.Context {
	ctx, end := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		asked := <-signals
		signal.Stop(signals)
		if asked == os.Interrupt {
			end(server.ErrInterrupted)
		}
		end(context.Canceled)
	}()
	return ctx
}

// Run runs the command that args name until it ends, or ctx does.
func Run(ctx context.Context, args []string, getenv func(string) string, stdin *os.File, stdout io.Writer, stderr *os.File) error {
	p := &process{ctx: ctx, getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr}
	command, err := parse(&commands{}, p, args)
	if err != nil || command == nil {
		return err
	}
	return command.Run(p)
}

// parse reads the arguments and the settings into a grammar of kong. It returns
// nil if --help was asked for, and answered.
func parse(grammar any, p *process, args []string) (*kong.Context, error) {
	helped := false
	set := &settings{getenv: p.getenv}
	parser, err := kong.New(
		grammar, kong.Name("caregraph"), kong.Description(description), kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(int) { helped = true }), kong.Resolvers(set), kong.ValueFormatter(formatted),
		kong.KindMapper(reflect.Int, kong.MapperFunc(limit)), kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(lifetime)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
	)
	if err != nil {
		return nil, err
	}
	command, err := parser.Parse(args)
	p.wrong = set.wrong
	switch {
	case helped:
		return nil, nil
	case err != nil:
		return nil, errors.Join(append(p.wrong, fmt.Errorf("%w; see caregraph --help", err))...)
	}
	return command, nil
}

// withDatabase calls f with the database that open opens, up to date, and closes it.
func (p *process) withDatabase(open func() (*store.DB, error), log *slog.Logger, f func(*store.DB) error) (err error) {
	db, err := open()
	if err != nil {
		return explained(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	applied, err := db.Migrate(p.ctx, log)
	for _, name := range applied {
		log.Info("migrated", "file", name)
	}
	if err != nil {
		return fmt.Errorf("the database cannot be used: %w", explained(err))
	}
	return f(db)
}

// explained returns err in the words for an operator, if there are such.
func explained(err error) error {
	if what, _ := fault.Trouble(err); what != "" {
		return errors.New(fault.Safe(err))
	}
	return err
}

// logger writes to standard error: JSON, or readable lines for a person.
func (p *process) logger(debug bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if debug {
		options.Level = slog.LevelDebug
	}
	if debug || term.IsTerminal(int(p.stderr.Fd())) {
		return slog.New(slog.NewTextHandler(p.stderr, options))
	}
	return slog.New(slog.NewJSONHandler(p.stderr, options))
}

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
