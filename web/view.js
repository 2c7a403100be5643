// What every view has in common: it reads, shows a skeleton, then what it read, and keeps in line with the server.
import { Failure } from "./api.js";
import { h, icon, update } from "./dom.js";
import { timeOf } from "./format.js";
import { say, t } from "./text.js";

/** Where the views are. */
export const root = "/admin";

/** A link to a view. @type {Make<HTMLElement>} */
export const link = (path, ...rest) => {
	const a = h("a", ...rest);
	a.setAttribute("href", root + path);
	return a;
};

/** Goes to another view; with replace the back button does not return. @param {string} path @param {boolean} [replace] */
export function go(path, replace) {
	history[replace ? "replaceState" : "pushState"](null, "", root + path);
	dispatchEvent(new Event("cg-go"));
}

/** What views read last, by their URL: shown at once when somebody returns. @type {Map<string, any>} */
const known = new Map();

/** What was typed into forms that are not sent yet, by path. @type {Map<string, Record<string, string>>} */
export const drafts = new Map();

/** What was read when somebody began to type into such a form, by path. @type {Map<string, any>} */
export const bases = new Map();

/** Forgets what was read and typed: somebody else may sign in. */
export const forgetAll = () => [known, drafts, bases].forEach((map) => map.clear());

/** Defines a view as a custom element. @param {string} tag @param {Parts} parts */
export const define = (tag, parts) => customElements.define(tag, class extends View {
	parts = parts;
});

/** Lines that stand for what is being read. @param {number} n */
export const ghosts = (n) => Array.from({ length: n }, () => h("span.ghost"));

/** A view of the page. */
export class View extends HTMLElement {
	parts = /** @type {Parts} */ ({});
	ids = /** @type {string[]} */ ([]); // in the path
	data = /** @type {any} */ (undefined); // that was read
	state = /** @type {any} */ ({}); // that the view remembers
	failure = /** @type {Failure | undefined} */ (undefined);
	#read = 0; // when
	#reading = /** @type {AbortController | undefined} */ (undefined);
	#again = false;

	connectedCallback() {
		this.data = known.get(location.href);
		this.draw();
		this.refresh();
	}

	disconnectedCallback() {
		this.#reading?.abort();
	}

	/**
	 * Reads again. A quiet one leaves alone what must stay still, and a reading that is under way; if something may have changed
	 * since that began, it waits for it.
	 * @param {boolean} [quiet] @param {boolean} [changed]
	 */
	async refresh(quiet, changed = false) {
		if (quiet && this.parts.still && this.data) return;
		if (quiet && this.#reading) return void (this.#again ||= changed);
		this.#reading?.abort();
		const reading = (this.#reading = new AbortController()), { href } = location;
		try {
			const data = await (this.parts.load?.(this, reading.signal) ?? true);
			if (reading.signal.aborted) return;
			[this.data, this.failure, this.#read] = [data, undefined, Date.now()];
			if (known.size > 50) known.clear();
			if (this.parts.load) known.set(href, data);
		} catch (error) {
			if (reading.signal.aborted) return;
			if (!(error instanceof Failure)) throw error;
			this.failure = error;
			if (error.final) this.#drop();
		} finally {
			if (this.#reading === reading) this.#reading = undefined;
		}
		this.draw();
		if (!this.#again || this.#reading) return;
		this.#again = false;
		if (this.isConnected && !this.failure) this.refresh(true);
	}

	#drop() {
		this.data = undefined;
		known.delete(location.href);
	}

	/** Brings the page in line with what was read. */
	draw() {
		let children;
		try {
			children = this.#children();
		} catch (error) {
			if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
			this.#drop(); // it has not the shape of the contract
			this.failure = new Failure("NONSENSE");
			children = this.#children();
		}
		update(this, children);
		if (this.isConnected) document.title = this.parts.heading(this) + " · Caregraph";
	}

	/** @returns {Child[]} */
	#children() {
		const { data, failure, parts } = this, [path, text] = parts.back?.(this) ?? [];
		return [
			path && link(path, { class: "back" }, "‹ ", text),
			h("header.heading", h("h1", { tabindex: "-1" }, parts.heading(this)), h("div.actions", ...(parts.actions?.(data, this) ?? []))),
			...(parts.tools?.(this) ?? []),
			failure && h("div.problem", { role: "alert" }, icon("warn"),
				h("p", failure.code === "BAD_USER_INPUT" ? t("badLink") : say(failure), data && " " + t("shownFrom", timeOf(this.#read))),
				failure.final ? link(path ?? location.pathname.slice(root.length), { class: "button" }, text ?? t("wholeList"))
					: h("button", { type: "button", onclick: () => this.refresh() }, t("tryAgain"))),
			...(data ? parts.content(data, this) : failure ? [] : parts.skeleton?.() ?? [h("div.card", ...ghosts(7))]),
		];
	}
}
