// The list of patients, and the form of one.
import { Failure, gql, refused, request } from "./api.js";
import { h, icon, rows } from "./dom.js";
import { form } from "./form.js";
import { age, birth, blood, call, dayOf, line, name, phone, readDate, readNumber, typedDate } from "./format.js";
import { list } from "./list.js";
import { chartDocument, home, mayAll } from "./patient.js";
import { store } from "./record.js";
import { t } from "./text.js";
import { drafts, link } from "./view.js";

const listDocument = gql`
	query PatientList($first: Int, $after: Cursor, $last: Int, $before: Cursor, $filter: PatientFilter, $orderBy: PatientOrder, $similar: PatientFilter, $named: Boolean!) {
		patients(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
			totalCount
			pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
			nodes { ...row }
		}
		similar: patients(first: 10, filter: $similar, orderBy: {field: NAME}) @include(if: $named) { nodes { ...row } }
	}
	fragment row on Patient { id name dateOfBirth birthDateEstimated age gender bloodGroup phone createdAt doctors { id name } }`;

const createDocument = gql`
	mutation CreatePatient($input: CreatePatientInput!) { createPatient(input: $input) { id } }`;

const updateDocument = gql`
	mutation UpdatePatient($id: ID!, $input: UpdatePatientInput!, $version: Int) { updatePatient(id: $id, input: $input, expectedVersion: $version) { id } }`;

const duplicatesDocument = gql`
	query PossibleDuplicates($name: String!, $dateOfBirth: Date, $ageYears: Int, $phone: String, $email: String) {
		possibleDuplicates(name: $name, dateOfBirth: $dateOfBirth, ageYears: $ageYears, phone: $phone, email: $email, first: 10) {
			reasons
			patient { id name dateOfBirth birthDateEstimated age phone clinic { id } }
		}
	}`;

const pause = 250; // milliseconds after a key until duplicates are looked for

/** @returns {Option[]} */
const genders = () => [["FEMALE", t("FEMALE")], ["MALE", t("MALE")], ["OTHER", t("OTHER")]];

/** @type {Option[]} */
const groups = ["A", "B", "AB", "O"].flatMap((type) => [type + "_POSITIVE", type + "_NEGATIVE"]).map((group) => [group, blood(group)]);

list("cg-patients", {
	path: "/patients", heading: "patients", search: "searchPatients", counted: "patientCount",
	columns: [
		{ label: "name", order: "NAME", class: "main", cell: (p) => link("/patients/" + p.id, p.name) },
		{ label: "age", order: "DATE_OF_BIRTH", cell: (p) => [age(p), !p.birthDateEstimated && h("small", birth(p))] },
		{ label: "gender", cell: (p) => t(p.gender) },
		{ label: "bloodGroup", cell: (p) => (p.bloodGroup ? blood(p.bloodGroup) : "–") },
		{ label: "phone", class: "line", cell: (p) => call(p.phone) },
		{ label: "doctorsNow", cell: (p) => p.doctors.map((/** @type {any} */ d) => d.name).join(", ") || h("span.tag.alert", t("none")) },
		{ label: "recorded", order: "CREATED_AT", cell: (p) => dayOf(p.createdAt) },
	],
	filters: () => [
		{ name: "gender", label: "gender", options: genders() },
		{ name: "blood", label: "bloodGroup", options: groups },
		{ name: "assigned", label: "doctorsNow", options: [["true", t("withDoctor")], ["false", t("unassigned")]] },
	],
	actions: () => [link("/patients/deleted", { class: "button" }, t("deletedRecords")), link("/patients/new", { class: "button primary" }, t("newPatient"))],
	async read(page, { q, gender, blood, assigned }, signal) {
		const filter = { gender, bloodGroup: blood, assigned: assigned && assigned === "true" }, soundsLike = name(q);
		const data = await request(listDocument, { ...page, filter: { ...filter, search: q }, similar: { ...filter, soundsLike }, named: !!soundsLike }, signal);
		return { ...data.patients, similar: data.similar };
	},
});

/** When somebody was born, of a form: by a day, or else by an age. @param {Record<string, string>} values */
const born = (values) => values.ageYears.trim() && !values.dateOfBirth.trim() ? { ageYears: readNumber(values.ageYears) } : { dateOfBirth: readDate(values.dateOfBirth) };

