// The conversation with the assistant over a scripted line: what is shown of what comes, what happens when the line breaks, and
// that nothing of another shape than the protocol's gets in.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import {
	ask,
	begin,
	cancel,
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
