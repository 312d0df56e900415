// Whom one writes to: learnt from Sent and from what has been seen, for completing addresses.

import { computed, signal } from '@preact/signals';
import type { Email, EmailAddress, GetResponse, QueryResponse } from '../jmap/types';
import { allKnown } from './emails';
import { identities } from './identities';
import { role } from './mailboxes';
import { call, session } from './session';

export interface Contact {
	name: string;
	email: string;
	weight: number;
}

const HISTORY = 300;
const learnt = signal<ReadonlyMap<string, Contact> | null>(null);
let learning = false;

// Those one has written to, and oneself: whom others may pretend to be.
export const trusted = computed<EmailAddress[]>(() => [
	...(learnt.value?.values() ?? []),
	...identities.value,
	...(session.value ? [{ name: null, email: session.value.username }] : []),
]);

function add(to: Map<string, Contact>, a: EmailAddress, weight: number) {
	if (!a.email.includes('@')) return;
	const key = a.email.toLowerCase();
	const c = to.get(key) ?? { name: '', email: a.email, weight: 0 };
	c.weight += weight;
	if (!c.name && a.name) c.name = a.name;
	to.set(key, c);
}

export async function learn(): Promise<void> {
	const sent = role('sent');
	if (learning || learnt.value || !sent) return;
	learning = true;
	const map: Map<string, Contact> = new Map();
	const q = call<QueryResponse>('Email/query', {
		filter: { inMailbox: sent },
		sort: [{ property: 'receivedAt', isAscending: false }],
		limit: HISTORY,
	});
	const g = call<GetResponse<Email & { cc: EmailAddress[] | null }>>('Email/get', {
		'#ids': q.ref('/ids'),
		properties: ['id', 'to', 'cc'],
	});
	try {
		for (const e of (await g).list) for (const a of [...(e.to ?? []), ...(e.cc ?? [])]) add(map, a, 10);
		learnt.value = map;
	} catch {
		// Next time.
	}
	learning = false;
}

export function forgetContacts() {
	learnt.value = null;
}

export function complete(text: string, without: Set<string>, max = 8): Contact[] {
	const wanted = fold(text.trim());
	if (!wanted) return [];
	const all = new Map([...(learnt.value ?? [])].map(([k, c]) => [k, { ...c }]));
	for (const e of allKnown()) for (const a of e.from ?? []) add(all, a, 1);
	return [...all.values()]
		.filter(c => !without.has(c.email.toLowerCase()))
		.filter(c => fold(c.email).includes(wanted) || fold(c.name).includes(wanted))
		.sort((a, b) => starts(b, wanted) - starts(a, wanted) || b.weight - a.weight)
		.slice(0, max);
}

const fold = (s: string) => s.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
const starts = (c: Contact, wanted: string) =>
	Number(
		fold(c.email).startsWith(wanted) ||
			fold(c.name)
				.split(/\s+/)
				.some(w => w.startsWith(wanted)),
	);
