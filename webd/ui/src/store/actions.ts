// What people do to conversations. Shown at once; the server is asked behind it; what it refuses is taken back, with the
// reason; what it does can be undone.

import { words } from '../i18n';
import { explain } from '../i18n/explain';
import { ObjectError } from '../jmap/errors';
import type { Email, Id, Mailbox, SetResponse } from '../jmap/types';
import { forget, getEmails, inverse, knownEmail, knownThread, show, unshow, type Patch } from './emails';
import { currentMailbox, cursor, list, openThreadId, ticked } from './list';
import { mailboxes, needRole, role } from './mailboxes';
import { openThread } from './route';
import { call, limit } from './session';
import { announce, toast } from './toasts';

type Patches = Map<Id, Patch>;

const members = (threadIds: Id[]): Email[] =>
	threadIds.flatMap(t => (knownThread(t) ?? []).map(knownEmail).filter(e => e !== undefined));

// Sends patches and shows them meanwhile; the inverse of what was done.
async function perform(patches: Patches, rollback?: () => void): Promise<Patches> {
	const back: Patches = new Map();
	const settle: (() => void)[] = [];
	for (const [id, patch] of patches) {
		const e = knownEmail(id);
		if (e) back.set(id, inverse(e, patch));
		settle.push(show(id, patch));
	}
	const ids = [...patches.keys()];
	const max = limit('maxObjectsInSet', 256);
	let refused: Error | null = null;
	try {
		for (let i = 0; i < ids.length; i += max) {
			const part = ids.slice(i, i + max);
			const r = await call<SetResponse>('Email/set', {
				update: Object.fromEntries(part.map(id => [id, patches.get(id)])),
			});
			for (const [id, e] of Object.entries(r.notUpdated ?? {})) {
				refused ??= new ObjectError(e);
				const b = back.get(id);
				if (b) unshow(id, b);
			}
		}
	} catch (e) {
		refused = e as Error;
		for (const [id, b] of back) unshow(id, b);
	} finally {
		for (const f of settle) f();
	}
	if (refused) {
		rollback?.();
		toast(explain(refused), { kind: 'error' });
		throw refused;
	}
	return back;
}

export function setKeyword(emails: Email[], keyword: string, on: boolean): Promise<Patches> {
	const patches: Patches = new Map();
	for (const e of emails)
		if (!!e.keywords[keyword] !== on) patches.set(e.id, { [`keywords/${keyword}`]: on ? true : null });
	return patches.size ? perform(patches) : Promise.resolve(new Map());
}

export function markRead(threadIds: Id[], on: boolean) {
	void setKeyword(members(threadIds), '$seen', on).catch(() => {});
	announce(on ? words.value.markedRead : words.value.markedUnread);
}

// A star sits on the newest message of a conversation; taking it away clears all.
export function star(threadIds: Id[], on: boolean) {
	const emails = on
		? threadIds.flatMap(t =>
				members([t])
					.filter(e => !e.keywords.$draft)
					.slice(-1),
			)
		: members(threadIds).filter(e => e.keywords.$flagged);
	void setKeyword(emails, '$flagged', on).catch(() => {});
}

export const isStarred = (threadId: Id) => members([threadId]).some(e => e.keywords.$flagged);
export const isUnread = (threadId: Id) =>
	members([threadId]).some(e => !e.keywords.$seen && !e.keywords.$draft);

// What of a conversation an action is about: what stands in the open folder, else everything not already thrown away.
function here(threadIds: Id[]): Email[] {
	const m = currentMailbox.value;
	const all = members(threadIds);
	if (m) return all.filter(e => e.mailboxIds[m.id]);
	const away = [role('trash'), role('junk')].filter(id => id !== undefined);
	const sent = role('sent');
	const received = all.filter(e => !away.some(id => e.mailboxIds[id]) && !(sent && e.mailboxIds[sent]));
	return received.length ? received : all;
}

// Takes conversations out of the open list and stands on the next one.
function leaveList(threadIds: Id[]): () => void {
	const l = list.value;
	if (!l) return () => {};
	const open = openThreadId.value;
	const gone = new Set(threadIds);
	const first = Math.min(...threadIds.map(t => l.indexOfThread(t)).filter(i => i >= 0));
	const back = l.remove(gone);
	ticked.value = new Set([...ticked.value].filter(t => !gone.has(t)));
	if (Number.isFinite(first)) cursor.value = Math.max(0, Math.min(first, (l.total ?? 1) - 1));
	if (open && gone.has(open)) {
		const wide = matchMedia('(min-width: 900px)').matches;
		openThread((wide && l.threadAt(cursor.value)) || null, true);
	}
	return () => {
		back();
		if (open && gone.has(open)) openThread(open, true);
	};
}

