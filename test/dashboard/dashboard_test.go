package dashboard_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"caregraph/internal/server"
	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

func TestDashboardSignIn(t *testing.T) {
	d := newDashboard(t, sqlite(t))
	w := d.open(t, "/")
	w.at("/admin/")
	w.click("Register")
	w.at("/admin/register")
	w.fill("Username", "no spaces")
	w.fill("E-mail", "nobody")
	w.fill("Phone", "12")
	w.fill("Password", "1234")
	w.click("Treats patients")
	w.click("Register")
	w.shows("Enter a valid username.", "Enter a valid email address.", "Enter a valid 10-digit phone number.", "This password is too short.")
	w.until(`document.activeElement.id === "field-username"`)
	w.until(labelled("Username") + `.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).innerText).join().includes("Enter a valid username.")`)
	w.fill("Username", "asha")
	w.fill("E-mail", "asha@example.com")
	w.fill("Phone", "+91 91234 56780")
	w.fill("Password", harness.Password)
	w.click("Register")
	w.at("/admin/")
	w.shows("Overview", "asha", "The directory has no doctors yet.")

	w.run(chromedp.Reload())
	w.shows("The directory has no doctors yet.")
	if kept := eval[string](w, `Object.keys(localStorage) + Object.values(localStorage)`); strings.Contains(kept, "eyJ") {
		t.Error("localStorage has a token: ", kept)
	}
	w.click("Sign out")
	w.shows("New here?")
	w.until("sessionStorage.length === 0")

	w = d.open(t, "/admin/patients?sort=-CREATED_AT")
	w.fill("E-mail", "asha@example.com")
	w.fill("Password", "wrong-password")
	w.click("Sign in")
	w.shows("The e-mail or the password is not right")
	w.signIn("asha")
	w.at("/admin/patients?sort=-CREATED_AT")
	w.shows("0 patients")

	w = d.open(t, "/admin/patients/new") // whose form has an e-mail, too
	w.signIn("asha")
	w.shows("Medical history")
	w.until(labelled("E-mail") + `.value === ""`)
}

