// The conversation with the assistant as the page shows it: turns, each a question and what came of it.

import { batch, signal, type Signal } from '@preact/signals';
import { language } from '../i18n';
import type { Id } from '../jmap/types';
import { openThreadId, currentMailbox, ticked } from '../store/list';
import { knownThread } from '../store/emails';
import { leave } from '../store/session';
import { Line, type LineState } from './line';
import type { Context, Found, Heard } from './protocol';
import { takeLeft } from '../store/assistant';
import { wasUndone } from './undo';
import { say as told } from './words';

export interface Tool {
	kind: 'tool';
	call: string;
	name: string;
	arguments: Record<string, unknown> | null;
	state: 'running' | 'done' | 'failed' | 'refused';
	summary: string;
	ms: number;
}
// What a model that has read mail wants to change. answer: 'over' where the turn ended without one.
export interface Asking {
	kind: 'confirm';
	call: number;
	changes: unknown[];
	read: Id[];
	listed: boolean;
	answer?: 'yes' | 'no' | 'time' | 'over';
}
export type Piece =
	| { kind: 'text'; text: string }
	| Tool
	| Asking
	| { kind: 'messages'; items: Found[]; total: number; query: string }
	| { kind: 'question'; text: string; choices: string[] }
	| { kind: 'approval'; approvalId: Id; what: string }
	// undone: what came of taking it back, in words.
	| { kind: 'undoable'; session: string; count: number; undone?: string }
	| { kind: 'notice'; code: string; text: string }
	| { kind: 'error'; code: string; text: string };

export interface Turn {
	id: string;
	asked: string;
	pieces: Signal<Piece[]>;
	state: Signal<'waiting' | 'running' | 'done' | 'failed'>;
}

export interface Hello {
	provider: string;
	model: string;
	local: boolean;
	providers: string[];
}

// A page is open for days.
const MAX_TURNS = 200;
const MAX_TEXT = 200000;
const MAX_PIECES = 300;

export const turns = signal<Turn[]>([]);
export const line = signal<LineState>('connecting');
export const hello = signal<Hello | null>(null);
// What is said aloud: whole sentences, not what arrives of them (views read it into a live region).
export const spoken = signal<{ n: number; text: string }[]>([]);

let wire: Line | null = null;
let nextId = 1;
let sentence = '';
let said = 0;
// The conversation's name at the other end, by which it goes on where the line broke.
let chat = '';
let resuming = false;
// The page was loaded anew: what was said and shown is told again from the first.
let restoring = false;
// Of a turn that is told again, so much was heard before.
let heardBefore = 0;
// Stopped while there was no line to say so.
let stopped = '';

const address = () =>
	`${location.origin.replace(/^http/, 'ws')}/assistant?language=${language.peek()}&zone=${zone()}`;
// Minutes east of UTC.
const zone = () => -new Date().getTimezoneOffset() || 0;

export function connect() {
	if (wire) return wire.wake();
	if (!chat) {
		chat = takeLeft();
		restoring = chat !== '';
	}
	wire = new Line(address, {
		state: s => {
			// Nothing is asked before what was asked is known again.
			line.value = s === 'open' && restoring ? 'connecting' : s;
			if (s === 'open') resume();
			else if (s === 'none' || (s === 'away' && !chat)) brokenOff();
		},
		heard,
		loggedOut: () => leave(true),
	});
}

// The id of the conversation, for the page that is loaded in this one's place (store/assistant.ts).
export const conversation = (): string => chat;

export function disconnect() {
	wire?.close();
	wire = null;
	restoring = false;
	chat = stopped = '';
	batch(() => {
		turns.value = [];
		hello.value = null;
		spoken.value = [];
		sentence = '';
	});
}

function resume() {
	resuming = chat !== '';
	if (!resuming) return;
	if (restoring) {
		// Again, where the line broke in the middle of it.
		turns.value = [];
		wire?.send({ type: 'resume', chat, all: true });
		return;
	}
	const turn = current()?.id;
	wire?.send({ type: 'resume', chat, ...(turn ? { turn } : {}) });
	if (stopped) wire?.send({ type: 'cancel', id: stopped });
	stopped = '';
}

export const current = (): Turn | undefined => {
	const t = turns.value[turns.value.length - 1];
	return t && (t.state.value === 'running' || t.state.value === 'waiting') ? t : undefined;
};

