// The connection: what happens when it breaks, and when there can be none.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { ConnectionError, LoggedOut } from '../src/jmap/errors';
import { Transport, type Events, type LinkState } from '../src/jmap/transport';
import type { Request } from '../src/jmap/types';
import { Double } from './double';

const sockets: Fake[] = [];
let refuse = false;

class Fake {
	onopen: (() => void) | null = null;
	onmessage: ((m: { data: string }) => void) | null = null;
	onclose: (() => void) | null = null;
	sent: Record<string, unknown>[] = [];
	constructor() {
		sockets.push(this);
		queueMicrotask(() => (refuse ? this.onclose?.() : this.onopen?.()));
	}
	send(text: string) {
		this.sent.push(JSON.parse(text) as Record<string, unknown>);
	}
	answer(m: unknown) {
		this.onmessage?.({ data: JSON.stringify(m) });
	}
	close() {
		this.onclose?.();
	}
	get requests() {
		return this.sent.filter(m => m['@type'] === 'Request');
	}
}

const g = globalThis as unknown as { WebSocket: unknown; fetch: unknown; setTimeout: unknown };
const realFetch = g.fetch;
let transport: Transport | null = null;
afterEach(() => {
	transport?.close();
	transport = null;
	sockets.length = 0;
	refuse = false;
	g.fetch = realFetch;
});

function make(status = 200, user?: string) {
	const d = new Double();
	const seen = { links: [] as LinkState[], out: 0, again: 0, states: 0 };
	g.WebSocket = Fake;
	g.fetch = async (url: string, init?: { body?: string }) =>
		url === '/auth/session'
			? new Response(JSON.stringify({ user }), { status })
			: Response.json(d.handle(JSON.parse(init!.body!) as never), { status });
	const events: Events = {
		link: s => seen.links.push(s),
		stateChange: () => seen.states++,
		loggedOut: () => seen.out++,
		reconnected: () => seen.again++,
	};
	transport = new Transport(d.session('http://double') as never, events);
	return { d, seen };
}

const get: Request = { using: [], methodCalls: [['Core/echo', {}, 'c1']] };
const read: Request = { using: [], methodCalls: [['Mailbox/get', { ids: null }, 'c1']] };
const create: Request = { using: [], methodCalls: [['Email/set', { create: { a: {} } }, 'c1']] };

async function until(what: () => boolean) {
	for (let i = 0; i < 10000 && !what(); i++) await new Promise(r => setTimeout(r, 1));
	assert.ok(what());
}

test('answers find their requests, in whatever order they come', async () => {
	make();
	const [a, b] = [transport!.send(read), transport!.send(get)];
	await until(() => sockets[0]!.requests.length === 2);
	const [first, second] = sockets[0]!.requests;
	sockets[0]!.answer({ '@type': 'Response', requestId: second!.id, methodResponses: [['x', {}, 'c1']] });
	sockets[0]!.answer({ '@type': 'Response', requestId: first!.id, methodResponses: [['y', {}, 'c1']] });
	assert.equal((await a).methodResponses[0]![0], 'y');
	assert.equal((await b).methodResponses[0]![0], 'x');
	assert.equal(sockets[0]!.sent[0]!['@type'], 'WebSocketPushEnable');
});

test('no more fly at once than the server takes; the rest waits', async () => {
	make();
	for (let i = 0; i < 9; i++) transport!.send(read).catch(() => {});
	await until(() => sockets[0]!.requests.length === 4);
	sockets[0]!.answer({ '@type': 'Response', requestId: sockets[0]!.requests[0]!.id, methodResponses: [] });
	assert.equal(sockets[0]!.requests.length, 5);
});

test('when the connection breaks, what only reads is sent again, what makes something is not', async () => {
	const { seen } = make();
	await until(() => sockets.length === 1 && sockets[0]!.sent.length === 1);
	const reading = transport!.send(read);
	const making = transport!.send(create);
	sockets[0]!.close();
	await assert.rejects(making, ConnectionError);
	await until(() => sockets.length === 2 && sockets[1]!.requests.length === 1);
	sockets[1]!.answer({ '@type': 'Response', requestId: sockets[1]!.requests[0]!.id, methodResponses: [] });
	await reading;
	assert.equal(seen.again, 1);
	assert.deepEqual(seen.links, ['online', 'offline', 'online']);
});

