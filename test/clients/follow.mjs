// Subscribes with the packages graphql-ws and graphql-sse to servers, and keeps what a page would
// show: argv[2] has the clients, [{url, token, transport}]. For each line on standard input it
// prints one line: what each client shows, and how it was told.
import { createClient as createSocket } from "graphql-ws";
import { createClient as createEvents } from "graphql-sse";
import { createInterface } from "node:readline";
import WebSocket from "ws";

const page = `query($after: Cursor) { patients(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { id version name address } } }`;
const changed = `subscription Follow { patientChanged { kind id patient { id version name address } } }`;

function follow({ url, token, transport }) {
	const headers = { authorization: "Bearer " + token };
	const client = { patients: {}, names: {}, events: 0, resyncs: 0, connects: 0, delays: [], errors: [] };
	const show = ({ id, version, name, address }) => {
		client.names[name] = true;
		if (!(client.patients[id]?.version > version)) client.patients[id] = { version, address };
	};
	let asking = false, again = false;
	async function ask() {
		if (asking) return void (again = true);
		asking = true;
		do {
			again = false;
			try {
				for (let after = null, more = true; more; ) {
					const { data, errors } = await query({ query: page, variables: { after } });
					if (errors) throw new Error(errors[0].message);
					data.patients.nodes.forEach(show);
					({ hasNextPage: more, endCursor: after } = data.patients.pageInfo);
				}
			} catch {
				again = true;
				await new Promise((resolve) => setTimeout(resolve, 100));
			}
		} while (again);
		asking = false;
	}
	const sink = {
		next({ data, errors }) {
			if (errors) return void client.errors.push(JSON.stringify(errors));
			const { kind, patient } = data.patientChanged;
			client.events++;
			if (kind === "RESYNC") {
				client.resyncs++;
				ask();
			} else if (patient) {
				show(patient);
				const sent = /^at (\d+)$/.exec(patient.address);
				if (sent) client.delays.push(Date.now() - sent[1]);
			}
		},
		error: (err) => client.errors.push(String(err?.message ?? err?.reason ?? JSON.stringify(err))),
		complete: () => client.errors.push("complete"),
	};
	const connected = () => {
		client.connects++;
		setTimeout(ask); // after it has subscribed again
	};
	const options = { retryAttempts: 1000, retryWait: () => new Promise((resolve) => setTimeout(resolve, 100)) };
	const connection = transport === "ws"
		? createSocket({ ...options, url: url.replace("http", "ws") + "/graphql", webSocketImpl: WebSocket, lazy: false, connectionParams: { Authorization: headers.authorization }, shouldRetry: () => true, on: { connected } })
		: createEvents({ ...options, url: url + "/graphql", headers, });
	connection.subscribe({ query: changed }, sink, transport === "sse" ? { connected } : undefined);
	// What is asked over the connection that subscribes is as new as what is told from then on.
	const query = (request) => new Promise((resolve, reject) => {
		let answer;
		connection.subscribe(request, { next: (result) => (answer = result), error: reject, complete: () => resolve(answer) });
	});
	return client;
}

const clients = JSON.parse(process.argv[2]).map(follow);
for await (const _ of createInterface({ input: process.stdin })) console.log(JSON.stringify(clients));
process.exit();
