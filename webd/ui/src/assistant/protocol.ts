// What the page and the assistant say to one another, one JSON object a message (aid/chat.h tells it whole). What comes is
// checked here, so that nothing behind it meets another shape; unknown types are passed over.

import type { Id } from '../jmap/types';

export interface Context {
	emailId?: Id;
	threadId?: Id;
	mailboxId?: Id;
	selected?: Id[];
}

export type Said =
	| {
			type: 'ask';
			id: string;
			text: string;
			language: 'fr' | 'en';
			zone: number;
			context: Context;
			choice?: number;
	  }
	| { type: 'cancel'; id: string }
	| { type: 'confirm'; id: string; call: number; yes: boolean }
	| { type: 'new' }
	| { type: 'resume'; chat: string; turn?: string; all?: true }
	| { type: 'provider'; name: string };

export interface Found {
	emailId: Id;
	threadId: Id;
	from: { name: string; email: string };
	subject: string;
	receivedAt: string;
	unread: boolean;
	preview: string;
}

export type Heard =
	| {
			type: 'hello';
			chat: string;
			provider: string;
			model: string;
			local: boolean;
			providers: string[];
			// Answers resume.
			resumed?: boolean;
	  }
	| { type: 'start'; id: string; text: string }
	| { type: 'delta'; id: string; text: string }
	| {
			type: 'tool';
			id: string;
			call: string;
			name: string;
			arguments: Record<string, unknown> | null;
			state: 'running' | 'done' | 'failed' | 'refused';
			summary: string;
			ms: number;
	  }
	| { type: 'confirm'; id: string; call: number; changes: unknown[]; read: Id[]; listed: boolean }
	| { type: 'confirmed'; id: string; call: number; answer: 'yes' | 'no' | 'time' }
	| { type: 'messages'; id: string; items: Found[]; total: number; query: string }
	| { type: 'question'; id: string; text: string; choices: string[] }
	| { type: 'approval'; id: string; approvalId: Id; what: string }
	| { type: 'undoable'; id: string; session: string; count: number }
	| { type: 'notice'; id: string; code: string; text: string }
	| { type: 'done'; id: string }
	| { type: 'error'; id: string; code: string; text: string };

const MAX_ITEMS = 200;
const MAX_CHOICES = 20;
const MAX_LINE = 1000;

type Json = Record<string, unknown>;

const object = (v: unknown): Json | null =>
	typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Json) : null;
const text = (v: unknown, max = MAX_LINE): string => (typeof v === 'string' ? v.slice(0, max) : '');
const word = (v: unknown): string => (typeof v === 'number' ? String(v) : text(v, 128));
const count = (v: unknown): number =>
	typeof v === 'number' && v >= 0 && Number.isFinite(v) ? Math.floor(v) : 0;
const list = (v: unknown, max: number): unknown[] => (Array.isArray(v) ? v.slice(0, max) : []);

function found(v: unknown): Found[] {
	const m = object(v);
	const from = object(m?.from);
	if (!m || !text(m.emailId) || !text(m.threadId)) return [];
	return [
		{
			emailId: text(m.emailId),
			threadId: text(m.threadId),
			from: from ? { name: text(from.name), email: text(from.email) } : { name: text(m.from), email: '' },
			subject: text(m.subject),
			receivedAt: text(m.receivedAt),
			unread: m.unread === true,
			preview: text(m.preview),
		},
	];
}

export function read(data: string): Heard | null {
	let m: Json | null;
	try {
		m = object(JSON.parse(data));
	} catch {
		return null;
	}
	if (!m) return null;
	const id = word(m.id);
	switch (m.type) {
		case 'hello':
			return {
				type: 'hello',
				chat: text(m.chat, 64),
				...(typeof m.resumed === 'boolean' ? { resumed: m.resumed } : {}),
				provider: text(m.provider),
				model: text(m.model),
				local: m.local === true,
				providers: list(m.providers, MAX_CHOICES)
					.map(p => text(p))
					.filter(Boolean),
			};
		case 'error':
			return { type: 'error', id, code: text(m.code), text: text(m.text) };
	}
	if (!id) return null;
	switch (m.type) {
		case 'start':
			return { type: 'start', id, text: text(m.text, 20000) };
		case 'done':
			return { type: 'done', id };
		case 'delta':
			return { type: 'delta', id, text: text(m.text, 1 << 20) };
		case 'tool':
			return {
				type: 'tool',
				id,
				call: word(m.call),
				name: text(m.name),
				arguments: object(m.arguments),
				state: m.state === 'done' || m.state === 'failed' || m.state === 'refused' ? m.state : 'running',
				summary: text(m.summary),
				ms: count(m.ms),
			};
		case 'confirm':
			return {
				type: 'confirm',
				id,
				call: count(m.call),
				changes: list(m.changes, MAX_ITEMS),
				read: list(m.read, MAX_CHOICES)
					.map(e => text(e, 128))
					.filter(Boolean),
				listed: m.listed === true,
			};
		case 'confirmed':
			return {
				type: 'confirmed',
				id,
				call: count(m.call),
				answer: m.answer === 'yes' || m.answer === 'no' ? m.answer : 'time',
			};
		case 'messages': {
			const items = list(m.items, MAX_ITEMS).flatMap(found);
			return {
				type: 'messages',
				id,
				items,
				total: Math.max(count(m.total), items.length),
				query: text(m.query),
			};
		}
		case 'question':
			return {
				type: 'question',
				id,
				text: text(m.text, 16384),
				choices: list(m.choices, MAX_CHOICES)
					.map(c => text(c))
					.filter(Boolean),
			};
		case 'approval':
			return word(m.approvalId)
				? { type: 'approval', id, approvalId: word(m.approvalId), what: text(m.what) }
				: null;
		case 'undoable':
			return { type: 'undoable', id, session: text(m.session), count: count(m.count) };
		case 'notice':
			return { type: 'notice', id, code: text(m.code), text: text(m.text) };
		default:
			return null;
	}
}
