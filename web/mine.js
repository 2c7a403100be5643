// What users see who are the account of a doctor or of a patient: their patients, their record.
import { gql, request, session } from "./api.js";
import { h, rows } from "./dom.js";
import { age, birth, blood, call, line, name } from "./format.js";
import { list } from "./list.js";
import { t } from "./text.js";
import { define, link } from "./view.js";

const caseloadDocument = gql`
	query Caseload($first: Int, $after: Cursor, $last: Int, $before: Cursor, $filter: PatientFilter, $orderBy: PatientOrder, $similar: PatientFilter, $named: Boolean!) {
		patients(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
			totalCount
			pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
			nodes { ...row }
		}
		similar: patients(first: 10, filter: $similar, orderBy: {field: NAME}) @include(if: $named) { nodes { ...row } }
	}
	fragment row on Patient { id name dateOfBirth birthDateEstimated age gender bloodGroup phone clinic { name } doctors { name } }`;

const recordDocument = gql`
	query OwnRecords {
		viewer {
			records {
				id name dateOfBirth birthDateEstimated age gender bloodGroup phone email address emergencyContact
				clinic { name }
				mappings(active: true) { id doctor { id name specialization availability } }
			}
		}
	}`;

list("cg-caseload", {
	path: "/caseload", to: "/patients", heading: "mine", search: "searchPatients", counted: "patientCount",
	columns: [
		{ label: "name", order: "NAME", class: "main", cell: (p) => link("/patients/" + p.id, p.name) },
		{ label: "age", order: "DATE_OF_BIRTH", cell: (p) => [age(p), !p.birthDateEstimated && h("small", birth(p))] },
		{ label: "gender", cell: (p) => t(p.gender) },
		{ label: "bloodGroup", cell: (p) => (p.bloodGroup ? blood(p.bloodGroup) : "–") },
		{ label: "phone", class: "line", cell: (p) => call(p.phone) },
		{ label: "clinic", cell: (p) => p.clinic.name },
	],
	filters: () => [],
	async read(page, { q }, signal) {
		const filter = { seenAs: "TREATING" }, soundsLike = name(q);
		const data = await request(caseloadDocument, { ...page, filter: { ...filter, search: q }, similar: { ...filter, soundsLike }, named: !!soundsLike }, signal);
		return { ...data.patients, similar: data.similar };
	},
});

define("cg-record", {
	heading: () => t("record"),
	load: async (v, signal) => (await request(recordDocument, {}, signal)).viewer,
	content({ records }) {
		if (session.user) session.user.records = records;
		return records[0] ? records.map((/** @type {any} */ p) => h("section.card.own", { "data-key": p.id },
			h("h2", link("/patients/" + p.id, p.name)),
			h("p.summary", line(age(p), t(p.gender), p.bloodGroup && blood(p.bloodGroup), p.clinic.name)),
			h("dl",
				h("div", h("dt", t("phone")), h("dd", call(p.phone))),
				h("div", h("dt", t("email")), h("dd", p.email ?? t("none"))),
				h("div", h("dt", t("address")), h("dd.text", p.address)),
				h("div", h("dt", t("emergencyContact")), h("dd.text", p.emergencyContact || t("none")))),
			h("h3", t("doctorsNow")),
			p.mappings[0] ? rows("ul.people", p.mappings, (m) => [h("div", link("/doctors/" + m.doctor.id, m.doctor.name), h("small", line(m.doctor.specialization, m.doctor.availability)))])
				: h("p.muted", t("noDoctorNow")),
			h("div.actions", link(`/patients/${p.id}/edit`, { class: "button primary" }, t("correctContact")), link("/patients/" + p.id, { class: "button" }, t("wholeRecord")))))
			: [h("div.card.empty", t("noRecord"))];
	},
});
