// What the page knows of messages and conversations. Each is a signal of its own, so that a change draws one row anew.
// Changes that are under way are kept apart and put over whatever the server says meanwhile.

import { signal, type Signal } from '@preact/signals';
import { call, limit } from './session';
import type { Email, EmailBody, GetResponse, Id, Thread } from '../jmap/types';

export const LIST_PROPERTIES = [
	'id',
	'threadId',
	'mailboxIds',
	'keywords',
	'from',
	'to',
	'subject',
	'receivedAt',
	'preview',
	'hasAttachment',
	'size',
];
const BODY_PROPERTIES = [
	'id',
	'blobId',
	'messageId',
	'inReplyTo',
	'references',
	'sender',
	'replyTo',
	'cc',
	'bcc',
	'sentAt',
	'bodyValues',
	'textBody',
	'htmlBody',
	'attachments',
	'header:Authentication-Results:asText:all',
	'header:List-Id:asText',
	'header:List-Unsubscribe:asURLs',
];
const MAX_BODY = 1024 * 1024;

export type Patch = Record<string, boolean | null>;

// A page is open for days. What no view shows is let go, oldest first, and asked for again when it is wanted.
const MAX_EMAILS = 20000;
const MAX_BODIES = 300;
const MAX_BODY_CHARS = 16 * 1024 * 1024;

const emails = new Map<Id, Signal<Email | undefined>>();
const threads = new Map<Id, Signal<Id[] | undefined>>();
const bodies = new Map<Id, Signal<EmailBody | undefined>>();
const pending = new Map<Id, Patch[]>();

const shown = new WeakSet<object>();

function slot<T>(map: Map<Id, Signal<T | undefined>>, id: Id): Signal<T | undefined> {
	let s = map.get(id);
	if (!s) {
		s = signal<T | undefined>(undefined, {
			watched() {
				shown.add(this);
			},
			unwatched() {
				shown.delete(this);
			},
		});
		map.set(id, s);
	}
	return s;
}

function trimEmails() {
	// Not at each one more.
	if (emails.size < MAX_EMAILS * 1.1) return;
	for (const [id, s] of emails) {
		if (emails.size <= MAX_EMAILS) break;
		if (shown.has(s) || pending.has(id)) continue;
		const t = s.peek()?.threadId;
		emails.delete(id);
		const of = t && threads.get(t);
		if (of && !shown.has(of)) threads.delete(t);
	}
}

const chars = (b: EmailBody | undefined) =>
	Object.values(b?.bodyValues ?? {}).reduce((sum, v) => sum + v.value.length, 0);

function trimBodies() {
	let total = 0;
	for (const s of bodies.values()) total += chars(s.peek());
	for (const [id, s] of bodies) {
		if (bodies.size <= MAX_BODIES && total <= MAX_BODY_CHARS) break;
		if (shown.has(s)) continue;
		total -= chars(s.peek());
		bodies.delete(id);
	}
}

export const email = (id: Id) => slot(emails, id);
export const thread = (id: Id) => slot(threads, id);
export const body = (id: Id) => slot(bodies, id);
export const knownEmail = (id: Id) => emails.get(id)?.peek();
export const allKnownThreads = (): Id[] => [...threads].filter(([, s]) => s.peek()).map(([id]) => id);
export const knownThread = (id: Id) => threads.get(id)?.peek();
export const allKnown = (): Email[] => [...emails.values()].map(s => s.peek()).filter(e => e !== undefined);

export function clearEmails() {
	emails.clear();
	threads.clear();
	bodies.clear();
	pending.clear();
}

// RFC 8620 5.3: a patch names a property by its path, null takes it away.
export function patched(e: Email, patch: Patch): Email {
	const next = { ...e, keywords: { ...e.keywords }, mailboxIds: { ...e.mailboxIds } };
	for (const [path, value] of Object.entries(patch)) {
		const [kind, name] = split(path);
		if (value) next[kind][name] = true;
		else delete next[kind][name];
	}
	return next;
}

export function inverse(e: Email, patch: Patch): Patch {
	const back: Patch = {};
	for (const path of Object.keys(patch)) {
		const [kind, name] = split(path);
		back[path] = e[kind][name] ? true : null;
	}
	return back;
}

