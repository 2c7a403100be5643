package clinic_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"caregraph/internal/store"
	"caregraph/internal/storetest"
	"caregraph/test/harness"
)

// outcomes has what each of the callers, separated by blanks, gets; "*" stands for
// everybody else who is signed in. An outcome is the data of the reply, or its failures
// with a blank between.
type outcomes map[string]string

const (
	nobodys   = harness.NotFound
	forbidden = harness.Forbidden
)

// reads are queries of every kind, and what each caller gets.
var reads = []struct {
	document string
	want     outcomes
}{
	{`{ patients(orderBy: {field: NAME}) { totalCount nodes { name seenAs } } }`, outcomes{
		"asha chitra": `{"patients":{"totalCount":4,"nodes":[{"name":"Arjun","seenAs":"CLINIC"},{"name":"Bela","seenAs":"CLINIC"},{"name":"Chirag","seenAs":"CLINIC"},{"name":"Devi","seenAs":"CLINIC"}]}}`,
		"rohan":       `{"patients":{"totalCount":1,"nodes":[{"name":"Arjun","seenAs":"TREATING"}]}}`,
		"arjun":       `{"patients":{"totalCount":1,"nodes":[{"name":"Arjun","seenAs":"SELF"}]}}`,
		"bina":        `{"patients":{"totalCount":2,"nodes":[{"name":"Bela","seenAs":"SELF"},{"name":"Chirag","seenAs":"SELF"}]}}`,
		"om":          `{"patients":{"totalCount":1,"nodes":[{"name":"Omkar","seenAs":"CLINIC"}]}}`,
		"esha":        `{"patients":{"totalCount":1,"nodes":[{"name":"Omkar","seenAs":"TREATING"}]}}`,
		"tara":        `{"patients":{"totalCount":5,"nodes":[{"name":"Arjun","seenAs":"STAFF"},{"name":"Bela","seenAs":"STAFF"},{"name":"Chirag","seenAs":"STAFF"},{"name":"Devi","seenAs":"STAFF"},{"name":"Omkar","seenAs":"STAFF"}]}}`,
		"*":           `{"patients":{"totalCount":0,"nodes":[]}}`,
	}},
	{`{ patients(first: 0) { totalCount } }`, counts("patients", "asha chitra: 4, bina: 2, rohan arjun om esha: 1, tara: 5")},
	{`{ patients(last: 1, orderBy: {field: CREATED_AT}) { totalCount } }`, counts("patients", "asha chitra: 4, bina: 2, rohan arjun om esha: 1, tara: 5")},
	{`{ patients(first: 0, filter: {search: "arju"}) { totalCount } }`, counts("patients", "asha chitra rohan arjun tara: 1")},
	{`{ patients(first: 0, filter: {search: "98765 43210"}) { totalCount } }`, counts("patients", "asha chitra: 4, bina: 2, rohan arjun om esha: 1, tara: 5")},
	{`{ patients(filter: {search: "bela"}, orderBy: {field: NAME}) { totalCount } }`, counts("patients", "asha chitra bina tara: 1")},
	{`{ patients(first: 0, filter: {soundsLike: "Arjunn"}) { totalCount } }`, counts("patients", "asha chitra rohan arjun tara: 1")},
	{`{ patients(first: 0, filter: {assigned: true}) { totalCount } }`, counts("patients", "asha chitra rohan arjun om esha: 1, tara: 2")},
	{`{ patients(first: 0, filter: {assigned: false}) { totalCount } }`, counts("patients", "asha chitra tara: 3, bina: 2")},
	{`query($dRao: ID!) { patients(first: 0, filter: {doctorId: $dRao}) { totalCount } }`, counts("patients", "asha chitra rohan arjun om esha: 1, tara: 2")},
	{`{ patients(first: 0, filter: {seenAs: CLINIC}) { totalCount } }`, counts("patients", "asha chitra: 4, om: 1")},
	{`{ patients(first: 0, filter: {seenAs: TREATING}) { totalCount } }`, counts("patients", "rohan esha: 1")},
	{`{ patients(first: 0, filter: {seenAs: SELF}) { totalCount } }`, counts("patients", "arjun: 1, bina: 2")},
	{`{ patients(first: 0, filter: {seenAs: STAFF}) { totalCount } }`, counts("patients", "tara: 5")},
	{`query($pArjun: ID!) { patient(id: $pArjun) { name seenAs clinic { name } account { username } createdBy { username email phone } } }`, outcomes{
		"asha":   `{"patient":{"name":"Arjun","seenAs":"CLINIC","clinic":{"name":"City"},"account":{"username":"arjun"},"createdBy":{"username":"asha","email":"asha@example.com","phone":"9123456780"}}}`,
		"chitra": `{"patient":{"name":"Arjun","seenAs":"CLINIC","clinic":{"name":"City"},"account":{"username":"arjun"},"createdBy":{"username":"asha","email":"asha@example.com","phone":null}}}`,
		"rohan":  `{"patient":{"name":"Arjun","seenAs":"TREATING","clinic":{"name":"City"},"account":null,"createdBy":{"username":"asha","email":"asha@example.com","phone":null}}}`,
		"arjun":  `{"patient":{"name":"Arjun","seenAs":"SELF","clinic":{"name":"City"},"account":{"username":"arjun"},"createdBy":{"username":"asha","email":"asha@example.com","phone":null}}}`,
		"tara":   `{"patient":{"name":"Arjun","seenAs":"STAFF","clinic":{"name":"City"},"account":{"username":"arjun"},"createdBy":{"username":"asha","email":"asha@example.com","phone":"9123456780"}}}`,
		"*":      nobodys,
	}},
	{`query($pDevi: ID!) { patient(id: $pDevi) { name createdBy { username clinicRole clinic { name } } } }`, outcomes{ // by a colleague of before
		"asha chitra": `{"patient":{"name":"Devi","createdBy":{"username":"ravi","clinicRole":null,"clinic":null}}}`,
		"tara":        `{"patient":{"name":"Devi","createdBy":{"username":"ravi","clinicRole":"ADMIN","clinic":{"name":"ravi"}}}}`,
		"*":           nobodys,
	}},
	{`query($pArjun: ID!) { patient(id: $pArjun) { doctors { name } mappings { isActive notes doctor { name } createdBy { username } } } }`, outcomes{
		"asha chitra rohan tara": `{"patient":{"doctors":[{"name":"Dr. Rao"}],"mappings":[{"isActive":false,"notes":"Notes of mShah","doctor":{"name":"Dr. Shah"},"createdBy":{"username":"asha"}},{"isActive":true,"notes":"Notes of mRao","doctor":{"name":"Dr. Rao"},"createdBy":{"username":"asha"}}]}}`,
		"arjun":                  `{"patient":{"doctors":[{"name":"Dr. Rao"}],"mappings":[{"isActive":false,"notes":null,"doctor":{"name":"Dr. Shah"},"createdBy":{"username":"asha"}},{"isActive":true,"notes":null,"doctor":{"name":"Dr. Rao"},"createdBy":{"username":"asha"}}]}}`,
		"*":                      nobodys,
	}},
	{`query($pArjun: ID!) { patient(id: $pArjun) { version history { totalCount nodes { version kind actor { username email phone } changes { field before } } } } }`, outcomes{
		"asha":   `{"patient":{"version":2,"history":{"totalCount":2,"nodes":[{"version":2,"kind":"UPDATE","actor":{"username":"arjun","email":"arjun@example.com","phone":null},"changes":[{"field":"accountId","before":"null"}]},{"version":1,"kind":"CREATE","actor":{"username":"asha","email":"asha@example.com","phone":"9123456780"},"changes":[]}]}}}`,
		"tara":   `{"patient":{"version":2,"history":{"totalCount":2,"nodes":[{"version":2,"kind":"UPDATE","actor":{"username":"arjun","email":"arjun@example.com","phone":null},"changes":[{"field":"accountId","before":"null"}]},{"version":1,"kind":"CREATE","actor":{"username":"asha","email":"asha@example.com","phone":"9123456780"},"changes":[]}]}}}`,
		"chitra": `{"patient":{"version":2,"history":{"totalCount":2,"nodes":[{"version":2,"kind":"UPDATE","actor":{"username":"arjun","email":"arjun@example.com","phone":null},"changes":[{"field":"accountId","before":"null"}]},{"version":1,"kind":"CREATE","actor":{"username":"asha","email":"asha@example.com","phone":null},"changes":[]}]}}}`,
		"arjun":  `{"patient":{"version":2,"history":{"totalCount":2,"nodes":[{"version":2,"kind":"UPDATE","actor":{"username":"arjun","email":"arjun@example.com","phone":null},"changes":[{"field":"accountId","before":"null"}]},{"version":1,"kind":"CREATE","actor":{"username":"asha","email":"asha@example.com","phone":null},"changes":[]}]}}}`,
		"rohan":  `{"patient":{"version":2,"history":{"totalCount":0,"nodes":[]}}}`,
		"*":      nobodys,
	}},
	{`query($pArjun: ID!, $asha: ID!) { patient(id: $pArjun) { accessLog(first: 1, actions: [CREATE], userId: $asha) { totalCount nodes { seenAs patientIds actor { username email phone } } } } }`, outcomes{
		"asha":         `{"patient":{"accessLog":{"totalCount":1,"nodes":[{"seenAs":"CLINIC","patientIds":["$pArjun"],"actor":{"username":"asha","email":"asha@example.com","phone":"9123456780"}}]}}}`,
		"tara":         `{"patient":{"accessLog":{"totalCount":1,"nodes":[{"seenAs":"CLINIC","patientIds":["$pArjun"],"actor":{"username":"asha","email":"asha@example.com","phone":"9123456780"}}]}}}`,
		"chitra arjun": `{"patient":{"accessLog":{"totalCount":1,"nodes":[{"seenAs":"CLINIC","patientIds":[],"actor":{"username":"asha","email":"asha@example.com","phone":null}}]}}}`,
		"rohan":        `{"patient":{"accessLog":{"totalCount":0,"nodes":[]}}}`,
		"*":            nobodys,
	}},
	{`query($pArjun: ID!) { accessLog(filter: {patientId: $pArjun, actions: [CREATE]}) { totalCount nodes { actor { username } } } }`, outcomes{
		"asha tara": `{"accessLog":{"totalCount":1,"nodes":[{"actor":{"username":"asha"}}]}}`,
		"*":         `{"accessLog":{"totalCount":0,"nodes":[]}}`,
	}},
	{`query($asha: ID!) { user(id: $asha) { activity(first: 1) { nodes { actor { username } } } } }`, outcomes{
		"asha tara":               `{"user":{"activity":{"nodes":[{"actor":{"username":"asha"}}]}}}`,
		"chitra arjun rohan bina": `{"user":{"activity":{"nodes":[]}}}`,
		"*":                       nobodys,
	}},
	{`query($mRao: ID!) { mapping(id: $mRao) { version history { totalCount nodes { kind actor { username } changes { field before after } } } } }`, outcomes{
		"asha chitra tara": `{"mapping":{"version":2,"history":{"totalCount":2,"nodes":[{"kind":"UPDATE","actor":{"username":"asha"},"changes":[{"field":"notes","before":"null","after":"\"Notes of mRao\""}]},{"kind":"CREATE","actor":{"username":"asha"},"changes":[]}]}}}`,
		"rohan arjun":      `{"mapping":{"version":2,"history":{"totalCount":0,"nodes":[]}}}`,
		"*":                nobodys,
	}},
	{`query($dRao: ID!) { doctor(id: $dRao) { version history { totalCount nodes { kind actor { username } } } } }`, outcomes{
		"asha chitra rohan arjun bina tara": `{"doctor":{"version":1,"history":{"totalCount":1,"nodes":[{"kind":"CREATE","actor":{"username":"asha"}}]}}}`,
		"*":                                 `{"doctor":{"version":1,"history":{"totalCount":1,"nodes":[{"kind":"CREATE","actor":null}]}}}`,
	}},
	{`query($mRao: ID!) { mapping(id: $mRao) { notes patient { name seenAs } } }`, outcomes{
		"asha chitra": `{"mapping":{"notes":"Notes of mRao","patient":{"name":"Arjun","seenAs":"CLINIC"}}}`,
		"rohan":       `{"mapping":{"notes":"Notes of mRao","patient":{"name":"Arjun","seenAs":"TREATING"}}}`,
		"arjun":       `{"mapping":{"notes":null,"patient":{"name":"Arjun","seenAs":"SELF"}}}`,
		"tara":        `{"mapping":{"notes":"Notes of mRao","patient":{"name":"Arjun","seenAs":"STAFF"}}}`,
		"*":           nobodys,
	}},
	{`query($mShah: ID!) { mapping(id: $mShah) { notes } }`, outcomes{
		"asha chitra rohan tara": `{"mapping":{"notes":"Notes of mShah"}}`,
		"arjun":                  `{"mapping":{"notes":null}}`,
		"*":                      nobodys,
	}},
	{`{ mappings(first: 0) { totalCount } }`, counts("mappings", "asha chitra rohan arjun: 2, om esha: 1, tara: 3")},
	{`{ mappings(first: 0, filter: {search: "arjun"}) { totalCount } }`, counts("mappings", "asha chitra rohan arjun tara: 2")},
	{`query($pArjun: ID!) { mappings(first: 0, filter: {patientId: $pArjun}) { totalCount } }`, counts("mappings", "asha chitra rohan arjun tara: 2")},
	{`{ mappings(last: 1) { nodes { notes } } }`, outcomes{
		"asha chitra rohan tara": `{"mappings":{"nodes":[{"notes":"Notes of mRao"}]}}`,
		"arjun":                  `{"mappings":{"nodes":[{"notes":null}]}}`,
		"om esha":                `{"mappings":{"nodes":[{"notes":"Notes of mOm"}]}}`,
		"*":                      `{"mappings":{"nodes":[]}}`,
	}},
	{`query($dRao: ID!) { doctor(id: $dRao) { account { username } patients { totalCount nodes { name } } mappings { totalCount nodes { notes } } } }`, outcomes{
		"asha chitra": `{"doctor":{"account":{"username":"rohan"},"patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]},"mappings":{"totalCount":1,"nodes":[{"notes":"Notes of mRao"}]}}}`,
		"rohan":       `{"doctor":{"account":null,"patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]},"mappings":{"totalCount":1,"nodes":[{"notes":"Notes of mRao"}]}}}`,
		"arjun":       `{"doctor":{"account":null,"patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]},"mappings":{"totalCount":1,"nodes":[{"notes":null}]}}}`,
		"om":          `{"doctor":{"account":{"username":"esha"},"patients":{"totalCount":1,"nodes":[{"name":"Omkar"}]},"mappings":{"totalCount":1,"nodes":[{"notes":"Notes of mOm"}]}}}`,
		"esha":        `{"doctor":{"account":null,"patients":{"totalCount":1,"nodes":[{"name":"Omkar"}]},"mappings":{"totalCount":1,"nodes":[{"notes":"Notes of mOm"}]}}}`,
		"tara":        `{"doctor":{"account":null,"patients":{"totalCount":2,"nodes":[{"name":"Omkar"},{"name":"Arjun"}]},"mappings":{"totalCount":2,"nodes":[{"notes":"Notes of mOm"},{"notes":"Notes of mRao"}]}}}`,
		"*":           `{"doctor":{"account":null,"patients":{"totalCount":0,"nodes":[]},"mappings":{"totalCount":0,"nodes":[]}}}`,
	}},
	{`query($dRao: ID!) { doctor(id: $dRao) { patients(first: 0, filter: {seenAs: TREATING}) { totalCount } } }`, outcomes{
		"rohan esha": `{"doctor":{"patients":{"totalCount":1}}}`, "*": `{"doctor":{"patients":{"totalCount":0}}}`,
	}},
	{`query($dRao: ID!) { doctor(id: $dRao) { patients(filter: {seenAs: CLINIC}) { totalCount nodes { name } } } }`, outcomes{
		"asha chitra": `{"doctor":{"patients":{"totalCount":1,"nodes":[{"name":"Arjun"}]}}}`,
		"om":          `{"doctor":{"patients":{"totalCount":1,"nodes":[{"name":"Omkar"}]}}}`,
		"*":           `{"doctor":{"patients":{"totalCount":0,"nodes":[]}}}`,
	}},
	{`{ doctors(orderBy: {field: NAME}) { nodes { name patients(filter: {search: "a"}) { totalCount } } } }`, outcomes{
		"asha chitra rohan arjun om esha": `{"doctors":{"nodes":[{"name":"Dr. Rao","patients":{"totalCount":1}},{"name":"Dr. Shah","patients":{"totalCount":0}}]}}`,
		"tara":                            `{"doctors":{"nodes":[{"name":"Dr. Rao","patients":{"totalCount":2}},{"name":"Dr. Shah","patients":{"totalCount":0}}]}}`,
		"*":                               `{"doctors":{"nodes":[{"name":"Dr. Rao","patients":{"totalCount":0}},{"name":"Dr. Shah","patients":{"totalCount":0}}]}}`,
	}},
	{`{ possibleDuplicates(name: "Arjuna Rao", email: "family@example.com", first: 10) { patient { name } } }`, outcomes{
		"asha chitra": `{"possibleDuplicates":[{"patient":{"name":"Devi"}},{"patient":{"name":"Chirag"}},{"patient":{"name":"Bela"}},{"patient":{"name":"Arjun"}}]}`,
		"rohan arjun": `{"possibleDuplicates":[{"patient":{"name":"Arjun"}}]}`,
		"bina":        `{"possibleDuplicates":[{"patient":{"name":"Chirag"}},{"patient":{"name":"Bela"}}]}`,
		"om esha":     `{"possibleDuplicates":[{"patient":{"name":"Omkar"}}]}`,
		"tara":        `{"possibleDuplicates":[{"patient":{"name":"Omkar"}},{"patient":{"name":"Devi"}},{"patient":{"name":"Chirag"}},{"patient":{"name":"Bela"}},{"patient":{"name":"Arjun"}}]}`,
		"*":           `{"possibleDuplicates":[]}`,
	}},
	{`{ specializationStats { activePatientCount } }`, outcomes{
		"asha chitra rohan arjun om esha": `{"specializationStats":[{"activePatientCount":1}]}`,
		"tara":                            `{"specializationStats":[{"activePatientCount":2}]}`,
		"*":                               `{"specializationStats":[{"activePatientCount":0}]}`,
	}},
	{`{ users(orderBy: {field: USERNAME}) { nodes { username } } }`, outcomes{
		"asha chitra": users("arjun asha bina chitra ravi rohan sunil"),
		"ravi":        users("ravi"),
		"rohan":       users("asha rohan"),
		"sunil":       users("sunil"),
		"esha":        users("esha om"),
		"arjun":       users("arjun asha"),
		"bina":        users("asha bina chitra"),
		"om":          users("esha om"),
		"sita":        users("sita"),
		"tara":        users("arjun asha bina chitra esha om ravi rohan sita sunil tara"),
	}},
	{`{ viewer { phone email clinicRole } }`, outcomes{
		"asha":   `{"viewer":{"phone":"9123456780","email":"asha@example.com","clinicRole":"ADMIN"}}`,
		"chitra": `{"viewer":{"phone":null,"email":"chitra@example.com","clinicRole":"MEMBER"}}`,
		"ravi":   own("ravi"), "rohan": own("rohan"), "sunil": own("sunil"), "esha": own("esha"), "arjun": own("arjun"),
		"bina": own("bina"), "om": own("om"), "sita": own("sita"), "tara": own("tara"),
	}},
	{`{ users(first: 0, filter: {search: "91234"}) { totalCount } }`, counts("users", "asha tara: 1")}, // the phone number of Asha
	{`{ users(first: 0, filter: {search: "asha@ex"}) { totalCount } }`, counts("users", "asha chitra rohan arjun bina tara: 1")},
	{`query($chitra: ID!) { user(id: $chitra) { username email phone clinicRole clinic { name } records { name } practices { id } patients { nodes { name } } } }`, outcomes{
		"asha chitra": `{"user":{"username":"chitra","email":"chitra@example.com","phone":null,"clinicRole":"MEMBER","clinic":{"name":"City"},"records":[],"practices":[],"patients":{"nodes":[{"name":"Chirag"}]}}}`,
		"bina":        `{"user":{"username":"chitra","email":"chitra@example.com","phone":null,"clinicRole":null,"clinic":null,"records":[],"practices":[],"patients":{"nodes":[{"name":"Chirag"}]}}}`,
		"tara":        `{"user":{"username":"chitra","email":"chitra@example.com","phone":null,"clinicRole":"MEMBER","clinic":{"name":"City"},"records":[],"practices":[],"patients":{"nodes":[{"name":"Chirag"}]}}}`,
		"*":           nobodys,
	}},
	{`query($bina: ID!) { user(id: $bina) { username records { name } } }`, outcomes{
		"asha chitra tara bina": `{"user":{"username":"bina","records":[{"name":"Chirag"},{"name":"Bela"}]}}`,
		"*":                     nobodys,
	}},
	{`query($rohan: ID!) { user(id: $rohan) { username practices { doctor { name } clinic { name } } } }`, outcomes{
		"asha chitra tara rohan": `{"user":{"username":"rohan","practices":[{"doctor":{"name":"Dr. Rao"},"clinic":{"name":"City"}}]}}`,
		"*":                      nobodys,
	}},
	{`{ viewer { records { name } practices { doctor { name } clinic { name } } clinic { name members { totalCount } invitations { patient { name } createdBy { username } } } } }`, outcomes{
		"asha chitra": `{"viewer":{"records":[],"practices":[],"clinic":{"name":"City","members":{"totalCount":2},"invitations":[{"patient":{"name":"Devi"},"createdBy":{"username":"asha"}}]}}}`,
		"ravi":        alone("ravi", `"records":[],"practices":[]`),
		"rohan":       alone("rohan", `"records":[],"practices":[{"doctor":{"name":"Dr. Rao"},"clinic":{"name":"City"}}]`),
		"sunil":       alone("sunil", `"records":[],"practices":[{"doctor":{"name":"Dr. Shah"},"clinic":{"name":"City"}}]`),
		"esha":        alone("esha", `"records":[],"practices":[{"doctor":{"name":"Dr. Rao"},"clinic":{"name":"om"}}]`),
		"arjun":       alone("arjun", `"records":[{"name":"Arjun"}],"practices":[]`),
		"bina":        alone("bina", `"records":[{"name":"Chirag"},{"name":"Bela"}],"practices":[]`),
		"om":          alone("om", `"records":[],"practices":[]`),
		"sita":        alone("sita", `"records":[],"practices":[]`),
		"tara":        alone("tara", `"records":[],"practices":[]`),
	}},
	{`query($pArjun: ID!) { patient(id: $pArjun) { clinic { members { totalCount nodes { username clinicRole } } invitations { expiresAt: __typename } } } }`, outcomes{
		"asha chitra tara": `{"patient":{"clinic":{"members":{"totalCount":2,"nodes":[{"username":"chitra","clinicRole":"MEMBER"},{"username":"asha","clinicRole":"ADMIN"}]},"invitations":[{"expiresAt":"Invitation"}]}}}`,
		"rohan arjun":      `{"patient":{"clinic":{"members":{"totalCount":0,"nodes":[]},"invitations":[]}}}`,
		"*":                nobodys,
	}},
	{`{ viewer { patients(orderBy: {field: NAME}) { totalCount nodes { name } } } }`, outcomes{
		"asha":   `{"viewer":{"patients":{"totalCount":2,"nodes":[{"name":"Arjun"},{"name":"Bela"}]}}}`,
		"chitra": `{"viewer":{"patients":{"totalCount":1,"nodes":[{"name":"Chirag"}]}}}`,
		"om":     `{"viewer":{"patients":{"totalCount":1,"nodes":[{"name":"Omkar"}]}}}`,
		"*":      `{"viewer":{"patients":{"totalCount":0,"nodes":[]}}}`,
	}},
	{`query($code: String!) { invitation(code: $code) { clinicName patientName patientsBrought } }`, outcomes{
		"*": `{"invitation":{"clinicName":"City","patientName":"Devi","patientsBrought":0}}`, // who has the code has the right
	}},
}

