package dashboard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// dashboard is a server and a browser that looks at it.
type dashboard struct {
	*harness.API
	browser context.Context
	mood    atomic.Value // of the server: what serve does
	asked   atomic.Int64 // GraphQL requests that have arrived
	changes atomic.Int64 // of those, the mutations
	doubled sync.Map     // the Idempotency-Keys that have arrived twice at once
	sockets sync.Map     // what ends each WebSocket
}

// Moods of a server.
const (
	well     = "well"
	silent   = "silent"   // it does not answer
	twice    = "twice"    // it gets each request twice at once, as Chromium itself may send it, but not when that is tried again
	cut      = "cut"      // it does, but the answer is lost
	down     = "down"     // nobody is there
	nonsense = "nonsense" // what answers is no JSON
	odd      = "odd"      // what answers is JSON, but not of the contract
	busy     = "busy"     // it refuses for now
)

// patience is how long a test waits for the page.
const patience = 20 * time.Second

// newDashboard serves the database, behind a door that has moods, and starts a
// browser. Without Chromium the test is skipped, but with CI=true it fails. Under
// the race detector it is skipped: what the server does here, other tests make
// it do in a fraction of the time.
func newDashboard(t testing.TB, db *store.DB, changes ...func(*server.Config)) *dashboard {
	t.Helper()
	if harness.Raced {
		t.Skip("the dashboard is tested without the race detector")
	}
	return serveDashboard(t, harness.New(t, db, changes...))
}

// newLiveDashboard is newDashboard on a server that hears what changes in the database of the URL.
func newLiveDashboard(t testing.TB, url string) *dashboard {
	t.Helper()
	if harness.Raced {
		t.Skip("the dashboard is tested without the race detector")
	}
	return serveDashboard(t, harness.NewLive(t, url))
}

func serveDashboard(t testing.TB, a *harness.API) *dashboard {
	t.Helper()
	d := &dashboard{API: a, browser: newBrowser(t)}
	inside, err := url.Parse(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(inside)
	proxy.ErrorLog = stdlog.New(io.Discard, "", 0) // of requests that the page gave up
	d.mood.Store(well)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.serve(w, r, proxy) }))
	t.Cleanup(server.Close)
	d.URL = server.URL
	return d
}

// breakSockets ends the WebSockets that there are, and fails if there is none.
func (d *dashboard) breakSockets(t testing.TB) {
	t.Helper()
	ended := 0
	d.sockets.Range(func(_, cancel any) bool {
		cancel.(context.CancelFunc)()
		ended++
		return true
	})
	if ended == 0 {
		t.Error("the page has no WebSocket")
	}
}