// What the page shows, for "this one" and "those".
function context(): Context {
	const c: Context = {};
	const open = openThreadId.peek();
	const emails = (t: Id) => knownThread(t) ?? [];
	if (open) {
		c.threadId = open;
		const last = emails(open).slice(-1)[0];
		if (last) c.emailId = last;
	}
	const m = currentMailbox.peek();
	if (m) c.mailboxId = m.id;
	const selected = [...ticked.peek()].flatMap(emails).slice(0, 100);
	if (selected.length) c.selected = selected;
	return c;
}

// False: it could not be said.
// choice: which of a question's it is, from 1. What it says may come from mail, and is no request.
export function ask(text: string, about?: Context, choice?: number): boolean {
	const asked = text.trim();
	if (
		!asked ||
		restoring ||
		turns.value.some(t => t.state.value === 'running' || t.state.value === 'waiting')
	)
		return false;
	const id = `t${nextId++}`;
	if (
		!wire?.send({
			type: 'ask',
			id,
			text: asked,
			language: language.peek(),
			zone: zone(),
			context: about ?? context(),
			...(choice ? { choice } : {}),
		})
	)
		return false;
	heardBefore = 0;
	const turn: Turn = { id, asked, pieces: signal([]), state: signal('waiting') };
	batch(() => {
		spoken.value = [];
		sentence = '';
		turns.value = [...turns.value, turn].slice(-MAX_TURNS);
	});
	return true;
}

export function cancel() {
	const t = current();
	if (!t || wire?.send({ type: 'cancel', id: t.id })) return;
	stopped = t.id;
	brokenOff();
}

// It is done, or not, when the server says so.
export function confirm(t: Turn, call: number, yes: boolean) {
	wire?.send({ type: 'confirm', id: t.id, call, yes });
}

export function begin() {
	if (!wire?.send({ type: 'new' })) chat = '';
	batch(() => {
		turns.value = [];
		spoken.value = [];
		sentence = '';
	});
}

export function provide(name: string) {
	if (wire?.send({ type: 'provider', name })) turns.value = [];
}

type Undoable = Extract<Piece, { kind: 'undoable' }>;

// Each turn tells what it changed; what is undone is the whole session, so it is offered where it was told last.
export function undoableOf(session: string): { count: number; last: Undoable | undefined } {
	const all = turns.value.flatMap(t =>
		t.pieces.value.filter(
			(p): p is Undoable => p.kind === 'undoable' && p.session === session && p.undone === undefined,
		),
	);
	return { count: all.reduce((sum, p) => sum + p.count, 0), last: all[all.length - 1] };
}

// What was offered is taken back; so it says there.
export function markUndone(session: string, words: string) {
	const { last } = undoableOf(session);
	batch(() => {
		for (const t of turns.value)
			t.pieces.value = t.pieces
				.peek()
				.map(p =>
					p.kind === 'undoable' && p.session === session && p.undone === undefined
						? { ...p, undone: p === last ? words : '' }
						: p,
				);
	});
}

function brokenOff() {
	const t = current();
	if (!t) return;
	add(t, { kind: 'error', code: 'lost', text: '' });
	end(t, 'failed');
}

// The other end knows nothing of what was said.
function forgotten() {
	const last = turns.peek()[turns.peek().length - 1];
	if (last) add(last, { kind: 'notice', code: 'forgotten', text: '' });
	brokenOff();
}

// ---- a page that was loaded anew ----

function again(m: { id: string; text: string }) {
	const turn: Turn = { id: m.id, asked: m.text, pieces: signal([]), state: signal('waiting') };
	turns.value = [...turns.value.filter(t => t.id !== m.id), turn].slice(-MAX_TURNS);
	nextId = Math.max(nextId, Number(/^t(\d{1,9})$/.exec(m.id)?.[1] ?? 0) + 1);
}

// What is told from now on is new. What was taken back meanwhile is no longer offered.
function restored() {
	restoring = false;
	line.value = 'open';
	for (const session of new Set(
		turns.peek().flatMap(t => t.pieces.peek().flatMap(p => (p.kind === 'undoable' ? [p.session] : []))),
	))
		void wasUndone(session).then(
			yes => yes && markUndone(session, told.peek().undoneBefore),
			() => {},
		);
}

function end(t: Turn, state: 'done' | 'failed') {
	batch(() => {
		// A tool that never said how it ended, a card that nobody answered.
		t.pieces.value = t.pieces
			.peek()
			.map(p =>
				p.kind === 'tool' && p.state === 'running'
					? { ...p, state: 'failed' }
					: p.kind === 'confirm' && !p.answer
						? { ...p, answer: 'over' }
						: p,
			);
		t.state.value = state;
		say('', true);
	});
}

