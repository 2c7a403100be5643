// Lists: search as one types, filters, columns that sort, and pages. Their state is in the URL, so that a link, a
// reload and the back button keep it.
import { h, icon } from "./dom.js";
import { count, t } from "./text.js";
import { define, ghosts, go, link, root } from "./view.js";

const pageSize = 25;
const debounce = 40; // milliseconds after a key
const roles = { table: "table", thead: "rowgroup", tbody: "rowgroup", tr: "row", th: "columnheader", td: "cell" };

/** A part of a table, which says what it is also when it is laid out as a card. @param {keyof typeof roles} tag @param {Props} props @param {Child[]} children */
const part = (tag, props, ...children) => h(tag, { role: roles[tag], ...props }, ...children);

/** Defines a view that is a list. @param {string} tag @param {ListParts} parts */
export function list(tag, { path, to = path, heading, search, counted, columns, filters, read, actions }) {
	const params = () => new URLSearchParams(location.search);
	const sorting = () => {
		const sort = params().get("sort") ?? "";
		return columns.some((c) => c.order === sort.replace("-", "")) ? sort : columns[0].order ?? "";
	};
	/** The list with something changed; its first page unless a cursor is. @param {Record<string, string>} changes */
	const having = (changes) => {
		const next = params();
		for (const [name, value] of Object.entries({ after: "", before: "", ...changes })) {
			if (value) next.set(name, value);
			else next.delete(name);
		}
		return path + (next.size ? "?" + next : "");
	};
	/** @param {View} v @param {Record<string, string>} changes */
	const change = (v, changes) => {
		history.replaceState(null, "", root + having(changes));
		v.draw();
		return v.refresh();
	};
	/** @param {HTMLElement[]} rows @param {View} [v] @param {Key} [label] */
	const table = (rows, v, label = heading) => h("div.card.table", part("table", { "aria-label": t(label) },
		part("thead", {}, part("tr", {}, ...columns.map(({ label, order }) => {
			const up = order === sorting(), down = "-" + order === sorting();
			return part("th", { scope: "col", "aria-sort": up ? "ascending" : down && "descending" },
				order && v ? h("button", { type: "button", onclick: () => change(v, { sort: up ? "-" + order : order }) }, t(label), up ? " ↑" : down && " ↓") : t(label));
		}))),
		part("tbody", {}, ...rows)));
	/** @param {(column: ListParts["columns"][0]) => Child | Child[]} content @param {Props} [props] */
	const row = (content, props = {}) => part("tr", props, ...columns.map((c) => part("td", { class: c.class, "data-label": t(c.label) }, ...[content(c)].flat())));

	/** @param {any[]} records */
	const filled = (records) => records.map((r) => row((c) => c.cell(r), { "data-key": r.id }));
	/** Searches at once, and opens the only match. @param {View} v @param {string} q */
	const open = async (v, q) => {
		clearTimeout(v.state.typing);
		const before = v.data;
		await change(v, { q });
		if (!v.isConnected || v.data === before || v.failure || (params().get("q") ?? "") !== q) return;
		const { nodes: [only, other], pageInfo } = v.data;
		if (q.trim() && only && !other && !pageInfo.hasNextPage && !pageInfo.hasPreviousPage) go(to + "/" + only.id);
	};

	define(tag, {
		heading: () => t(heading), actions,
		load(v, signal) {
			const values = Object.fromEntries([...params()].filter(([, value]) => value)), { before, after } = values, sort = sorting();
			const orderBy = { field: sort.replace("-", ""), direction: sort[0] === "-" ? "DESC" : "ASC" };
			return read({ ...(before ? { last: pageSize, before } : { first: pageSize, after }), orderBy }, values, signal);
		},
		tools(v) {
			const now = params(), all = filters();
			/** @param {string} name @param {Key} label @param {string} value @param {string[][]} options */
			const choice = (name, label, value, options) => h("select", {
				id: "filter-" + name, "aria-label": t(label), class: name === "sort" ? "narrow" : value && "set", value,
				onchange: (e) => change(v, { [name]: e.target.value }),
			}, ...options.map(([value, text]) => h("option", { value }, text)));
			return [h("form.tools", { role: "search", onsubmit: (e) => (e.preventDefault(), open(v, e.currentTarget.elements.q.value)) },
				h("div.search", icon("search"), h("input", {
					type: "search", id: "q", "aria-label": t(search), placeholder: t(search), maxlength: 200, autocomplete: "off", value: now.get("q") ?? "",
					oninput(e) {
						clearTimeout(v.state.typing);
						v.state.typing = setTimeout(() => v.isConnected && change(v, { q: e.target.value }), debounce);
					},
				})),
				...all.map((f) => choice(f.name, f.label, now.get(f.name) ?? "", [["", t(f.label)], ...f.options])),
				choice("sort", "sortBy", sorting(), columns.flatMap(({ label, order }) => order ? [[order, t(label) + " ↑"], ["-" + order, t(label) + " ↓"]] : [])),
				["q", ...all.map((f) => f.name)].some((name) => now.get(name)) && link(path, { class: "button quiet" }, t("clear")))];
		},
		content(page, v) {
			const { nodes, pageInfo, totalCount } = page, others = similar(page, page.similar);
			/** @param {"previous" | "next"} name @param {boolean} there @param {Record<string, string>} place */
			const turn = (name, there, place) => there ? link(having(place), { class: "button" }, t(name)) : h("span");
			return [
				h("p.count", { role: "status" }, count(counted, totalCount)),
				nodes.length ? table(filled(nodes), v)
					: h("div.card.empty", t(params().size ? "noMatch" : "noneYet")),
				(pageInfo.hasNextPage || pageInfo.hasPreviousPage) && h("nav.pages", { "aria-label": t("pages") },
					turn("previous", pageInfo.hasPreviousPage, { before: pageInfo.startCursor }), turn("next", pageInfo.hasNextPage, { after: pageInfo.endCursor })),
				...(others[0] ? [h("h2.similar", t("similarNames")), table(filled(others), undefined, "similarNames")] : []),
			];
		},
		skeleton: () => [h("p.count", { role: "status" }, t("loading")), table(ghosts(8).map(() => row(() => ghosts(1))))],
	});
}

/**
 * Those whose names sound like what was searched for, unless they are on the page of the matches, or may be on another.
 * @param {any} page @param {any} [alike] @returns {any[]}
 */
export function similar({ nodes, pageInfo }, alike) {
	const shown = new Set(nodes.map((/** @type {any} */ r) => r.id));
	return pageInfo.hasNextPage || pageInfo.hasPreviousPage ? [] : alike?.nodes.filter((/** @type {any} */ r) => !shown.has(r.id)) ?? [];
}
