// Elements: making them, and bringing those on the page in line with new ones.

/** The handlers of elements, and the values that were given to fields. @type {WeakMap<Node, Props>} */
const handlers = new WeakMap(), given = new WeakMap();

/** @param {(tag: string) => Element} create @returns {Make<any>} */
const maker = (create) => (selector, ...rest) => {
	const [tag, ...classes] = selector.split("."), element = /** @type {any} */ (create(tag)), on = /** @type {Props} */ ({});
	const props = rest[0]?.constructor === Object ? /** @type {Props} */ (rest.shift()) : {};
	classes.push(...String(props.class || "").split(" ").filter(Boolean));
	if (classes[0]) element.classList.add(...classes);
	for (const child of rest) if (child || child === 0) element.append(child);
	for (const [name, value] of Object.entries(props)) {
		if (typeof value === "function") element[name] = on[name] = value;
		else if (name === "checked" || (name === "value" && /input|select|textarea/.test(tag))) {
			element[name] = value;
			given.set(element, { [name]: value });
		} else if (name !== "class" && value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
	}
	handlers.set(element, on);
	return element;
};

/** Makes an element: h("p.muted", {title: "…"}, "text"). Text stays text, whatever it holds. @type {Make<HTMLElement>} */
export const h = maker((tag) => document.createElement(tag));

/** Makes an element of SVG. @type {Make<SVGElement>} */
export const svg = maker((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));

/** A list with an element for each record. @param {string} selector @param {any[]} records @param {(record: any) => Child[]} content */
export const rows = (selector, records, content) => h(selector, ...records.map((r) => h("li", { "data-key": r.id, class: r.isActive && "on" }, ...content(r))));

/**
 * Replaces the children of an element, but keeps every node that can become its successor, and so focus, selection,
 * scroll position and what was typed. Children with data-key are matched by it; data-own keeps all it has.
 * @param {Element} parent
 * @param {Child[]} children
 */
export function update(parent, children) {
	const active = /** @type {HTMLElement} */ (document.activeElement);
	match(parent, h("div", ...children));
	if (active !== document.activeElement && active.isConnected) active.focus({ preventScroll: true });
}

/** @param {any} node */
const key = (node) => node?.dataset?.key;

/** @param {Element} old @param {Element} next */
function match(old, next) {
	const keyed = new Map([...old.children].map((child) => [key(child), child]));
	let here = /** @type {any} */ (old.firstChild);
	for (const child of /** @type {any[]} */ ([...next.childNodes])) {
		let found = key(child) ? keyed.get(key(child)) : key(here) ? null : here;
		if (found?.nodeName !== child.nodeName) { // something before it has come or gone
			do found = found?.nextSibling;
			while (found && (found.nodeName + found.className !== child.nodeName + child.className || key(found)));
		}
		if (!found) {
			old.insertBefore(child, here);
			continue;
		}
		if (found === here) here = here.nextSibling;
		else old.insertBefore(found, here);
		if (found.nodeType === 1) become(found, child);
		else if (found.nodeValue !== child.nodeValue) found.nodeValue = child.nodeValue;
	}
	while (here) {
		const { nextSibling } = here;
		here.remove();
		here = nextSibling;
	}
}

/** @param {Element} old @param {Element} next */
function become(old, next) {
	for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
	for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
	const any = /** @type {any} */ (old), on = handlers.get(next) ?? {}, value = given.get(next), before = given.get(old);
	for (const name in handlers.get(old)) any[name] = null;
	handlers.set(old, Object.assign(old, on) && on);
	if (!old.hasAttribute("data-own")) match(old, next);
	for (const name in value) if (value[name] !== before?.[name] && (old !== document.activeElement || old.localName === "select" || any[name] === before?.[name])) any[name] = value[name];
	given.set(old, value);
}

const paths = {
	overview: "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z",
	patients: "M12 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM5 20c.5-4 3.3-6 7-6s6.5 2 7 6",
	doctors: "M6 4v5a4 4 0 0 0 8 0V4M10 13v2.5a4 4 0 0 0 8 0V13M18 13a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
	mine: "M9 4h6v3H9zM7 5H5v15h14V5h-2M8 12h8M8 16h5",
	record: "M6 3h9l4 4v14H6zM9 12h7M9 16h7M9 8h3",
	clinic: "M4 20V9l8-5 8 5v11zM12 10v6M9 13h6",
	users: "M12 3l7 3v5c0 4.5-3 8-7 10-4-2-7-5.5-7-10V6zM9 12l2 2 4-4",
	search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4.5 4.5",
	out: "M10 4H5v16h5M15 8l4 4-4 4M19 12H9",
	warn: "M12 4 2.5 20h19zM12 10v4M12 17v.5",
};

/** @param {keyof typeof paths} name */
export const icon = (name) => svg("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: paths[name] }));
