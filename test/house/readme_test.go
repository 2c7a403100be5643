package house_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	"caregraph/internal/auth"
	"caregraph/internal/command"
	"caregraph/internal/sample"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestReadme checks that the README's query has the README's answer.
func TestReadme(t *testing.T) {
	file, err := os.ReadFile(harness.Path("README.md"))
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

	a := harness.New(t, storetest.Open(t, storetest.URL(t, dialect.SQLite)))
	client := a.DB.Client()
	authn := auth.New(client, a.Cfg.Auth())
	if _, err := sample.Fill(t.Context(), client, authn); err != nil {
		t.Fatal(err)
	}
	session, err := authn.Login(t.Context(), sample.SignIns[0].Email, sample.SignIns[0].Password)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	reply := a.Query(t, harness.Caller{Token: session.Access}, block("graphql"), nil)
	if err := json.Unmarshal([]byte(reply), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(block("json")), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the query is answered by %s", reply)
	}
}

// TestSettingsDocumented checks that the documentation has the tables of all
// settings as the program writes them.
func TestSettingsDocumented(t *testing.T) {
	document, err := os.ReadFile(harness.Path("docs/configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	var tables strings.Builder
	if err := command.Run(t.Context(), []string{"settings", "--markdown"}, func(string) string { return "" }, os.Stdin, &tables, os.Stderr); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(document), tables.String()) || tables.Len() < 1000 {
		t.Errorf("docs/configuration.md differs from `go run . settings --markdown`:\n%s", &tables)
	}
}
