// Two records of one patient become one: which is kept, and what of the other one is taken over.
import { gql, request } from "./api.js";
import { h } from "./dom.js";
import { announce, form } from "./form.js";
import { birth, blood, phone } from "./format.js";
import { t } from "./text.js";
import { go, link } from "./view.js";

const bothDocument = gql`
	query BothRecords($keep: ID!, $duplicate: ID!) { keep: patient(id: $keep) { ...whole } duplicate: patient(id: $duplicate) { ...whole } }
	fragment whole on Patient { id version name email phone dateOfBirth birthDateEstimated address gender bloodGroup emergencyContact medicalHistory account { username } }`;

const mergeDocument = gql`
	mutation MergePatients($keep: ID!, $duplicate: ID!, $fields: [PatientField!]!, $keepVersion: Int, $duplicateVersion: Int) {
		mergePatients(keepId: $keep, duplicateId: $duplicate, fields: $fields, keepVersion: $keepVersion, duplicateVersion: $duplicateVersion) { id }
	}`;

/** What can be taken over, and how it is shown. @type {[name: string, label: Key, show: (p: any) => string | null | undefined][]} */
const fields = [
	["NAME", "name", (p) => p.name],
	["DATE_OF_BIRTH", "dateOfBirth", birth],
	["PHONE", "phone", (p) => phone(p.phone)],
	["EMAIL", "email", (p) => p.email],
	["GENDER", "gender", (p) => t(p.gender)],
	["BLOOD_GROUP", "bloodGroup", (p) => p.bloodGroup && blood(p.bloodGroup)],
	["EMERGENCY_CONTACT", "emergencyContact", (p) => p.emergencyContact],
	["ADDRESS", "address", (p) => p.address],
	["MEDICAL_HISTORY", "medicalHistory", (p) => p.medicalHistory],
	["ACCOUNT", "account", (p) => p.account?.username],
];

/** What a record says. @param {string} name @param {string | null} [value] */
const said = (name, value) => value || t(value == null && name === "MEDICAL_HISTORY" ? "neverAsked" : "none");

form("cg-merge", {
	heading: () => t("mergeTitle"),
	back: ({ ids: [keep], data }) => [`/patients/${keep}/edit`, data?.keep.name ?? t("patient")],
	load: ({ ids: [keep, duplicate] }, signal) => request(bothDocument, { keep, duplicate }, signal),
	fields: ({ keep, duplicate }) => fields.filter(([, , show]) => show(keep) !== show(duplicate)).map(([name, label, show]) => ({
		name, label, type: "radio", wide: true, value: show(keep) || show(duplicate) == null ? "" : "taken", options: [["", said(name, show(keep))], ["taken", said(name, show(duplicate))]],
	})),
	beside: ({ data: { keep, duplicate } }) => h("div.found", h("p", t("mergeText", keep.id, duplicate.id)), link(`/patients/${duplicate.id}/merge/${keep.id}`, t("keepOther", duplicate.id))),
	action: "merge",
	async save(values, { data: { keep, duplicate } }) {
		const taken = Object.keys(values).filter((name) => values[name]);
		await request(mergeDocument, { keep: keep.id, duplicate: duplicate.id, fields: taken, keepVersion: keep.version, duplicateVersion: duplicate.version });
		announce(t("merged"));
		go("/patients/" + keep.id, true);
	},
});