function add(t: Turn, p: Piece) {
	if (t.pieces.peek().length < MAX_PIECES) t.pieces.value = [...t.pieces.peek(), p];
}

const put = (t: Turn, at: number, p: Piece) =>
	(t.pieces.value = t.pieces.peek().map((x, i) => (i === at ? p : x)));

function heard(m: Heard) {
	if (m.type === 'hello') {
		// Of the line, not yet of the conversation.
		if (resuming && m.resumed === undefined && m.chat) return;
		if (resuming && !m.resumed) forgotten();
		if (restoring) restored();
		resuming = false;
		chat = m.chat;
		hello.value = { provider: m.provider, model: m.model, local: m.local, providers: m.providers };
		return;
	}
	if (m.type === 'start' && restoring) again(m);
	const t = turns.value.find(x => x.id === m.id);
	if (m.type === 'error') {
		// One without a turn is about the last that was asked.
		const of = t ?? (m.id ? undefined : current());
		if (!of || of.state.peek() === 'done' || of.state.peek() === 'failed') return;
		add(of, { kind: 'error', code: m.code, text: m.text });
		if (m.text) say(m.text, true);
		end(of, 'failed');
		return;
	}
	if (!t || t.state.value === 'done' || t.state.value === 'failed') return;
	batch(() => {
		t.state.value = 'running';
		take(t, m);
	});
}

function take(t: Turn, m: Exclude<Heard, { type: 'hello' | 'error' }>) {
	const pieces = t.pieces.peek();
	const last = pieces[pieces.length - 1];
	switch (m.type) {
		case 'start':
			// Again, from its beginning: the line broke.
			heardBefore = pieces.reduce((n, p) => n + (p.kind === 'text' ? p.text.length : 0), 0);
			t.pieces.value = [];
			return;
		case 'delta': {
			if (last?.kind === 'text') {
				if (last.text.length < MAX_TEXT)
					t.pieces.value = [...pieces.slice(0, -1), { kind: 'text', text: last.text + m.text }];
			} else if (m.text) add(t, { kind: 'text', text: m.text });
			const before = Math.min(heardBefore, m.text.length);
			heardBefore -= before;
			say(m.text.slice(before), false);
			return;
		}
		case 'tool': {
			const { type: _type, id: _id, ...rest } = m;
			const at = pieces.findIndex(p => p.kind === 'tool' && p.call === m.call);
			if (at < 0) return add(t, { kind: 'tool', ...rest });
			const known = pieces[at] as Tool;
			put(t, at, { ...known, ...rest, name: known.name, arguments: m.arguments ?? known.arguments });
			return;
		}
		case 'confirm':
			say(told.peek().confirm, true);
			return add(t, {
				kind: 'confirm',
				call: m.call,
				changes: m.changes,
				read: m.read,
				listed: m.listed,
			});
		case 'confirmed': {
			const at = pieces.findIndex(p => p.kind === 'confirm' && p.call === m.call);
			if (at >= 0) put(t, at, { ...(pieces[at] as Asking), answer: m.answer });
			return;
		}
		case 'messages':
			return add(t, { kind: 'messages', items: m.items, total: m.total, query: m.query });
		case 'question':
			say(m.text, true);
			return add(t, { kind: 'question', text: m.text, choices: m.choices });
		case 'approval':
			return add(t, { kind: 'approval', approvalId: m.approvalId, what: m.what });
		case 'undoable': {
			// It is told again as it grows: the latest counts, where it stood.
			const at = pieces.findIndex(p => p.kind === 'undoable' && p.session === m.session);
			const p: Piece = { kind: 'undoable', session: m.session, count: m.count };
			if (at < 0) add(t, p);
			else put(t, at, p);
			return;
		}
		case 'notice':
			if (m.text) say(m.text, true);
			return add(t, { kind: 'notice', code: m.code, text: m.text });
		case 'done':
			return end(t, 'done');
	}
}

const SPOKEN_AT_LEAST = 40;

// To the live region, whole sentences at a time.
function say(text: string, now: boolean) {
	if (restoring) return;
	sentence += text;
	let ready = '';
	if (now) ready = sentence;
	else {
		const m = /^[\s\S]*[.!?…:\n](?=\s|$)/.exec(sentence);
		if (m && m[0].length >= SPOKEN_AT_LEAST) ready = m[0];
	}
	sentence = sentence.slice(ready.length);
	if (ready.trim()) spoken.value = [...spoken.value.slice(-20), { n: said++, text: ready.trim() }];
}
