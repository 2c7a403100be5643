package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/auth"
	"caregraph/internal/sample"
	"caregraph/internal/storetest"
)

// TestReadme checks that the README's query has the README's answer, and that
// it tells every variable that --help tells.
func TestReadme(t *testing.T) {
	file, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(file)
	block := func(language string) string {
		_, rest, _ := strings.Cut(text, "```"+language+"\n")
		body, _, found := strings.Cut(rest, "```")
		if !found {
			t.Fatalf("no example in %s", language)
		}
		return body
	}

	a := newAPI(t, storetest.Open(t, storetest.URL(t, dialect.SQLite)))
	client := a.db.Client()
	authn := auth.New(client, a.cfg.auth())
	if _, err := sample.Fill(t.Context(), client, authn); err != nil {
		t.Fatal(err)
	}
	session, err := authn.Login(t.Context(), sample.SignIns[0].Email, sample.SignIns[0].Password)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	reply := a.query(t, caller{token: session.Access}, block("graphql"), nil)
	if err := json.Unmarshal([]byte(reply), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(block("json")), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the query is answered by %s", reply)
	}

	for line := range strings.Lines(help) {
		if name, ok := strings.CutPrefix(line, "  "); ok {
			if name, _, _ = strings.Cut(name, " "); !strings.Contains(text, "| `"+name+"` |") {
				t.Errorf("the table of configuration lacks %s", name)
			}
		}
	}
}