test('a new connection asks for what moved since the last state it was told', async () => {
	const { seen } = make();
	await until(() => sockets.length === 1 && sockets[0]!.sent.length === 1);
	sockets[0]!.answer({ '@type': 'StateChange', changed: {}, pushState: 'p7' });
	assert.equal(seen.states, 1);
	sockets[0]!.close();
	await until(() => sockets.length === 2 && sockets[1]!.sent.length === 1);
	assert.equal(sockets[1]!.sent[0]!.pushState, 'p7');
});

test('where no WebSocket gets through, requests go by HTTP', async () => {
	refuse = true;
	const { d } = make();
	const r = await transport!.send(read);
	assert.equal(r.methodResponses[0]![0], 'Mailbox/get');
	assert.equal(d.heard.length, 1);
});

test('a session that has ended is noticed', async () => {
	refuse = true;
	const { seen } = make(401);
	await until(() => seen.out === 1);
});

test('a request that is refused whole says why', async () => {
	make();
	const r = transport!.send(read);
	await until(() => sockets[0]!.requests.length === 1);
	const problem = { type: 'urn:ietf:params:jmap:error:limit', status: 400, limit: 'maxSizeRequest' };
	sockets[0]!.answer({ '@type': 'RequestError', requestId: sockets[0]!.requests[0]!.id, ...problem });
	await assert.rejects(r, (e: { problem?: { limit?: string } }) => e.problem?.limit === 'maxSizeRequest');
});

test('what is sent again goes in the order in which it was sent', async () => {
	make();
	await until(() => sockets.length === 1 && sockets[0]!.sent.length === 1);
	const set = (on: boolean): Request => ({
		using: [],
		methodCalls: [['Email/set', { update: { a: { 'keywords/$flagged': on } } }, 'c1']],
	});
	for (const on of [true, false, true]) transport!.send(set(on)).catch(() => {});
	sockets[0]!.close();
	await until(() => sockets.length === 2 && sockets[1]!.requests.length === 3);
	const said = sockets[1]!.requests.map(r => JSON.stringify(r.methodCalls).includes('true'));
	assert.deepEqual(said, [true, false, true]);
});

test('who logs out while a connection is being made has none', async () => {
	make();
	transport!.close();
	await until(() => sockets.length === 1);
	assert.deepEqual(sockets[0]!.sent, []);
	await new Promise(r => setTimeout(r, 5));
	assert.deepEqual(sockets[0]!.sent, []);
});

test('an answer that comes after logging out is nobody’s', async () => {
	refuse = true;
	make();
	let answer: (r: Response) => void = () => {};
	const asked = new Promise<void>(resolve => {
		const before = g.fetch as (url: string) => Promise<Response>;
		g.fetch = (url: string) =>
			url === '/auth/session'
				? before(url)
				: new Promise<Response>(r => {
						answer = r;
						resolve();
					});
	});
	const r = transport!.send(read);
	await asked;
	transport!.close();
	answer(Response.json({ methodResponses: [] }));
	await assert.rejects(r, LoggedOut);
});

test('a connection on which no answer comes is given up, and the question asked anew', async () => {
	make();
	await until(() => sockets.length === 1 && sockets[0]!.sent.length === 1);
	// The time it has is not waited for.
	const real = globalThis.setTimeout;
	let end = () => {};
	g.setTimeout = (f: () => void, ms: number) => ((end = f), real(() => {}, ms).unref());
	const r = transport!.send(read);
	g.setTimeout = real;
	assert.equal(sockets[0]!.requests.length, 1);
	end();
	await until(() => sockets.length === 2 && sockets[1]!.requests.length === 1);
	sockets[1]!.answer({ '@type': 'Response', requestId: sockets[1]!.requests[0]!.id, methodResponses: [] });
	await r;
});

test('without a network nothing is lost by HTTP either', async () => {
	refuse = true;
	const { seen } = make();
	await transport!.send(read);
	const working = g.fetch;
	g.fetch = () => Promise.reject(new TypeError('network'));
	const r = transport!.send(read);
	await until(() => seen.links.at(-1) === 'offline');
	g.fetch = working;
	await r;
	assert.equal(seen.links.at(-1), 'online');
});

test('where another tab has logged somebody else in, this page is nobody’s', async () => {
	const { seen } = make(200, 'carol@example.test');
	await until(() => sockets.length === 1 && sockets[0]!.sent.length === 1);
	sockets[0]!.close();
	await until(() => seen.out === 1);
	assert.equal(sockets.length, 1);
});
