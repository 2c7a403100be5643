package dashboard_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"caregraph/internal/auth"
	"caregraph/internal/sample"
	"caregraph/internal/server"
	"caregraph/test/harness"
)

// TestPlayground opens Playground in a browser that reaches no other host, signs in
// by its first tab, asks for patients and their doctors by its second, and looks a
// type up in its documentation. A request to another host, and what the console
// tells, fail the test. When the page is left, nothing of this stays in the browser.
func TestPlayground(t *testing.T) {
	w := openDemo(t).open(t, "/playground")
	explore(w)
	w.clickOn(`[...document.querySelectorAll("div")].findLast((e) => e.innerText?.trim() === "DOCS")`)
	w.shows("QUERIES", "MUTATIONS", "specializationStats")
	w.photograph("playground-docs")
	w.run(chromedp.Navigate(w.URL + "/admin/"))
	if kept := eval[string](w, "JSON.stringify({...localStorage})"); strings.Contains(kept, "eyJ") || strings.Contains(kept, sample.SignIns[0].Password) {
		t.Errorf("the browser keeps what Playground was told and answered: %s", kept)
	}
}

// openDemo serves what --demo does.
func openDemo(t *testing.T) *dashboard {
	t.Helper()
	d := newDashboard(t, sqlite(t), func(c *server.Config) { c.Demo = true })
	client := d.DB.Client()
	if _, err := sample.Fill(t.Context(), client, auth.New(client, d.Cfg.Auth())); err != nil {
		t.Fatal(err)
	}
	return d
}

// editors is an expression of the texts of all editors and answers in sight.
const editors = `[...document.querySelectorAll(".CodeMirror")].filter((e) => e.checkVisibility()).map((e) => e.CodeMirror)`

// explore signs in by the first tab, and runs the nested query of the second.
func explore(w *window) {
	w.Helper()
	text := func(of string) string {
		return `[...document.querySelectorAll("div, span")].findLast((e) => e.checkVisibility() && e.innerText?.trim() === ` + quote(of) + `)`
	}
	play := `document.querySelector('[title^="Execute Query"]')`
	w.until(play)
	w.until(text("Sign in"))
	w.clickOn(play)
	answer := editors + `.map((e) => e.getValue().match(/"access": "(eyJ[^"]+)"/)?.[1]).find(Boolean)`
	w.until(answer)
	token := eval[string](w, answer)
	w.clickOn(text("Patients and their doctors"))
	w.until(editors + `.some((e) => e.getValue().includes("PatientsAndTheirDoctors"))`)
	headers := editors + `.find((e) => e.getValue().includes("ACCESS-TOKEN"))`
	if !eval[bool](w, "Boolean("+headers+")") {
		w.clickOn(text("HTTP HEADERS"))
	}
	w.until(headers)
	eval[bool](w, headers+`.setValue(`+quote(`{"Authorization": "Bearer `+token+`"}`)+`) || true`)
	w.clickOn(play)
	w.until(editors + `.some((e) => e.getValue().includes("Priya Agarwal") && e.getValue().includes("Dr. Kavya Reddy"))`)
}

// TestPlaygroundPage checks without a browser that the page runs no script but
// files of this server, which browsers keep, and names no other host.
func TestPlaygroundPage(t *testing.T) {
	a := harness.New(t, sqlite(t), func(c *server.Config) { c.Playground = new(true) })
	status, header, page := a.Do(t, "GET", "/playground", nil, "")
	policy := header.Get("Content-Security-Policy")
	if status != 200 || !strings.Contains(policy, "script-src 'self';") || strings.Contains(policy, "http") || strings.Contains(page, "//") || strings.Contains(page, "<script>") {
		t.Errorf("got %d %s %s", status, policy, page)
	}
	if strings.Contains(page, sample.SignIns[0].Password) {
		t.Error("the page has the sample sign-in without the sample data")
	}
	files := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
	contents := sha256.New()
	for _, f := range files {
		status, header, content := a.Do(t, "GET", f[1], nil, "")
		io.WriteString(contents, content)
		if status != 200 || !strings.Contains(header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: got %d %v", f[1], status, header)
		}
	}
	if len(files) != 4 {
		t.Errorf("the page has %d files, want 4", len(files))
	}
	// A browser keeps the files for good, so others must have another name.
	if folder := hex.EncodeToString(contents.Sum(nil)[:4]); path.Base(path.Dir(files[0][1])) != folder {
		t.Errorf("the files are at %s, want them in the folder %s", files[0][1], folder)
	}
}
