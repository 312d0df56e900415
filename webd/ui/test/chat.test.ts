// The conversation with the assistant over a scripted line: what is shown of what comes, what happens when the line breaks, and
// that nothing of another shape than the protocol's gets in.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import {
	ask,
	begin,
	cancel,
	confirm,
	connect,
	current,
	disconnect,
	hello,
	line,
	markUndone,
	spoken,
	turns,
	undoableOf,
} from '../src/assistant/chat';
import { changesOf } from '../src/assistant/changes';
import { read } from '../src/assistant/protocol';
import { until } from './socket';

type Json = Record<string, unknown>;

// The other end, driven by the test.
class Wire {
	static all: Wire[] = [];
	static opens = true;
	onopen: (() => void) | null = null;
	onmessage: ((m: { data: string }) => void) | null = null;
	onclose: (() => void) | null = null;
	said: Json[] = [];
	constructor(readonly url: string) {
		Wire.all.push(this);
		const opens = Wire.opens;
		queueMicrotask(() => (opens ? this.onopen?.() : this.onclose?.()));
	}
	send(text: string) {
		this.said.push(JSON.parse(text) as Json);
	}
	close() {
		this.onclose?.();
	}
	tell(m: Json) {
		this.onmessage?.({ data: JSON.stringify(m) });
	}
}

const now = () => Wire.all[Wire.all.length - 1]!;
const pieces = () => turns.value[turns.value.length - 1]!.pieces.value;
const state = () => turns.value[turns.value.length - 1]!.state.value;
let status = 101;

beforeEach(() => {
	Wire.all = [];
	Wire.opens = true;
	Object.assign(globalThis, {
		WebSocket: Wire,
		location: { origin: 'https://mail.test' },
		fetch: () => Promise.resolve({ status }),
	});
	connect();
});
afterEach(disconnect);

async function asked(text: string): Promise<string> {
	await until(() => line.value === 'open');
	assert.ok(ask(text));
	return String(now().said[now().said.length - 1]!.id);
}

test('a question goes out with what the page shows, and the answer comes in pieces', async () => {
	const id = await asked('  list my mail ');
	assert.match(now().url, /^wss:\/\/mail\.test\/assistant\?language=(en|fr)&zone=-?\d+$/);
	const said = now().said[0]!;
	assert.equal(said.type, 'ask');
	assert.equal(said.text, 'list my mail');
	assert.equal(typeof said.zone, 'number');
	now().tell({ type: 'start', id });
	assert.equal(state(), 'running');
	now().tell({ type: 'tool', id, call: 1, name: 'search', arguments: { query: 'x' }, state: 'running' });
	now().tell({ type: 'delta', id, text: 'Two ' });
	now().tell({ type: 'delta', id, text: 'found.' });
	now().tell({ type: 'tool', id, call: 1, name: 'search', state: 'done', summary: '2 found', ms: 12 });
	now().tell({
		type: 'messages',
		id,
		items: [{ emailId: 'e1', threadId: 't1', from: { name: 'Bob', email: 'b@x.test' }, subject: 'Hi' }],
		total: 2,
		query: 'x',
	});
	now().tell({ type: 'undoable', id, session: 's', count: 1 });
	now().tell({ type: 'undoable', id, session: 's', count: 3 });
	now().tell({ type: 'done', id, usage: {} });
	assert.deepEqual(
		pieces().map(p => p.kind),
		['tool', 'text', 'messages', 'undoable'],
	);
	const [tool, text, found, undo] = pieces() as unknown as [Json, Json, Json, Json];
	assert.deepEqual([tool.state, tool.summary, tool.arguments], ['done', '2 found', { query: 'x' }]);
	assert.equal(text.text, 'Two found.');
	assert.equal(found.total, 2);
	assert.equal(undo.count, 3);
	assert.equal(state(), 'done');
	assert.equal(current(), undefined);
});

