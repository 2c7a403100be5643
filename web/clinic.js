// The clinic: its name, its members, its invitations; and accepting an invitation.
import { gql, request, session } from "./api.js";
import { h, rows } from "./dom.js";
import { announce, ask, field, problem, sender, submit, typed } from "./form.js";
import { dayOf, line } from "./format.js";
import { invite } from "./invite.js";
import { count, t } from "./text.js";
import { define, forgetAll, go, link } from "./view.js";

const clinicDocument = gql`
	query OwnClinic {
		viewer {
			id clinicRole
			clinic {
				name
				members(first: 100) { totalCount nodes { id username email clinicRole } }
				invitations { id role doctor { name } patient { name } createdBy { username } expiresAt }
			}
			practices { id doctor { id name } clinic { id name } }
		}
	}`;

const nameDocument = gql`
	mutation NameClinic($name: String!) { updateClinic(name: $name) { id } }`;

const inviteDocument = gql`
	mutation InviteMember($role: ClinicRole!) { inviteMember(role: $role) { code } }`;

const revokeDocument = gql`
	mutation RevokeInvitation($id: ID!) { revokeInvitation(id: $id) }`;

const roleDocument = gql`
	mutation ChangeMember($id: ID!, $role: ClinicRole!) { updateMember(userId: $id, role: $role) { id } }`;

const removeDocument = gql`
	mutation RemoveMember($id: ID!) { removeMember(userId: $id) }`;

const leaveDocument = gql`
	mutation LeaveClinic {
		leaveClinic { id username email isStaff practices { doctor { id } clinic { id } } records { id } patients(first: 0) { totalCount } clinic { members(first: 0) { totalCount } } }
	}`;

const giveUpDocument = gql`
	mutation GiveUpPractice($doctor: ID!, $clinic: ID!) { removeAccount(doctorId: $doctor, clinicId: $clinic) }`;

const previewDocument = gql`
	query Invitation($code: String!) { invitation(code: $code) { clinicName role doctorName patientName expiresAt patientsBrought patientsLeft } }`;

const acceptDocument = gql`
	mutation AcceptInvitation($code: String!) {
		acceptInvitation(code: $code) { id username email isStaff practices { doctor { id } clinic { id } } records { id } patients(first: 0) { totalCount } clinic { members(first: 0) { totalCount } } }
	}`;

/** @returns {Option[]} */
const roles = () => [["MEMBER", t("MEMBER")], ["ADMIN", t("ADMIN")]];

/** Goes on as the user is now: with other records. @param {any} answer of a mutation that moved the user */
function moved(answer) {
	session.user = Object.assign({}, session.user, Object.values(answer)[0]);
	forgetAll();
	go("/", true);
}

