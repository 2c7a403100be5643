package dashboard_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// TestDashboardTrail looks at what was changed and who looked, sets a record back, and
// brings a deleted one back.
func TestDashboardTrail(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDashboard(t, db)
		asha, chitra := d.Register(t, "asha"), d.Register(t, "chitra")
		d.clinic(t, asha)
		d.Join(t, chitra, asha, "MEMBER")
		d.Must(t, chitra, `mutation { updatePatient(id: 1, input: {name: "Pria Agarwal", phone: "9000000001", bloodGroup: O_NEGATIVE, medicalHistory: ""}) { id } }`, nil)
		w := d.open(t, "/admin/patients/1")
		w.signIn("asha")
		w.shows("Pria Agarwal")
		w.click("Changes and access")
		w.at("/admin/patients/1/trail")
		w.shows("Changes", "chitra", "Priya Agarwal → Pria Agarwal", "→ +91 90000 00001", "→ O−", "→ None", "Recorded", "Who looked", "Looked", "of the clinic", "127.0.0.1")
		w.photograph("trail")
		w.run(chromedp.EmulateViewport(390, 844))
		w.photograph("trail-phone")
		w.run(desk)
		eval[bool](w, `([...document.querySelectorAll(".timeline li")].find((li) => li.innerText.includes("Rahul Agarwal")).querySelector("button").click(), true)`)
		w.shows("Set Pria Agarwal back?")
		w.click("Set back")
		w.shows("Saved.", "Pria Agarwal → Priya Agarwal")

		w.run(chromedp.Navigate(d.URL + "/admin/patients/1"))
		w.shows("History of care", "Type 2 diabetes since 2014.")
		w.click("Delete")
		w.fill("Type the name to confirm: Priya Agarwal", "Priya Agarwal")
		w.click("Delete")
		w.shows("11 patients")
		w.click("Deleted")
		w.at("/admin/patients/deleted")
		w.shows("Deleted records can be brought back", "Priya Agarwal")
		w.photograph("deleted")
		w.click("Bring back · Priya Agarwal")
		w.at("/admin/patients/1")
		w.shows("Brought back.", "Priya Agarwal", "Dr. Rajesh Kumar", "Dr. Kavya Reddy")
		w.click("हिन्दी")
		w.click("बदलाव और पहुँच")
		w.shows("किसने देखा", "लौटाया", "हटाया", "क्लिनिक से")
		w.photograph("trail-hindi")
		w.run(chromedp.Navigate(d.URL + "/admin/patients/deleted"))
		w.shows("हाल में कुछ नहीं हटाया गया।")
	})
}