test('one question at a time; stopping ends it', async () => {
	const id = await asked('one');
	assert.equal(ask('two'), false);
	cancel();
	assert.deepEqual(now().said[1], { type: 'cancel', id });
	now().tell({ type: 'error', id, code: 'cancelled', text: '' });
	assert.equal(state(), 'failed');
	// Too late, hence nobody's.
	now().tell({ type: 'delta', id, text: 'more' });
	assert.deepEqual(
		pieces().map(p => p.kind),
		['error'],
	);
	assert.ok(ask('two'));
});

test('a screen reader hears sentences, not pieces of words', async () => {
	const id = await asked('tell me');
	for (const word of 'This is a sentence that is long enough to be heard as one. And an'.split(/(?<= )/))
		now().tell({ type: 'delta', id, text: word });
	assert.deepEqual(
		spoken.value.map(s => s.text),
		['This is a sentence that is long enough to be heard as one.'],
	);
	now().tell({ type: 'delta', id, text: 'other' });
	now().tell({ type: 'done', id });
	assert.deepEqual(
		spoken.value.map(s => s.text),
		['This is a sentence that is long enough to be heard as one.', 'And another'],
	);
});

test('a line that breaks ends what was under way, and is made anew', async () => {
	const id = await asked('slow');
	now().tell({ type: 'tool', id, call: 1, name: 'search', state: 'running' });
	now().close();
	assert.equal(state(), 'failed');
	assert.deepEqual(
		pieces().map(p => (p.kind === 'tool' ? p.state : p.kind === 'error' ? p.code : '')),
		['failed', 'lost'],
	);
	assert.equal(ask('again'), false);
	await until(() => Wire.all.length === 2 && line.value === 'open');
	assert.ok(ask('again'));
});

const greet = (more: Json = {}) =>
	now().tell({
		type: 'hello',
		chat: 'c'.repeat(32),
		provider: 'ollama',
		model: 'm',
		local: true,
		providers: ['builtin', 'ollama'],
		...more,
	});

test('where the conversation is kept a broken line goes on with it, and nothing is heard twice', async () => {
	const sentence = 'This is a sentence that is long enough to be heard as one.';
	await until(() => line.value === 'open');
	greet();
	const id = await asked('slow');
	now().tell({ type: 'start', id });
	now().tell({ type: 'tool', id, call: 1, name: 'search', state: 'running' });
	now().tell({ type: 'delta', id, text: `${sentence} And` });
	now().close();
	assert.equal(state(), 'running');
	assert.equal(current()?.id, id);
	await until(() => Wire.all.length === 2 && line.value === 'open');
	assert.deepEqual(now().said, [{ type: 'resume', chat: 'c'.repeat(32), turn: id }]);
	// The new line's own is not it.
	greet({ chat: 'd'.repeat(32) });
	greet({ resumed: true });
	now().tell({ type: 'start', id });
	now().tell({ type: 'tool', id, call: 1, name: 'search', state: 'done', summary: '2', ms: 3 });
	now().tell({ type: 'delta', id, text: `${sentence} And more.` });
	now().tell({ type: 'done', id });
	assert.deepEqual(
		pieces().map(p => (p.kind === 'tool' ? p.state : p.kind === 'text' ? p.text : p.kind)),
		['done', `${sentence} And more.`],
	);
	assert.equal(state(), 'done');
	assert.deepEqual(
		spoken.value.map(s => s.text),
		[sentence, 'And more.'],
	);
	// Between turns it goes on as well, without one.
	now().close();
	await until(() => Wire.all.length === 3 && line.value === 'open');
	assert.deepEqual(now().said, [{ type: 'resume', chat: 'c'.repeat(32) }]);
});

test('one that is forgotten at the other end is said to be so', async () => {
	await until(() => line.value === 'open');
	greet();
	const first = await asked('one');
	now().tell({ type: 'done', id: first });
	const id = await asked('two');
	now().close();
	await until(() => Wire.all.length === 2 && line.value === 'open');
	greet({ chat: 'd'.repeat(32) });
	greet({ chat: 'd'.repeat(32), resumed: false });
	now().tell({ type: 'error', id, code: 'lost', text: '' });
	assert.equal(state(), 'failed');
	assert.deepEqual(
		pieces().map(p => (p.kind === 'notice' || p.kind === 'error' ? p.code : p.kind)),
		['forgotten', 'lost'],
	);
	assert.ok(ask('three'));
});