// serve answers as the server feels.
func (d *dashboard) serve(w http.ResponseWriter, r *http.Request, proxy http.Handler) {
	if r.URL.Path != "/graphql" {
		proxy.ServeHTTP(w, r)
		return
	}
	if r.Header.Get("Upgrade") != "" {
		ctx, cancel := context.WithCancel(r.Context())
		d.sockets.Store(r, cancel)
		defer d.sockets.Delete(r)
		defer cancel()
		if d.mood.Load() != well {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r.WithContext(ctx))
		return
	}
	d.asked.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if bytes.Contains(body, []byte("mutation ")) {
		d.changes.Add(1)
	}
	switch d.mood.Load() {
	case silent:
		io.Copy(io.Discard, r.Body) // or else the server does not see that the page has given up
		<-r.Context().Done()
	case twice:
		if key := r.Header.Get("Idempotency-Key"); key != "" {
			if _, again := d.doubled.LoadOrStore(key, true); again {
				proxy.ServeHTTP(w, r)
				return
			}
		}
		first := r.Clone(r.Context())
		first.Body = io.NopCloser(bytes.NewReader(body))
		var sent sync.WaitGroup
		sent.Go(func() { proxy.ServeHTTP(httptest.NewRecorder(), first) })
		proxy.ServeHTTP(w, r)
		sent.Wait()
	case cut:
		proxy.ServeHTTP(httptest.NewRecorder(), r)
		fmt.Fprint(w, `{"da`)
		http.NewResponseController(w).Flush() // Chromium itself sends a request again that has no byte of an answer
		panic(http.ErrAbortHandler)
	case down:
		panic(http.ErrAbortHandler)
	case nonsense:
		fmt.Fprint(w, "<html>It works!</html>")
	case odd:
		fmt.Fprint(w, `{"data":{"patients":7,"patient":[],"viewer":"?"}}`)
	case busy:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"errors":[{"message":"The service is unavailable at the moment. Try again.","extensions":{"code":"UNAVAILABLE","retryAfter":1}}]}`)
	default:
		proxy.ServeHTTP(w, r)
	}
}

// newBrowser starts Chromium with a profile of its own.
func newBrowser(t testing.TB) context.Context {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("Chromium is not installed")
		}
		t.Skip("Chromium is not installed: the dashboard is not tested")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // which root has not
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("lang", "en-IN"),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	browser, quit := chromedp.NewContext(allocated)
	if err := chromedp.Do(browser); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := chromedp.Cancel(browser); err != nil && !errors.Is(err, context.Canceled) {
			t.Log(err)
		}
		quit()
		stop()
	})
	return browser
}

// window is a tab in which somebody looks at the dashboard. What its console
// says, and a request to another host, fail the test at its end.
type window struct {
	testing.TB
	*dashboard
	tab context.Context

	mu       sync.Mutex
	problems []string
	expected []string // parts of problems that belong to the test
}

// open opens a window of a desk at the path.
func (d *dashboard) open(t testing.TB, path string, before ...chromedp.Action[chromedp.Void]) *window {
	t.Helper()
	tab, shut := chromedp.NewContext(d.browser)
	w := &window{TB: t, dashboard: d, tab: tab}
	if err := chromedp.Listen(tab, w.watch); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			w.photograph("failed-" + strings.ReplaceAll(t.Name(), "/", "-"))
		}
		shut()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, problem := range w.problems {
			if !containsAny(problem, w.expected) {
				t.Error("the page had a problem: ", problem)
			}
		}
	})
	send(w, network.Enable, network.EnableParams{})
	send(w, log.Enable, cdp.Empty{})
	w.run(desk)
	w.run(before...)
	w.run(chromedp.Navigate(d.URL + path))
	return w
}

// Sizes of windows.
var (
	desk  = chromedp.EmulateViewport(1280, 860)
	phone = chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulateMobile)
)

// watch notes what must not happen.
func (w *window) watch(event any) {
	problem := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		problem = fmt.Sprint(e.ExceptionDetails.Text, " ", e.ExceptionDetails.Exception)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			problem = "console: " + string(e.Args[0].Value)
		}
	case *log.EventEntryAdded:
		problem = fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, w.URL+"/") && !strings.HasPrefix(e.Request.URL, "data:") {
			problem = "a request to " + e.Request.URL
		}
		if strings.Contains(e.Request.URL, "eyJ") {
			problem = "a token in a URL"
		}
	}
	if problem != "" {
		w.mu.Lock()
		w.problems = append(w.problems, problem)
		w.mu.Unlock()
	}
}

func containsAny(s string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// expect says what the console will tell that belongs to the test.
func (w *window) expect(parts ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expected = append(w.expected, parts...)
}

func (w *window) run(actions ...chromedp.Action[chromedp.Void]) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.tab, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		w.Fatal(err)
	}
}

// send sends a command of the protocol.
func send[P, R any](w *window, command cdp.Command[P, R], params P) {
	w.Helper()
	if _, err := chromedp.Call(w.tab, command, params); err != nil {
		w.Fatal(err)
	}
}

// eval returns the value of an expression of the page, or of its promise.
func eval[T any](w *window, expression string) T {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.tab, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		w.Fatal(err)
	}
	return value
}

// until waits until the expression is true.
func (w *window) until(expression string) {
	w.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !eval[bool](w, "Boolean("+expression+")") {
		select {
		case <-tick.C:
		case <-late:
			w.Fatalf("in vain waited for %s; the page shows:\n%s", expression, eval[string](w, "document.body.innerText"))
		}
	}
}

func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// shows waits until the page shows all the texts.
func (w *window) shows(texts ...string) {
	w.Helper()
	for _, text := range texts {
		w.until("document.body.innerText.includes(" + quote(text) + ")")
	}
}

// lacks waits until the page does not show the text.
func (w *window) lacks(text string) {
	w.Helper()
	w.until("!document.body.innerText.includes(" + quote(text) + ")")
}

// named is an expression of the button, link or option of this name that can
// be pressed: the last one, which is the one on top.
func named(name string) string {
	return `[...document.querySelectorAll("a, button, [role=option], label")].filter((e) => e.checkVisibility({visibilityProperty: true}) && !e.closest("[inert]") &&
		(!document.querySelector("dialog") || e.closest("dialog")) &&
		[e.getAttribute("aria-label"), e.innerText.trim(), e.role === "option" && e.firstChild.textContent + ", option"].includes(` + quote(name) + `)).at(-1)`
}

// click presses what has this name with the mouse.
func (w *window) click(name string) {
	w.Helper()
	w.clickOn(named(name))
}

// clickOn presses the element of the expression with the mouse.
func (w *window) clickOn(element string) {
	w.Helper()
	w.until(element)
	spot := eval[[]float64](w, `(() => { const e = `+element+`; e.scrollIntoView({block: "center", behavior: "instant"}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`)
	w.run(chromedp.MouseClickXY(spot[0], spot[1]))
}

// labelled is an expression of the field with this label.
func labelled(label string) string {
	return `[...document.querySelectorAll("input, select, textarea")].filter((e) => e.checkVisibility({visibilityProperty: true}) &&
		[e.getAttribute("aria-label"), e.labels?.[0]?.innerText].includes(` + quote(label) + `)).at(-1)`
}

// fill types into the field with this label, instead of what is there.
func (w *window) fill(label, text string) {
	w.Helper()
	w.until(labelled(label))
	eval[bool](w, `(() => { const e = `+labelled(label)+`; e.scrollIntoView({block: "center"}); e.focus(); e.select(); return true; })()`)
	if text == "" {
		w.press(kb.Backspace)
		return
	}
	w.insert(text)
}

func (w *window) insert(text string) {
	w.Helper()
	send(w, input.InsertText, input.InsertTextParams{Text: text})
}

// choose chooses in the select with this label.
func (w *window) choose(label, option string) {
	w.Helper()
	w.until(labelled(label))
	eval[bool](w, `(() => { const e = `+labelled(label)+`; e.focus(); e.value = [...e.options].find((o) => o.text === `+quote(option)+`).value;
		e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
}

// press presses a key.
func (w *window) press(keys string) {
	w.Helper()
	w.run(chromedp.KeyEvent(keys))
}

// at waits until the page is at the path.
func (w *window) at(path string) {
	w.Helper()
	w.until("location.pathname + location.search === " + quote(path))
}

// look is what a user does who comes back to the window.
func (w *window) look() {
	w.Helper()
	eval[bool](w, `dispatchEvent(new Event("focus"))`)
}

// photograph writes a picture to web/screenshots.
func (w *window) photograph(name string) {
	ctx, cancel := context.WithTimeout(w.tab, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		w.Log(err)
		return
	}
	folder := harness.Path("web/screenshots")
	if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644)); err != nil {
		w.Error(err)
	}
}

// signIn signs the user of this name in.
func (w *window) signIn(name string) {
	w.Helper()
	w.fill("E-mail", name+"@example.com")
	w.fill("Password", harness.Password)
	w.click("Sign in")
	w.until(`document.querySelector("nav")`)
}

// sqlite returns a new database.
func sqlite(t testing.TB) *store.DB {
	t.Helper()
	return storetest.Open(t, storetest.URL(t, dialect.SQLite))
}