// Moving to where it already is does nothing; a search shows its finds wherever they are.
async function moveEmails(emails: Email[], threadIds: Id[], to: Id, said: string, more: Patch = {}) {
	const patches: Patches = new Map();
	for (const e of emails) {
		const patch: Patch = { ...more };
		for (const id of Object.keys(e.mailboxIds)) if (id !== to) patch[`mailboxIds/${id}`] = null;
		if (!e.mailboxIds[to]) patch[`mailboxIds/${to}`] = true;
		if (Object.keys(patch).length) patches.set(e.id, patch);
	}
	if (!patches.size) return;
	const l = list.value;
	const putBack = currentMailbox.value && currentMailbox.value.id !== to ? leaveList(threadIds) : () => {};
	announce(said);
	const done = perform(patches, putBack);
	toast(said, {
		undo: () => {
			const release = l?.hold();
			putBack();
			void done
				.then(back => perform(back))
				.catch(() => void l?.reload())
				.finally(release);
		},
	});
	await done.catch(() => {});
}

export function move(threadIds: Id[], to: Mailbox) {
	void moveEmails(here(threadIds), threadIds, to.id, words.value.moved(threadIds.length, to.name));
}

async function moveToRole(
	threadIds: Id[],
	name: 'archive' | 'junk' | 'trash' | 'inbox',
	said: string,
	more?: Patch,
) {
	try {
		const to = await needRole(name, words.value.roles[name]);
		await moveEmails(here(threadIds), threadIds, to, said, more);
	} catch (e) {
		toast(explain(e as Error), { kind: 'error' });
	}
}

export const archive = (t: Id[]) => void moveToRole(t, 'archive', words.value.archived(t.length));
export const toInbox = (t: Id[]) => void moveToRole(t, 'inbox', words.value.movedToInbox(t.length));

export function trash(threadIds: Id[]) {
	if (currentMailbox.value && currentMailbox.value.id === role('trash')) return void destroy(threadIds);
	void moveToRole(threadIds, 'trash', words.value.trashed(threadIds.length));
}

export async function junk(threadIds: Id[], on: boolean) {
	const w = words.value;
	const n = threadIds.length;
	// The keywords are what a filter may learn from (RFC 8457 and the registry of keywords).
	await moveToRole(threadIds, on ? 'junk' : 'inbox', on ? w.junked(n) : w.notJunked(n), {
		'keywords/$junk': on ? true : null,
		'keywords/$notjunk': on ? null : true,
	});
}

// For ever, hence asked before (views/confirm).
export async function destroy(threadIds: Id[]) {
	await destroyEmails(here(threadIds), threadIds);
}

export async function destroyEmails(emails: Email[], threadIds: Id[]) {
	const putBack = leaveList(threadIds);
	try {
		const r = await call<SetResponse>('Email/set', { destroy: emails.map(e => e.id) });
		for (const e of Object.values(r.notDestroyed ?? {})) throw new ObjectError(e);
		forget(r.destroyed ?? []);
		toast(words.value.destroyed(threadIds.length));
	} catch (e) {
		putBack();
		void getEmails(emails.map(x => x.id));
		toast(explain(e as Error), { kind: 'error' });
	}
}

export async function emptyMailbox(m: Mailbox) {
	try {
		for (;;) {
			const q = call<{ ids: Id[] }>('Email/query', { filter: { inMailbox: m.id }, limit: 200 });
			const { ids } = await q;
			if (!ids.length) break;
			const r = await call<SetResponse>('Email/set', { destroy: ids });
			forget(r.destroyed ?? []);
			for (const e of Object.values(r.notDestroyed ?? {})) throw new ObjectError(e);
		}
		await list.value?.sync();
		toast(words.value.emptied(m.name));
	} catch (e) {
		toast(explain(e as Error), { kind: 'error' });
	}
}

export const inFolders = (e: Email): Mailbox[] =>
	Object.keys(e.mailboxIds)
		.map(id => mailboxes.value.get(id))
		.filter(m => m !== undefined);
