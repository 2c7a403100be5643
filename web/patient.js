// The chart of a patient: details, doctors now, the history of care.
import { gql, refused, request, session } from "./api.js";
import { h, rows } from "./dom.js";
import { announce, ask, field, keep, problem, sender, submit, typed } from "./form.js";
import { age, birth, blood, dayOf, line } from "./format.js";
import { account } from "./invite.js";
import "./picker.js";
import { details, reach, remover } from "./record.js";
import { t } from "./text.js";
import { define, drafts, go, link } from "./view.js";

export const chartDocument = gql`
	query PatientRecord($id: ID!) {
		patient(id: $id) {
			id version seenAs clinic { id name } account { username } name email phone dateOfBirth birthDateEstimated age address gender bloodGroup emergencyContact medicalHistory createdAt
			createdBy { username }
			mappings { id version isActive assignedDate endedAt notes doctor { id name specialization availability } createdBy { username } }
		}
	}`;

const assignDocument = gql`
	mutation AssignDoctor($input: AssignDoctorInput!) { assignDoctor(input: $input) { id } }`;

const noteDocument = gql`
	mutation ChangeNotes($id: ID!, $notes: String, $version: Int) { updateMapping(id: $id, notes: $notes, expectedVersion: $version) { id } }`;

const inviteDocument = gql`
	mutation InvitePatient($id: ID!) { invitePatient(patientId: $id) { code } }`;

const removeAccountDocument = gql`
	mutation RemovePatientAccount($id: ID!) { removeAccount(patientId: $id) }`;

const endDocument = gql`
	mutation EndAssignment($id: ID!) { unassignDoctor(id: $id) { id } }`;

const deleteDocument = gql`
	mutation DeletePatient($id: ID!, $version: Int) { deletePatient(id: $id, expectedVersion: $version) }`;

/** Whether the user may change everything of a patient. @param {any} p */
export const mayAll = (p) => /CLINIC|STAFF/.test(p.seenAs);

/** The list that a patient stands in. @param {any} [p] @returns {[string, string]} */
export const home = (p) => p?.seenAs === "SELF" ? ["/record", t("record")] : p?.seenAs === "TREATING" ? ["/caseload", t("mine")] : ["/patients", t("patients")];

define("cg-patient", {
	heading: (v) => v.data?.name ?? t("patient"),
	back: (v) => home(v.data),
	load: (v, signal) => request(chartDocument, { id: v.ids[0] }, signal).then(({ patient }) => patient, (error) => {
		const into = error.faults?.[0]?.merged;
		if (!into) throw error;
		announce(t("becamePart"));
		go("/patients/" + into, true);
	}),
	actions: (p, v) => p ? [
		link(`/patients/${p.id}/edit`, { class: "button" }, t("edit")),
		h("button", { type: "button", onclick: () => print() }, t("print")),
		p.seenAs !== "TREATING" && link(`/patients/${p.id}/trail`, { class: "button" }, t("trail")),
		mayAll(p) && remover(v, "/patients", t("deleteText"), deleteDocument),
	] : [],
	content(p, v) {
		const all = mayAll(p), own = session.user?.practices.filter((of) => of.clinic.id === p.clinic.id).map((of) => of.doctor.id) ?? [];
		const now = p.mappings.filter((/** @type {any} */ m) => m.isActive);
		return [
			h("p.summary", line(age(p), t(p.gender), p.bloodGroup && blood(p.bloodGroup), t("recordNo", p.id), p.seenAs !== "CLINIC" && p.clinic.name)),
			h("div.columns",
				details([
					[t("dateOfBirth"), birth(p)],
					...reach(p.phone, p.email),
					[t("bloodGroup"), blood(p.bloodGroup)],
					[t("emergencyContact"), p.emergencyContact],
					[t("address"), p.address],
					[t("medicalHistory"), p.medicalHistory || t(p.medicalHistory === "" ? "none" : "neverAsked")],
					[t("recorded"), line(dayOf(p.createdAt), t("by", p.createdBy.username))],
				]),
				h("section.card", h("h2", t("doctorsNow")),
					now[0] ? rows("ul.people", now, (m) => [
						h("div",
							link("/doctors/" + m.doctor.id, m.doctor.name),
							h("small", line(m.doctor.specialization, t("since", dayOf(m.assignedDate)), m.doctor.availability)),
							m.notes && h("p.text.note", m.notes)),
						h("div.actions",
							(all || own.includes(m.doctor.id)) && h("button", { type: "button", "aria-label": t("noteOn", m.doctor.name), onclick: () => note(m, v) }, t("note")),
							all && h("button", { type: "button", "aria-label": t("endWith", m.doctor.name), onclick: () => end(p, m, v) }, t("end")))])
						: h("p.muted", t("noDoctorNow")),
					all && assignment(v))),
			h("section.card", h("h2", t("history")),
				p.mappings[0] ? rows("ol.timeline", p.mappings, (m) => [
					h("span.muted", dayOf(m.assignedDate), " – ", m.endedAt ? dayOf(m.endedAt) : t("today")),
					h("div", h("strong", m.doctor.name), h("small", line(m.doctor.specialization, t("by", m.createdBy.username))), m.notes && h("p.text.note", m.notes))])
					: h("p.muted", t("noCareYet"))),
			(all || p.seenAs === "SELF") && account(v, p.account, "patientAccountText", inviteDocument, removeAccountDocument),
		];
	},
});

/** The form that assigns a doctor. @param {View} v */
function assignment(v) {
	const { errors = {}, wrong, busy } = v.state, draft = drafts.get(location.pathname);
	const onsubmit = submit(v, () => ["doctorId", "notes"], async ({ doctorId, notes }, form) => {
		if (!doctorId) throw refused("doctorId", t("chooseDoctor"));
		await request(assignDocument, { input: { patientId: v.ids[0], doctorId, notes: notes || null } }).finally(() => v.refresh());
		form.reset();
		announce(t("saved"));
	});
	return h("form.assign", { novalidate: true, onsubmit, oninput: keep },
		h("div",
			h("label", { for: "picker" }, t("assignDoctor")),
			h("cg-picker", { "data-own": true, "data-invalid": !!errors.doctorId, "data-id": draft?.doctorId, "data-text": draft?.doctorText }),
			errors.doctorId && problem(errors.doctorId, { id: "picker-error" })),
		field({ name: "notes", label: "notes", type: "area", value: draft?.notes, hint: "optional" }, errors.notes),
		wrong && problem(wrong),
		sender(t("assign"), busy));
}

/** @param {any} m @param {View} v */
async function note(m, v) {
	let now = m;
	const more = () => field({ name: "notes", label: "notes", type: "area", value: m.notes, meanwhile: now.notes !== m.notes && t("meanwhile", m.notes || t("none"), now.notes || t("none")) });
	const run = (/** @type {HTMLFormElement} */ form) => request(noteDocument, { id: m.id, version: now.version, notes: typed(form).notes || null }).catch(async (error) => {
		if (error.faults?.[0]?.stale) {
			await v.refresh();
			now = v.data.mappings.find((/** @type {any} */ { id }) => id === m.id);
		}
		throw error;
	});
	if (await ask({ title: t("noteOn", m.doctor.name), text: t("noteText"), action: t("save"), more, run })) announce(t("saved"));
	v.refresh();
}

/** @param {any} p @param {any} m @param {View} v */
async function end(p, m, v) {
	const run = () => request(endDocument, { id: m.id });
	if (await ask({ title: t("endTitle"), text: t("endText", m.doctor.name, p.name), action: t("end"), run })) announce(t("saved"));
	v.refresh();
}
