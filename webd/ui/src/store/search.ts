// The language of the search field: words, "phrases", and operators (from: to: cc: subject: body: has:attachment is:unread
// is:starred in: before: after: larger: smaller: filename:), each of which may be turned round by a minus. OR between two.
// It becomes the filter of Email/query (RFC 8621 4.4.1). gk-mcpd has the same in C: tests/data/search_operators.json.

import { bySlug, mailboxes } from './mailboxes';

type Filter = Record<string, unknown>;

export const OPERATORS = [
	'from:',
	'to:',
	'cc:',
	'subject:',
	'body:',
	'has:attachment',
	'is:unread',
	'is:read',
	'is:starred',
	'is:answered',
	'in:',
	'before:',
	'after:',
	'larger:',
	'smaller:',
] as const;
export type Operator = (typeof OPERATORS)[number];

interface Token {
	negative: boolean;
	operator: string | null;
	value: string;
	quoted: boolean;
}

export function tokens(text: string): Token[] {
	const out: Token[] = [];
	const pattern = /(-)?(?:([a-zA-Z]+):)?(?:"([^"]*)"?|(\S+))/g;
	for (const m of text.matchAll(pattern)) {
		const value = m[3] ?? m[4] ?? '';
		// An operator that nothing follows yet says nothing.
		if (value === '' || /^-?[a-zA-Z]+:$/.test(value)) continue;
		out.push({
			negative: m[1] === '-',
			operator: m[2]?.toLowerCase() ?? null,
			value,
			quoted: m[3] !== undefined,
		});
	}
	return out;
}

const UNIT: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

function bytes(text: string): number | null {
	const m = /^(\d+(?:\.\d+)?)\s*([kmg]?)i?[bo]?$/i.exec(text);
	return m ? Math.round(Number(m[1]) * UNIT[m[2]!.toLowerCase()]!) : null;
}

// 2026-03-01, 2026-03, 2026, 2026/3/1, today, yesterday, 3d, 2w, 6m, 1y; the beginning of that day here, as UTC.
export function date(text: string, now = new Date()): string | null {
	const day = new Date(now.getFullYear(), now.getMonth(), now.getDate());
	const ago = /^(\d{1,4})([dwmy])$/i.exec(text);
	const calendar = /^(\d{4})(?:[-/](\d{1,2}))?(?:[-/](\d{1,2}))?$/.exec(text);
	if (/^(today|aujourd'?hui)$/i.test(text)) return iso(day);
	if (/^(yesterday|hier)$/i.test(text))
		return iso(new Date(day.getFullYear(), day.getMonth(), day.getDate() - 1));
	if (ago) {
		const n = Number(ago[1]);
		const unit = ago[2]!.toLowerCase();
		if (unit === 'y') day.setFullYear(day.getFullYear() - n);
		else if (unit === 'm') day.setMonth(day.getMonth() - n);
		else day.setDate(day.getDate() - n * (unit === 'w' ? 7 : 1));
		return iso(day);
	}
	if (calendar)
		return iso(new Date(Number(calendar[1]), Number(calendar[2] ?? 1) - 1, Number(calendar[3] ?? 1)));
	return null;
}

const iso = (d: Date) => d.toISOString().replace(/\.\d{3}Z$/, 'Z');

function mailboxNamed(name: string): string | undefined {
	const wanted = name.toLowerCase();
	return bySlug(wanted)?.id ?? [...mailboxes.value.values()].find(m => m.name.toLowerCase() === wanted)?.id;
}

function condition(t: Token, now: Date): Filter {
	// A phrase keeps its quotes: the server looks for the words next to each other.
	const text = t.quoted ? `"${t.value}"` : t.value;
	const value = t.value.toLowerCase();
	switch (t.operator) {
		case 'from':
		case 'to':
		case 'cc':
		case 'bcc':
		case 'subject':
		case 'body':
			return { [t.operator]: text };
		case 'has':
			if (/^(attachments?|pj)$/.test(value)) return { hasAttachment: true };
			if (/^(star|starred)$/.test(value)) return { hasKeyword: '$flagged' };
			break;
		case 'is':
			if (value === 'unread') return { notKeyword: '$seen' };
			if (value === 'read') return { hasKeyword: '$seen' };
			if (value === 'starred' || value === 'flagged') return { hasKeyword: '$flagged' };
			if (value === 'answered' || value === 'replied') return { hasKeyword: '$answered' };
			if (value === 'draft') return { hasKeyword: '$draft' };
			break;
		case 'in': {
			if (value === 'anywhere') return {};
			const id = mailboxNamed(t.value);
			if (id) return { inMailbox: id };
			break;
		}
		case 'before':
		case 'after': {
			const d = date(t.value, now);
			if (d) return { [t.operator]: d };
			break;
		}
		case 'larger':
		case 'smaller': {
			const n = bytes(t.value);
			if (n !== null) return t.operator === 'larger' ? { minSize: n } : { maxSize: n };
			break;
		}
	}
	return { text: t.operator ? `"${t.operator}:${t.value}"` : text };
}

export function toFilter(query: string, now = new Date()): Filter {
	const groups: Filter[][] = [];
	let or = false;
	let where = false;
	for (const t of tokens(query)) {
		if (!t.operator && !t.quoted && t.value === 'OR') {
			or = groups.length > 0;
			continue;
		}
		if (t.operator === 'in') where = true;
		let c = condition(t, now);
		if (t.negative) c = { operator: 'NOT', conditions: [c] };
		if (or) groups[groups.length - 1]!.push(c);
		else groups.push([c]);
		or = false;
	}
	const conditions = groups.map(g => (g.length > 1 ? { operator: 'OR', conditions: g } : g[0]!));
	// What was thrown away is found only by those who look there.
	const hidden = ['trash', 'junk'].map(r => bySlug(r)?.id).filter(id => id !== undefined);
	if (!where && hidden.length) conditions.push({ inMailboxOtherThan: hidden });
	if (conditions.length === 1) return conditions[0]!;
	return conditions.length ? { operator: 'AND', conditions } : {};
}
