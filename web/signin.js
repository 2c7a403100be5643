// Signing in and registering.
import { enter, gql } from "./api.js";
import { h } from "./dom.js";
import { form } from "./form.js";
import { t } from "./text.js";
import { go, link } from "./view.js";

export const signInDocument = gql`
	mutation SignIn($email: String!, $password: String!) {
		login(input: {email: $email, password: $password}) {
			access refresh accessExpiresAt user { id username email isStaff practices { doctor { id } clinic { id } } records { id } patients(first: 0) { totalCount } clinic { members(first: 0) { totalCount } } }
		}
	}`;

const registerDocument = gql`
	mutation Register($input: RegisterInput!) {
		register(input: $input) {
			access refresh accessExpiresAt user { id username email isStaff practices { doctor { id } clinic { id } } records { id } patients(first: 0) { totalCount } clinic { members(first: 0) { totalCount } } }
		}
	}`;

/** The roles of users. @returns {Option[]} */
export const roles = () => [["PATIENT", t("PATIENT")], ["DOCTOR", t("DOCTOR")]];

form("cg-signin", {
	heading: () => t("signIn"),
	action: "signIn",
	fields: () => [
		{ name: "email", label: "email", type: "email", wide: true, auto: "username" },
		{ name: "password", label: "password", type: "password", wide: true, auto: "current-password" },
	],
	async save(values) {
		await enter(signInDocument, values);
		dispatchEvent(new Event("cg-go"));
	},
	below: () => h("p.aside", t("noAccount"), " ", link("/register", t("register"))),
});

form("cg-register", {
	heading: () => t("register"),
	action: "register",
	fields: () => [
		{ name: "username", label: "username", wide: true, auto: "username" },
		{ name: "email", label: "email", type: "email", wide: true, auto: "email" },
		{ name: "phone", label: "phone", type: "tel", hint: "optional", wide: true, auto: "tel" },
		{ name: "password", label: "password", type: "password", hint: "passwordHint", wide: true, auto: "new-password" },
		{ name: "role", label: "role", type: "radio", value: "PATIENT", wide: true, options: roles() },
	],
	async save({ phone, ...values }) {
		await enter(registerDocument, { input: { ...values, phone: phone || null } });
		go("/", true);
	},
	below: () => h("p.aside", t("haveAccount"), " ", link("/", t("signIn"))),
});
