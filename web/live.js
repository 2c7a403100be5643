// What others change, as it happens: over a WebSocket, by the protocol graphql-transport-ws. The page is told of kinds and
// ids alone, and reads what it shows again.
import { bearer, gql, renew, session } from "./api.js";
import { announce } from "./form.js";
import { t } from "./text.js";
import { root } from "./view.js";

const documents = {
	patientChanged: gql`
	subscription FollowPatients { patientChanged { kind id } }`,
	mappingChanged: gql`
	subscription FollowMappings { mappingChanged { kind id } }`,
	doctorChanged: gql`
	subscription FollowDoctors { doctorChanged { kind id } }`,
};

const together = 150, soonest = 500, latest = 30000; // milliseconds: changes are told together; until it connects again

/** @type {WebSocket | undefined} */
let socket;
let tries = 0, acknowledged = false;

/** Whether changes are told. */
export const live = () => acknowledged;

/** Ends it: somebody else may sign in. */
export function unfollow() {
	const old = socket;
	[socket, acknowledged, tries] = [undefined, false, 0];
	old?.close();
}

/** Tells of changes, as long as somebody is signed in. @param {(changes: Change[]) => void} tell */
export function follow(tell) {
	if (socket || !session.user) return;
	const own = (socket = new WebSocket(location.origin.replace("http", "ws") + "/graphql", "graphql-transport-ws"));
	/** @param {object} message */
	const send = (message) => own.send(JSON.stringify(message));
	/** @type {Change[]} */
	let changes = [];
	/** @param {Change} change */
	const add = (change) => {
		if (changes.push(change) > 1) return;
		setTimeout(() => {
			const all = changes;
			changes = [];
			tell(all);
		}, together);
	};
	own.onopen = () => send({ type: "connection_init", payload: { Authorization: "Bearer " + bearer() } });
	own.onmessage = ({ data }) => {
		if (socket !== own) return;
		const { type, payload } = JSON.parse(data);
		if (type === "connection_ack") {
			for (const [id, query] of Object.entries(documents)) send({ type: "subscribe", id, payload: { query } });
			send({ type: "ping" });
			acknowledged = true;
		} else if (type === "pong") {
			tries = 0;
			add({ field: "", kind: "RESYNC", id: null }); // from now on all is told
		} else if (type === "error") acknowledged = false;
		else if (type === "ping") send({ type: "pong" });
		else if (type === "next" && payload.data) for (const [field, change] of Object.entries(payload.data)) add({ field, ...change });
	};
	own.onclose = async ({ code }) => {
		if (socket !== own) return;
		acknowledged = false;
		if (code === 4401 && session.user) await renew().catch(() => {}); // the sign-in has ended
		setTimeout(() => {
			if (socket !== own) return;
			socket = undefined;
			follow(tell);
		}, Math.min(latest, soonest * 2 ** tries++) * (1 + Math.random() / 2));
	};
}

/**
 * Lets the view read again what others changed. A form of a record that they changed says so.
 * @param {Change[]} changes @param {(changed: true) => void} refresh the view @param {View} [view]
 */
export async function shown(changes, refresh, view) {
	const [, type, id] = /^\/(patient|doctor)s\/(\d+)\/edit$/.exec(location.pathname.slice(root.length)) ?? [];
	if (!type) return refresh(true);
	if (!view?.data || view.state.busy || !changes.some((c) => c.kind === "RESYNC" || (c.field === type + "Changed" && c.id === id))) return;
	const { version } = view.data;
	await view.refresh();
	if (view.data && view.data.version !== version) announce(t("changedNow"));
}
