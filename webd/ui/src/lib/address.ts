// Addresses as people read and type them.

import type { EmailAddress } from '../jmap/types';

export const name = (a: EmailAddress): string => a.name?.trim() || a.email;
export const display = (list: EmailAddress[] | null | undefined): string => (list ?? []).map(name).join(', ');
export const short = (a: EmailAddress): string => {
	const n = a.name?.trim();
	if (!n) return a.email.split('@')[0] || a.email;
	// "Doe, Jane" and "Jane Doe" alike.
	return /,/.test(n) ? (n.split(',')[1]?.trim().split(' ')[0] ?? n) : n.split(' ')[0]!;
};
export const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

// Enough to tell a slip of the finger; the server is the judge (RFC 5321 4.1.2, RFC 6531).
export const plausible = (email: string) =>
	/^[^\s@<>()",;:]+@[^\s@<>()",;:]+$/.test(email) || /^"[^"]+"@\S+$/.test(email);

// "Ann Lee <ann@x.test>, bob@x.test; carol@x.test" as typed or pasted.
export function parseList(text: string): EmailAddress[] {
	const out: EmailAddress[] = [];
	for (const part of text.match(/(?:"(?:\\.|[^"\\])*"|<[^>]*>|[^",;\n<])+/g) ?? []) {
		const item = part.trim();
		if (!item) continue;
		const m = /^(.*?)<([^>]*)>\s*$/.exec(item);
		const email = (m ? m[2]! : item).trim();
		const label = m
			? m[1]!
					.trim()
					.replace(/^"(.*)"$/, '$1')
					.replace(/\\(.)/g, '$1')
			: '';
		if (email) out.push({ name: label || null, email });
	}
	return out;
}

export interface Mailto {
	to: EmailAddress[];
	cc: EmailAddress[];
	subject: string | null;
	body: string | null;
}

const MAILTO_MAX = 8000;

// A mailto: address may say more than whom to write to (RFC 6068); a plus in it is a plus. Strangers write them.
export function parseMailto(url: string): Mailto {
	const [path, query] = url
		.slice(0, MAILTO_MAX)
		.replace(/^mailto:/i, '')
		.split('?', 2);
	const q = new URLSearchParams((query ?? '').replace(/\+/g, '%2B'));
	let to = path ?? '';
	try {
		to = decodeURIComponent(to);
	} catch {
		// Not well encoded: as it stands.
	}
	return {
		to: parseList([to, ...q.getAll('to')].filter(Boolean).join(',')),
		cc: parseList(q.getAll('cc').join(',')),
		subject: q.get('subject'),
		body: q.get('body'),
	};
}

export function initials(a: EmailAddress | undefined): string {
	if (!a) return '?';
	const words = name(a)
		.replace(/[^\p{L}\p{N}\s@.]/gu, '')
		.split(/[\s.@]+/)
		.filter(Boolean);
	return (
		(words[0]?.[0] ?? '?') + (a.name && words.length > 1 ? words[words.length - 1]![0]! : '')
	).toUpperCase();
}

// One of twelve hues, the same for an address each time.
export function hue(email: string): number {
	let h = 0;
	for (const c of email.toLowerCase()) h = (h * 31 + c.codePointAt(0)!) >>> 0;
	return (h % 12) * 30;
}
