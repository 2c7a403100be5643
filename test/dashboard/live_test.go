package dashboard_test

import (
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/chromedp/chromedp"

	"caregraph/internal/storetest"
)

// follows waits until the page is told of changes.
func (w *window) follows() {
	w.Helper()
	eval[bool](w, `(async () => {
		const { live } = await import(document.querySelector("script[type=module]").src.replace(/[^/]*$/, "live.js"));
		while (!live()) await new Promise((done) => setTimeout(done, 20));
		return true;
	})()`)
}

// TestDashboardLive looks at pages while a colleague changes what they show: lists, counts and
// charts follow at once, and a form says what was changed; also after the connection was lost,
// and when somebody else has signed in.
func TestDashboardLive(t *testing.T) {
	for _, kind := range []string{dialect.SQLite, dialect.Postgres} {
		t.Run(kind, func(t *testing.T) {
			d := newLiveDashboard(t, storetest.URL(t, kind))
			asha, chitra := d.Register(t, "asha"), d.Register(t, "chitra")
			d.clinic(t, asha)
			d.Join(t, chitra, asha, "MEMBER")
			w := d.open(t, "/admin/patients")
			w.signIn("asha")
			w.shows("12 patients")
			w.follows()
			began := time.Now()
			d.Must(t, chitra, `mutation { createPatient(input: {name: "Zubin Irani", phone: "9000000009", ageYears: 40, address: "Pune 411001", gender: MALE}) { id } }`, nil)
			w.shows("13 patients", "Zubin Irani")
			t.Logf("shown after %s", time.Since(began))
			d.Must(t, chitra, `mutation { deletePatient(id: 13) }`, nil)
			w.shows("12 patients")

			w.click("Priya Agarwal")
			w.at("/admin/patients/1")
			w.shows("Knee pain; X-ray in two weeks.")
			d.Must(t, chitra, `mutation { updateMapping(id: 10, notes: "X-ray is fine.") { id } updatePatient(id: 1, input: {phone: "9000000001"}) { id } }`, nil)
			w.shows("X-ray is fine.", "+91 90000 00001")

			w.click("Edit")
			w.fill("Name", "Priya Agarwal-Rao")
			d.Must(t, chitra, `mutation { updatePatient(id: 1, input: {phone: "9000000002", bloodGroup: O_NEGATIVE}) { id } }`, nil)
			w.shows("Somebody else has just changed this record.", "Changed meanwhile: 9000000001 → 9000000002", "Changed meanwhile: A+ → O−")
			if got := eval[string](w, labelled("Name")+".value"); got != "Priya Agarwal-Rao" {
				t.Errorf("what was typed is %q", got)
			}
			w.photograph("live")
			w.run(phone)
			w.photograph("live-phone")
			w.run(desk)
			w.click("Save")
			w.at("/admin/patients/1")
			w.shows("Saved.", "Priya Agarwal-Rao", "+91 90000 00002", "O−")

			w.click("Doctors")
			w.shows("Dr. Arjun Sharma")
			d.Must(t, chitra, `mutation { updateDoctor(id: 1, input: {name: "Dr. A. Sharma"}) { id } }`, nil)
			w.shows("Dr. A. Sharma")

			// The connection is lost, and comes back.
			w.click("Patients")
			w.shows("12 patients")
			d.breakSockets(t)
			d.Must(t, chitra, `mutation { updatePatient(id: 1, input: {name: "Priya Rao"}) { id } }`, nil)
			w.shows("Priya Rao")
			w.follows()

			// Removed from the clinic, nothing of it is there any more.
			d.Must(t, asha, `mutation { updateMember(userId: 2, role: ADMIN) { id } }`, nil)
			d.Must(t, chitra, `mutation { removeMember(userId: 1) }`, nil)
			w.lacks("Priya Rao")

			// In Hindi, after another sign-in.
			w.click("Sign out")
			w.signIn("chitra")
			w.click("Patients")
			w.shows("12 patients")
			w.follows()
			w.click("हिन्दी")
			w.shows("मरीज़")
			w.run(chromedp.Navigate(d.URL + "/admin/patients/2/edit"))
			w.shows("सहेजें")
			w.follows()
			d.Must(t, chitra, `mutation { updatePatient(id: 2, input: {address: "12 Hill Road, Pune"}) { id } }`, nil)
			w.shows("किसी और ने अभी यह रिकॉर्ड बदला है।")
			w.photograph("live-hindi")
		})
	}
}
