// What the views of single records share: details, storing what was typed, and deleting.
import { request } from "./api.js";
import { h } from "./dom.js";
import { announce, ask } from "./form.js";
import { call } from "./format.js";
import { t } from "./text.js";
import { go } from "./view.js";

/** Terms and what they are. @param {[string, Child][]} pairs */
export const details = (pairs) => h("section.card", h("h2", t("details")), h("dl", ...pairs.map(([term, what]) => h("div", h("dt", term), h("dd.text", what || t("notKnown"))))));

/** How to reach somebody. @param {string | null} phone @param {string | null} email @returns {[string, Child][]} */
export const reach = (phone, email) => [
	[t("phone"), call(phone)],
	[t("email"), email && h("a", { href: "mailto:" + encodeURIComponent(email) }, email)],
];

/**
 * Stores a record, and shows it. Of one that is there only what differs is sent, and the version that it was read
 * in. Optional fields in which nothing was typed are null, but empty if they were: asked for, and none.
 * @param {View} v @param {string} path of the list @param {any} input @param {string[]} optional @param {string} create @param {string} update documents
 */
export async function store({ ids: [id], data }, path, input, optional, create, update) {
	for (const name of optional) input[name] ||= data[name] === "" ? "" : null;
	const changed = Object.entries(input).filter(([name, value]) => !id || value !== data[name]);
	const stored = /** @type {any} */ (Object.values(await request(id ? update : create, { id, version: data.version, input: Object.fromEntries(changed) }))[0]);
	announce(t("saved"));
	go(`${path}/${stored.id}`, true);
}

/** The button that deletes a record after its name was typed. @param {View} v @param {string} path of the list @param {string} text @param {string} document */
export const remover = (v, path, text, document) => h("button.danger.quiet", {
	type: "button",
	async onclick() {
		const { id, name, version } = v.data, run = () => request(document, { id, version });
		if (!(await ask({ title: t("deleteTitle", name), text, action: t("delete"), name, run }))) return v.refresh();
		announce(t("deleted"));
		go(path, true);
	},
}, t("delete"));