// changes are mutations of every kind, and what each caller gets.
var changes = []struct {
	document string
	want     outcomes
}{
	{`mutation($pArjun: ID!) { updatePatient(id: $pArjun, input: {name: "Arjuna"}) { name } }`, outcomes{
		"asha chitra tara": `{"updatePatient":{"name":"Arjuna"}}`, "rohan arjun": "FORBIDDEN:name", "*": nobodys,
	}},
	{`mutation($pArjun: ID!) { updatePatient(id: $pArjun, input: {medicalHistory: "Asthma"}) { medicalHistory } }`, outcomes{
		"asha chitra tara rohan": `{"updatePatient":{"medicalHistory":"Asthma"}}`, "arjun": "FORBIDDEN:medicalHistory", "*": nobodys,
	}},
	{`mutation($pArjun: ID!) { updatePatient(id: $pArjun, input: {bloodGroup: A_POSITIVE}) { bloodGroup } }`, outcomes{
		"asha chitra tara rohan": `{"updatePatient":{"bloodGroup":"A_POSITIVE"}}`, "arjun": "FORBIDDEN:bloodGroup", "*": nobodys,
	}},
	{`mutation($pArjun: ID!) { updatePatient(id: $pArjun, input: {phone: "98765 00000", email: "arjun@example.com", address: "Pune"}) { phone email address } }`, outcomes{
		"asha chitra tara arjun": `{"updatePatient":{"phone":"9876500000","email":"arjun@example.com","address":"Pune"}}`,
		"rohan":                  "FORBIDDEN:address FORBIDDEN:email FORBIDDEN:phone", "*": nobodys,
	}},
	{`mutation($pArjun: ID!) { updatePatient(id: $pArjun, input: {emergencyContact: "Meera"}) { emergencyContact } }`, outcomes{
		"asha chitra tara arjun rohan": `{"updatePatient":{"emergencyContact":"Meera"}}`, "*": nobodys,
	}},
	{ // a record that is sent whole, with one change
		`mutation($pArjun: ID!) { updatePatient(id: $pArjun, input: {name: "Arjun", email: "family@example.com", phone: "9876500000", dateOfBirth: "1990-05-15", address: "12 MG Road, Pune", gender: FEMALE, bloodGroup: null, medicalHistory: null}) { phone } }`,
		outcomes{"asha chitra tara arjun": `{"updatePatient":{"phone":"9876500000"}}`, "rohan": "FORBIDDEN:phone", "*": nobodys},
	},
	{`mutation($pArjun: ID!) { updatePatient(id: $pArjun, input: {ageYears: 30}) { age } }`, outcomes{
		"asha chitra tara": `{"updatePatient":{"age":30}}`, "rohan arjun": "FORBIDDEN:birthDateEstimated FORBIDDEN:dateOfBirth", "*": nobodys,
	}},
	{`mutation($pBela: ID!) { updatePatient(id: $pBela, input: {gender: MALE}) { gender } }`, outcomes{
		"asha chitra tara": `{"updatePatient":{"gender":"MALE"}}`, "bina": "FORBIDDEN:gender", "*": nobodys,
	}},
	{`mutation($pArjun: ID!) { updatePatient(id: $pArjun, input: {}) { name } }`, outcomes{
		"asha chitra tara rohan arjun": `{"updatePatient":{"name":"Arjun"}}`, "*": nobodys,
	}},
	{`mutation($pArjun: ID!) { deletePatient(id: $pArjun) }`, outcomes{
		"asha chitra tara": `{"deletePatient":"$pArjun"}`, "rohan arjun": forbidden, "*": nobodys,
	}},
	{`mutation($pArjun: ID!, $dShah: ID!) { assignDoctor(input: {patientId: $pArjun, doctorId: $dShah}) { isActive } }`, outcomes{
		"asha chitra tara": `{"assignDoctor":{"isActive":true}}`, "rohan arjun": "FORBIDDEN:patientId", "*": "NOT_FOUND:patientId",
	}},
	{`mutation($mRao: ID!) { updateMapping(id: $mRao, notes: "Better") { notes } }`, outcomes{
		"asha chitra tara rohan": `{"updateMapping":{"notes":"Better"}}`, "arjun": "FORBIDDEN:notes", "*": nobodys,
	}},
	{`mutation($mShah: ID!) { updateMapping(id: $mShah, notes: "Better") { notes } }`, outcomes{ // another doctor's
		"asha chitra tara": `{"updateMapping":{"notes":"Better"}}`, "rohan arjun": "FORBIDDEN:notes", "*": nobodys,
	}},
	{`mutation($mRao: ID!) { updateMapping(id: $mRao) { notes } }`, outcomes{ // which changes nothing
		"asha chitra tara rohan": `{"updateMapping":{"notes":"Notes of mRao"}}`, "arjun": "FORBIDDEN:notes", "*": nobodys,
	}},
	{`mutation($mRao: ID!) { unassignDoctor(id: $mRao) { isActive } }`, outcomes{
		"asha chitra tara": `{"unassignDoctor":{"isActive":false}}`, "rohan arjun": forbidden, "*": nobodys,
	}},
	{`mutation { createPatient(input: {name: "New", phone: "9876543210", ageYears: 3, address: "Pune", gender: OTHER}) { seenAs createdBy { username } } }`, outcomes{
		"asha": made("asha"), "chitra": made("chitra"), "ravi": made("ravi"), "rohan": made("rohan"), "sunil": made("sunil"), "esha": made("esha"),
		"arjun": made("arjun"), "bina": made("bina"), "om": made("om"), "sita": made("sita"), "tara": made("tara"),
	}},
	{`mutation($dRao: ID!) { deleteDoctor(id: $dRao) }`, outcomes{"tara": `{"deleteDoctor":"$dRao"}`, "*": harness.Conflict}},
	{`mutation($dShah: ID!) { deleteDoctor(id: $dShah) }`, outcomes{"*": `{"deleteDoctor":"$dShah"}`}},
	{`mutation { updateClinic(name: "Town") { name } }`, outcomes{"chitra": forbidden, "*": `{"updateClinic":{"name":"Town"}}`}},
	{`mutation($pBela: ID!, $pChirag: ID!) { mergePatients(keepId: $pBela, duplicateId: $pChirag) { name account { username } } }`, outcomes{
		"asha chitra tara": `{"mergePatients":{"name":"Bela","account":{"username":"bina"}}}`, "bina": forbidden, "*": "NOT_FOUND:keepId NOT_FOUND:duplicateId",
	}},
	{`mutation($pArjun: ID!) { erasePatient(id: $pArjun, reason: "Asked for") { patientId items { left } } }`, outcomes{
		"tara": `{"erasePatient":{"patientId":"$pArjun","items":[{"left":0},{"left":0},{"left":0},{"left":0}]}}`, "*": forbidden,
	}},
	{`mutation { inviteMember(role: ADMIN) { invitation { role } } }`, outcomes{"chitra": forbidden, "*": `{"inviteMember":{"invitation":{"role":"ADMIN"}}}`}},
	{`mutation($dRao: ID!) { inviteDoctor(doctorId: $dRao) { invitation { doctor { name } } } }`, outcomes{
		"asha chitra om": harness.Conflict, "*": `{"inviteDoctor":{"invitation":{"doctor":{"name":"Dr. Rao"}}}}`, // to a clinic of their own
	}},
	{`mutation { inviteDoctor(doctorId: 987654321) { code } }`, outcomes{"*": "NOT_FOUND:doctorId"}},
	{`mutation($pDevi: ID!) { invitePatient(patientId: $pDevi) { invitation { patient { name } } } }`, outcomes{
		"asha chitra tara": `{"invitePatient":{"invitation":{"patient":{"name":"Devi"}}}}`, "*": "NOT_FOUND:patientId",
	}},
	{`mutation($pArjun: ID!) { invitePatient(patientId: $pArjun) { code } }`, outcomes{
		"asha chitra tara": harness.Conflict, "rohan arjun": "FORBIDDEN:patientId", "*": "NOT_FOUND:patientId",
	}},
	{`mutation($invitation: ID!) { revokeInvitation(id: $invitation) }`, outcomes{
		"asha chitra tara": `{"revokeInvitation":"$invitation"}`, "*": nobodys,
	}},
	{`mutation($code: String!) { acceptInvitation(code: $code) { records { name } } }`, outcomes{ // who has the code has the right
		"arjun": `{"acceptInvitation":{"records":[{"name":"Devi"},{"name":"Arjun"}]}}`,
		"bina":  `{"acceptInvitation":{"records":[{"name":"Devi"},{"name":"Chirag"},{"name":"Bela"}]}}`,
		"*":     `{"acceptInvitation":{"records":[{"name":"Devi"}]}}`,
	}},
	{`mutation($chitra: ID!) { updateMember(userId: $chitra, role: ADMIN) { clinicRole phone } }`, outcomes{
		"asha tara": `{"updateMember":{"clinicRole":"ADMIN","phone":null}}`, "chitra": forbidden, "*": nobodys,
	}},
	{`mutation($asha: ID!) { updateMember(userId: $asha, role: MEMBER) { clinicRole } }`, outcomes{
		"asha": harness.Conflict, "chitra": forbidden, "*": nobodys,
	}},
	{`mutation($chitra: ID!) { removeMember(userId: $chitra) }`, outcomes{
		"asha": `{"removeMember":"$chitra"}`, "chitra": "BAD_USER_INPUT:userId", "*": nobodys,
	}},
	{`mutation($asha: ID!) { removeMember(userId: $asha) }`, outcomes{
		"asha": "BAD_USER_INPUT:userId", "chitra": forbidden, "*": nobodys,
	}},
	{`mutation { leaveClinic { clinicRole clinic { name members { totalCount } } patients { totalCount } } }`, outcomes{
		"chitra": `{"leaveClinic":{"clinicRole":"ADMIN","clinic":{"name":"chitra","members":{"totalCount":1}},"patients":{"totalCount":0}}}`, "*": harness.Conflict,
	}},
	{`mutation($dRao: ID!) { removeAccount(doctorId: $dRao) }`, outcomes{"asha chitra om": `{"removeAccount":true}`, "*": nobodys}},
	{`mutation($dRao: ID!, $city: ID!) { removeAccount(doctorId: $dRao, clinicId: $city) }`, outcomes{"asha chitra rohan tara": `{"removeAccount":true}`, "*": nobodys}},
	{`mutation($pArjun: ID!) { removeAccount(patientId: $pArjun) }`, outcomes{
		"asha chitra arjun tara": `{"removeAccount":true}`, "rohan": "FORBIDDEN:accountId", "*": nobodys,
	}},
	{`mutation($pArjun: ID!, $dRao: ID!) { removeAccount(patientId: $pArjun, doctorId: $dRao) }`, outcomes{"*": "BAD_USER_INPUT"}},
}

