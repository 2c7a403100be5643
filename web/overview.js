// The overview: how many, who needs a doctor, what happened last.
import { gql, request } from "./api.js";
import { h, rows, svg } from "./dom.js";
import { age, dayOf, number } from "./format.js";
import { t } from "./text.js";
import { define, ghosts, link } from "./view.js";

const overviewDocument = gql`
	query DashboardOverview {
		patients(first: 0) { totalCount }
		doctors(first: 0) { totalCount }
		active: mappings(first: 0, filter: {active: true}) { totalCount }
		unassigned: patients(first: 6, filter: {assigned: false}) { totalCount nodes { id name age birthDateEstimated createdAt } }
		specializationStats { specialization doctorCount }
		recent: mappings(first: 6) { nodes { id isActive assignedDate patient { id name } doctor { name specialization } } }
	}`;

const mostBars = 8, barHeight = 38, barWidth = 420, missing = "/patients?assigned=false";

define("cg-overview", {
	heading: () => t("overview"),
	load: (v, signal) => request(overviewDocument, {}, signal),
	actions: (data) => [data?.patients.totalCount === 0 && link("/join", { class: "button" }, t("haveCode")), link("/patients/new", { class: "button primary" }, t("newPatient"))],
	skeleton: () => [h("div.figures", ...ghosts(4).map((g) => h("div.figure", g))), h("div.columns", h("div.card", ...ghosts(7)), h("div.card", ...ghosts(7)))],
	content({ patients, doctors, active, unassigned, specializationStats, recent }) {
		/** @param {Key} label @param {{totalCount: number}} of @param {string} path @param {boolean} [alert] */
		const figure = (label, of, path, alert) => link(path, { class: alert ? "figure alert" : "figure" }, h("strong", number(of.totalCount)), t(label));
		return [
			h("div.figures",
				figure("patients", patients, "/patients"), figure("unassigned", unassigned, missing, unassigned.totalCount > 0),
				figure("activeCare", active, "/patients?assigned=true"), figure("doctors", doctors, "/doctors")),
			h("div.columns",
				h("section.card", h("h2", t("bySpecialization")), ...chart(specializationStats)),
				h("section.card", h("h2", t("unassigned")),
					unassigned.nodes[0] ? rows("ul.rows", unassigned.nodes, (p) => [link("/patients/" + p.id, p.name), h("span.muted", age(p)), h("span.muted.end", dayOf(p.createdAt))])
						: h("p.muted", t("everybodyAssigned")),
					unassigned.nodes[5] && h("p.aside", link(missing, t("showAll"))))),
			h("section.card", h("h2", t("recentCare")),
				recent.nodes[0] ? rows("ul.rows", recent.nodes, (m) => [
					link("/patients/" + m.patient.id, m.patient.name),
					h("span", m.doctor.name, h("small", m.doctor.specialization)),
					h("span.tag", { class: m.isActive && "on" }, t(m.isActive ? "active" : "ended")),
					h("span.muted.end", dayOf(m.assignedDate))])
					: h("p.muted", t("noCareYet"))),
		];
	},
});

/** Bars of how many doctors have a specialization, most first. @param {any[]} stats @returns {Child[]} */
function chart(stats) {
	if (!stats[0]) return [h("p.muted", t("noDoctorsYet"))];
	const shown = stats.slice(0, mostBars), label = t("bySpecialization") + ": " + shown.map((s) => `${s.specialization} ${s.doctorCount}`).join(", ");
	/** @param {number} width @param {string} look */
	const bar = (width, look) => svg("rect", { y: 20, width: Math.max(7, width), height: 7, rx: 3.5, class: look });
	return [
		svg("svg.chart", { viewBox: `0 0 ${barWidth} ${shown.length * barHeight}`, role: "img", "aria-label": label },
			...shown.map(({ specialization: name, doctorCount: n }, i) => svg("g", { transform: `translate(0 ${i * barHeight})` },
				svg("text", { y: 13 }, name.length > 34 ? name.slice(0, 33) + "…" : name),
				svg("text.value", { x: barWidth, y: 13 }, number(n)),
				bar(barWidth, "track"), bar(barWidth * n / stats[0].doctorCount, "level")))),
		stats[mostBars] && h("p.muted", t("more", stats.length - mostBars)),
	];
}