// TestDashboardPatients does a day's work, and sees it in a second window.
func TestDashboardPatients(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDashboard(t, db)
		asha := d.Register(t, "asha")
		d.CreateDoctor(t, asha, "Dr. Kavya Reddy", "MCI-1")
		d.CreateDoctor(t, asha, "Dr. Meera Iyer", "MCI-2")
		w, other := d.open(t, "/admin/"), d.open(t, "/admin/patients")
		w.signIn("asha")
		other.signIn("asha")
		other.shows("0 patients", "There is nothing here yet.")

		w.click("New patient")
		w.at("/admin/patients/new")
		w.until(`!document.querySelector("[type=radio]:checked")`)
		w.click("Save")
		w.shows("Choose what fits.", "Please fill this in.")
		w.until(`document.querySelectorAll(".fields .error").length === 4`)
		w.click("Male")
		w.fill("Date of birth", "31/02/1990")
		w.fill("Phone", "1234")
		w.fill("E-mail", "nobody")
		w.click("Save")
		w.shows("Enter a date such as 15/05/1990.", "Enter a valid 10-digit phone number.", "Enter a valid email address.")
		w.until(`document.querySelectorAll(".fields .error").length === 5`) // and two that are blank
		w.until(`document.activeElement.id === "field-name"`)
		w.fill("Name", "Arjun Rao")
		w.fill("Date of birth", "15/05/1990")
		w.fill("Phone", "098765 43210")
		w.fill("E-mail", "arjun@example.com")
		w.choose("Blood group", "AB−")
		w.fill("Address", "12 MG Road\nPune")
		before := d.changes.Load()
		eval[bool](w, `["", ""].forEach(() => document.querySelector("form .primary").click()) ?? true`)
		w.shows("Arjun Rao", "36 years · Male · AB−", "15 May 1990", "+91 98765 43210", "No doctor is assigned now.", "Not asked yet")
		w.at("/admin/patients/1")
		if sent := d.changes.Load() - before; sent != 1 {
			t.Errorf("a button that was pressed twice sent %d changes", sent)
		}
		other.look()
		other.shows("1 patient", "Arjun Rao", "None")

		w.click("Patients")
		w.fill("Name, phone or e-mail", "+91 98765")
		w.shows("1 patient", "Arjun Rao")
		w.at("/admin/patients?q=%2B91+98765")
		w.fill("Name, phone or e-mail", "rao arjun")
		w.shows("1 patient", "Arjun Rao")
		w.fill("Name, phone or e-mail", "nobody of this name")
		w.shows("Nothing matches.")
		w.fill("Name, phone or e-mail", "ARJ")
		w.shows("1 patient")
		w.choose("Blood group", "A+")
		w.shows("Nothing matches.")
		w.choose("Blood group", "AB−")
		w.shows("1 patient")
		w.click("Clear")
		w.at("/admin/patients")
		w.click("Arjun Rao")
		other.click("Arjun Rao")

		w.click("Assign")
		w.shows("Choose a doctor from the list.")
		w.until(`document.activeElement.id === "picker"`)
		w.fill("Assign a doctor", "meera")
		w.click("Dr. Meera Iyer, option")
		w.fill("Notes", "Knee pain,\nsince March")
		w.click("Assign")
		w.shows("since ", "Knee pain,\nsince March", "by asha")
		w.until(labelled("Assign a doctor") + `.value === ""`)
		other.look()
		other.shows("Knee pain")
		w.fill("Assign a doctor", "meera")
		w.click("Dr. Meera Iyer, option")
		w.click("Assign")
		w.shows("This patient is already assigned to this doctor.")
		w.click("End the assignment of Dr. Meera Iyer")
		w.shows("End this assignment?")
		w.press(kb.Escape)
		w.until(`!document.querySelector("dialog")`)
		w.click("End the assignment of Dr. Meera Iyer")
		w.click("End")
		w.shows("No doctor is assigned now.")
		other.look()
		other.shows("No doctor is assigned now.")
		w.fill("Assign a doctor", "reddy")
		w.shows("Dr. Kavya Reddy")
		w.fill("Assign a doctor", "meera")
		w.until(named("Dr. Meera Iyer, option"))
		w.press(kb.ArrowDown)
		w.press(kb.Enter)
		w.until(labelled("Assign a doctor") + `.value.startsWith("Dr. Meera Iyer")`)
		w.click("Assign")
		w.until(`document.querySelectorAll(".timeline li").length === 2`)
		other.look()
		other.until(`document.querySelectorAll(".timeline li").length === 2`)

		w.click("Edit")
		w.fill("Emergency contact", "Rahul, 98765 43211")
		w.click("Save")
		w.shows("Rahul, 98765 43211")
		other.look()
		other.shows("Rahul, 98765 43211")

		w.click("Delete")
		w.fill("Type the name to confirm: Arjun Rao", "Arjun")
		w.click("Delete")
		w.shows("This is not the name of the record.")
		w.fill("Type the name to confirm: Arjun Rao", "Arjun Rao")
		w.click("Delete")
		w.at("/admin/patients")
		w.shows("0 patients")
		other.look()
		other.shows("There is no such record, or it is not yours.")
		other.lacks("Arjun Rao")
		other.until(named("Patients"))
	})
}

// TestDashboardStaff has an administrator shut a user out.
func TestDashboardStaff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDashboard(t, db)
		asha := d.Register(t, "asha")
		d.CreatePatient(t, asha, "Arjun Rao")
		d.Staff(t, "admin")
		user, desk := d.open(t, "/admin/patients"), d.open(t, "/admin/")
		user.expect("status of 401")
		user.signIn("asha")
		user.shows("Arjun Rao")
		user.until(`!document.querySelector('nav [href="/admin/users"]')`)
		user.run(chromedp.Navigate(d.URL + "/admin/users"))
		user.shows("1 user")
		user.run(chromedp.Navigate(d.URL + "/admin/patients"))
		user.shows("Arjun Rao")

		desk.signIn("admin")
		desk.click("Staff")
		desk.fill("Username, phone or e-mail", "ash")
		desk.shows("1 user")
		desk.click("asha")
		desk.click("Deactivate")
		desk.click("Deactivate")
		desk.click("Activate")
		desk.click("Cancel")
		user.look()
		user.shows("You have been signed out")
		user.lacks("Arjun Rao")
		user.until("sessionStorage.length === 0")
		user.press(kb.Escape)
		user.press(kb.Escape)
		user.shows("You have been signed out")
		user.fill("Password", harness.Password)
		user.click("Sign in")
		user.shows("The e-mail or the password is not right, or the account is not active.")

		desk.click("Activate")
		desk.click("Activate")
		desk.until(named("Deactivate"))
		user.click("Sign in")
		user.shows("Arjun Rao")
		desk.click("Make staff")
		desk.click("Make staff")
		desk.until(named("Take staff rights away"))
		user.look()
		user.fill("Password", harness.Password)
		user.click("Sign in")
		user.until(`document.querySelector('nav [href="/admin/users"]')`) // as staff
		desk.click("Take staff rights away")
		desk.click("Take staff rights away")
		desk.until(named("Make staff"))

		desk.click("Staff")
		desk.click("admin")
		desk.click("Deactivate")
		desk.shows("is signed out everywhere")
		desk.click("Deactivate")
		desk.until(`document.querySelector("dialog .error")?.innerText`)
		t.Log("the last active staff user: ", eval[string](desk, `document.querySelector("dialog .error").innerText`))
		desk.click("Cancel")
		user.expect("status of 401")
	})
}

