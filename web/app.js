// The page: who is signed in, which view the URL names, and what surrounds it.
import { enter, Failure, leave, page, renew, session } from "./api.js";
import { h, icon, update } from "./dom.js";
import { ask, field, typed } from "./form.js";
import { signInDocument } from "./signin.js";
import { language, languages, say, speak, t } from "./text.js";
import { define, forgetAll, go, link, root } from "./view.js";

const patients = () => import("./patients.js"), doctors = () => import("./doctors.js"), users = () => import("./users.js");
const clinic = () => import("./clinic.js"), mine = () => import("./mine.js"), trail = () => import("./trail.js");

/** The views, by their paths; the module of a view is loaded when it is first shown. @type {[RegExp, string, () => Promise<unknown>][]} */
const routes = [
	[/^\/?$/, "cg-overview", () => import("./overview.js")],
	[/^\/caseload$/, "cg-caseload", mine],
	[/^\/record$/, "cg-record", mine],
	[/^\/clinic$/, "cg-clinic", clinic],
	[/^\/join$/, "cg-join", clinic],
	[/^\/patients$/, "cg-patients", patients],
	[/^\/patients\/deleted$/, "cg-deleted", trail],
	[/^\/patients\/(\d{1,10})\/trail$/, "cg-trail", trail],
	[/^\/patients\/(\d{1,10})\/merge\/(\d{1,10})$/, "cg-merge", () => import("./merge.js")],
	[/^\/patients\/new$/, "cg-patient-form", patients],
	[/^\/patients\/(\d{1,10})$/, "cg-patient", () => import("./patient.js")],
	[/^\/patients\/(\d{1,10})\/edit$/, "cg-patient-form", patients],
	[/^\/doctors$/, "cg-doctors", doctors],
	[/^\/doctors\/new$/, "cg-doctor-form", doctors],
	[/^\/doctors\/(\d{1,10})$/, "cg-doctor", doctors],
	[/^\/doctors\/(\d{1,10})\/edit$/, "cg-doctor-form", doctors],
	[/^\/users$/, "cg-users", users],
	[/^\/users\/(\d{1,10})$/, "cg-user", users],
];

/** Whether a user works at a desk: keeps records, and is not only the account of a doctor or patient. @param {User} user */
const hasDesk = ({ isStaff, practices, records, patients, clinic }) => isStaff || !(practices[0] || records[0]) || patients.totalCount > 0 || clinic.members.totalCount > 1;

/** How often views read again while somebody looks at them, in milliseconds; and how often if they are told of changes. */
const interval = 15000, seldom = 60000;

/** @type {typeof import("./live.js") | undefined} */
let live;

define("cg-nowhere", {
	heading: () => t("nowhere"),
	content: () => [h("div.card.empty", h("p", t("nowhereText")), link("/", { class: "button" }, t("overview")))],
});

class App extends HTMLElement {
	/** @type {View | undefined} */
	#view;
	/** @type {Failure | undefined} */
	#failure;
	#going = 0;
	#refreshed = 0;

