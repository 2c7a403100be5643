// Uses one of the clients of docs/clients.md against a server, and fails if it does not do what the document says. It runs
// in a folder with the blocks of the document as files. argv[2] has the client, the server's url and secret, who signs in,
// the token of a colleague in the same clinic, and the names of the clinic's patients, in their order.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";

const { client, url, secret, email, password, colleague, names } = JSON.parse(process.argv[2]);

/** Waits until ok returns something true, and returns it. */
async function until(what, ok) {
	for (const begin = Date.now(); Date.now() < begin + 15000; await new Promise((resolve) => setTimeout(resolve, 10))) {
		const found = ok();
		if (found) return found;
	}
	assert.fail("not in 15 s: " + what + "\n" + JSON.stringify({ shown, requests, closed }));
}

// What the client sends: the operation, the key, the status, and whether the answer was one of before. before is called
// for each operation before it is sent; lost are keys whose next answer does not arrive.
const requests = [], lost = new Set();
let before = async () => {};
const send = globalThis.fetch;
globalThis.fetch = async (address, init) => {
	const headers = new Headers(init.headers), { query } = JSON.parse(init.body);
	const request = { operation: query.match(/\w+ (?:documents)?([A-Z][a-z]+)/)[1], key: headers.get("Idempotency-Key"), stream: headers.get("Accept") === "text/event-stream" };
	requests.push(request);
	await before(request.operation);
	const response = await send(address, init);
	request.status = response.status;
	request.replayed = response.headers.get("Idempotency-Replayed") === "true";
	if (lost.delete(request.key)) throw new TypeError("the answer is lost");
	return response;
};
const sent = (operation, more = {}) => requests.filter((r) => r.operation === operation && Object.entries(more).every(([name, value]) => r[name] === value));

/** What another caller does. */
async function byColleague(query, variables) {
	const response = await send(url + "/graphql", {
		method: "POST",
		headers: { "Content-Type": "application/json", Authorization: "Bearer " + colleague },
		body: JSON.stringify({ query, variables }),
	});
	const { data, errors } = await response.json();
	assert.equal(errors, undefined);
	return data;
}
const update = (id, phone) => byColleague("mutation($id: ID!, $phone: String!) { updatePatient(id: $id, input: {phone: $phone}) { id } }", { id, phone });
const total = async () => (await byColleague("{ patients(first: 0) { totalCount } }")).patients.totalCount;

/** An access token as the server would have made it, that is good for so many seconds more. */
function ending(token, seconds) {
	const [header, payload] = token.split("."), claims = JSON.parse(Buffer.from(payload, "base64url"));
	claims.exp = Math.floor(Date.now() / 1000) + seconds - 30; // the clocks of two servers may be 30 s apart
	const signed = header + "." + Buffer.from(JSON.stringify(claims)).toString("base64url");
	return signed + "." + createHmac("sha256", secret).update(signed).digest("base64url");
}

/** The module, of which every export must be used. */
const unused = new Set();
async function load(file) {
	const module = await import("./" + file);
	for (const name of Object.keys(module)) unused.add(file + ": " + name);
	return new Proxy(module, {
		get(_, name) {
			unused.delete(file + ": " + String(name));
			return module[name];
		},
	});
}

const { server, session, byField, Refused, ...access } = await import("./session.js");
server.url = url;
const closed = []; // the codes with which the server ended WebSockets
if (existsSync("node.js")) {
	await import("./node.js");
	const { WebSocket } = server;
	server.WebSocket = class extends WebSocket {
		constructor(...args) {
			super(...args);
			this.addEventListener("close", ({ code }) => closed.push(code));
		}
	};
}
const library = await load(client + ".js");
assert.ok(client === "fetch" || library.client || library.environment);

// 1. Sign in.
await assert.rejects(access.signIn(email, "wrong"), (failure) => failure instanceof Refused && failure.errors[0].extensions.code === "UNAUTHENTICATED");
await access.signIn(email, password);
assert.ok(session.access && session.refresh);

// 2. A list with pages.
let shown = { patients: [], more: true };
const show = (patients, more) => (shown = { patients, more });
const named = () => shown.patients.map(({ name }) => name);
let list = library.listPatients(2, show);
await until("the first page is shown", () => shown.patients.length === 2 && shown.more);
for (let pages = 1; shown.more; pages++) {
	const { length } = shown.patients;
	list.more();
	await until("another page is shown", () => shown.patients.length > length);
	assert.ok(shown.patients.length <= 2 * (pages + 1));
}
assert.deepEqual(named(), names);
for (const { id, name, doctors } of shown.patients) assert.deepEqual(doctors.map((doctor) => doctor.name), [`Doctor of ${name}`], id);

