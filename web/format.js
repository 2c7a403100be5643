// Indian formats: dates, rupees, phone numbers.
import { h } from "./dom.js";
import { count, locale, t } from "./text.js";

/** @param {Intl.DateTimeFormatOptions} options @returns {(when: string | number) => string} */
const format = (options) => (when) => new Intl.DateTimeFormat(locale(), { timeZone: "Asia/Kolkata", ...options }).format(new Date(when));

/** A calendar date: 15 May 1990. */
export const date = format({ day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });

/** The day of an instant, in India. */
export const dayOf = format({ day: "numeric", month: "short", year: "numeric" });

/** The time of an instant, in India. */
export const timeOf = format({ hour: "numeric", minute: "2-digit" });

/** An amount: ₹1,50,000.00. @param {string} amount */
export const rupees = (amount) => new Intl.NumberFormat(locale(), { style: "currency", currency: "INR" }).format(Number(amount));

/** 1,50,000. @param {number} n */
export const number = (n) => new Intl.NumberFormat(locale()).format(n);

/** @param {string} stored */
const indian = (stored) => /^\d{10}$/.test(stored);

/** +91 98765 43210; a number of more digits, or of another country, as it is. @param {string} stored */
export const phone = (stored) => indian(stored) ? `+91 ${stored.slice(0, 5)} ${stored.slice(5)}` : stored;

/** A phone number that calls. @param {string | null} stored */
export const call = (stored) => stored && h("a", { href: "tel:" + (indian(stored) ? "+91" : "") + stored }, phone(stored));

/** An age, which may be reckoned: about 45 years. @param {any} patient */
export const age = (patient) => patient.birthDateEstimated ? t("about", count("years", patient.age)) : count("years", patient.age);

/** The date of birth, or about which year. @param {any} patient */
export const birth = (patient) => patient.birthDateEstimated ? t("about", patient.dateOfBirth.slice(0, 4)) : date(patient.dateOfBirth);

/** A+, AB−. @param {string | null} group */
export const blood = (group) => (group ? group.replace("_POSITIVE", "+").replace("_NEGATIVE", "−") : t("notKnown"));

/** Facts in one line, without those that are missing. @param {...(string | null | false)} facts */
export const line = (...facts) => facts.filter(Boolean).join(" · ");

/** A date as the contract writes it, from 15/05/1990, 15-5-1990, 15 May 1990 or 1990-05-15; other text as it is. @param {string} text */
export function readDate(text) {
	const [a, b, c, more] = text.trim().toLowerCase().split(/[\s./-]+/);
	if (!c || more) return text.trim();
	const [d, m, y] = a.length === 4 ? [c, b, a] : [a, b, c];
	const month = Number(m) || "jan feb mar apr may jun jul aug sep oct nov dec".split(" ").indexOf(m.slice(0, 3)) + 1;
	return `${y}-${String(month).padStart(2, "0")}-${d.padStart(2, "0")}`;
}

/** A date as it is typed: 15/05/1990. @param {string} [iso] */
export const typedDate = (iso) => iso?.split("-").reverse().join("/");

/** What to search for by its sound: what was typed if it may be a name. @param {string} [text] */
export const name = (text) => /^[^@\d]*\p{L}[^@\d]*$/u.test(text ?? "") ? text : undefined;

/** A whole number, typed in any digits of India; otherwise the text. @param {string} text */
export function readNumber(text) {
	const digits = text.trim().replace(/[०-९]/g, (d) => String(d.charCodeAt(0) - 0x966));
	return /^-?\d{1,9}$/.test(digits) ? Number(digits) : text;
}