define("cg-clinic", {
	heading: (v) => v.data?.clinic.name ?? t("clinic"),
	load: async (v, signal) => (await request(clinicDocument, {}, signal)).viewer,
	actions: (viewer, v) => viewer ? [
		viewer.clinicRole === "ADMIN" && h("button", { type: "button", onclick: () => rename(viewer, v) }, t("rename")),
		link("/join", { class: "button" }, t("haveCode")),
	] : [],
	content({ id, clinicRole, clinic: { members, invitations }, practices }, v) {
		const admin = clinicRole === "ADMIN";
		/** @param {string} title @param {string} text @param {string} action @param {string} document @param {object} variables */
		const doing = (title, text, action, document, variables) => async () => {
			if (await ask({ title, text, action, run: () => request(document, variables) })) announce(t("saved"));
			v.refresh();
		};
		/** @param {any} m */
		const changes = (m) => admin && m.id !== id && h("div.actions",
			h("button", { type: "button", onclick: doing(t("changeRole"), t(m.clinicRole === "ADMIN" ? "makeMemberText" : "makeAdminText", m.username), t("changeRole"), roleDocument, { id: m.id, role: m.clinicRole === "ADMIN" ? "MEMBER" : "ADMIN" }) }, t("changeRole")),
			h("button", { type: "button", "aria-label": t("removeWho", m.username), onclick: doing(t("removeWho", m.username), t("removeMemberText", m.username), t("remove"), removeDocument, { id: m.id }) }, t("remove")));
		return [
			h("div.columns",
				h("section.card", h("h2", t("members"), h("span.tag.on", members.totalCount)),
					rows("ul.people", members.nodes, (m) => [h("div", h("strong", m.username), h("small", line(m.email, t(m.clinicRole)))), changes(m)]),
					members.totalCount > members.nodes.length && h("p.aside.muted", t("more", members.totalCount - members.nodes.length)),
					h("div.actions",
						admin && h("button.primary", { type: "button", onclick: () => invite(v, t("inviteMember"), inviteDocument, {}, () => field({ name: "role", label: "role", type: "select", value: "MEMBER", options: roles() })) }, t("inviteMember")),
						members.totalCount > 1 && h("button", { type: "button", onclick: () => leave(v) }, t("leaveClinic")))),
				h("section.card", h("h2", t("invitations")),
					invitations[0] ? rows("ul.people", invitations, (i) => {
						const what = i.doctor?.name ?? i.patient?.name ?? t(i.role ?? "account");
						return [
							h("div", h("strong", what), h("small", line(i.createdBy && t("by", i.createdBy.username), t("until", dayOf(i.expiresAt))))),
							h("button", { type: "button", "aria-label": t("revokeWhat", what), onclick: doing(t("revokeWhat", what), t("revokeText"), t("revoke"), revokeDocument, { id: i.id }) }, t("revoke")),
						];
					}) : h("p.muted", t("noInvitations")))),
			practices[0] && h("section.card", h("h2", t("practices")), rows("ul.people", practices, (p) => [
				h("div", h("strong", p.doctor.name), h("small", p.clinic.name)),
				h("button", { type: "button", onclick: doing(t("removeAccount"), t("giveUpText", p.doctor.name, p.clinic.name), t("remove"), giveUpDocument, { doctor: p.doctor.id, clinic: p.clinic.id }) }, t("remove"))])),
		];
	},
});

/** @param {any} viewer @param {View} v */
async function rename(viewer, v) {
	const more = () => field({ name: "name", label: "name", value: viewer.clinic.name });
	const run = (/** @type {HTMLFormElement} */ form) => request(nameDocument, typed(form));
	if (await ask({ title: t("rename"), text: t("renameText"), action: t("save"), more, run })) announce(t("saved"));
	v.refresh();
}

/** @param {View} v */
async function leave(v) {
	/** @type {any} */
	let answer;
	const run = async () => void (answer = await request(leaveDocument));
	if (await ask({ title: t("leaveClinic"), text: t("leaveText"), action: t("leaveClinic"), run })) moved(answer);
	else v.refresh();
}

define("cg-join", {
	heading: () => t("haveCode"),
	back: () => ["/clinic", t("clinic")],
	content(_, v) {
		const { offer, code, busy, wrong, errors = {} } = v.state;
		const look = submit(v, () => ["code"], async ({ code }) => {
			Object.assign(v.state, { code, offer: (await request(previewDocument, { code })).invitation });
		});
		const accept = submit(v, () => [], async () => moved(await request(acceptDocument, { code })));
		const { clinicName, role, doctorName, patientName, patientsBrought, patientsLeft, expiresAt } = offer ?? {};
		return [offer
			? h("form.card.form", { novalidate: true, onsubmit: accept },
				h("h2", role ? t("offerMember", clinicName) : doctorName ? t("offerDoctor", doctorName, clinicName) : t("offerPatient", patientName, clinicName)),
				role && h("p", t(role === "ADMIN" ? "offerAdminText" : "offerMemberText")),
				doctorName && h("p", t("doctorAccountText")),
				patientName && h("p", t("patientAccountText")),
				patientsBrought > 0 && h("p.note", count("offerBrings", patientsBrought)),
				patientsLeft > 0 && h("p.note", count("offerLeaves", patientsLeft)),
				h("p.hint", t("until", dayOf(expiresAt))),
				wrong && problem(wrong),
				h("div.actions", sender(t("accept"), busy), h("button", { type: "button", onclick: () => (Object.assign(v.state, { offer: undefined, wrong: "" }), v.draw()) }, t("cancel"))))
			: h("form.card.form", { novalidate: true, onsubmit: look },
				field({ name: "code", label: "code", hint: "codeHint", wide: true }, errors.code),
				wrong && problem(wrong),
				h("div.actions", sender(t("next"), busy)))];
	},
});