// TestDashboardExpiry lets tokens end in the middle of a form.
func TestDashboardExpiry(t *testing.T) {
	d := newDashboard(t, sqlite(t), func(c *server.Config) { c.AccessTokenLifetime = 2 * time.Second })
	asha := d.Register(t, "asha")
	w := d.open(t, "/admin/patients/new")
	w.signIn("asha")
	w.fill("Name", "Arjun Rao")
	w.click("Male")
	w.fill("Medical history", "A long story, typed with care.")
	w.fill("Date of birth", "1/2/1990")
	w.fill("Phone", "9876543210")
	w.fill("E-mail", "arjun@example.com")
	w.fill("Address", "Pune")
	asha.Token = d.SignIn(t, "asha@example.com", harness.Password)
	pass(t, 2*time.Second)
	w.click("Save") // the access token has ended, and is renewed
	w.at("/admin/patients/1")
	w.shows("A long story, typed with care.")

	w.click("Edit")
	w.fill("Medical history", "Another story.")
	asha.Token = d.SignIn(t, "asha@example.com", harness.Password)
	d.Must(t, asha, `mutation { logout(everywhere: true) }`, nil)
	w.expect("status of 401")
	w.click("Save")
	w.shows("You have been signed out", "asha@example.com")
	w.lacks("A long story")
	w.fill("Password", "wrong-password")
	w.click("Sign in")
	w.shows("The e-mail or the password is not right")
	w.fill("Password", harness.Password)
	w.press(kb.Enter)
	w.at("/admin/patients/1")
	w.shows("Another story.")

	// Many that ask at once renew once.
	pass(t, 2*time.Second)
	before := d.asked.Load()
	w.look()
	eval[bool](w, `document.getElementById("picker").focus() ?? true`)
	w.until(named("Patients"))
	w.until(`document.getElementById("picker").nextElementSibling.nextElementSibling.hidden`)
	w.shows("No doctor found.")
	w.until(`!document.querySelector("[data-busy]")`)
	if sent := d.asked.Load() - before; sent != 3 {
		t.Errorf("two requests with a token that has ended became %d, want 3", sent)
	}

	d.Must(t, harness.Caller{Token: d.SignIn(t, "asha@example.com", harness.Password)}, `mutation { logout(everywhere: true) }`, nil)
	w.look()
	w.click("Leave")
	w.shows("New here?")
	w.lacks("Another story.")
}

