package dashboard_test

import (
	"bytes"
	"errors"
	"flag"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"entgo.io/ent/dialect"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"caregraph/internal/sample"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// BenchmarkFirstView measures how long it takes from the address until the
// page can be used, with nothing in the cache, from a built binary over a
// network of 1.6 Mbit/s and 150 ms: the sign-in, and the overview of a user who
// is signed in.
func BenchmarkFirstView(b *testing.B) {
	dir := b.TempDir()
	program := filepath.Join(dir, "caregraph")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", program, harness.Path(".")).CombinedOutput(); err != nil {
		b.Fatal(err, string(out))
	}
	d := &dashboard{API: &harness.API{URL: demo(b, program)}, browser: newBrowser(b)}
	for _, bm := range []struct{ name, usable string }{
		{"signin", `document.getElementById("field-email")`},
		{"overview", `document.querySelector(".figure strong")`},
	} {
		b.Run(bm.name, func(b *testing.B) {
			w := d.open(b, "/admin/")
			w.until(`document.getElementById("field-email")`)
			if bm.name == "overview" {
				w.fill("E-mail", sample.SignIns[0].Email)
				w.fill("Password", sample.SignIns[0].Password)
				w.click("Sign in")
				w.until(bm.usable)
			}
			send(w, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
			send(w, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
				MatchedNetworkConditions: []*network.Conditions{{Latency: 150, DownloadThroughput: 1.6e6 / 8, UploadThroughput: 1.6e6 / 8}},
			})
			total := 0.0
			for b.Loop() {
				w.run(chromedp.Navigate(d.URL + "/admin/"))
				total += eval[float64](w, `new Promise((resolve) => { const look = () => `+bm.usable+` ? resolve(performance.now()) : requestAnimationFrame(look); look(); })`)
			}
			b.ReportMetric(total/float64(b.N), "ms/view")
		})
	}
}

// demo starts the program with its sample data, and returns where it answers.
func demo(b *testing.B, program string) string {
	b.Helper()
	server := exec.CommandContext(b.Context(), program, "--demo")
	server.Dir = filepath.Dir(program)
	server.Env = append(os.Environ(), "ADDR=127.0.0.1:0")
	said, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	var text []byte
	for buffer := make([]byte, 1<<10); ; {
		n, err := said.Read(buffer)
		if err != nil {
			b.Fatal(err, string(text))
		}
		text = append(text, buffer[:n]...)
		if found := regexp.MustCompile(`Dashboard +(http://\S+)/admin/\s`).FindSubmatch(text); found != nil {
			return string(found[1])
		}
	}
}

// BenchmarkSearch measures how long it takes from a key until its rows are
// there, with 100,000 patients on PostgreSQL: for a user who has 100 of them,
// and for staff, who sees all. The wait after a key counts.
func BenchmarkSearch(b *testing.B) {
	db := storetest.Open(b, storetest.URL(b, dialect.Postgres))
	if err := sample.Generate(b.Context(), db, sample.Full); err != nil {
		b.Fatal(err)
	}
	d := newDashboard(b, db)
	d.Staff(b, "admin")
	for _, email := range []string{sample.Email(42), "admin@example.com"} {
		b.Run(email, func(b *testing.B) {
			w := d.open(b, "/admin/patients")
			w.fill("E-mail", email)
			w.fill("Password", sample.Password)
			w.click("Sign in")
			w.until(`document.querySelector("tbody a")`)
			total, worst, keys := 0.0, 0.0, 0
			for b.Loop() {
				w.fill("Name, phone or e-mail", "")
				w.until(`!location.search && document.querySelectorAll("tbody a").length === 25`)
				for _, key := range []string{"s", "h", "a", "r"} {
					eval[bool](w, `(() => { const table = document.querySelector("cg-patients"), q = document.getElementById("q"); window.took = 0;
						q.addEventListener("input", () => { const start = performance.now(), draw = table.draw.bind(table);
							let before = 2; // one draws the search, the other one the rows
							table.draw = () => { draw(); if (!--before) { took = performance.now() - start; delete table.draw; } }; }, {once: true, capture: true}); return true; })()`)
					w.press(key)
					w.until("window.took")
					took := eval[float64](w, "took")
					total, worst, keys = total+took, max(worst, took), keys+1
				}
			}
			b.ReportMetric(total/float64(keys), "ms/key")
			b.ReportMetric(worst, "ms-worst")
		})
	}
}

var pictures = flag.Bool("pictures", false, "make the README's pictures of the dashboard")

// TestPictures makes the pictures of the README anew if it is asked to, and
// else checks that they are there, and small.
func TestPictures(t *testing.T) {
	scheme := func(w *window, value string) {
		send(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
	}
	files := map[string]func(w *window){
		"desk.png": func(w *window) {
			scheme(w, "light")
			w.run(chromedp.EmulateViewport(1280, 1040), chromedp.Navigate(w.URL+"/admin/patients/1"))
			w.shows("History of care", "Knee pain")
		},
		"phone.png": func(w *window) {
			w.run(chromedp.EmulateViewport(390, 760, chromedp.EmulateScale(1.5), chromedp.EmulateMobile))
			scheme(w, "dark")
			w.run(chromedp.Navigate(w.URL + "/admin/"))
			w.shows("Recent assignments")
		},
	}
	if *pictures {
		keep := func(w *window, name string) {
			picture, err := chromedp.Run(w.tab, chromedp.CaptureScreenshot())
			if err == nil {
				err = os.WriteFile(harness.Path("web/"+name), picture, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		d := newDashboard(t, sqlite(t))
		d.clinic(t, d.Register(t, "asha"))
		w := d.open(t, "/admin/")
		w.signIn("asha")
		for name, show := range files {
			w.run(desk)
			show(w)
			w.until(`!document.querySelector(".ghost")`)
			keep(w, name)
		}
		w = openDemo(t).open(t, "/playground", chromedp.EmulateViewport(1280, 640))
		explore(w)
		w.until(`document.getAnimations().every((a) => a.effect.getTiming().iterations === Infinity || a.playState === "finished")`) // it fades in
		keep(w, "playground.png")
	}
	for _, name := range append(slices.Collect(maps.Keys(files)), "playground.png") {
		picture, err := os.ReadFile(harness.Path("web/" + name))
		if err != nil {
			t.Fatal(errors.Join(err, errors.New("make it with: go test ./test/dashboard -run TestPictures -pictures")))
		}
		if _, err := png.DecodeConfig(bytes.NewReader(picture)); err != nil || len(picture) > 150<<10 {
			t.Errorf("%s has %d bytes: %v", name, len(picture), err)
		}
	}
}
