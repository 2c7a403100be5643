package dashboard_test

import (
	"strconv"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// TestDashboardDesk registers who is there already, finds people as a desk does, and
// records who knows neither birth date nor e-mail address.
func TestDashboardDesk(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDashboard(t, db)
		asha := d.Register(t, "asha")
		d.clinic(t, asha)
		w := d.open(t, "/admin/patients")
		w.signIn("asha")
		w.shows("12 patients")

		// By a part of a name in any order, and Enter opens the only match.
		w.fill("Name, phone or e-mail", "menon lak")
		w.press(kb.Enter)
		w.at("/admin/patients/6")
		w.shows("Lakshmi Menon", "History of care")
		if ring := eval[string](w, `document.activeElement.localName + " " + getComputedStyle(document.activeElement).outlineStyle`); ring != "h1 none" {
			t.Errorf("the focus is on %q, want a heading without a ring", ring)
		}
		if call := eval[string](w, `document.querySelector("a[href^='tel:']").outerHTML`); call != `<a href="tel:+919123507285">+91 91235 07285</a>` {
			t.Errorf("the phone number is %s", call)
		}

		// In another spelling or script it is below the matches, and Enter opens nothing.
		w.click("Patients")
		for _, typed := range []string{"Laxmi", "लक्ष्मी मेनन"} {
			w.fill("Name, phone or e-mail", typed)
			w.shows("Nothing matches.", "Similar names", "Lakshmi Menon")
		}
		w.press(kb.Enter)
		w.fill("Name, phone or e-mail", "९१२३५ ०७२८५")
		w.shows("1 patient", "Lakshmi Menon")
		w.lacks("Similar names")
		w.fill("Name, phone or e-mail", "7285")
		w.shows("1 patient", "Lakshmi Menon")
		w.until(`(() => { const a = document.querySelector("td a[href^='tel:']"), r = a.getBoundingClientRect(); return document.elementFromPoint(r.x + 5, r.y + 5) === a; })()`) // not the link of the row

		// Who is there already: told before it is stored, and opened instead.
		w.click("New patient")
		w.fill("Name", "Laxmi Menon")
		w.fill("E-mail", "laxmi@example.com")
		w.lacks("Perhaps recorded already")
		w.fill("Phone", "+91 91235-07285")
		w.shows("Perhaps recorded already", "Lakshmi Menon", "same phone · similar name", "49 years")
		w.click("Open this record instead")
		w.at("/admin/patients/6")
		w.click("Patients")
		w.shows("12 patients")

		// A quick hand is told, too, and records another one all the same.
		w.click("New patient")
		w.until(labelled("Name") + `?.value === ""`)
		w.fill("Name", "Tara Bose")
		w.click("Female")
		w.fill("Or age in years", "30")
		w.fill("Address", "Pune")
		w.fill("Phone", "9123547689")
		eval[bool](w, `document.querySelector("form .primary").click() ?? true`)
		w.shows("Perhaps recorded already", "Save again to record another patient.")
		w.at("/admin/patients/new")
		w.click("Cancel")
		w.shows("12 patients")

		// A twin is recorded all the same, of whom only the age is known.
		w.click("New patient")
		w.until(labelled("Name") + `?.value === ""`) // what was typed is gone with the record that was opened
		w.fill("Name", "Lakshmi Menon")
		w.fill("Or age in years", "४९")
		w.shows("Perhaps recorded already", "same name · same age")
		w.fill("Phone", "+977 9841234567")
		w.click("Female")
		w.fill("Address", "Kochi")
		w.click("Save")
		w.at("/admin/patients/13")
		w.shows("about 49 years", "Female", "about "+strconv.Itoa(harness.Today().Year()-49), "+9779841234567", "E-mail\nNot known")
		w.click("Edit")
		w.until(labelled("Or age in years") + `?.value === "49"`)
		w.until(labelled("Date of birth") + `?.value === ""`)
		w.fill("Date of birth", "1/2/1977")
		w.click("Save")
		w.shows("Give the date of birth or the age, not both.")
		w.fill("Or age in years", "")
		w.click("Save")
		w.shows("1 February 1977")
		w.lacks("about")

		// In Hindi.
		w.click("हिन्दी")
		w.click("मरीज़")
		w.fill("नाम, फ़ोन या ई-मेल", "लक्ष्मी")
		w.shows("मिलते-जुलते नाम", "Lakshmi Menon")
	})
}
