// The list of patients, and the form of one.
import { gql, request } from "./api.js";
import { h } from "./dom.js";
import { form } from "./form.js";
import { blood, date, dayOf, phone, readDate, readSearch, typedDate } from "./format.js";
import { list } from "./list.js";
import { chartDocument } from "./patient.js";
import { store } from "./record.js";
import { count, t } from "./text.js";
import { link } from "./view.js";

const listDocument = gql`
	query PatientList($first: Int, $after: Cursor, $last: Int, $before: Cursor, $filter: PatientFilter, $orderBy: PatientOrder) {
		patients(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
			totalCount
			pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
			nodes { id name dateOfBirth age gender bloodGroup phone createdAt doctors { id name } }
		}
	}`;

const createDocument = gql`
	mutation CreatePatient($input: CreatePatientInput!) { createPatient(input: $input) { id } }`;

const updateDocument = gql`
	mutation UpdatePatient($id: ID!, $input: UpdatePatientInput!) { updatePatient(id: $id, input: $input) { id } }`;

/** @returns {Option[]} */
const genders = () => [["FEMALE", t("FEMALE")], ["MALE", t("MALE")], ["OTHER", t("OTHER")]];

/** @type {Option[]} */
const groups = ["A", "B", "AB", "O"].flatMap((type) => [type + "_POSITIVE", type + "_NEGATIVE"]).map((group) => [group, blood(group)]);

list("cg-patients", {
	path: "/patients", heading: "patients", search: "searchPatients", counted: "patientCount",
	columns: [
		{ label: "name", order: "NAME", class: "main", cell: (p) => link("/patients/" + p.id, p.name) },
		{ label: "age", order: "DATE_OF_BIRTH", cell: (p) => [count("years", p.age), h("small", date(p.dateOfBirth))] },
		{ label: "gender", cell: (p) => t(p.gender) },
		{ label: "bloodGroup", cell: (p) => (p.bloodGroup ? blood(p.bloodGroup) : "–") },
		{ label: "phone", class: "line", cell: (p) => phone(p.phone) },
		{ label: "doctorsNow", cell: (p) => p.doctors.map((/** @type {any} */ d) => d.name).join(", ") || h("span.tag.alert", t("none")) },
		{ label: "recorded", order: "CREATED_AT", cell: (p) => dayOf(p.createdAt) },
	],
	filters: () => [
		{ name: "gender", label: "gender", options: genders() },
		{ name: "blood", label: "bloodGroup", options: groups },
		{ name: "assigned", label: "doctorsNow", options: [["true", t("withDoctor")], ["false", t("unassigned")]] },
	],
	actions: () => [link("/patients/new", { class: "button primary" }, t("newPatient"))],
	async read(page, { q, gender, blood, assigned }, signal) {
		const filter = { search: readSearch(q), gender, bloodGroup: blood, assigned: assigned && assigned === "true" };
		return (await request(listDocument, { ...page, filter }, signal)).patients;
	},
});

form("cg-patient-form", {
	heading: (v) => t(v.ids[0] ? "editPatient" : "newPatient"),
	back: (v) => v.data?.id ? ["/patients/" + v.data.id, v.data.name] : ["/patients", t("patients")],
	load: async ({ ids: [id] }, signal) => (id ? (await request(chartDocument, { id }, signal)).patient : {}),
	fields: (p) => [
		{ name: "name", label: "name", value: p.name, wide: true },
		{ name: "dateOfBirth", label: "dateOfBirth", value: typedDate(p.dateOfBirth), hint: "dateHint" },
		{ name: "gender", label: "gender", type: "radio", value: p.gender ?? "OTHER", options: genders() },
		{ name: "phone", label: "phone", type: "tel", value: p.phone, hint: "phoneHint" },
		{ name: "email", label: "email", type: "email", value: p.email },
		{ name: "bloodGroup", label: "bloodGroup", type: "select", value: p.bloodGroup, options: [["", t("notKnown")], ...groups] },
		{ name: "emergencyContact", label: "emergencyContact", value: p.emergencyContact, hint: "optional" },
		{ name: "address", label: "address", type: "area", value: p.address, wide: true },
		{ name: "medicalHistory", label: "medicalHistory", type: "area", value: p.medicalHistory, hint: "optional", wide: true },
	],
	save: (values, v) => store(v, "/patients", { ...values, dateOfBirth: readDate(values.dateOfBirth) },
		["bloodGroup", "emergencyContact", "medicalHistory"], createDocument, updateDocument),
});
