// Indian formats: dates, rupees, phone numbers.
import { locale, t } from "./text.js";

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

/** +91 98765 43210. @param {string} ten digits */
export const phone = (ten) => `+91 ${ten.slice(0, 5)} ${ten.slice(5)}`;

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

/** What to search for: a phone number as it is stored, other text as it is. @param {string} [text] */
export function readSearch(text) {
	const digits = text?.replace(/[\s()+-]/g, "") ?? "";
	return /^\d{4,}$/.test(digits) ? digits.replace(/^(91|0)(?=\d{10}$)/, "") : text?.trim();
}
