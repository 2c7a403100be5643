package command

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/joho/godotenv"

	"caregraph/internal/server"
)

// settings gives kong the settings that the environment has, or else the file .env
// in the working directory, and keeps what is wrong with all of them.
type settings struct {
	getenv func(string) string
	file   map[string]string // of .env; nil before the first setting
	wrong  []error
}

// get returns the text of a variable, or nothing.
func (s *settings) get(name string) string {
	if s.file == nil {
		file, err := godotenv.Read(".env")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.wrong = append(s.wrong, errors.New("the file .env cannot be read: write one NAME=value a line"))
		}
		s.file = map[string]string{}
		maps.Copy(s.file, file)
	}
	return cmp.Or(s.getenv(name), s.file[name])
}

// Validate is part of kong.Resolver.
func (s *settings) Validate(*kong.Application) error { return nil }

// Resolve returns the value of a setting. It is nil for one that is not set or
// cannot be read.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	text := ""
	if isSetting(flag) {
		text = s.get(variable(flag))
	}
	if text == "" {
		return nil, nil
	}
	if flag.IsSlice() { // with commas, spaces or both
		text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }), ",")
	}
	trial := reflect.New(flag.Target.Type()).Elem()
	if flag.Parse(kong.Scan().PushTyped(text, kong.FlagValueToken), trial) != nil {
		s.wrong = append(s.wrong, fmt.Errorf("%s must be %s", variable(flag), form(flag)))
		return nil, nil
	}
	return text, nil
}

// isSetting tells whether the flag is a setting, and not of one command alone.
func isSetting(flag *kong.Flag) bool { return flag.Group != nil }

// variable returns the environment variable of a setting.
func variable(flag *kong.Flag) string {
	return strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// form says which values a setting takes.
func form(flag *kong.Flag) string {
	standard := map[reflect.Kind]string{
		reflect.Bool: "true or false", reflect.Pointer: "true or false", reflect.Int: errLimit.Error(), reflect.Int64: errLifetime.Error(),
	}
	return cmp.Or(flag.Tag.Get("form"), standard[flag.Target.Kind()], "a text")
}

// What a number and a duration must be.
var (
	errLimit    = errors.New("a whole number; 0 switches the limit off")
	errLifetime = errors.New("a duration of at least 1s, such as 24h or 30m")
)

// limit reads a setting that is a number.
func limit(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	err := ctx.Scan.PopValueInto("number", &text)
	n, wrong := strconv.ParseUint(text, 10, 31)
	if err == nil && wrong != nil {
		err = errLimit
	}
	target.SetInt(int64(n))
	return err
}

// lifetime reads a setting that is a duration.
func lifetime(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	err := ctx.Scan.PopValueInto("duration", &text)
	d, wrong := time.ParseDuration(text)
	if err == nil && (wrong != nil || d < time.Second) {
		err = errLifetime
	}
	target.SetInt(int64(d))
	return err
}

// formatted returns the help of a flag.
func formatted(value *kong.Value) string {
	if otherwise := value.Tag.Get("otherwise"); otherwise != "" {
		return fmt.Sprintf("%s Default: %s.", value.OrigHelp, otherwise)
	}
	return value.OrigHelp
}

// Config returns the configuration that the environment decides. It fails with
// everything that is wrong with it.
func Config(getenv func(string) string) (server.Config, error) {
	var grammar struct{ server.Config }
	p := &process{getenv: getenv}
	if _, err := parse(&grammar, p, nil); err != nil {
		return server.Config{}, err
	}
	if err := p.complete(&grammar.Config); err != nil {
		return server.Config{}, err
	}
	return grammar.Config, nil
}

// settingsCommand lists every setting.
type settingsCommand struct {
	Markdown bool `hidden:"" help:"Write the tables of docs/configuration.md."`
}

func (c *settingsCommand) Run(p *process) error {
	for i, g := range groups() {
		if i > 0 {
			fmt.Fprintln(p.stdout)
		}
		if c.Markdown {
			fmt.Fprintf(p.stdout, "## %s\n\n| Variable | Default | Meaning |\n|---|---|---|\n", g.title)
		} else {
			fmt.Fprintf(p.stdout, "%s\n", g.title)
		}
		for _, flag := range g.flags {
			standard := cmp.Or(flag.Tag.Get("otherwise"), flag.Default, map[bool]string{true: "false"}[flag.IsBool()])
			if c.Markdown {
				quoted := ""
				if standard != "" {
					quoted = "`" + standard + "`"
				}
				fmt.Fprintf(p.stdout, "| `%s` | %s | %s |\n", variable(flag), quoted, flag.OrigHelp)
			} else {
				fmt.Fprintf(p.stdout, "  %-24s %s\n  %-24s   %s\n", variable(flag), cmp.Or(standard, "none"), "", flag.OrigHelp)
			}
		}
	}
	return nil
}

// group is a group of settings.
type group struct {
	title string
	flags []*kong.Flag
}

// groups returns all settings as they stand in server.Config.
func groups() []group {
	parser, err := kong.New(&struct{ server.Config }{})
	if err != nil {
		panic(err) // the grammar is a constant
	}
	var all []group
	for _, flag := range parser.Model.Flags {
		if !isSetting(flag) {
			continue
		}
		if len(all) == 0 || all[len(all)-1].title != flag.Group.Title {
			all = append(all, group{title: flag.Group.Title})
		}
		last := &all[len(all)-1]
		last.flags = append(last.flags, flag)
	}
	return all
}