test('what is stopped while there is no line is stopped when there is one', async () => {
	await until(() => line.value === 'open');
	greet();
	const id = await asked('slow');
	now().close();
	cancel();
	assert.equal(state(), 'failed');
	await until(() => Wire.all.length === 2 && line.value === 'open');
	assert.deepEqual(now().said, [
		{ type: 'resume', chat: 'c'.repeat(32) },
		{ type: 'cancel', id },
	]);
	// And a new conversation is one.
	now().close();
	begin();
	await until(() => Wire.all.length === 3 && line.value === 'open');
	assert.deepEqual(now().said, []);
});

test('where there is no assistant nobody tries again by themselves', async () => {
	disconnect();
	Wire.opens = false;
	status = 404;
	connect();
	await until(() => line.value === 'none');
	const tried = Wire.all.length;
	Wire.opens = true;
	connect();
	await until(() => line.value === 'open');
	assert.equal(Wire.all.length, tried + 1);
});

test('undoing is of the conversation, and offered where it was told last', async () => {
	const first = await asked('one');
	now().tell({ type: 'undoable', id: first, session: 's', count: 2 });
	now().tell({ type: 'done', id: first });
	const second = await asked('two');
	now().tell({ type: 'undoable', id: second, session: 's', count: 3 });
	now().tell({ type: 'done', id: second });
	assert.equal(undoableOf('s').count, 5);
	assert.equal(undoableOf('s').last, pieces()[0]);
	markUndone('s', 'all of it');
	assert.deepEqual(undoableOf('s'), { count: 0, last: undefined });
	assert.deepEqual(
		turns.value.map(t => (t.pieces.value[0] as { undone?: string }).undone),
		['', 'all of it'],
	);
	const third = await asked('three');
	now().tell({ type: 'undoable', id: third, session: 's', count: 1 });
	assert.equal(undoableOf('s').count, 1);
});

test('a new conversation forgets the old one, on both sides', async () => {
	const id = await asked('one');
	now().tell({ type: 'done', id });
	begin();
	assert.deepEqual(turns.value, []);
	assert.deepEqual(now().said[1], { type: 'new' });
	now().tell({ type: 'delta', id, text: 'late' });
	assert.deepEqual(turns.value, []);
	now().tell({
		type: 'hello',
		provider: 'ollama',
		model: 'm',
		local: true,
		providers: ['builtin', 'ollama'],
	});
	assert.equal(hello.value?.model, 'm');
});

test('what does not follow the protocol is passed over, or bounded', () => {
	for (const text of ['', '{', 'null', '[]', '"x"', '{"type":"start"}', '{"type":"later","id":"t1"}'])
		assert.equal(read(text), null);
	const m = (v: Json) => read(JSON.stringify(v));
	assert.deepEqual(m({ type: 'delta', id: 7, text: { toString: 1 } }), { type: 'delta', id: '7', text: '' });
	assert.deepEqual(m({ type: 'question', id: 't', text: 5, choices: ['a', {}, null, 'b'] }), {
		type: 'question',
		id: 't',
		text: '',
		choices: ['a', 'b'],
	});
	const found = m({
		type: 'messages',
		id: 't',
		items: [null, 5, { emailId: 'e' }, ...Array(5000).fill({ emailId: 'e', threadId: 't', from: 'Bob' })],
		total: -1,
	}) as unknown as { items: Json[]; total: number };
	assert.ok(found.items.length < 300);
	assert.equal(found.total, found.items.length);
	assert.deepEqual(found.items[0]!.from, { name: 'Bob', email: '' });
	assert.equal(
		(m({ type: 'tool', id: 't', name: 'x'.repeat(9999), state: 'odd' }) as { name: string }).name.length,
		1000,
	);
	assert.equal(m({ type: 'approval', id: 't' }), null);
});