// pass waits for time to pass on the server, which nothing else tells.
func pass(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// TestDashboardTrouble has a server that is slow, away or mad.
func TestDashboardTrouble(t *testing.T) {
	d := newDashboard(t, sqlite(t))
	asha := d.Register(t, "asha")
	d.CreatePatient(t, asha, "Arjun Rao")
	w := d.open(t, "/admin/patients")
	w.expect("net::ERR", "Failed to load resource", "WebSocket connection")
	w.signIn("asha")
	w.shows("Arjun Rao")

	sentences := map[string]string{
		down:     "The server cannot be reached.",
		nonsense: "The server gave an answer that makes no sense.",
		odd:      "The server gave an answer that makes no sense.",
		busy:     "The service is unavailable at the moment.",
	}
	for mood, sentence := range sentences {
		d.mood.Store(mood)
		w.look()
		w.shows(sentence)
		if mood != odd {
			w.shows("Arjun Rao", "You see what was there at")
		}
		w.run(chromedp.Navigate(d.URL + "/admin/patients/1"))
		w.shows(sentences[mood])
		w.until(named("Try again"))
		d.mood.Store(well)
		w.click("Try again")
		w.shows("Arjun Rao", "15 May 1990")
		w.lacks(sentence)
		w.click("Patients")
		w.shows("1 patient")
	}

	d.mood.Store(silent)
	w.look()
	w.shows("This is taking longer than usual…")
	d.mood.Store(well)
	w.shows("The server takes too long to answer.")
	w.lacks("This is taking longer than usual…")
	w.click("Try again")
	w.lacks("The server takes too long to answer.")

	// A change of which nobody knows whether it was stored is not sent again.
	w.click("New patient")
	w.fill("Name", "Meera Nair")
	w.click("Female")
	w.fill("Date of birth", "1/2/1990")
	w.fill("Phone", "9876543210")
	w.fill("E-mail", "meera@example.com")
	w.fill("Address", "Kochi")
	d.mood.Store(cut)
	before := d.changes.Load()
	w.click("Save")
	w.shows("The server cannot be reached.", "It is not known whether the change was stored")
	if sent := d.changes.Load() - before; sent != 1 {
		t.Errorf("the change was sent %d times", sent)
	}
	d.mood.Store(well)
	w.until(labelled("Name") + `.value === "Meera Nair"`)
	w.click("Patients")
	w.shows("2 patients", "Meera Nair")
	w.run(chromedp.NavigateBack())
	w.until(labelled("Address") + `?.value === "Kochi"`)

	// Without a network nothing is sent, and the text stays.
	offline(w, true)
	w.click("Save")
	w.shows("The server cannot be reached. What you typed is still here.")
	w.lacks("It is not known")
	w.until(labelled("Name") + `.value === "Meera Nair"`)
	offline(w, false)

	// A page that starts while the server is away.
	d.mood.Store(down)
	w.run(chromedp.Reload())
	w.shows("The server cannot be reached.")
	d.mood.Store(well)
	w.click("Try again")
	w.until(labelled("Address"))

	// A change that the server gets twice happens once.
	d.mood.Store(twice)
	w.fill("Name", "Kiran Desai")
	w.click("Male")
	w.fill("Date of birth", "1/2/1970")
	w.fill("Phone", "9123456780")
	w.fill("Address", "Nagpur")
	w.click("Save")
	w.shows("Kiran Desai", "Nagpur", "1 February 1970")
	w.click("Patients")
	w.shows("3 patients")
}

// offline takes the network away, or gives it back.
func offline(w *window, away bool) {
	w.Helper()
	send(w, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: away, DownloadThroughput: -1, UploadThroughput: -1})
	send(w, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Offline: away, DownloadThroughput: -1, UploadThroughput: -1}},
	})
}

// TestDashboardHostile shows what an attacker wrote as text.
func TestDashboardHostile(t *testing.T) {
	d := newDashboard(t, sqlite(t))
	asha := d.Register(t, "asha")
	evil := `<img src=x onerror="window.evil=1"><script>window.evil=1</script>`
	patient := d.CreatePatient(t, asha, evil)
	doctor := d.CreateDoctor(t, asha, evil, "MCI-1")
	d.Must(t, asha, `mutation($id: ID!, $text: String!) { updatePatient(id: $id, input: {medicalHistory: $text, emergencyContact: $text, address: $text}) { id } }`,
		map[string]any{"id": patient, "text": evil + "\njavascript:evil()"})
	d.Must(t, asha, `mutation($id: ID!, $text: String!) { updateDoctor(id: $id, input: {specialization: $text, availability: $text, address: $text, email: "a?bcc=x@example.com"}) { id } }`,
		map[string]any{"id": doctor, "text": evil})
	d.Must(t, asha, `mutation($p: ID!, $d: ID!, $text: String!) { assignDoctor(input: {patientId: $p, doctorId: $d, notes: $text}) { id } }`,
		map[string]any{"p": patient, "d": doctor, "text": evil})
	w := d.open(t, "/admin/")
	w.signIn("asha")
	for _, path := range []string{"/admin/", "/admin/patients", "/admin/patients/1", "/admin/patients/1/edit", "/admin/doctors", "/admin/doctors/1", "/admin/doctors/1/edit"} {
		w.run(chromedp.Navigate(d.URL + path))
		w.until(`document.body.innerText.includes("<img src=x") || [...document.querySelectorAll("input, textarea")].some((e) => e.value.includes("<img src=x"))`)
		if eval[bool](w, `"evil" in window || document.querySelectorAll("img:not(.brand img), main script, main img").length > 0`) {
			t.Errorf("%s let markup of a record in", path)
		}
	}
	w.run(chromedp.Navigate(d.URL + "/admin/doctors/1"))
	w.until(`document.querySelector('a[href^="mailto:"]')?.getAttribute("href") === "mailto:a%3Fbcc%3Dx%40example.com"`)
	w.run(chromedp.Navigate(d.URL + "/admin/patients/1"))
	w.click("Delete")
	w.fill("Type the name to confirm: "+evil, evil)
	w.click("Delete")
	w.at("/admin/patients")
	w.shows("0 patients")
}