	connectedCallback() {
		document.body.append(h("div.passing", { id: "status", role: "status" }), h("div.passing", { id: "slow", role: "status" }));
		page.ask = this.#ask;
		page.slow = (late) => {
			/** @type {HTMLElement} */ (document.getElementById("slow")).textContent = late ? t("slow") : "";
		};
		addEventListener("popstate", () => this.#go(false));
		addEventListener("cg-go", () => this.#go(true));
		for (const event of ["focus", "online"]) addEventListener(event, () => this.#refresh(true));
		document.addEventListener("visibilitychange", () => this.#refresh(true));
		document.addEventListener("click", follow);
		setInterval(() => (!live?.live() || Date.now() - this.#refreshed >= seldom) && this.#refresh(), interval);
		this.#start();
	}

	/** Continues the session of the tab, if there is one. */
	async #start() {
		this.#failure = undefined;
		await this.#try(() => renew().catch((error) => {
			if (error.code !== "SIGNED_OUT") throw error;
		}));
		if (!this.#failure) await this.#go(false);
	}

	/** Does what needs the server, or shows why it cannot be done. @param {() => Promise<unknown>} what */
	async #try(what) {
		try {
			await what();
		} catch (error) {
			this.#failure = error instanceof Failure ? error : new Failure("NETWORK");
			this.#draw();
		}
	}

	#refresh = (changed = false) => {
		if (document.visibilityState !== "visible" || document.querySelector(".lock")) return;
		this.#refreshed = Date.now();
		if (this.#failure) this.#start();
		else this.#view?.refresh(true, changed);
	};

	/** Shows the view of the URL. @param {boolean} top from its top */
	async #go(top) {
		const path = location.pathname.slice(root.length), going = ++this.#going;
		if (session.user && path === "/register") return go("/", true);
		if (session.user && /^\/?$/.test(path) && !hasDesk(session.user)) return go(session.user.practices[0] ? "/caseload" : "/record", true);
		const found = routes.find(([pattern]) => pattern.test(path));
		let tag = found?.[1] ?? "cg-nowhere";
		if (!session.user) tag = path === "/register" ? "cg-register" : "cg-signin";
		else if (found) await this.#try(found[2]);
		if (going !== this.#going || this.#failure) return;
		const first = !this.#view, view = (this.#view = /** @type {View} */ (document.createElement(tag)));
		view.ids = found?.[0].exec(path)?.slice(1) ?? [];
		for (const dialog of document.querySelectorAll("dialog")) dialog.close();
		this.#draw();
		this.querySelector("main")?.replaceChildren(view);
		if (top) scrollTo(0, 0);
		if (!first) view.querySelector("h1")?.focus({ preventScroll: true });
		if (session.user) (live ??= await import("./live.js")).follow((changes) => live?.shown(changes, this.#refresh, this.#view));
	}

	/** Draws what surrounds the view. */
	#draw() {
		const { user } = session, path = location.pathname.slice(root.length), other = language === "en" ? "hi" : "en";
		const desk = user && hasDesk(user);
		/** @param {"overview" | "mine" | "record" | "patients" | "doctors" | "clinic" | "users"} name @param {string} to */
		const tab = (name, to) => link(to, { "aria-current": (to === "/" ? /^\/?$/.test(path) : path.startsWith(to)) && "page" }, icon(name), h("span", t(name)));
		update(this, [
			h("a.skip", { href: "#main", onclick: (e) => (e.preventDefault(), this.querySelector("h1")?.focus()) }, t("skip")),
			h("header.bar", { class: !user && "door" },
				link("/", { class: "brand" }, h("img", { src: new URL("icon.svg", import.meta.url).href, alt: "", width: 28, height: 28 }), "Caregraph"),
				user && h("nav", desk && tab("overview", "/"), user.practices[0] && tab("mine", "/caseload"), user.records[0] && tab("record", "/record"),
					desk && tab("patients", "/patients"), tab("doctors", "/doctors"), tab("clinic", "/clinic"), user.isStaff && tab("users", "/users")),
				h("div.who",
					h("button.quiet", { type: "button", lang: other, onclick: async () => (await speak(other), this.#go(false)) }, languages[other]),
					user && h("span.name", { title: user.email }, user.username, user.isStaff && h("small", t("staff"))),
					user && h("button.quiet", { type: "button", "aria-label": t("signOut"), title: t("signOut"), onclick: () => this.#leave() }, icon("out")))),
			h("main", { id: "main", class: !user && "door", "data-own": !this.#failure }, this.#failure && h("div.problem", { role: "alert" },
				icon("warn"), h("p", say(this.#failure)), h("button", { type: "button", onclick: () => this.#start() }, t("tryAgain")))),
		]);
	}

	#leave() {
		leave();
		live?.unfollow();
		forgetAll();
		go("/", true);
	}

	/**
	 * Asks for the password in place. What is behind is covered until the same user has signed in again, and then is as
	 * it was, with all that was typed.
	 */
	#ask = async () => {
		const { email } = /** @type {User} */ (session.user), { classList } = document.body;
		const other = { text: t("leave"), onclick: () => this.#leave() };
		classList.add("locked");
		const entered = await ask({
			title: t("signedOut"), text: t("signedOutText", email), action: t("signIn"), other,
			more: () => h("div", h("input", { autocomplete: "username", value: email, hidden: true }), field({ name: "password", label: "password", type: "password", auto: "current-password" })),
			run: (form) => enter(signInDocument, { email, ...typed(form) }),
		});
		classList.remove("locked");
		if (!entered) throw new Failure("SIGNED_OUT");
		this.#draw(); // the rights may be others
	};
}

/** Follows a link to a view without loading the page anew. @param {MouseEvent} event */
function follow(event) {
	const a = event.target instanceof Element && event.target.closest("a");
	if (!a || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
	if (a.origin !== location.origin || !a.pathname.startsWith(root + "/")) return;
	event.preventDefault();
	go(a.pathname.slice(root.length) + a.search);
}

customElements.define("cg-app", App);
