// What calls of JMAP would change, in terms that can be said: what is not understood wholly is shown as it is.

import type { EmailAddress, Id } from '../jmap/types';

export type Change =
	| { kind: 'mark'; read?: boolean; flagged?: boolean; ids: Id[] }
	| { kind: 'move'; to: Id; ids: Id[] }
	| { kind: 'draft'; draft: Draft }
	| { kind: 'destroy'; ids: Id[] }
	| { kind: 'undo' }
	| { kind: 'other'; text: string };

export interface Draft {
	from: EmailAddress[];
	to: EmailAddress[];
	cc: EmailAddress[];
	bcc: EmailAddress[];
	subject: string;
	text: string;
	files: string[];
}

type Json = Record<string, unknown>;

const object = (v: unknown): Json | null =>
	typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Json) : null;
const string = (v: unknown): string => (typeof v === 'string' ? v : '');
const array = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
const only = (o: Json, names: string[]) => Object.keys(o).every(k => names.includes(k));

const people = (v: unknown): EmailAddress[] =>
	array(v).map(a => ({ name: string(object(a)?.name) || null, email: string(object(a)?.email) }));

const DRAFT = ['mailboxIds', 'keywords', 'from', 'to', 'cc', 'bcc', 'subject', 'inReplyTo', 'references'];
const PARTS = ['textBody', 'bodyValues', 'attachments'];

function draft(v: unknown): Change | null {
	const o = object(v);
	if (!o || !only(o, [...DRAFT, ...PARTS])) return null;
	const values = object(o.bodyValues) ?? {};
	return {
		kind: 'draft',
		draft: {
			from: people(o.from),
			to: people(o.to),
			cc: people(o.cc),
			bcc: people(o.bcc),
			subject: string(o.subject),
			text: array(o.textBody)
				.map(p => string(object(values[string(object(p)?.partId)])?.value))
				.join('\n'),
			files: array(o.attachments).map(a => string(object(a)?.name) || string(object(a)?.type)),
		},
	};
}

// A patch says one thing: marks, or where to.
function patch(v: unknown): Change | null {
	const o = object(v);
	if (!o) return null;
	const to = object(o.mailboxIds);
	if (to && only(o, ['mailboxIds'])) {
		const ids = Object.keys(to);
		return ids.length === 1 && to[ids[0]!] === true ? { kind: 'move', to: ids[0]!, ids: [] } : null;
	}
	if (!Object.keys(o).length || !only(o, ['keywords/$seen', 'keywords/$flagged'])) return null;
	const mark: Change = { kind: 'mark', ids: [] };
	for (const [name, value] of Object.entries(o)) {
		if (value !== true && value !== null) return null;
		mark[name === 'keywords/$seen' ? 'read' : 'flagged'] = value === true;
	}
	return mark;
}

function set(args: Json): Change[] | null {
	if (!only(args, ['accountId', 'create', 'update', 'destroy'])) return null;
	const out: Change[] = [];
	const same = new Map<string, { ids: Id[] }>();
	for (const v of Object.values(object(args.create) ?? {})) {
		const c = draft(v);
		if (!c) return null;
		out.push(c);
	}
	for (const [id, v] of Object.entries(object(args.update) ?? {})) {
		const key = JSON.stringify(v);
		const known = same.get(key);
		if (known) known.ids.push(id);
		else {
			const c = patch(v);
			if (!c || !('ids' in c)) return null;
			c.ids.push(id);
			same.set(key, c);
			out.push(c);
		}
	}
	const gone = array(args.destroy).map(string);
	if (gone.length) out.push({ kind: 'destroy', ids: gone });
	return out.length ? out : null;
}

const key = (c: Change) =>
	'ids' in c ? JSON.stringify({ ...c, ids: [] }) : c.kind === 'undo' ? 'undo' : null;

// Those that are alike are told as one.
export function changesOf(calls: unknown[]): Change[] {
	const out: Change[] = [];
	for (const one of calls) {
		const [method, args] = array(one);
		const o = object(args);
		const found =
			o && method === 'Email/set'
				? set(o)
				: o && method === 'AgentSession/undo'
					? [{ kind: 'undo' } as Change]
					: null;
		for (const c of found ?? [{ kind: 'other', text: JSON.stringify(one, null, 1) } as Change]) {
			const alike = key(c) === null ? undefined : out.find(x => key(x) === key(c));
			if (!alike) out.push(c);
			else if ('ids' in alike && 'ids' in c) alike.ids.push(...c.ids.filter(id => !alike.ids.includes(id)));
		}
	}
	return out;
}
