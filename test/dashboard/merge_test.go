package dashboard_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
)

// TestDashboardMeanwhile changes records while somebody else has a form of them open: what
// was changed is told field by field, and stays unless it is overwritten on purpose.
func TestDashboardMeanwhile(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDashboard(t, db)
		asha, chitra := d.Register(t, "asha"), d.Register(t, "chitra")
		d.clinic(t, asha)
		d.Join(t, chitra, asha, "MEMBER")
		w := d.open(t, "/admin/patients/1/edit")
		w.signIn("asha")
		w.fill("Name", "Priya Agarwal-Rao")
		w.fill("Address", "7 Lake Road, Pune")
		d.Must(t, chitra, `mutation { updatePatient(id: 1, input: {phone: "9000000001", address: "12 Hill Road, Pune", bloodGroup: O_NEGATIVE, gender: OTHER, emergencyContact: null}) { id } }`, nil)
		w.click("Save")
		w.shows("Somebody else changed this record meanwhile.", "Changed meanwhile: 9123456780 → 9000000001", "→ 12 Hill Road, Pune", "Changed meanwhile: A+ → O−",
			"Changed meanwhile: Female → Other or not told", "Changed meanwhile: Rahul Agarwal, 91234 56791 → None")
		for label, value := range map[string]string{"Name": "Priya Agarwal-Rao", "Phone": "9000000001", "Address": "7 Lake Road, Pune", "Blood group": "O_NEGATIVE", "Emergency contact": ""} {
			if got := eval[string](w, labelled(label)+".value"); got != value {
				t.Errorf("%s is %q, want %q", label, got, value)
			}
		}
		if got := eval[string](w, `document.querySelector("[name=gender]:checked").value`); got != "OTHER" {
			t.Errorf("the gender is %s", got)
		}
		w.photograph("meanwhile")
		w.run(phone)
		w.photograph("meanwhile-phone")
		w.run(desk)

		// What was typed stays when the form is left and opened again, and what changed is still told.
		w.click("Patients")
		w.shows("12 patients")
		d.Must(t, chitra, `mutation { updatePatient(id: 1, input: {phone: "9000000002"}) { id } }`, nil)
		eval[bool](w, `(history.back(), true)`)
		w.shows("Changed meanwhile: 9123456780 → 9000000002", "→ 12 Hill Road, Pune")
		w.click("Save")
		w.at("/admin/patients/1")
		w.shows("Saved.", "Priya Agarwal-Rao", "+91 90000 00002", "7 Lake Road, Pune", "O−")

		// A note, and a deletion.
		w.click("Note on Dr. Rajesh Kumar")
		d.Must(t, chitra, `mutation { updateMapping(id: 10, notes: "X-ray is fine.") { id } }`, nil)
		w.fill("Notes", "Physiotherapy")
		w.click("Save")
		w.shows("Somebody else changed this record meanwhile.", "Changed meanwhile: Knee pain; X-ray in two weeks. → X-ray is fine.")
		w.click("Save")
		w.shows("Saved.", "Physiotherapy")
		w.click("Delete")
		d.Must(t, chitra, `mutation { updatePatient(id: 1, input: {name: "Priya Rao"}) { id } }`, nil)
		w.fill("Type the name to confirm: Priya Agarwal-Rao", "Priya Agarwal-Rao")
		w.click("Delete")
		w.shows("Somebody else changed this record meanwhile.")
		w.click("Cancel")
		w.shows("Priya Rao")

		// A field that has the focus, and nothing typed in it, has what it is now.
		phone := func(number string) {
			d.Must(t, chitra, `mutation($n: String!) { updatePatient(id: 1, input: {phone: $n}) { id } }`, map[string]any{"n": number})
		}
		w.run(chromedp.Navigate(d.URL + "/admin/patients/1/edit"))
		w.fill("Name", "Priya A. Rao")
		phone("9000000003")
		eval[bool](w, `(`+labelled("Phone")+`.focus(), `+labelled("Phone")+`.form.requestSubmit(), true)`)
		w.shows("Somebody else changed this record meanwhile.", "Changed meanwhile: 9000000002 → 9000000003")
		if got := eval[string](w, labelled("Phone")+".value"); got != "9000000003" {
			t.Errorf("the phone that has the focus is %q", got)
		}

		// What was shown and not typed is nobody's, also if it is changed back.
		w.fill("Name", "Priya B. Rao")
		phone("9000000002")
		w.click("Patients")
		w.shows("12 patients")
		eval[bool](w, `(history.back(), true)`)
		w.shows("Changed meanwhile: 9000000003 → 9000000002")
		if got := eval[string](w, labelled("Phone")+".value"); got != "9000000002" {
			t.Errorf("the phone that was changed back is %q", got)
		}
		w.click("Save")
		w.at("/admin/patients/1")
		w.shows("Saved.", "Priya B. Rao", "+91 90000 00002")

		// A doctor; in Hindi.
		w.click("हिन्दी")
		w.shows("मरीज़")
		w.run(chromedp.Navigate(d.URL + "/admin/doctors/1/edit"))
		w.fill("अनुभव (वर्ष)", "12")
		d.Must(t, chitra, `mutation { updateDoctor(id: 1, input: {name: "Dr. A. Sharma", experienceYears: 11}) { id } }`, nil)
		w.click("सहेजें")
		w.shows("किसी और ने इस बीच यह रिकॉर्ड बदला है।", "इस बीच बदला गया: 5 → 11", "इस बीच बदला गया: Dr. Arjun Sharma → Dr. A. Sharma")
		w.photograph("meanwhile-hindi")
		w.click("सहेजें")
		w.shows("सहेजा गया।", "Dr. A. Sharma", "12 वर्ष का अनुभव")
	})
}

