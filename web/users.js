// Users: finding one, and what staff changes of one.
import { gql, request } from "./api.js";
import { h } from "./dom.js";
import { announce, ask } from "./form.js";
import { dayOf } from "./format.js";
import { list } from "./list.js";
import { details, reach } from "./record.js";
import { roles } from "./signin.js";
import { t } from "./text.js";
import { define, link } from "./view.js";

const listDocument = gql`
	query UserList($first: Int, $after: Cursor, $last: Int, $before: Cursor, $filter: UserFilter, $orderBy: UserOrder) {
		users(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
			totalCount
			pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
			nodes { id username email role isActive isStaff dateJoined }
		}
	}`;

const readDocument = gql`
	query UserRecord($id: ID!) { user(id: $id) { id username email phone role isActive isStaff dateJoined } }`;

const updateDocument = gql`
	mutation UpdateUser($id: ID!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) { id } }`;

/** @param {string} [value] */
const flag = (value) => value && value === "true";
/** @param {any} u */
const rights = (u) => h("span.tag", { class: u.isStaff && "on" }, t(u.isStaff ? "staff" : "ownRecords"));
/** @param {any} u */
const status = (u) => h("span.tag", { class: u.isActive ? "on" : "alert" }, t(u.isActive ? "active" : "inactive"));

list("cg-users", {
	path: "/users", heading: "users", search: "searchUsers", counted: "userCount",
	columns: [
		{ label: "username", order: "USERNAME", class: "main", cell: (u) => link("/users/" + u.id, u.username) },
		{ label: "email", order: "EMAIL", cell: (u) => u.email },
		{ label: "role", cell: (u) => t(u.role) },
		{ label: "rights", cell: rights },
		{ label: "status", cell: status },
		{ label: "recorded", order: "DATE_JOINED", cell: (u) => dayOf(u.dateJoined) },
	],
	filters: () => [
		{ name: "role", label: "role", options: roles() },
		{ name: "staff", label: "rights", options: [["true", t("staff")], ["false", t("ownRecords")]] },
		{ name: "active", label: "status", options: [["true", t("active")], ["false", t("inactive")]] },
	],
	async read(page, { q, role, staff, active }, signal) {
		const filter = { search: q?.trim(), role, isStaff: flag(staff), isActive: flag(active) };
		return (await request(listDocument, { ...page, filter }, signal)).users;
	},
});

define("cg-user", {
	heading: (v) => v.data?.username ?? t("user"),
	back: () => ["/users", t("users")],
	load: async (v, signal) => (await request(readDocument, { id: v.ids[0] }, signal)).user,
	content(u, v) {
		/** @param {Key} term @param {Child} what @param {Key} action @param {Key} text @param {object} input */
		const row = (term, what, action, text, input) => h("li", h("div", h("small", t(term)), what), h("button", {
			type: "button",
			async onclick() {
				const run = () => request(updateDocument, { id: u.id, input });
				if (await ask({ title: t(action), text: t(text, u.username), action: t(action), run })) announce(t("saved"));
				v.refresh();
			},
		}, t(action)));
		return [h("div.columns",
			h("section.card", h("ul.people",
				row("status", status(u), u.isActive ? "deactivate" : "activate", u.isActive ? "deactivateText" : "activateText", { isActive: !u.isActive }),
				row("rights", rights(u), u.isStaff ? "demote" : "promote", u.isStaff ? "demoteText" : "promoteText", { isStaff: !u.isStaff }),
				row("role", t(u.role), "changeRole", "roleText", { role: u.role === "DOCTOR" ? "PATIENT" : "DOCTOR" }))),
			details([...reach(u.phone, u.email), [t("recorded"), dayOf(u.dateJoined)]]))];
	},
});
