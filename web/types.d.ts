// Types that several modules share, for tsc alone: this file is not served.

type View = import("./view.js").View;
type Failure = import("./api.js").Failure;
type Texts = typeof import("./en.js").default;

/** The name of a text. */
type Key = { [K in keyof Texts]: Texts[K] extends string ? K : never }[keyof Texts];
type Language = keyof typeof import("./text.js").languages;

type Child = Node | string | number | null | undefined | false;

/** Functions are handlers (onclick), value and checked are given to a field, the rest are attributes. */
type Props = { [name: string]: string | number | boolean | null | undefined | ((event: any) => unknown) };

/** What an element is made of. */
type Make<E> = (selector: string, ...rest: (Props | Child)[]) => E;

/** A value of a choice, and what is shown for it. */
type Option = [value: string, text: string];

/** Who is signed in. */
interface User {
	id: string;
	username: string;
	email: string;
	isStaff: boolean;
	/** Of which doctors the user is the account, and for which clinics. */
	practices: { doctor: { id: string }; clinic: { id: string } }[];
	/** Of which patients the user is the account. */
	records: { id: string }[];
	/** How many patients the user recorded. */
	patients: { totalCount: number };
	clinic: { members: { totalCount: number } };
}

/** One thing that the server refused, at a field or at none. */
interface Change {
	field: string; // of Subscription; empty at RESYNC
	kind: string;
	id: string | null;
}

interface Fault {
	code: string;
	message: string;
	field: string;
	wait: number; // seconds, with RATE_LIMITED
	stale: boolean; // with CONFLICT: the record was changed meanwhile
	merged?: string; // with NOT_FOUND: the record that this one became part of
}

/** What a view is made of. */
interface Parts {
	heading(v: View): string;
	/** The link above the heading, and the way out of a failure. */
	back?(v: View): [path: string, text: string];
	/** Reads what the view shows. */
	load?(v: View, signal: AbortSignal): Promise<any>;
	/** Stands beside the heading. */
	actions?(data: any, v: View): Child[];
	/** Stands below the heading, also while there is nothing yet. */
	tools?(v: View): Child[];
	content(data: any, v: View): Child[];
	/** Something of the shape of the content. */
	skeleton?(): Child[];
	/** Is not read again by itself. */
	still?: boolean;
}

interface Field {
	/** As in the contract. */
	name: string;
	label: Key;
	/** That of an input, or area, select, radio. */
	type?: string;
	/** Of select and radio. */
	options?: Option[];
	hint?: Key;
	value?: string | null;
	/** What somebody else changed meanwhile. */
	meanwhile?: string | false;
	wide?: boolean;
	/** The attribute autocomplete. */
	auto?: string;
}

/** A view that is a form. */
interface FormParts extends Pick<Parts, "heading" | "load" | "back"> {
	fields(data: any): Field[];
	save(values: Record<string, string>, v: View): Promise<void>;
	/** What the button says. */
	action?: Key;
	below?(): Child;
	/** Is told what was typed so far. */
	oninput?(values: Record<string, string>, v: View): unknown;
	/** Stands above the button. */
	beside?(v: View): Child;
}

/** A view that is a list. */
interface ListParts {
	path: string;
	/** The path of a record, without its id; that of the list if left out. */
	to?: string;
	heading: Key;
	/** The label of the search. */
	search: Key;
	/** A text of the form "one|others". */
	counted: Key;
	/** order is the field of the contract; the list begins in that of the first column. */
	columns: { label: Key; cell(row: any): Child | Child[]; order?: string; class?: string }[];
	filters(): { name: string; label: Key; options: Option[] }[];
	/** Reads a connection; page has the arguments of its place and order. */
	read(page: object, values: Record<string, string>, signal: AbortSignal): Promise<any>;
	actions?(): Child[];
}

/** A question before something is done. */
interface Question {
	title: string;
	text: string;
	/** What the button says. */
	action: string;
	/** Must be typed first. */
	name?: string;
	more?(): Child;
	/** Another way out instead of Cancel: the question stays until it is taken. */
	other?: { text: string; onclick(): void };
	run(form: HTMLFormElement): Promise<unknown>;
}