function split(path: string): ['keywords' | 'mailboxIds', string] {
	const slash = path.indexOf('/');
	return [path.slice(0, slash) as 'keywords' | 'mailboxIds', path.slice(slash + 1)];
}

export function receiveEmails(list: Email[]) {
	for (const e of list) {
		let next = { ...email(e.id).peek(), ...e };
		for (const p of pending.get(e.id) ?? []) next = patched(next, p);
		email(e.id).value = next;
	}
	trimEmails();
}

export function receiveThreads(list: Thread[]) {
	for (const t of list) {
		const known = thread(t.id);
		if (known.peek()?.join() !== t.emailIds.join()) known.value = t.emailIds;
	}
}

export function forget(ids: Id[]) {
	for (const id of ids) {
		const e = knownEmail(id);
		if (!e) continue;
		const t = thread(e.threadId);
		t.value = t.peek()?.filter(other => other !== id);
		email(id).value = undefined;
		bodies.delete(id);
	}
}

// Shows a patch before the server has it; `settle` when it has answered, either way.
export function show(id: Id, patch: Patch): () => void {
	const list = pending.get(id) ?? [];
	list.push(patch);
	pending.set(id, list);
	const e = knownEmail(id);
	if (e) email(id).value = patched(e, patch);
	return () => {
		const rest = (pending.get(id) ?? []).filter(p => p !== patch);
		if (rest.length) pending.set(id, rest);
		else pending.delete(id);
	};
}

// Takes back what was shown.
export function unshow(id: Id, back: Patch) {
	const e = knownEmail(id);
	if (e) email(id).value = patched(e, back);
}

export async function getEmails(ids: Id[]): Promise<void> {
	const max = Math.min(limit('maxObjectsInGet', 256), 256);
	for (let i = 0; i < ids.length; i += max) {
		const r = await call<GetResponse<Email>>('Email/get', {
			ids: ids.slice(i, i + max),
			properties: LIST_PROPERTIES,
		});
		receiveEmails(r.list);
		forget(r.notFound);
	}
}

const asked = new Set<Id>();

// Asks for what is not known yet, once.
export function ensureEmails(ids: Id[]) {
	const missing = ids.filter(id => !knownEmail(id) && !asked.has(id));
	if (!missing.length) return;
	for (const id of missing) asked.add(id);
	void getEmails(missing)
		.catch(() => {})
		.finally(() => missing.forEach(id => asked.delete(id)));
}

export async function ensureThread(id: Id): Promise<Id[]> {
	const known = knownThread(id);
	if (known) {
		ensureEmails(known);
		return known;
	}
	const t = call<GetResponse<Thread>>('Thread/get', { ids: [id] });
	const g = call<GetResponse<Email>>('Email/get', {
		'#ids': t.ref('/list/*/emailIds'),
		properties: LIST_PROPERTIES,
	});
	const threadResponse = await t;
	receiveEmails((await g).list);
	receiveThreads(threadResponse.list);
	return threadResponse.list[0]?.emailIds ?? [];
}

const askedBodies = new Map<Id, Promise<void>>();

export function ensureBodies(ids: Id[]): Promise<void> {
	const missing = ids.filter(id => !bodies.get(id)?.peek() && !askedBodies.has(id));
	if (missing.length) {
		const p = getBodies(missing).finally(() => missing.forEach(id => askedBodies.delete(id)));
		for (const id of missing) askedBodies.set(id, p);
	}
	return Promise.all(ids.map(id => askedBodies.get(id))).then(() => {});
}

async function getBodies(ids: Id[]): Promise<void> {
	const r = await call<GetResponse<EmailBody>>('Email/get', {
		ids,
		properties: BODY_PROPERTIES,
		bodyProperties: ['partId', 'blobId', 'size', 'name', 'type', 'charset', 'disposition', 'cid'],
		fetchTextBodyValues: true,
		fetchHTMLBodyValues: true,
		maxBodyValueBytes: MAX_BODY,
	});
	for (const b of r.list) body(b.id).value = b;
	trimBodies();
}

// The conversations next to the open one, before they are asked for.
export async function prefetch(threadIds: Id[]) {
	for (const t of threadIds) {
		const ids = await ensureThread(t).catch(() => []);
		const last = ids.slice(-3);
		await ensureBodies(last).catch(() => {});
	}
}