const create = `mutation($input: CreatePatientInput!) { createPatient(input: $input) { id } }`;
const input = (name) => ({ name, phone: "9876543210", dateOfBirth: "1990-05-15", address: "12 MG Road, Pune", gender: "FEMALE" });
await byColleague(create, { input: input("Aadi") });
await until("as many as before are shown", () => named()[0] === "Aadi");
assert.ok(named().length >= names.length);
assert.deepEqual(named(), ["Aadi", ...names].slice(0, named().length));
list.stop();
shown = { patients: [] };
list = library.listPatients(100, show);
await until("all are shown", () => named().length === names.length + 1 && !shown.more);

// 3. The access token has ended: one renewal for all who wait.
const refresh = session.refresh;
session.access = ending(session.access, -60);
const added = await Promise.all(["Zoya 1", "Zoya 2", "Zoya 3"].map((name) => library.addPatient(input(name))));
assert.deepEqual(added.map(({ name }) => name), ["Zoya 1", "Zoya 2", "Zoya 3"]);
assert.equal(sent("Add", { status: 401 }).length, 3);
assert.equal(sent("Add", { status: 200 }).length, 3);
assert.equal(sent("Renew").length, 1);
assert.notEqual(session.refresh, refresh);
const all = ["Aadi", ...names, "Zoya 1", "Zoya 2", "Zoya 3"];
await until("who was added is shown", () => named().join() === all.join());

// 4. Errors by field.
await assert.rejects(library.addPatient({ ...input(""), phone: "12" }), ({ errors }) => {
	assert.deepEqual(errors.map(({ extensions }) => extensions.code), ["BAD_USER_INPUT", "BAD_USER_INPUT"]);
	assert.deepEqual(Object.keys(byField(errors)).sort(), ["name", "phone"]);
	return true;
});

// 5. A change whose answer is lost happens once.
const key = crypto.randomUUID(), many = await total();
lost.add(key);
const once = await library.addPatient(input("Zubin"), key);
assert.deepEqual(sent("Add", { key }).map(({ status, replayed }) => [status, replayed]), [[200, false], [200, true]]);
assert.equal((await library.addPatient(input("Zubin"), key)).id, once.id);
assert.equal(await total(), many + 1);
await until("who was added is shown", () => named().includes("Zubin"));

// 6. What others change.
const settled = async () => {
	for (let before = -1; before !== requests.length; await new Promise((resolve) => setTimeout(resolve, 300))) before = requests.length;
};
await settled();
const asked = sent("Patients").length;
const phone = (id) => shown.patients.find((p) => p.id === id)?.phone;
await update(once.id, "9811111111");
await until("a change is shown", () => phone(once.id) === "9811111111");
assert.equal(sent("Patients").length, asked, "a change was asked for");
assert.deepEqual(shown.patients.at(-1).doctors, []);
await byColleague("mutation($id: ID!) { deletePatient(id: $id) }", { id: once.id });
await until("who was deleted is not shown", () => !named().includes("Zubin"));
list.stop();

// 7. The sign-in of a subscription ends: it is renewed, and what was missed meanwhile is asked for.
await settled();
shown = { patients: [] };
session.access = ending(session.access, 5);
const renewals = sent("Renew").length, first = added[0].id;
before = async (operation) => operation === "Renew" && (await update(first, "9822222222"));
list = library.listPatients(100, show);
await until("the list is shown", () => shown.patients.length === all.length);
assert.equal(phone(first), "9876543210");
await until("what was missed is shown", () => phone(first) === "9822222222");
assert.equal(sent("Renew").length, renewals + 1);
if (client === "fetch") assert.equal(sent("Changes", { status: 401, stream: true }).length, 1);
else assert.deepEqual(closed.filter((code) => code !== 1000), [4401]);
await update(first, "9833333333");
await until("a change after that is shown", () => phone(first) === "9833333333");

list.stop();
assert.deepEqual([...unused], []);
console.log(JSON.stringify({ requests: requests.length, pages: sent("Patients").length, renewals: sent("Renew").length, closed }));
