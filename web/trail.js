// What was done to records: the changes of a patient and who looked, and deleted patients who can be brought back.
import { gql, request, session } from "./api.js";
import { h, rows } from "./dom.js";
import { announce, ask, field as input, typed } from "./form.js";
import { age, birth, blood, call, date, dayOf, line, phone, timeOf } from "./format.js";
import { mayAll } from "./patient.js";
import { t } from "./text.js";
import { define, go, link } from "./view.js";

const trailDocument = gql`
	query PatientTrail($id: ID!) {
		patient(id: $id) {
			id name seenAs version
			history(first: 50) { nodes { id version at kind actor { username } changes { field before after } } }
			accessLog(first: 50) { nodes { id at action actor { username } seenAs operation address } }
		}
	}`;

const revertDocument = gql`
	mutation RevertPatient($id: ID!, $revision: ID!, $version: Int) { revertPatient(id: $id, revision: $revision, expectedVersion: $version) { id } }`;

const deletedDocument = gql`
	query DeletedPatients { deletedPatients(first: 100, orderBy: {field: UPDATED_AT, direction: DESC}) { nodes { id name mergedIntoId dateOfBirth birthDateEstimated age phone updatedAt } } }`;

const eraseDocument = gql`
	mutation ErasePatient($id: ID!, $reason: String!) { erasePatient(id: $id, reason: $reason) { at } }`;

const restoreDocument = gql`
	mutation RestorePatient($id: ID!) { restorePatient(id: $id) { id } }`;

/** What the fields of a record are called, and how their values are shown. @type {Record<string, [Key, (value: any) => Child]>} */
const fields = {
	name: ["name", String],
	email: ["email", String],
	phone: ["phone", phone],
	dateOfBirth: ["dateOfBirth", date],
	address: ["address", String],
	gender: ["gender", t],
	bloodGroup: ["bloodGroup", blood],
	emergencyContact: ["emergencyContact", String],
	medicalHistory: ["medicalHistory", (text) => text || t("none")],
	accountId: ["account", (id) => "#" + id],
	clinicId: ["clinic", (id) => "#" + id],
	mergedIntoId: ["mergedWith", (id) => "#" + id],
	lastMergedId: ["mergedWith", (id) => link("/patients/" + id, "#" + id)],
};

/** @param {string} at */
const moment = (at) => line(dayOf(at), timeOf(at));

/** One field before and after. @param {{field: string, before: string, after: string}} change */
function difference({ field, before, after }) {
	const [label, show] = fields[field] ?? [];
	/** @param {string} json */
	const value = (json) => JSON.parse(json) === null ? t("notKnown") : show?.(JSON.parse(json));
	return label && h("div", h("dt", t(label)), h("dd.text", h("del", value(before)), " → ", h("ins", value(after))));
}

define("cg-trail", {
	heading: (v) => v.data?.name ?? t("patient"),
	back: (v) => ["/patients/" + v.ids[0], v.data?.name ?? t("patient")],
	load: async (v, signal) => (await request(trailDocument, { id: v.ids[0] }, signal)).patient,
	actions: (p) => [p && session.user?.isStaff && h("button.danger.quiet", { type: "button", onclick: () => erase(p) }, t("erase"))],
	still: true, // to read the log leaves an entry in it
	content: (p, v) => [
		h("section.card", h("h2", t("changes")),
			rows("ol.timeline", p.history.nodes, (r) => [
				h("span.muted", moment(r.at)),
				h("div", h("strong", t(r.kind)), h("small", r.actor?.username ?? t("nobody")),
					h("dl", ...r.changes.map(difference)),
					mayAll(p) && r.version < p.version && h("button", { type: "button", "aria-label": line(t("revert"), moment(r.at)), onclick: () => revert(p, r, v) }, t("revert")))])),
		h("section.card", h("h2", t("accessLog")),
			rows("ol.timeline", p.accessLog.nodes, (e) => [
				h("span.muted", moment(e.at)),
				h("div", h("strong", e.actor?.username ?? t("notKnown")), h("small", line(t(e.action), e.seenAs && t(e.seenAs), e.address)))])),
	],
});

/** @param {any} p @param {any} revision @param {View} v */
async function revert(p, revision, v) {
	const run = () => request(revertDocument, { id: p.id, revision: revision.id, version: p.version });
	if (await ask({ title: t("revertTitle", p.name), text: t("revertText"), action: t("revert"), run })) announce(t("saved"));
	v.refresh();
}

/** @param {any} p */
async function erase(p) {
	const more = () => input({ name: "reason", label: "reason", hint: "reasonHint" });
	const run = (/** @type {HTMLFormElement} */ form) => request(eraseDocument, { id: p.id, reason: typed(form).reason });
	if (!(await ask({ title: t("eraseTitle", p.name), text: t("eraseText"), action: t("erase"), name: p.name, more, run }))) return;
	announce(t("erased"));
	go("/patients", true);
}

define("cg-deleted", {
	heading: () => t("deletedRecords"),
	back: () => ["/patients", t("patients")],
	load: async (_, signal) => (await request(deletedDocument, {}, signal)).deletedPatients.nodes,
	content: (/** @type {any[]} */ patients, v) => [h("section.card",
		h("p.muted", t(patients[0] ? "deletedText" : "noneDeleted")),
		rows("ul.people", patients, (p) => [
			h("div", h("strong", p.name), h("small", line(age(p), !p.birthDateEstimated && String(birth(p)), moment(p.updatedAt), p.mergedIntoId && t("partOf", p.mergedIntoId))), call(p.phone)),
			h("div.actions", h("button", { type: "button", "aria-label": line(t("restore"), p.name), onclick: () => restore(p.id, v) }, t("restore")))]))],
});

/** @param {string} id @param {View} v */
async function restore(id, v) {
	try {
		await request(restoreDocument, { id });
	} catch (error) {
		v.failure = /** @type {any} */ (error);
		return v.draw();
	}
	announce(t("restored"));
	go("/patients/" + id);
}
