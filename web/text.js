// The texts of the page, in the language of the user.
import en from "./en.js";

/** The languages, by the value of the attribute lang. */
export const languages = { en: "English", hi: "हिन्दी" };

const stored = "caregraph.language";

/** @type {Texts} */
let texts = en;

/** @type {Language} */
export let language = "en";

/** Shows texts in another language from now on. @param {Language} next */
export async function speak(next) {
	texts = next === "hi" ? (await import("./hi.js")).default : en;
	document.documentElement.lang = language = next;
	localStorage.setItem(stored, next);
}

await speak((localStorage.getItem(stored) ?? navigator.language).startsWith("hi") ? "hi" : "en");

/** The locale of dates and numbers. */
export const locale = () => language + "-IN";

/** A text with {0}, {1}, … replaced. @param {Key} key @param {...(string | number)} values */
export const t = (key, ...values) => texts[key].replace(/\{(\d)\}/g, (_, n) => String(values[n]));

/** A text that has a form for one and a form for others. @param {Key} key @param {number} n */
export const count = (key, n) => texts[key].split("|")[new Intl.PluralRules(locale()).select(n) === "one" ? 0 : 1].replace("{0}", new Intl.NumberFormat(locale()).format(n));

/** What the server said of a field, in the language of the user if that is known. @param {string} words */
export const said = (words) => known(words) ?? words.charAt(0).toUpperCase() + words.slice(1);

/** @param {string} words @returns {string | undefined} */
const known = (words) => /** @type {any} */ (texts.said)[words];

/** The sentence for a call that failed. @param {Failure} failure */
export function say({ code, faults: [fault], unknown }) {
	const sentence = code === "RATE_LIMITED" && fault?.wait ? count("wait", fault.wait) : known(code) ?? said(fault?.message ?? texts.said.INTERNAL);
	return unknown ? sentence + " " + texts.unknown : sentence;
}