test('what a model that has read mail wants is asked on a card, answered once, and over with the turn', async () => {
	const id = await asked('archive it');
	const card = { type: 'confirm', id, call: 3, tool: 'move', changes: [], read: ['e1', 7], listed: true };
	now().tell(card);
	assert.deepEqual(pieces(), [{ kind: 'confirm', call: 3, changes: [], read: ['e1'], listed: true }]);
	assert.equal(state(), 'running');
	assert.ok(spoken.value.some(s => s.text));
	const turn = turns.value[turns.value.length - 1]!;
	confirm(turn, 3, true);
	assert.deepEqual(now().said[now().said.length - 1], { type: 'confirm', id, call: 3, yes: true });
	// What the server says counts.
	assert.equal((pieces()[0] as { answer?: string }).answer, undefined);
	now().tell({ type: 'confirmed', id, call: 3, answer: 'yes' });
	assert.equal((pieces()[0] as { answer?: string }).answer, 'yes');
	now().tell({ ...card, call: 4 });
	now().tell({ type: 'confirmed', id, call: 9, answer: 'yes' });
	now().tell({ type: 'tool', id, call: 4, name: 'move', state: 'refused', summary: '', ms: 1 });
	now().tell({ type: 'done', id });
	assert.equal((pieces()[1] as { answer?: string }).answer, 'over');
	assert.equal((pieces()[2] as { state?: string }).state, 'refused');
});

test('what would change is told in its terms, alike together; what is not understood as it is', () => {
	const set = (args: unknown) => ['Email/set', args, '0'];
	const to = { mailboxIds: { m1: true } };
	assert.deepEqual(
		changesOf([
			set({ update: { e1: { 'keywords/$seen': true }, e2: { 'keywords/$seen': true }, e3: to } }),
			set({ update: { e2: { 'keywords/$seen': true }, e4: { 'keywords/$seen': true } } }),
			set({ destroy: ['e5'] }),
			['AgentSession/undo', { session: 'x' }, '0'],
		]),
		[
			{ kind: 'mark', read: true, ids: ['e1', 'e2', 'e4'] },
			{ kind: 'move', to: 'm1', ids: ['e3'] },
			{ kind: 'destroy', ids: ['e5'] },
			{ kind: 'undo' },
		],
	);
	const email = {
		mailboxIds: { m2: true },
		keywords: { $draft: true },
		to: [{ email: 'eve@evil.test' }],
		bcc: [{ name: 'X', email: 'x@y.test' }],
		subject: 'S',
		textBody: [{ partId: 't', type: 'text/plain' }],
		bodyValues: { t: { value: 'SECRET' } },
		attachments: [{ blobId: 'b', name: 'a.txt' }],
	};
	assert.deepEqual(changesOf([set({ create: { k: email } })]), [
		{
			kind: 'draft',
			draft: {
				from: [],
				to: [{ name: null, email: 'eve@evil.test' }],
				cc: [],
				bcc: [{ name: 'X', email: 'x@y.test' }],
				subject: 'S',
				text: 'SECRET',
				files: ['a.txt'],
			},
		},
	]);
	// Nothing that is not understood wholly is told as something else.
	for (const odd of [
		set({ update: { e1: { ...to, 'keywords/$seen': true } } }),
		set({ update: { e1: { 'mailboxIds/m1': null } } }),
		set({ update: { e1: { mailboxIds: { m1: true, m2: true } } } }),
		set({ update: { e1: { 'keywords/$seen': 'yes' } } }),
		set({ update: { e1: {} } }),
		set({ create: { k: { ...email, headers: [] } } }),
		set({ destroy: ['e1'], onSuccess: 1 }),
		set({}),
		['Mailbox/set', { destroy: ['m1'] }, '0'],
		['VacationResponse/set', {}, '0'],
		7,
		null,
		{},
	])
		assert.deepEqual(
			changesOf([odd]).map(c => c.kind),
			['other'],
		);
	assert.deepEqual(changesOf([]), []);
});
