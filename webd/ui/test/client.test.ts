import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from '../src/jmap/client';
import { MethodError } from '../src/jmap/errors';
import { repeatable } from '../src/jmap/transport';
import type { GetResponse, QueryResponse, Request, Response } from '../src/jmap/types';
import { Double } from './double';

function over(d: Double, max = 32) {
	const requests: Request[] = [];
	const c = new Client(async r => {
		requests.push(r);
		return d.handle(r as never) as unknown as Response;
	}, max);
	return { c, requests };
}

test('calls of one turn travel together, with references between them', async () => {
	const d = new Double();
	d.addEmail({ subject: 'One' });
	const { c, requests } = over(d);
	const q = c.call<QueryResponse>('Email/query', { accountId: 'a1', filter: {} });
	const g = c.call<GetResponse<{ subject: string }>>('Email/get', { accountId: 'a1', '#ids': q.ref('/ids') });
	assert.equal((await g).list[0]!.subject, 'One');
	assert.equal(requests.length, 1);
	assert.deepEqual(requests[0]!.using, ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail']);
	await c.call('Identity/get', { accountId: 'a1', ids: null });
	assert.ok(requests[1]!.using.includes('urn:ietf:params:jmap:submission'));
});

test('an error is the error of its call alone', async () => {
	const { c } = over(new Double());
	const bad = c.call('Email/nonsense', {});
	const good = c.call<{ x: number }>('Core/echo', { x: 1 });
	await assert.rejects(bad, (e: MethodError) => e.type === 'unknownMethod');
	assert.equal((await good).x, 1);
});

test('a batch is cut to what the server takes, never through a reference', async () => {
	const { c, requests } = over(new Double(), 3);
	const all: Promise<unknown>[] = [];
	for (let i = 0; i < 4; i++) {
		const q = c.call<QueryResponse>('Email/query', { filter: {} });
		all.push(q, c.call('Email/get', { '#ids': q.ref('/ids') }));
	}
	await Promise.all(all);
	assert.ok(requests.every(r => r.methodCalls.length <= 3));
	assert.equal(requests.flatMap(r => r.methodCalls).length, 8);
});

test('when the request fails every call of it fails', async () => {
	const c = new Client(() => Promise.reject(new Error('gone')));
	await assert.rejects(c.call('Core/echo', {}), /gone/);
});

test('only what changes nothing when done twice is sent again', () => {
	assert.ok(
		repeatable([
			['Email/get', {}, 'a'],
			['Email/set', { update: {} }, 'b'],
		]),
	);
	assert.ok(!repeatable([['Email/set', { create: {} }, 'b']]));
	assert.ok(!repeatable([['EmailSubmission/set', { create: {} }, 'b']]));
	assert.ok(!repeatable([['Email/import', {}, 'b']]));
});