// counts returns the outcomes of a query for a count: those of "callers: n, …", and 0.
func counts(list, of string) outcomes {
	want := outcomes{"*": fmt.Sprintf(`{%q:{"totalCount":0}}`, list)}
	for part := range strings.SplitSeq(of, ", ") {
		callers, n, _ := strings.Cut(part, ": ")
		want[callers] = fmt.Sprintf(`{%q:{"totalCount":%s}}`, list, n)
	}
	return want
}

func users(names string) string {
	return `{"users":{"nodes":[{"username":"` + strings.ReplaceAll(names, " ", `"},{"username":"`) + `"}]}}`
}

func alone(name, records string) string {
	return `{"viewer":{` + records + `,"clinic":{"name":"` + name + `","members":{"totalCount":1},"invitations":[]}}}`
}

func own(name string) string {
	return `{"viewer":{"phone":null,"email":"` + name + `@example.com","clinicRole":"ADMIN"}}`
}

func made(by string) string {
	return `{"createPatient":{"seenAs":"CLINIC","createdBy":{"username":"` + by + `"}}}`
}

// of returns what the caller gets.
func (o outcomes) of(t *testing.T, caller string) string {
	t.Helper()
	if caller == "anonymous" {
		return harness.Unauthenticated
	}
	for callers, want := range o {
		if slices.Contains(strings.Fields(callers), caller) {
			return want
		}
	}
	want, ok := o["*"]
	if !ok {
		t.Fatalf("there is no outcome for %s", caller)
	}
	return want
}

