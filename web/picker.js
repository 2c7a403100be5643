// A field that finds a doctor as one types.
import { Failure, gql, request } from "./api.js";
import { h, update } from "./dom.js";
import { line, name } from "./format.js";
import { similar } from "./list.js";
import { say, t } from "./text.js";

const findDocument = gql`
	query FindDoctor($search: String!, $name: String, $named: Boolean!) {
		doctors(first: 8, filter: {search: $search}) { pageInfo { hasNextPage hasPreviousPage } nodes { ...found } }
		similar: doctors(first: 8, filter: {soundsLike: $name}) @include(if: $named) { nodes { ...found } }
	}
	fragment found on Doctor { id name specialization availability }`;

const debounce = 40; // milliseconds after a key

/** Its form gets doctorId, empty until a doctor is chosen, and doctorText. */
class Picker extends HTMLElement {
	#input = /** @type {HTMLInputElement} */ (h("input", {
		id: "picker", name: "doctorText", role: "combobox", autocomplete: "off", maxlength: 200, "aria-controls": "picker-list",
		oninput: () => this.#find(debounce), onfocus: () => this.#id.value || this.#find(0), onblur: () => this.#show([]), onkeydown: (e) => this.#key(e),
	}));
	#id = /** @type {HTMLInputElement} */ (h("input", { type: "hidden", name: "doctorId" }));
	#list = h("ul", { id: "picker-list", role: "listbox", "aria-label": t("doctors") });
	#says = h("p.hint", { role: "status" });
	#found = /** @type {any[]} */ ([]);
	#at = -1;
	#typing = 0;
	#finding = new AbortController();

	static observedAttributes = ["data-invalid"];

	attributeChangedCallback() {
		const invalid = "invalid" in this.dataset;
		this.#input.setAttribute("aria-invalid", String(invalid));
		this.#input.setAttribute("aria-describedby", invalid ? "picker-error" : "");
	}

	connectedCallback() {
		if (this.firstChild) return;
		this.#input.placeholder = t("searchDoctors");
		[this.#id.value, this.#input.value] = [this.dataset.id ?? "", this.dataset.text ?? ""];
		this.append(this.#input, this.#id, this.#list, this.#says);
		this.closest("form")?.addEventListener("reset", () => (this.#id.value = "")); // which a form leaves as it is
		this.#show([]);
	}

	#stop() {
		clearTimeout(this.#typing);
		this.#finding.abort();
	}

	/** @param {number} wait */
	#find(wait) {
		this.#stop();
		this.#id.value = "";
		this.#typing = setTimeout(async () => {
			const { signal } = (this.#finding = new AbortController());
			try {
				const search = this.#input.value, named = name(search);
				const { doctors, similar: alike } = await request(findDocument, { search, name: named, named: !!named }, signal);
				const found = [...doctors.nodes, ...similar(doctors, alike)];
				if (!signal.aborted) this.#show(found, found[0] ? "" : t("noDoctorFound"));
			} catch (error) {
				if (!signal.aborted) this.#show([], say(error instanceof Failure ? error : new Failure("NONSENSE")));
			}
		}, wait);
	}

	/** @param {any[]} found @param {string} [says] @param {number} [at] */
	#show(found, says = "", at = -1) {
		this.#stop();
		[this.#found, this.#at, this.#list.hidden, this.#says.textContent] = [found, at, !found[0], says];
		update(this.#list, found.map((d, i) => h("li", {
			id: "picker-" + d.id, role: "option", "data-key": d.id, "aria-selected": String(i === at),
			onmousedown: (e) => e.preventDefault(), onclick: () => this.#choose(d),
		}, d.name, h("small", line(d.specialization, d.availability)))));
		this.#input.setAttribute("aria-expanded", String(!!found[0]));
		this.#input.setAttribute("aria-activedescendant", at < 0 ? "" : "picker-" + found[at].id);
		this.#list.children[at]?.scrollIntoView({ block: "nearest" });
	}

	/** @param {any} doctor */
	#choose(doctor) {
		this.#show([]);
		[this.#id.value, this.#input.value] = [doctor.id, `${doctor.name} – ${doctor.specialization}`];
		this.#id.dispatchEvent(new Event("input", { bubbles: true }));
	}

	/** @param {KeyboardEvent} event */
	#key(event) {
		const found = this.#found, n = found.length, step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		if (!n) return;
		if (step) this.#show(found, "", this.#at < 0 && step < 0 ? n - 1 : (this.#at + step + n) % n);
		else if (event.key === "Enter") this.#choose(found[Math.max(0, this.#at)]);
		else if (event.key === "Escape") this.#show([]);
		else return;
		event.preventDefault();
	}
}

customElements.define("cg-picker", Picker);
