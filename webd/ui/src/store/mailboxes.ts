// Folders: the tree, the ones with a role, and changing them.

import { computed, signal } from '@preact/signals';
import { ObjectError } from '../jmap/errors';
import type { GetResponse, Id, Mailbox, SetResponse } from '../jmap/types';
import { call } from './session';

export const mailboxes = signal<Map<Id, Mailbox>>(new Map());

const ROLE_ORDER = ['inbox', 'flagged', 'important', 'drafts', 'sent', 'archive', 'junk', 'trash'];

export interface Folder {
	mailbox: Mailbox;
	children: Folder[];
	depth: number;
}

export const byRole = computed(() => {
	const roles = new Map<string, Mailbox>();
	for (const m of mailboxes.value.values()) if (m.role && !roles.has(m.role)) roles.set(m.role, m);
	return roles;
});

export const tree = computed(() => {
	const all = [...mailboxes.value.values()];
	const order = (a: Mailbox, b: Mailbox) =>
		rank(a) - rank(b) || a.sortOrder - b.sortOrder || a.name.localeCompare(b.name);
	const under = (parent: Id | null, depth: number): Folder[] =>
		all
			.filter(m => (mailboxes.value.has(m.parentId ?? '') ? m.parentId : null) === parent)
			.sort(order)
			.map(mailbox => ({ mailbox, depth, children: depth < 16 ? under(mailbox.id, depth + 1) : [] }));
	return under(null, 0);
});

function rank(m: Mailbox): number {
	const i = ROLE_ORDER.indexOf(m.role ?? '');
	return i < 0 ? ROLE_ORDER.length : i;
}

export const role = (name: string): Id | undefined => byRole.value.get(name)?.id;

// A mailbox as an address names it: by role where it has one.
export const bySlug = (slug: string): Mailbox | undefined =>
	byRole.value.get(slug) ?? mailboxes.value.get(slug);
export const slugOf = (m: Mailbox): string => (m.role && byRole.value.get(m.role) === m ? m.role : m.id);

export function receiveMailboxes(list: Mailbox[], whole: boolean) {
	const next = new Map(whole ? [] : mailboxes.value);
	for (const m of list) next.set(m.id, { ...next.get(m.id), ...m });
	mailboxes.value = next;
}

export function forgetMailboxes(ids: Id[]) {
	const next = new Map(mailboxes.value);
	for (const id of ids) next.delete(id);
	mailboxes.value = next;
}

export async function loadMailboxes(): Promise<string> {
	const r = await call<GetResponse<Mailbox>>('Mailbox/get', { ids: null });
	receiveMailboxes(r.list, true);
	return r.state;
}

async function set(args: Record<string, unknown>): Promise<SetResponse> {
	const r = await call<SetResponse>('Mailbox/set', args);
	for (const errors of [r.notCreated, r.notUpdated, r.notDestroyed])
		for (const e of Object.values(errors ?? {})) throw new ObjectError(e);
	return r;
}

export const createMailbox = async (name: string, parentId: Id | null): Promise<Id> =>
	(await set({ create: { n: { name, parentId, isSubscribed: true } } })).created!.n!.id;
export const renameMailbox = (id: Id, name: string) => set({ update: { [id]: { name } } });
export const destroyMailbox = (id: Id) => set({ destroy: [id], onDestroyRemoveEmails: true });

// The one with this role, made if the account has none (an account may have no archive yet).
export async function needRole(name: string, title: string): Promise<Id> {
	const id = role(name);
	if (id) return id;
	const r = await set({ create: { n: { name: title, parentId: null, role: name, isSubscribed: true } } });
	const made = r.created!.n!.id;
	const got = await call<GetResponse<Mailbox>>('Mailbox/get', { ids: [made] });
	receiveMailboxes(got.list, false);
	return made;
}
