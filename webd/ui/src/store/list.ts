// The list that is open, where the cursor stands in it, and what is ticked.

import { computed, effect, signal, untracked } from '@preact/signals';
import type { Id } from '../jmap/types';
import { bySlug, mailboxes } from './mailboxes';
import { EmailList } from './query';
import { isMail, route } from './route';
import { toFilter } from './search';
import { who } from './session';

export const list = signal<EmailList | null>(null);
export const cursor = signal(0);
export const ticked = signal<ReadonlySet<Id>>(new Set());
// Where a range of ticks begins.
export const tickAnchor = signal<Id | null>(null);

export const currentMailbox = computed(() => {
	const r = route.value;
	return r.at === 'mailbox' ? bySlug(r.mailbox) : undefined;
});
export const searchText = computed(() => (route.value.at === 'search' ? route.value.query : ''));

const mailboxId = computed(() => currentMailbox.value?.id);
const kept = new Map<string, { list: EmailList; cursor: number }>();
const KEEP = 6;

const place = computed(() => {
	const r = route.value;
	if (who.value !== 'somebody' || !isMail(r)) return null;
	// Its words may name folders.
	if (r.at === 'search') return mailboxes.value.size ? `search ${r.query}` : null;
	if (r.mailbox === 'starred') return 'starred';
	if (r.mailbox === 'all') return 'all';
	return mailboxId.value ? `in ${mailboxId.value}` : null;
});

function filterOf(key: string): { filter: Record<string, unknown>; searching: boolean } {
	if (key.startsWith('in ')) return { filter: { inMailbox: key.slice(3) }, searching: false };
	if (key === 'starred') return { filter: { hasKeyword: '$flagged' }, searching: false };
	if (key === 'all') return { filter: {}, searching: false };
	return { filter: toFilter(key.slice(7)), searching: true };
}

// A list that was open before is shown at once as it was, and brought up to date meanwhile.
export function followRoute() {
	effect(() => {
		const key = place.value;
		if (key === null) return;
		untracked(() => {
			const old = list.value;
			if (old?.key === key) return;
			if (old) keep(old);
			ticked.value = new Set();
			const before = kept.get(key);
			kept.delete(key);
			cursor.value = before?.cursor ?? 0;
			if (before) {
				list.value = before.list;
				void before.list.sync();
				return;
			}
			const { filter, searching } = filterOf(key);
			const fresh = new EmailList(key, filter, searching);
			fresh.want(0, 0);
			list.value = fresh;
		});
	});
}

// The cursor stays on its conversation when others come and go above it, or it moves up itself.
export function followCursor() {
	let on: { list: EmailList | null; at: number; thread: Id | undefined } = {
		list: null,
		at: 0,
		thread: undefined,
	};
	return effect(() => {
		const l = list.value;
		let at = cursor.value;
		void l?.version.value;
		// Looked for in all of the list only where it moved, or the cursor would cost with each part of it that loads.
		if (l && on.list === l && on.at === at && on.thread && l.threadAt(at) !== on.thread) {
			const now = l.indexOfThread(on.thread);
			if (now >= 0) at = now;
		}
		on = { list: l, at, thread: l?.threadAt(at) };
		cursor.value = at;
	});
}

function keep(old: EmailList) {
	kept.set(old.key, { list: old, cursor: cursor.value });
	for (const [key, k] of kept) {
		if (kept.size <= KEEP) break;
		k.list.drop();
		kept.delete(key);
	}
}

export function clearLists() {
	list.value?.drop();
	list.value = null;
	kept.clear();
	ticked.value = new Set();
	cursor.value = 0;
}

export const openThreadId = computed(() => (isMail(route.value) ? route.value.thread : null));

// What an action is about: what is ticked, else the open conversation, else the one under the cursor.
export function subject(): Id[] {
	if (ticked.value.size) return [...ticked.value];
	if (openThreadId.value) return [openThreadId.value];
	const t = list.value?.threadAt(cursor.value);
	return t ? [t] : [];
}

export function tick(threadId: Id, on: boolean) {
	const next = new Set(ticked.value);
	if (on) next.add(threadId);
	else next.delete(threadId);
	ticked.value = next;
	tickAnchor.value = threadId;
}

export function tickRange(threadId: Id) {
	const l = list.value;
	if (!l) return;
	const a = tickAnchor.value ? l.indexOfThread(tickAnchor.value) : -1;
	const b = l.indexOfThread(threadId);
	if (a < 0 || b < 0) return tick(threadId, true);
	const next = new Set(ticked.value);
	for (let i = Math.min(a, b); i <= Math.max(a, b); i++) {
		const t = l.threadAt(i);
		if (t) next.add(t);
	}
	ticked.value = next;
}

export function tickAll() {
	const l = list.value;
	if (l) ticked.value = new Set(l.ids.map((_, i) => l.threadAt(i)).filter(t => t !== undefined));
}
