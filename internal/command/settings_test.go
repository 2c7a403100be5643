package command

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWrongSettings checks that a command with wrong settings does not begin, tells
// all that is wrong at once, and shows no secret.
func TestWrongSettings(t *testing.T) {
	const (
		limit    = " must be a whole number; 0 switches the limit off"
		lifetime = " must be a duration of at least 1s, such as 24h or 30m"
		key      = ": set SECRET_KEY to at least 32 bytes that nobody knows, such as the output of: openssl rand -hex 32"
	)
	dir := t.TempDir()
	empty, database := filepath.Join(dir, "empty"), "DATABASE_URL=sqlite:"+filepath.Join(dir, "caregraph.db")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		env  []string
		want []string
	}{
		{
			"serve",
			[]string{database, "ADDR=x", "TLS_CERT=a", "SECRET_KEY=hunter2", "RATE_LIMIT=-1", "ACCESS_TOKEN_LIFETIME=0s", "PLAYGROUND=maybe", "TRUSTED_PROXIES=10.0.0.0/99"},
			[]string{
				"ADDR must be HOST:PORT, such as 127.0.0.1:8000", "TLS_CERT and TLS_KEY must both be set: the files of a certificate and its key",
				"SECRET_KEY is too short" + key, "RATE_LIMIT" + limit, "ACCESS_TOKEN_LIFETIME" + lifetime, "PLAYGROUND must be true or false",
				"TRUSTED_PROXIES must be networks such as 10.0.0.0/8, separated by commas",
			},
		},
		{
			"", // serve
			[]string{database, "MAX_CONCURRENCY=-1", "LOGIN_LIMIT=five", "MAX_COST=1e3", "MAX_LIST=99999999999", "REFRESH_TOKEN_LIFETIME=7"},
			[]string{"MAX_CONCURRENCY" + limit, "LOGIN_LIMIT" + limit, "MAX_COST" + limit, "MAX_LIST" + limit, "REFRESH_TOKEN_LIFETIME" + lifetime},
		},
		{"serve --rate-limit=-1", []string{database}, []string{"--rate-limit: a whole number; 0 switches the limit off; see caregraph --help"}},
		{"serve --access-token-lifetime=1ms", []string{database}, []string{"--access-token-lifetime: a duration of at least 1s, such as 24h or 30m; see caregraph --help"}},
		{"serve", []string{"DATABASE_URL=postgres://u:hunter2@127.0.0.1/db"}, []string{"SECRET_KEY is missing" + key}},
		{"serve", []string{"DATABASE_URL=mysql://u:hunter2@127.0.0.1/db", "SECRET_KEY=hunter2"}, []string{
			"DATABASE_URL must be sqlite:PATH, sqlite::memory:, or postgres://USER:PASSWORD@HOST/DATABASE?sslmode=… with any parameter of lib/pq", "SECRET_KEY is too short" + key,
		}},
		{"serve", []string{database, "DATABASE_URL_FILE=" + empty, "SECRET_KEY_FILE=" + empty}, []string{
			"DATABASE_URL and DATABASE_URL_FILE are both set: set one of them", "SECRET_KEY_FILE: the file is empty",
		}},
		{"serve", []string{"DATABASE_URL_FILE=postgres://u:hunter2@127.0.0.1/db", "SECRET_KEY_FILE=hunter2"}, []string{
			"DATABASE_URL_FILE: no such file or directory", "SECRET_KEY_FILE: no such file or directory",
		}},
		{"serve", []string{database, "ALLOWED_ORIGINS=*, https://clinic.example", "ALLOW_CREDENTIALS=true"}, []string{
			"ALLOWED_ORIGINS must name the origins when ALLOW_CREDENTIALS is true; * is every page of the internet",
		}},
		{"migrate", []string{"DATABASE_URL=mysql:hunter2"}, []string{"DATABASE_URL must be sqlite:PATH, sqlite::memory:, or postgres://USER:PASSWORD@HOST/DATABASE?sslmode=… with any parameter of lib/pq"}},
		{"serve --no-such", nil, []string{"unknown flag --no-such; see caregraph --help"}},
	} {
		getenv := func(name string) string {
			for _, v := range tt.env {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value
				}
			}
			return ""
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // a server that begins ends
		err := Run(ctx, strings.Fields(tt.args), getenv, os.Stdin, io.Discard, os.Stderr)
		cancel()
		if err == nil {
			t.Errorf("%s %q: it ran", tt.args, tt.env)
			continue
		}
		got := strings.Split(err.Error(), "\n")
		slices.Sort(got)
		slices.Sort(tt.want)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s %q: got\n%s\nwant\n%s", tt.args, tt.env, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) != 1 {
		t.Errorf("files were made: %v, %v", made, err)
	}
}