// TestAccess asks everything as everybody. What reads like nothing to somebody who may
// not see it reads so to the byte.
func TestAccess(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		ask := func(document string, want outcomes) {
			for _, caller := range everybody {
				c, want := w.callers[caller], want.of(t, caller)
				variables := w.variables(document)
				for name, id := range variables {
					want = strings.ReplaceAll(want, "$"+name, fmt.Sprint(id))
				}
				reply := w.Query(t, c, document, variables)
				if strings.HasPrefix(want, "{") {
					if reply != `{"data":`+want+`}` {
						t.Errorf("%s, %s\ngot  %s\nwant %s", caller, document, reply, want)
					}
				} else if got := strings.Join(harness.Failures(t, reply), " "); got != want {
					t.Errorf("%s, %s\ngot  %s\nwant %s", caller, document, reply, want)
				}
				if strings.HasPrefix(want, harness.NotFound) && !strings.Contains(document, "987654321") {
					absent := map[string]any{}
					for name := range variables {
						if absent[name] = 987654321; strings.HasPrefix(name, "d") {
							absent[name] = variables[name] // doctors are there for everybody
						}
					}
					if same := w.Query(t, c, document, absent); same != reply {
						t.Errorf("%s, %s\na foreign record reads %s\nnone reads          %s", caller, document, reply, same)
					}
				}
				if strings.HasPrefix(document, "mutation") {
					w.Reset(t)
				}
			}
		}
		for _, row := range reads {
			ask(row.document, row.want)
		}
		for _, row := range changes {
			ask(row.document, row.want)
		}
	})
}

