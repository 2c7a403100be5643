// The GraphQL calls: tokens, their renewal, and what can go wrong. The access token is in the memory of this module, the
// refresh token in sessionStorage: a reload does not sign out, closing the tab does.

/** A call that failed, with a code of the contract, or NETWORK, SLOW, NONSENSE or SIGNED_OUT. */
export class Failure extends Error {
	/** @param {string} code @param {Fault[]} [faults] what the server said @param {boolean} [unknown] whether a change may have been stored */
	constructor(code, faults = [], unknown = false) {
		super(code);
		this.code = code;
		this.faults = faults;
		this.unknown = unknown;
	}

	/** Whether trying again would not help. */
	get final() {
		return /^(NOT_FOUND|BAD_USER_INPUT|FORBIDDEN|TOO_COMPLEX)$/.test(this.code);
	}
}

/** What the page refuses itself, for it cannot be sent. @param {string} field @param {string} message */
export const refused = (field, message) => new Failure("BAD_USER_INPUT", [{ code: "", field, message, wait: 0, stale: false }]);

/** Marks a document, for the tests of the server. @param {TemplateStringsArray} text */
export const gql = (text) => text[0];

const refreshDocument = gql`
	mutation RenewSession($refresh: String!) {
		refreshToken(refresh: $refresh) { access refresh accessExpiresAt user { id username email isStaff practices { doctor { id } clinic { id } } records { id } patients(first: 0) { totalCount } clinic { members(first: 0) { totalCount } } } }
	}`;

const logoutDocument = gql`
	mutation SignOut { logout }`;

const stored = "caregraph.refresh";
const patience = 20000, slowness = 3000; // milliseconds until an answer is given up, and until the user is told to wait

let access = "", expires = 0, waiting = 0;
/** @type {Promise<void> | undefined} */
let renewing;

/** Who is signed in. @type {{user?: User}} */
export const session = {};

/** The access token. */
export const bearer = () => access;

/** What the page does: asks for the password in place, and tells that the server is slow. */
export const page = {
	async ask() {},
	/** @param {boolean} _late */
	slow(_late) {},
};

/** Whether a call failed because nobody is signed in any more. @param {unknown} error */
const ended = (error) => error instanceof Failure && error.code === "UNAUTHENTICATED";

/**
 * Executes an operation as the user and returns its data. If the session has ended, that is renewed or the password
 * asked for, and the operation, which was refused, sent again; nothing else is sent twice. Every operation has a key, so
 * that a change which the browser itself sends twice happens once; while the first of both runs, its answer is waited for.
 * @param {string} document @param {object} [variables] @param {AbortSignal} [signal] @returns {Promise<any>}
 */
export async function request(document, variables, signal) {
	const key = crypto.getRandomValues(new Uint32Array(4)).join("-"); // randomUUID needs HTTPS
	if (Date.now() >= expires) await renew();
	for (let token = access, tries = 0; ; tries++) {
		try {
			return (await send(document, variables, token, signal, key)).data;
		} catch (error) {
			const wait = error instanceof Failure && error.code === "CONFLICT" ? error.faults[0].wait : 0;
			if (tries > 9 || !(wait || (ended(error) && !tries))) throw error;
			if (wait) await new Promise((done) => setTimeout(done, wait * 1000));
			else if (token === access) await renew();
			token = access;
		}
	}
}

/** Signs in, by an operation whose field is an AuthPayload. @param {string} document @param {object} variables */
export async function enter(document, variables) {
	const { data, date } = await send(document, variables), payload = /** @type {any} */ (Object.values(data)[0]);
	if (!payload?.access || !payload.user) throw new Failure("NONSENSE");
	const life = Date.parse(payload.accessExpiresAt) - date; // by the server's clock, for this one may be wrong
	[access, expires, session.user] = [payload.access, Date.now() + life - Math.min(10000, life / 10), payload.user];
	sessionStorage.setItem(stored, payload.refresh);
}

/** Signs out, also if the server cannot be reached. */
export function leave() {
	if (access) send(logoutDocument, {}, access).catch(() => {});
	forget();
	session.user = undefined;
}

function forget() {
	[access, expires] = ["", 0];
	sessionStorage.removeItem(stored);
}

/** Continues the session, if there is one; those who ask meanwhile wait for the same answer. */
export const renew = () => (renewing ??= renewOnce().finally(() => (renewing = undefined)));

async function renewOnce() {
	const refresh = sessionStorage.getItem(stored);
	try {
		if (refresh) return await enter(refreshDocument, { refresh });
	} catch (error) {
		if (!ended(error)) throw error;
	}
	forget();
	if (!session.user) throw new Failure("SIGNED_OUT");
	await page.ask();
}

/** @param {string} document @param {object} [variables] @param {string} [token] @param {AbortSignal} [signal] @param {string} [key] */
async function send(document, variables = {}, token, signal, key) {
	const changes = /^\s*mutation/.test(document), timeout = AbortSignal.timeout(patience);
	if (changes && !navigator.onLine) throw new Failure("NETWORK");
	let late = 0;
	const clock = setTimeout(() => page.slow((waiting += late = 1) > 0), slowness);
	try {
		const response = await fetch("/graphql", {
			method: "POST",
			headers: { "Content-Type": "application/json", ...(token && { Authorization: "Bearer " + token }), ...(changes && key && { "Idempotency-Key": key }) },
			body: JSON.stringify({ query: document, variables }),
			credentials: "omit",
			redirect: "error",
			signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
		});
		return { data: read(await response.text(), changes), date: Date.parse(response.headers.get("Date") ?? "") || Date.now() };
	} catch (error) {
		if (signal?.aborted || error instanceof Failure) throw error;
		throw new Failure(timeout.aborted ? "SLOW" : "NETWORK", [], changes);
	} finally {
		clearTimeout(clock);
		if (late) page.slow((waiting -= late) > 0);
	}
}

/** The data of an answer; throws what it says has failed. @param {string} text @param {boolean} changes */
function read(text, changes) {
	let answer;
	try {
		answer = JSON.parse(text);
	} catch {}
	if (answer?.errors?.[0]) {
		const faults = [].concat(answer.errors).map((/** @type {any} */ error) => {
			const { code, field, retryAfter, currentVersion, mergedInto } = error?.extensions ?? {}, path = error?.path ?? [];
			return { code: String(code), message: String(error?.message), field: field ?? (path[0] === "variable" ? path.at(-1) : ""), wait: Number(retryAfter) || 0, stale: currentVersion > 0, merged: mergedInto };
		});
		throw new Failure(faults[0].code, faults);
	}
	if (typeof (answer?.data ?? 0) !== "object") throw new Failure("NONSENSE", [], changes);
	return answer.data;
}
