package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"caregraph/ent/user"
	"caregraph/internal/auth"
	"caregraph/internal/store"
)

type userCommand struct {
	Email         string `help:"E-mail address."`
	Username      string `help:"User name."`
	PasswordStdin bool   `help:"Read the password from standard input, one line."`
	onDatabase
}

func (c *userCommand) Run(p *process) error {
	if err := c.ask(p); err != nil {
		return err
	}
	password, err := c.password(p)
	if err != nil {
		return err
	}
	return c.withDatabase(p, func(db *store.DB) error {
		_, err := auth.New(db.Client(), auth.Options{}).CreateUser(p.ctx, auth.Registration{
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
