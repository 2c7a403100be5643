// The directory of doctors, one doctor, and the form of one.
import { gql, refused, request } from "./api.js";
import { h, rows } from "./dom.js";
import { form } from "./form.js";
import { age, blood, line, name, number, readNumber, rupees } from "./format.js";
import { account } from "./invite.js";
import { list } from "./list.js";
import { details, reach, remover, store } from "./record.js";
import { count, t } from "./text.js";
import { define, link } from "./view.js";

const listDocument = gql`
	query DoctorList($first: Int, $after: Cursor, $last: Int, $before: Cursor, $filter: DoctorFilter, $orderBy: DoctorOrder, $similar: DoctorFilter, $named: Boolean!) {
		doctors(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
			totalCount
			pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
			nodes { ...row }
		}
		similar: doctors(first: 10, filter: $similar) @include(if: $named) { nodes { ...row } }
		specializationStats { specialization }
	}
	fragment row on Doctor { id name specialization experienceYears consultationFee availability patients(first: 0) { totalCount } }`;

const readDocument = gql`
	query DoctorRecord($id: ID!) {
		doctor(id: $id) {
			id version account { username } name email phone specialization licenseNumber experienceYears consultationFee address availability
			patients(first: 50, orderBy: {field: NAME}) { totalCount nodes { id name age birthDateEstimated bloodGroup } }
		}
	}`;

const createDocument = gql`
	mutation CreateDoctor($input: CreateDoctorInput!) { createDoctor(input: $input) { id } }`;

const updateDocument = gql`
	mutation UpdateDoctor($id: ID!, $input: UpdateDoctorInput!, $version: Int) { updateDoctor(id: $id, input: $input, expectedVersion: $version) { id } }`;

const inviteDocument = gql`
	mutation InviteDoctor($id: ID!) { inviteDoctor(doctorId: $id) { code } }`;

const removeAccountDocument = gql`
	mutation RemoveDoctorAccount($id: ID!) { removeAccount(doctorId: $id) }`;

const deleteDocument = gql`
	mutation DeleteDoctor($id: ID!, $version: Int) { deleteDoctor(id: $id, expectedVersion: $version) }`;

/** The specializations of the directory, as last read. @type {string[]} */
let known = [];

list("cg-doctors", {
	path: "/doctors", heading: "doctors", search: "searchDoctors", counted: "doctorCount",
	columns: [
		{ label: "name", order: "NAME", class: "main", cell: (d) => link("/doctors/" + d.id, d.name) },
		{ label: "specialization", cell: (d) => d.specialization },
		{ label: "experience", order: "EXPERIENCE_YEARS", cell: (d) => count("years", d.experienceYears) },
		{ label: "fee", order: "CONSULTATION_FEE", class: "line", cell: (d) => rupees(d.consultationFee) },
		{ label: "availability", cell: (d) => d.availability || "–" },
		{ label: "caseload", cell: (d) => number(d.patients.totalCount) },
	],
	filters: () => [
		{ name: "specialization", label: "specialization", options: known.map((s) => [s, s]) },
		{ name: "years", label: "experience", options: ["5", "10", "15", "20"].map((n) => [n, t("atLeastYears", n)]) },
		{ name: "fee", label: "fee", options: ["500", "1000", "1500", "2000"].map((n) => [n, t("upTo", rupees(n))]) },
	],
	actions: () => [link("/doctors/new", { class: "button primary" }, t("newDoctor"))],
	async read(page, { q, specialization, years, fee }, signal) {
		const filter = { specialization, minExperienceYears: years && Number(years), maxConsultationFee: fee }, soundsLike = name(q);
		const data = await request(listDocument, { ...page, filter: { ...filter, search: q }, similar: { ...filter, soundsLike }, named: !!soundsLike }, signal);
		known = data.specializationStats.map((/** @type {any} */ s) => s.specialization).sort();
		return { ...data.doctors, similar: data.similar };
	},
});

define("cg-doctor", {
	heading: (v) => v.data?.name ?? t("doctor"),
	back: () => ["/doctors", t("doctors")],
	load: async (v, signal) => (await request(readDocument, { id: v.ids[0] }, signal)).doctor,
	actions: (d, v) => d ? [link(`/doctors/${d.id}/edit`, { class: "button" }, t("edit")), remover(v, "/doctors", t("deleteText"), deleteDocument)] : [],
	content(d, v) {
		const { totalCount, nodes } = d.patients;
		return [
			h("p.summary", line(d.specialization, count("experienceYears", d.experienceYears), rupees(d.consultationFee))),
			h("div.columns",
				details([[t("availability"), d.availability], ...reach(d.phone, d.email), [t("license"), d.licenseNumber], [t("address"), d.address]]),
				h("section.card", h("h2", t("caseload"), h("span.tag.on", number(totalCount))),
					nodes[0] ? rows("ul.rows", nodes, (p) => [link("/patients/" + p.id, p.name), h("span.muted.end", line(age(p), p.bloodGroup && blood(p.bloodGroup)))])
						: h("p.muted", t("noCaseload")),
					totalCount > nodes.length && h("p.aside.muted", t("more", number(totalCount - nodes.length))))),
			account(v, d.account, "doctorAccountText", inviteDocument, removeAccountDocument),
		];
	},
});

form("cg-doctor-form", {
	heading: (v) => t(v.ids[0] ? "editDoctor" : "newDoctor"),
	back: (v) => v.data?.id ? ["/doctors/" + v.data.id, v.data.name] : ["/doctors", t("doctors")],
	load: async ({ ids: [id] }, signal) => (id ? (await request(readDocument, { id }, signal)).doctor : {}),
	fields: (d) => [
		{ name: "name", label: "name", value: d.name },
		{ name: "specialization", label: "specialization", value: d.specialization },
		{ name: "licenseNumber", label: "license", value: d.licenseNumber },
		{ name: "experienceYears", label: "experience", value: d.experienceYears },
		{ name: "consultationFee", label: "fee", value: d.consultationFee, hint: "feeHint" },
		{ name: "availability", label: "availability", value: d.availability, hint: "optional" },
		{ name: "phone", label: "phone", type: "tel", value: d.phone, hint: "optional" },
		{ name: "email", label: "email", type: "email", value: d.email },
		{ name: "address", label: "address", type: "area", value: d.address, hint: "optional", wide: true },
	],
	async save(values, v) {
		const years = readNumber(values.experienceYears), fee = values.consultationFee.replace(/[₹,\s]/g, "");
		if (typeof years === "string") throw refused("experienceYears", t("notWhole"));
		await store(v, "/doctors", { ...values, experienceYears: years, consultationFee: fee }, ["phone", "availability", "address"], createDocument, updateDocument);
	},
});