// TestDashboardLinks follows links that were forged or belong to somebody else.
func TestDashboardLinks(t *testing.T) {
	d := newDashboard(t, sqlite(t))
	ben := d.Register(t, "ben")
	d.CreatePatient(t, ben, "Arjun Rao")
	d.Register(t, "asha")
	w := d.open(t, "/admin/patients/1")
	w.signIn("asha")
	w.expect("/admin/patients/0x1", "/admin/%3Cscript%3E", "/admin/nothing") // which are not found
	tests := []struct{ path, shows, way string }{
		{"/admin/patients/1", "There is no such record, or it is not yours.", "Patients"},
		{"/admin/patients/1/edit", "There is no such record, or it is not yours.", "Patients"},
		{"/admin/patients/77", "There is no such record, or it is not yours.", "Patients"},
		{"/admin/patients/9999999999", "There is no such record, or it is not yours.", "Patients"},
		{"/admin/doctors/1", "There is no such record, or it is not yours.", "Doctors"},
		{"/admin/users/1", "There is no such record, or it is not yours.", "Staff"},
		{"/admin/patients/0x1", "This address leads nowhere.", "Overview"},
		{"/admin/patients/1/../../%3Cscript%3E", "This address leads nowhere.", "Overview"},
		{"/admin/nothing", "This address leads nowhere.", "Overview"},
		{"/admin/patients?after=forged", "This link does not fit.", "Show the whole list"},
		{"/admin/patients?gender=%3Cscript%3E", "This link does not fit.", "Show the whole list"},
		{"/admin/patients?sort=PASSWORD&q=zzz", "Nothing matches.", "Clear"},
		{"/admin/doctors?years=many&fee=-", "This link does not fit.", "Show the whole list"},
	}
	for _, tt := range tests {
		w.run(chromedp.Navigate(d.URL + tt.path))
		w.shows(tt.shows)
		w.click(tt.way)
		w.lacks(tt.shows)
	}

	w.run(chromedp.Navigate(d.URL + "/admin/patients"))
	w.click("Doctors")
	w.at("/admin/doctors")
	w.click("New doctor")
	w.at("/admin/doctors/new")
	w.run(chromedp.NavigateBack(), chromedp.NavigateBack())
	w.at("/admin/patients")
	w.shows("0 patients")
}

// TestDashboardDoctors keeps the directory.
func TestDashboardDoctors(t *testing.T) {
	d := newDashboard(t, sqlite(t))
	asha := d.Register(t, "asha")
	patient := d.CreatePatient(t, asha, "Arjun Rao")
	w := d.open(t, "/admin/doctors/new")
	w.signIn("asha")
	w.fill("Experience in years", "many")
	w.click("Save")
	w.shows("Enter a whole number.")
	w.fill("Experience in years", "71")
	w.fill("License number", "???")
	w.fill("Consultation fee", "a lot")
	w.fill("E-mail", "nobody")
	w.fill("Phone", "1")
	w.click("Save")
	w.until(`document.querySelectorAll(".fields .error").length === 7`)
	w.fill("Name", "Dr. Kavya Reddy")
	w.fill("Specialization", "Gynecology")
	w.fill("License number", "mci-77")
	w.fill("Experience in years", "12")
	w.fill("Consultation fee", "₹1,00,000.00")
	w.fill("E-mail", "kavya@example.com")
	w.fill("Phone", "")
	w.click("Save")
	w.shows("Gynecology · 12 years of experience · ₹1,00,000.00", "MCI-77", "None of your patients has this doctor now.")
	d.Assign(t, asha, patient, 1)
	w.look()
	w.shows("Arjun Rao")
	w.click("Doctors")
	w.shows("1 doctor", "₹1,00,000.00")
	w.choose("Specialization", "Gynecology")
	w.shows("1 doctor")
	w.choose("Consultation fee", "Up to ₹500.00")
	w.shows("Nothing matches.")
	w.click("Clear")
	w.click("Dr. Kavya Reddy")
	w.click("Edit")
	w.fill("Availability", "Mon–Fri 9–17")
	w.click("Save")
	w.shows("Mon–Fri 9–17")
	w.click("Delete")
	w.fill("Type the name to confirm: Dr. Kavya Reddy", "Dr. Kavya Reddy")
	w.click("Delete")
	w.shows("0 doctors")
}