/** Looks for patients who may be the one of the form, when enough of it was typed. @param {Record<string, string> | undefined} values @param {View} v */
function look(values, v) {
	const { state } = v;
	clearTimeout(state.waiting);
	state.looking?.abort();
	state.looked = undefined;
	if (!values?.name) return;
	const { name, phone, email } = values, { dateOfBirth: day, ageYears } = /** @type {any} */ (born(values));
	const dateOfBirth = /^\d{4}-\d\d-\d\d$/.test(day) ? day : undefined;
	/** @param {any[]} found */
	const show = (found) => {
		state.found = found;
		v.draw();
	};
	if (!name.trim() || !(phone.trim() || dateOfBirth || typeof ageYears === "number")) return show([]);
	let done = () => {};
	state.looked = new Promise((resolve) => (done = () => resolve(undefined)));
	state.waiting = setTimeout(async () => {
		const { signal } = (state.looking = new AbortController());
		const variables = { name, phone, email, dateOfBirth, ageYears: typeof ageYears === "number" ? ageYears : undefined };
		/** @type {any[]} */
		let found = [];
		try {
			found = (await request(duplicatesDocument, variables, signal)).possibleDuplicates;
		} catch (error) {
			if (!(error instanceof Failure) && !signal.aborted) throw error;
		}
		if (!signal.aborted && v.isConnected) show(found.filter(({ patient: { id }, reasons: [first, second] }) => id !== v.ids[0] && (second || first !== "SIMILAR_NAME")).slice(0, 5).map(({ patient, reasons }) => ({ ...patient, reasons })));
		done();
	}, pause);
}

/** What may be changed of a patient of another clinic, by how it is seen. @type {Record<string, string[]>} */
const theirs = { TREATING: ["bloodGroup", "emergencyContact", "medicalHistory"], SELF: ["phone", "email", "emergencyContact", "address"] };

/** @param {any} p @param {string} name of a field */
const mayChange = (p, name) => !p.seenAs || mayAll(p) || theirs[p.seenAs].includes(name);

/** @param {any} p @returns {Field[]} */
const fields = (p) => /** @type {Field[]} */ ([
	{ name: "name", label: "name", value: p.name, wide: true },
	{ name: "dateOfBirth", label: "dateOfBirth", value: typedDate(p.dateOfBirth), hint: "dateHint" },
	{ name: "ageYears", label: "orAge", value: p.ageYears, hint: "ageHint" },
	{ name: "phone", label: "phone", type: "tel", value: p.phone, hint: "phoneHint" },
	{ name: "email", label: "email", type: "email", value: p.email, hint: "optional" },
	{ name: "gender", label: "gender", type: "radio", value: p.gender, options: genders() },
	{ name: "bloodGroup", label: "bloodGroup", type: "select", value: p.bloodGroup, options: [["", t("notKnown")], ...groups] },
	{ name: "emergencyContact", label: "emergencyContact", value: p.emergencyContact, hint: "optional", wide: true },
	{ name: "address", label: "address", type: "area", value: p.address, wide: true },
	{ name: "medicalHistory", label: "medicalHistory", type: "area", value: p.medicalHistory, hint: "optional", wide: true },
]).filter(({ name }) => mayChange(p, name));

form("cg-patient-form", {
	heading: (v) => t(v.ids[0] ? "editPatient" : "newPatient"),
	back: (v) => v.data?.id ? ["/patients/" + v.data.id, v.data.name] : home(),
	async load(v, signal) {
		const [id] = v.ids, patient = id && (await request(chartDocument, { id }, signal)).patient;
		const data = patient?.birthDateEstimated ? { ...patient, dateOfBirth: null, ageYears: String(patient.age) } : patient ?? {};
		look(drafts.get(location.pathname) ?? Object.fromEntries(fields(data).map(({ name, value }) => [name, value ?? ""])), v);
		return data;
	},
	fields,
	oninput: look,
	beside: ({ data, state: { found } }) => h("div", { role: "status" }, found?.[0] && h("section.found",
		h("h2", icon("warn"), t(data?.id ? "perhapsTwice" : "perhapsThere")),
		rows("ul.people", found, (p) => [
			h("div", h("strong", p.name), h("small", line(age(p), !p.birthDateEstimated && birth(p), phone(p.phone))), h("small", line(...p.reasons.map((/** @type {Key} */ r) => t(r))))),
			data?.id ? mayAll(data) && p.clinic.id === data.clinic.id && link(`/patients/${data.id}/merge/${p.id}`, { class: "button" }, t("merge"))
				: link("/patients/" + p.id, { class: "button", onclick: () => drafts.delete(location.pathname) }, t("openInstead"))]))),
	async save(values, v) {
		const optional = ["email", "bloodGroup", "emergencyContact", "medicalHistory"].filter((name) => name in values);
		if (!("name" in values)) return store(v, "/patients", values, optional, createDocument, updateDocument);
		const { ageYears, dateOfBirth, ...rest } = values, when = /** @type {any} */ (born(values));
		if (typeof when.ageYears === "string") throw refused("ageYears", t("notWhole"));
		if (ageYears.trim() && dateOfBirth.trim()) throw refused("ageYears", t("dateOrAge"));
		if (!values.gender) {
			const blank = ["name", "phone", "address"].filter((name) => !values[name].trim()).map((name) => refused(name, "This field may not be blank."));
			throw new Failure("BAD_USER_INPUT", [...blank, refused("gender", t("chooseGender"))].flatMap(({ faults }) => faults));
		}
		const { state } = v, known = state.found?.[0];
		await state.looked; // a quick hand is told, too
		if (state.found?.[0] && !known && !v.ids[0]) throw refused("", t("lookFirst"));
		await store(v, "/patients", { ...rest, ...when }, optional, createDocument, updateDocument);
	},
});