// TestShortLists walks the patients of a way that are counted while they are read: every page
// tells how many there are, from either end.
func TestShortLists(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		bina := w.callers["bina"]
		page := `query($after: Cursor) { patients(first: 1, after: $after, filter: {seenAs: SELF}) { totalCount pageInfo { hasNextPage endCursor } nodes { name } } }`
		var in struct {
			Data struct {
				Patients struct {
					PageInfo struct{ EndCursor string }
				}
			}
		}
		w.Read(t, bina, page, nil, &in)
		cursor := in.Data.Patients.PageInfo.EndCursor
		w.Expect(t, "the first", bina, page, nil, `{"data":{"patients":{"totalCount":2,"pageInfo":{"hasNextPage":true,"endCursor":"`+cursor+`"},"nodes":[{"name":"Chirag"}]}}}`)
		w.Read(t, bina, page, map[string]any{"after": cursor}, &in)
		w.Expect(t, "the second", bina, page, map[string]any{"after": cursor}, `{"data":{"patients":{"totalCount":2,"pageInfo":{"hasNextPage":false,"endCursor":"`+in.Data.Patients.PageInfo.EndCursor+`"},"nodes":[{"name":"Bela"}]}}}`)
		w.Expect(t, "from the end", bina, `{ patients(last: 1, filter: {seenAs: SELF}) { totalCount nodes { name } } }`, nil, `{"data":{"patients":{"totalCount":2,"nodes":[{"name":"Bela"}]}}}`)
	})
}