// TestDashboardKeepsPlace has lists refresh by themselves without disturbing
// who works in them.
func TestDashboardKeepsPlace(t *testing.T) {
	d := newDashboard(t, sqlite(t))
	asha := d.Register(t, "asha")
	d.CreateDoctor(t, asha, "Dr. Meera Iyer", "MCI-1")
	d.Grow(t, asha, 0, 0)
	for i := range 60 {
		d.CreatePatient(t, asha, fmt.Sprintf("Patient %02d", i))
	}
	w := d.open(t, "/admin/patients")
	w.signIn("asha")
	w.shows("60 patients", "Patient 00")
	w.lacks("Patient 25")
	w.fill("Name, phone or e-mail", "pat")
	w.at("/admin/patients?q=pat")
	w.until(`document.querySelectorAll("tbody tr[data-key]").length === 25`)
	eval[bool](w, `scrollTo(0, 300), document.getElementById("q").setSelectionRange(1, 2), window.row = document.querySelector("tbody tr:nth-child(9)"), true`)
	d.CreatePatient(t, asha, "Patient 00b")
	w.shows("61 patients") // within 15 seconds, by itself
	if got := eval[string](w, `[scrollY > 250, document.activeElement.id, document.activeElement.selectionStart, document.activeElement.value, row.isConnected].join()`); got != "true,q,1,pat,true" {
		t.Errorf("after a refresh the page was at %s", got)
	}
	w.click("Next")
	w.shows("Patient 24", "Patient 40")
	w.click("Next")
	w.shows("Patient 59")
	w.until(`!` + named("Next"))
	w.click("Previous")
	w.shows("Patient 40")
	w.run(chromedp.NavigateBack())
	w.shows("Patient 59")
	w.click("Clear")
	w.click("Recorded")
	w.at("/admin/patients?sort=CREATED_AT")
	w.click("Recorded ↑")
	w.at("/admin/patients?sort=-CREATED_AT")
	w.shows("Patient 00b")
	w.until(`document.querySelector("th[aria-sort=descending]")`)

	// What is typed into a chart stays, too.
	w.run(chromedp.Navigate(d.URL + "/admin/patients/1"))
	w.fill("Notes", "half a sen")
	d.Must(t, asha, `mutation { updatePatient(id: 1, input: {name: "Renamed"}) { id } }`, nil)
	w.look()
	w.shows("Renamed")
	w.until(labelled("Notes") + `.value === "half a sen" && document.activeElement === ` + labelled("Notes"))
	w.click("हिन्दी")
	w.shows("देखभाल का इतिहास", "15 मई 1990")
	w.until(`document.documentElement.lang === "hi" && document.querySelector("textarea").value === "half a sen"`)
	w.run(chromedp.Reload())
	w.shows("देखभाल का इतिहास")
	w.click("English")
	w.shows("History of care")
}

// TestDashboardKeys does without a mouse.
func TestDashboardKeys(t *testing.T) {
	d := newDashboard(t, sqlite(t))
	asha := d.Register(t, "asha")
	d.CreatePatient(t, asha, "Arjun Rao")
	d.CreateDoctor(t, asha, "Dr. Meera Iyer", "MCI-1")
	w := d.open(t, "/admin/")
	w.until(labelled("E-mail"))
	w.tabTo("E-mail")
	w.insert("asha@example.com")
	w.tabTo("Password")
	w.insert(harness.Password)
	w.press(kb.Enter)
	w.shows("Arjun Rao")
	w.tabTo("Patients")
	w.press(kb.Enter)
	w.at("/admin/patients")
	w.until(`document.activeElement.tagName === "H1"`)
	w.shows("1 patient")
	w.tabTo("Arjun Rao")
	w.press(kb.Enter)
	w.at("/admin/patients/1")
	w.shows("Assign a doctor")
	w.tabTo("Assign a doctor")
	w.until(named("Dr. Meera Iyer, option"))
	w.press(kb.ArrowDown)
	w.until(`document.getElementById(document.activeElement.getAttribute("aria-activedescendant"))?.ariaSelected === "true"`)
	w.press(kb.Enter)
	w.tabTo("Assign")
	w.press(kb.Enter)
	w.until(`document.querySelector(".timeline li")`)
	w.tabTo("End the assignment of Dr. Meera Iyer")
	w.press(" ")
	w.until(`document.querySelector("dialog:modal")`)
	w.tabTo("End")
	w.press(kb.Enter)
	w.shows("No doctor is assigned now.")
	w.tabTo("Skip to content")
	w.press(kb.Enter)
	w.until(`document.activeElement.tagName === "H1"`)
}