// TestDashboardMerge makes two records of one patient one, undoes that, and erases.
func TestDashboardMerge(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDashboard(t, db)
		asha := d.Register(t, "asha")
		d.Staff(t, "admin")
		d.clinic(t, asha)
		d.Must(t, asha, `mutation { createPatient(input: {name: "Pria Agarwal", phone: "9123456780", dateOfBirth: "1952-01-03", address: "5 Station Road, Pune", gender: FEMALE, email: "pria@example.com"}) { id } assignDoctor(input: {patientId: 13, doctorId: 5}) { id } updatePatient(id: 1, input: {medicalHistory: ""}) { id } }`, nil)
		w := d.open(t, "/admin/patients/13/edit")
		w.signIn("asha")
		w.shows("Perhaps recorded twice", "Priya Agarwal", "same phone")
		w.lacks("Open this record instead")
		w.click("Merge")
		w.at("/admin/patients/13/merge/1")
		w.shows("One patient, two records", "Record 13 stays. Record 1 becomes part of it")
		w.click("Keep record 1 instead")
		w.at("/admin/patients/1/merge/13")
		w.shows("Record 1 stays. Record 13 becomes part of it", "Pria Agarwal", "5 Station Road, Pune", "pria@example.com")
		w.lacks("Gender")
		w.shows("Not asked yet")
		if got := eval[string](w, `document.querySelector("[name=MEDICAL_HISTORY]:checked").value`); got != "" {
			t.Errorf("that there is no medical history is not kept, but %q", got)
		}
		w.photograph("merge")
		w.run(phone)
		w.photograph("merge-phone")
		w.run(desk)
		w.click("5 Station Road, Pune")
		w.click("pria@example.com")
		d.Must(t, asha, `mutation { updatePatient(id: 13, input: {address: "6 Station Road, Pune"}) { id } }`, nil)
		w.click("Merge")
		w.shows("Somebody else changed this record meanwhile.", "6 Station Road, Pune")
		w.click("Merge")
		w.at("/admin/patients/1")
		w.shows("Merged.", "Priya Agarwal", "6 Station Road, Pune", "pria@example.com", "Dr. Sanjay Gupta", "Dr. Rajesh Kumar")
		w.run(chromedp.Navigate(d.URL + "/admin/patients/13"))
		w.at("/admin/patients/1")
		w.shows("That record became part of this one.", "Priya Agarwal")
		w.click("Changes and access")
		w.shows("Merged", "Merged with", "#13", "→ 6 Station Road, Pune")
		w.click("हिन्दी")
		w.shows("इससे मिलाया")
		w.run(chromedp.Navigate(d.URL + "/admin/patients/deleted"))
		w.shows("अब रिकॉर्ड 1 का हिस्सा")
		w.photograph("merged-hindi")
		w.click("लौटाएँ · Pria Agarwal")
		w.at("/admin/patients/13")
		w.shows("Pria Agarwal", "Dr. Sanjay Gupta")
		w.click("English")
		w.shows("Changes and access")
		w.run(chromedp.Navigate(d.URL + "/admin/patients/1"))
		w.shows("priya.agarwal@example.com")
		w.lacks("Dr. Sanjay Gupta")
		w.click("Changes and access")
		w.shows("Who looked")
		w.lacks("Erase data")

		other := d.open(t, "/admin/patients/1/trail")
		other.signIn("admin")
		other.click("Erase data")
		other.shows("Erase the data of Priya Agarwal?")
		other.photograph("erase")
		other.fill("Type the name to confirm: Priya Agarwal", "Priya Agarwal")
		other.click("Erase data")
		other.shows("Please fill this in.")
		other.fill("Reason", "Asked for by letter")
		other.click("Erase data")
		other.at("/admin/patients")
		other.shows("Erased.", "12 patients")
		other.click("Deleted")
		other.shows("Nothing was deleted lately.")
	})
}