// TestAccessREST asks every route of a record as everybody.
func TestAccessREST(t *testing.T) {
	whole := `{"name":"%s","email":"family@example.com","phone":"%s","date_of_birth":"1990-05-15","address":"12 MG Road, Pune","gender":"female"}`
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, harness.New(t, db))
		for _, row := range []struct{ request, body, want string }{
			{"GET /api/patients/$pArjun/", "", "200: asha chitra rohan arjun tara, 404"},
			{"PATCH /api/patients/$pArjun/", `{"name":"Arjuna"}`, "200: asha chitra tara, 403: rohan arjun, 404"},
			{"PATCH /api/patients/$pArjun/", `{"medical_history":"Asthma"}`, "200: asha chitra tara rohan, 403: arjun, 404"},
			{"PUT /api/patients/$pArjun/", fmt.Sprintf(whole, "Arjun", "9876500000"), "200: asha chitra tara arjun, 403: rohan, 404"},
			{"PUT /api/patients/$pArjun/", fmt.Sprintf(whole, "Arjuna", "9876543210"), "200: asha chitra tara, 403: rohan arjun, 404"},
			{"DELETE /api/patients/$pArjun/", "", "204: asha chitra tara, 403: rohan arjun, 404"},
			{"GET /api/mappings/$pArjun/", "", "200: asha chitra rohan arjun tara, 404"},
			{"POST /api/mappings/", `{"patient":$pArjun,"doctor":$dShah}`, "201: asha chitra tara, 403: rohan arjun, 400"},
			{"DELETE /api/mappings/$mRao/", "", "204: asha chitra tara, 403: rohan arjun, 404"},
			{"DELETE /api/doctors/$dRao/", "", "204: tara, 409"},
		} {
			for _, caller := range everybody {
				fill := func(s string) string {
					for _, name := range []string{"pArjun", "dShah", "dRao", "mRao"} {
						s = strings.ReplaceAll(s, "$"+name, fmt.Sprint(w.ids[name]))
					}
					return s
				}
				want := "401"
				if caller != "anonymous" {
					for part := range strings.SplitSeq(row.want, ", ") {
						status, callers, some := strings.Cut(part, ": ")
						if want = status; some && slices.Contains(strings.Fields(callers), caller) {
							break
						}
					}
				}
				method, path, _ := strings.Cut(fill(row.request), " ")
				status, reply := w.Send(t, method, path, w.callers[caller].Token, fill(row.body))
				if fmt.Sprint(status) != want {
					t.Errorf("%s, %s %s: %d %s, want %s", caller, row.request, row.body, status, reply, want)
				}
				if status >= 400 && strings.Contains(reply, "Arjun") || caller == "arjun" && strings.Contains(reply, "Notes") {
					t.Errorf("%s, %s: %s", caller, row.request, reply)
				}
				if method != "GET" {
					w.Reset(t)
				}
			}
		}
		for _, caller := range everybody[:11] {
			_, patients := w.Send(t, "GET", "/api/patients/", w.callers[caller].Token, "")
			_, mappings := w.Send(t, "GET", "/api/mappings/", w.callers[caller].Token, "")
			for _, name := range []string{"Arjun", "Bela", "Chirag", "Devi", "Omkar"} {
				seen := strings.Contains(reads[0].want.of(t, caller), name)
				if strings.Contains(patients, name) != seen || strings.Contains(mappings, name) != (seen && (name == "Arjun" || name == "Omkar")) {
					t.Errorf("%s lists\n%s\n%s", caller, patients, mappings)
				}
			}
			if caller == "arjun" && strings.Contains(mappings, "Notes") {
				t.Errorf("the patient reads notes: %s", mappings)
			}
		}
	})
}