// tabTo presses Tab until what has this name or label has the focus.
func (w *window) tabTo(name string) {
	w.Helper()
	here := `((e) => [e.getAttribute("aria-label"), e.innerText.trim(), e.labels?.[0]?.innerText].includes(` + quote(name) + `))(document.activeElement)`
	for range 60 {
		w.press(kb.Tab)
		if eval[bool](w, here) {
			return
		}
	}
	w.Fatalf("Tab does not lead to %q", name)
}

// views are all views with what each shows when it is there, by a name for its
// pictures.
var views = []struct{ name, path, shows string }{
	{"overview", "/admin/", "Doctors by specialization"},
	{"patients", "/admin/patients", "patients"},
	{"patient-new", "/admin/patients/new", "Medical history"},
	{"patient", "/admin/patients/1", "History of care"},
	{"trail", "/admin/patients/1/trail", "Who looked"},
	{"deleted", "/admin/patients/deleted", "Nothing was deleted lately."},
	{"patient-edit", "/admin/patients/1/edit", "Medical history"},
	{"merge", "/admin/patients/1/merge/2", "One patient, two records"},
	{"doctors", "/admin/doctors", "doctors"},
	{"doctor", "/admin/doctors/1", "Your patients"},
	{"doctor-new", "/admin/doctors/new", "License number"},
	{"clinic", "/admin/clinic", "Invite a member"},
	{"join", "/admin/join", "16 letters and digits"},
	{"caseload", "/admin/caseload", "There is nothing here yet."},
	{"record", "/admin/record", "You are no longer the account of any record."},
	{"users", "/admin/users", "users"},
	{"user", "/admin/users/2", "Deactivate"},
	{"nowhere", "/admin/nowhere", "This address leads nowhere."},
	{"missing", "/admin/patients/999", "There is no such record"},
}

