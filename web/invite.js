// Invitations: writing one and showing its code, and the accounts that they make.
import { request } from "./api.js";
import { h } from "./dom.js";
import { announce, ask, typed } from "./form.js";
import { t } from "./text.js";

/**
 * Writes an invitation and shows its code, which cannot be shown again.
 * @param {View} v @param {string} title @param {string} document @param {object} variables @param {() => Child} [more] fields of more variables
 */
export async function invite(v, title, document, variables, more) {
	let code = "";
	const run = async (/** @type {HTMLFormElement} */ form) => {
		({ code } = /** @type {any} */ (Object.values(await request(document, { ...variables, ...typed(form) }))[0]));
	};
	if (await ask({ title, text: t("inviteText"), action: t("invite"), more, run })) show(title, code);
	v.refresh();
}

/** @param {string} title @param {string} code */
function show(title, code) {
	const copy = () => navigator.clipboard.writeText(code).then(() => announce(t("copied")), () => getSelection()?.selectAllChildren(/** @type {Node} */ (dialog.querySelector(".code"))));
	const dialog = /** @type {HTMLDialogElement} */ (h("dialog.handover", { "aria-labelledby": "code-title", onclose: () => dialog.remove() },
		h("h2", { id: "code-title" }, title),
		h("p.code", code),
		h("p", t("codeText", location.host + "/admin/join")),
		h("div.actions",
			h("button", { type: "button", onclick: copy }, t("copy")),
			h("button", { type: "button", onclick: () => print() }, t("print")),
			h("button.primary", { type: "button", onclick: () => dialog.close() }, t("done")))));
	document.body.append(dialog);
	dialog.showModal();
}

/**
 * Who is the account of a record, with what makes and ends one.
 * @param {View} v @param {{username: string} | null} account @param {Key} text what an account may do @param {string} inviting @param {string} removing documents
 */
export function account(v, account, text, inviting, removing) {
	const { id, name } = v.data;
	const end = async () => {
		const run = () => request(removing, { id });
		if (await ask({ title: t("removeAccount"), text: t("removeAccountText", account?.username ?? "", name), action: t("remove"), run })) announce(t("saved"));
		v.refresh();
	};
	return h("section.card.account", h("h2", t("account")), h("ul.people", h("li",
		h("div", h("strong", account?.username ?? t("noAccountYet")), h("small", t(text))),
		account ? h("button", { type: "button", onclick: end }, t("remove"))
			: h("button", { type: "button", onclick: () => invite(v, t("inviteAs", name), inviting, { id }) }, t("invite")))));
}
