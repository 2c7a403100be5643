// Forms, whose fields keep what was typed until it is stored, questions before something is done, and words in passing.
import { Failure } from "./api.js";
import { h, icon, update } from "./dom.js";
import { said, say, t } from "./text.js";
import { bases, define, drafts, link } from "./view.js";

/** What is wrong. @param {string} text @param {Props} [props] */
export const problem = (text, props = { role: "alert" }) => h("p.error", props, icon("warn"), text);

/** A field with its label, hint and error. @param {Field} field @param {string} [error] */
export function field({ name, label, type = "text", options = [], hint, value, wide, meanwhile, auto = "off" }, error) {
	const id = "field-" + name, says = [hint && id + "-hint", meanwhile && id + "-meanwhile", error && id + "-error"].filter(Boolean).join(" ") || null;
	const props = { id, name, autocomplete: auto, "aria-describedby": says, "aria-invalid": error && "true", value: value ?? "" };
	const radio = type === "radio", what = t(label);
	return h(radio ? "fieldset" : "div", { class: wide && "wide", "aria-describedby": radio && says },
		radio ? h("legend", what) : h("label", { for: id }, what),
		type === "area" ? h("textarea", { ...props, rows: 3 })
			: type === "select" ? h("select", props, ...options.map(([value, text]) => h("option", { value }, text)))
			: radio ? h("div.radios", ...options.map(([v, text]) => h("label", h("input", { type, name, value: v, checked: v === value }), h("span", text))))
			: h("input", { ...props, type }),
		hint && h("p.hint", { id: id + "-hint" }, t(hint)),
		meanwhile && h("p.note", { id: id + "-meanwhile" }, meanwhile),
		error && problem(error, { id: id + "-error" }));
}

/** What was typed into a form. @param {HTMLFormElement} form */
export const typed = (form) => /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(form)));

/** Keeps what was typed. @param {any} event @param {any} [base] what the form is filled with */
export function keep(event, base) {
	const { pathname } = location;
	bases.set(pathname, base);
	drafts.set(pathname, typed(event.currentTarget));
}

/**
 * The fields with what was typed. What somebody else changed since is told; of a field in which nothing was typed, it is the value.
 * @param {Field[]} fields as they are now @param {Field[]} before when typing began @param {Record<string, string>} draft
 */
const filled = (fields, before, draft) => fields.map((f) => {
	const was = before.find(({ name }) => name === f.name)?.value ?? "", is = f.value ?? "", own = draft[f.name] ?? String(is);
	/** @param {string} value */
	const shown = (value) => f.options?.find(([option]) => option === value)?.[1] || String(value) || t("none");
	return is === was ? { ...f, value: own } : { ...f, value: own === String(was) ? is : own, meanwhile: t("meanwhile", shown(was), shown(is)) };
});

/** The button that sends a form. @param {string} text @param {boolean} [busy] @param {string} [look] */
export const sender = (text, busy, look = "primary") => h("button", { class: look, "aria-disabled": busy && "true", "data-busy": busy }, text);

/**
 * Handles the sending of a form: once at a time; what the server refuses is shown at its field, or below all.
 * @param {View} v @param {() => string[]} names of the fields @param {(values: Record<string, string>, form: HTMLFormElement) => Promise<unknown>} save
 */
export const submit = (v, names, save) => async (/** @type {any} */ event) => {
	event.preventDefault();
	if (v.state.busy) return;
	const { pathname } = location, form = event.currentTarget;
	/** @param {object} now */
	const state = (now) => Object.assign(v.state, { busy: false, errors: {}, wrong: "" }, now);
	state({ busy: true });
	v.draw();
	try {
		await save(typed(form), form);
		drafts.delete(pathname);
		state({});
	} catch (error) {
		if (!(error instanceof Failure)) throw error;
		const errors = /** @type {Record<string, string>} */ ({}), known = names();
		for (const { field, message } of error.faults) if (known.includes(field)) errors[field] ??= said(message);
		state({ errors, wrong: Object.keys(errors)[0] ? "" : say(error) });
	}
	if (!v.isConnected) return;
	v.draw();
	/** @type {HTMLElement | null} */ (v.querySelector("[aria-invalid=true]"))?.focus();
};

/** Defines a view that is a form. @param {string} tag @param {FormParts} parts */
export const form = (tag, { heading, load, back, fields, save, action = "save", below, oninput, beside }) => define(tag, {
	heading, load, back, still: true,
	content(data, v) {
		const { pathname } = location, draft = back && drafts.get(pathname), { errors, wrong, busy } = v.state;
		const all = draft ? filled(fields(data), fields(bases.get(pathname)), draft) : fields(data);
		/** @param {Record<string, string>} values */
		const run = (values) => save(values, v).catch(async (error) => {
			if (error.faults?.[0]?.stale) await v.refresh();
			throw error;
		});
		return [
			h("form.card.form", { novalidate: true, oninput: back && ((e) => (keep(e, data), oninput?.(typed(e.currentTarget), v))), onsubmit: submit(v, () => all.map((f) => f.name), run) },
				h("div.fields", ...all.map((f) => field(f, errors?.[f.name]))),
				wrong && problem(wrong),
				beside?.(v),
				h("div.actions", sender(t(action), busy), back && link(back(v)[0], { class: "button", onclick: () => drafts.delete(location.pathname) }, t("cancel")))),
			below?.(),
		];
	},
});

/** Tells something in passing; screen readers say it. @param {string} text */
export function announce(text) {
	const status = /** @type {HTMLElement} */ (document.getElementById("status"));
	status.textContent = text;
	for (const animation of status.getAnimations()) animation.cancel();
	status.animate({ opacity: [0, 1, 1, 0], offset: [0, .05, .9, 1] }, 4000);
}

/**
 * Asks before something is done, and does it; closes when that has succeeded, and shows what has failed.
 * @param {Question} question
 * @returns {Promise<boolean>} whether it was done
 */
export const ask = ({ title, text, action, name, more, other, run }) => new Promise((resolve) => {
	let busy = false, wrong = "", stays = Boolean(other);
	const dialog = /** @type {HTMLDialogElement} */ (h("dialog", {
		class: other && "lock", "aria-labelledby": "ask-title",
		onclose() {
			if (stays) return dialog.showModal(); // Escape is no way out
			dialog.remove();
			resolve(false); // unless it was done
		},
	}));
	const close = () => {
		stays = false;
		dialog.close();
	};
	const onsubmit = async (/** @type {any} */ event) => {
		event.preventDefault();
		if (busy) return;
		const form = event.currentTarget;
		wrong = name && form.elements.name.value.trim() !== name.trim() ? t("nameDiffers") : "";
		busy = !wrong;
		draw();
		if (wrong) return;
		try {
			await run(form);
			resolve(true);
			close();
		} catch (error) {
			if (!(error instanceof Failure)) throw error;
			wrong = say(error);
		}
		busy = false;
		draw();
	};
	const draw = () => update(dialog, [h("form", { novalidate: true, onsubmit },
		h("h2", { id: "ask-title" }, title),
		h("p", text),
		name && h("div", h("label", { for: "ask-name" }, t("typeName", name)), h("input", { id: "ask-name", name: "name", autocomplete: "off" })),
		more?.(),
		wrong && problem(wrong),
		h("div.actions", h("button", { type: "button", onclick: () => (close(), other?.onclick()) }, other?.text ?? t("cancel")), sender(action, busy, name && "danger")))]);
	draw();
	document.body.append(dialog);
	dialog.showModal();
});