// TestDashboardAccessible looks at every view with axe, in both colour schemes,
// and takes its picture on a desk and on a phone.
func TestDashboardAccessible(t *testing.T) {
	axe, err := os.ReadFile(harness.Path("web/node_modules/axe-core/axe.min.js"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("axe-core is not installed: npm ci --prefix web")
	}
	d := newDashboard(t, sqlite(t))
	d.Staff(t, "admin")
	d.clinic(t, d.Register(t, "asha"))
	door, w := d.open(t, "/admin/"), d.open(t, "/admin/")
	w.signIn("admin")
	w.expect("/admin/nowhere") // which is not found

	check := func(w *window, name string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			for _, size := range []struct {
				name   string
				action chromedp.Action[chromedp.Void]
			}{{"desk", desk}, {"phone", phone}} {
				w.run(size.action)
				send(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
					{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
				}})
				violations := eval[[]string](w, string(axe)+`; axe.run(document, {resultTypes: ["violations"]}).then((r) =>
					r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 200) + " " + n.failureSummary)))`)
				for _, v := range violations {
					t.Errorf("%s, %s, %s: %s", name, scheme, size.name, v)
				}
				w.photograph(name + "-" + size.name + "-" + scheme)
			}
		}
		// 320 pixels, which is also 1280 at 400 %, and 200 % of a desk
		for _, width := range []int64{320, 640} {
			w.run(chromedp.EmulateViewport(width, 600))
			if over := eval[int](w, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("%s is %d pixels wider than %d: %s", name, over, width, eval[string](w, `[...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => e.outerHTML.slice(0, 80)).slice(0, 3).join("\n")`))
			}
			if width == 320 {
				w.photograph(name + "-narrow")
			}
		}
		w.run(desk)
	}
	door.until(labelled("E-mail"))
	check(door, "signin")
	door.click("Register")
	door.until(labelled("Username"))
	check(door, "register")
	for _, view := range views {
		w.run(chromedp.Navigate(d.URL + view.path))
		w.shows(view.shows)
		check(w, view.name)
	}
	w.run(chromedp.Navigate(d.URL + "/admin/patients/new"))
	w.click("Save")
	w.shows("Please fill this in.")
	check(w, "patient-wrong")
	w.fill("Name", "Pria Agarwal")
	w.fill("Phone", "9123456780")
	w.shows("Perhaps recorded already")
	eval[bool](w, `(document.querySelector("form .primary").scrollIntoView(), true)`)
	check(w, "patient-duplicate")
	w.run(chromedp.Navigate(d.URL + "/admin/patients?q=zoia"))
	w.shows("Similar names")
	check(w, "patients-similar")
	w.run(chromedp.Navigate(d.URL + "/admin/patients/1"))
	w.fill("Assign a doctor", "Dr")
	w.until(named("Dr. Meera Iyer, option"))
	check(w, "picker")
	w.click("Delete")
	w.shows("Delete Priya Agarwal?")
	check(w, "delete")
	w.run(chromedp.Navigate(d.URL + "/admin/patients/1"))
	send(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	w.shows("History of care")
	w.lacks("Assign a doctor")
	w.photograph("patient-print")
	send(w, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	w.click("हिन्दी")
	for _, view := range views[:9] {
		w.run(chromedp.Navigate(d.URL + view.path))
		w.until(`document.querySelector("h1")?.innerText && !document.querySelector(".ghost")`)
		check(w, view.name+"-hindi")
	}
}

// clinic makes records that look like those of a clinic.
func (d *dashboard) clinic(t testing.TB, owner harness.Caller) {
	t.Helper()
	for i, doctor := range []struct{ name, field, hours, fee string }{
		{"Dr. Arjun Sharma", "Cardiology", "Mon–Fri 9:00–17:00", "1500"},
		{"Dr. Kavya Reddy", "Gynecology", "Mon–Sat 10:00–16:00", "1200"},
		{"Dr. Rajesh Kumar", "Orthopedics", "Tue–Sat 11:00–18:00", "1800"},
		{"Dr. Meera Iyer", "Pediatrics", "Mon–Thu 8:30–14:00", "900"},
		{"Dr. Sanjay Gupta", "Cardiology", "Mon, Wed, Fri 14:00–20:00", "2200"},
		{"Dr. Fatima Khan", "Dermatology", "", "1000"},
		{"Dr. Leela Nair", "Pediatrics", "Mon–Fri 9:00–13:00", "850"},
		{"Dr. Vivek Joshi", "Cardiology", "Sat 9:00–15:00", "100000"},
	} {
		id := d.CreateDoctor(t, owner, doctor.name, "MCI-"+strconv.Itoa(12345+i))
		d.Must(t, owner, `mutation($id: ID!, $s: String!, $a: String, $f: Rupees!, $y: Int!) { updateDoctor(id: $id, input: {specialization: $s, availability: $a, consultationFee: $f, experienceYears: $y}) { id } }`,
			map[string]any{"id": id, "s": doctor.field, "a": doctor.hours, "f": doctor.fee, "y": 5 + i*4%19})
	}
	groups := []any{"A_POSITIVE", "O_POSITIVE", nil, "B_NEGATIVE", "AB_POSITIVE"}
	for i, name := range []string{"Priya Agarwal", "Vikram Singh", "Rohan Mehta", "Ananya Das", "Ishaan Verma", "Lakshmi Menon", "Mohammed Irfan", "Neha Kulkarni", "Suresh Pillai", "Tara Bose", "Yash Chauhan", "Zoya Sheikh"} {
		id := d.CreatePatient(t, owner, name)
		d.Must(t, owner, `mutation($id: ID!, $d: Date!, $g: Gender!, $b: BloodGroup, $p: String!) { updatePatient(id: $id, input: {dateOfBirth: $d, gender: $g, bloodGroup: $b, phone: $p}) { id } }`,
			map[string]any{"id": id, "d": fmt.Sprintf("%d-%02d-%02d", 1952+i*5, 1+i, 3+i*2), "g": map[bool]string{true: "MALE", false: "FEMALE"}["FMMFMFMFMFMF"[i] == 'M'], "b": groups[i%len(groups)], "p": strconv.Itoa(9123456780 + i*10101)})
		if i%4 != 3 {
			d.Assign(t, owner, id, 1+i%8)
		}
	}
	d.Must(t, owner, `mutation { updatePatient(id: 1, input: {medicalHistory: "Type 2 diabetes since 2014.\nAllergic to penicillin.", emergencyContact: "Rahul Agarwal, 91234 56791", email: "priya.agarwal@example.com"}) { id }
		unassignDoctor(id: 1) { id }
		a: assignDoctor(input: {patientId: 1, doctorId: 3, notes: "Knee pain; X-ray in two weeks."}) { id }
		b: assignDoctor(input: {patientId: 1, doctorId: 2, notes: "Regular check-up"}) { id } }`, nil)
}
