package command

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"caregraph/internal/doctor"
	"caregraph/internal/server"
	"caregraph/internal/store"
)

type doctorCommand struct {
	server.Config
	JSON     bool          `name:"json" help:"Write the findings as JSON: an array of {check, level, what, do}, whose level is ok, warning or must."`
	Patience time.Duration `default:"30s" help:"How long one check may take."`
}

func (c *doctorCommand) Run(p *process) error {
	wrong := append(p.wrong, c.Complete()...)
	c.Key = presentKey(c.SecretKey, c.DatabaseURL)
	var err error
	if c.Previous, err = previousKey(c.SecretKey, c.SecretKeyPrevious, c.DatabaseURL); err != nil {
		wrong = append(wrong, err)
	}
	findings := doctor.Examine(p.ctx, c.Config, wrong, c.Patience)
	if c.JSON {
		out := json.NewEncoder(p.stdout)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		if err := out.Encode(findings); err != nil {
			return err
		}
	}
	pressing := 0
	for _, f := range findings {
		if f.Level == doctor.Must {
			pressing++
		}
		if !c.JSON {
			fmt.Fprintf(p.stdout, "%-8s  %-14s %s\n", f.Level, f.Check, f.What)
			if f.Do != "" {
				fmt.Fprintf(p.stdout, "%-24s   %s\n", "", f.Do)
			}
		}
	}
	if pressing > 0 {
		return fmt.Errorf("of %d findings %d must be dealt with", len(findings), pressing)
	}
	return nil
}

// presentKey returns the key that a server would sign with. It makes none, and returns nil
// if there is none.
func presentKey(set, database string) []byte {
	if path := store.Path(database); set == "" && path != "" {
		text, _ := os.ReadFile(store.KeyPath(path))
		set = strings.TrimSpace(string(text))
	}
	if set == "" {
		return nil
	}
	return []byte(set)
}
