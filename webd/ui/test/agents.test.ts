// Approvals over the double: who waits, what a card is made of, what happens to one that is not what it says.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { actionDigest } from '../src/assistant/digest';
import { approve, loadAsked, refuse } from '../src/assistant/request';
import { undoSession } from '../src/assistant/undo';
import { tell } from '../src/assistant/why';
import { say } from '../src/assistant/words';
import { approvals, waiting } from '../src/store/approvals';
import { toasts } from '../src/store/toasts';
import { Agents } from './agents';
import type { Double } from './double';
import { arrive, depart, enter, until } from './socket';

let d: Double;
let agents: Agents;

beforeEach(async () => {
	d = arrive();
	agents = new Agents(d);
	d.addEmail({ subject: 'First' });
	await enter();
});
afterEach(depart);

const LETTER = { to: ['Bob <bob@x.test>'], bcc: ['eve@x.test'], subject: 'Hello', text: 'Text' };

test('what waits is known, and said when it comes', async () => {
	assert.equal(waiting.value.length, 0);
	const id = agents.request({ ...LETTER, agent: 'desk' });
	await until(() => waiting.value.length === 1);
	assert.match(toasts.value[0]!.text, /desk/);
	await refuse(id);
	assert.equal(waiting.value.length, 0);
	assert.equal(approvals.value.get(id)?.state, 'refused');
});

test('a card has every recipient, also those whom no field names', async () => {
	const id = agents.request(LETTER);
	const a = (await loadAsked(id))!;
	assert.equal(a.genuine, true);
	assert.deepEqual(a.letter?.to, [{ name: 'Bob', email: 'bob@x.test' }]);
	assert.deepEqual(a.bcc, ['eve@x.test']);
	assert.deepEqual(a.unsent, []);
	const stored = agents.approvals.get(id)!;
	stored.envelope = { mailFrom: { email: d.user }, rcptTo: [{ email: 'eve@x.test' }] };
	const b = (await loadAsked(id))!;
	assert.deepEqual(
		b.unsent.map(x => x.email),
		['bob@x.test'],
	);
	// Another envelope than was digested.
	assert.equal(b.genuine, false);
});

test('an octet, a sender, a session or a kind that is another is noticed', async () => {
	const id = agents.request(LETTER);
	const stored = agents.approvals.get(id)!;
	const genuine = async (change: Record<string, unknown>) => {
		const before = { ...stored };
		Object.assign(stored, change);
		const a = await loadAsked(id);
		Object.assign(stored, before);
		return a!.genuine;
	};
	assert.equal(await genuine({}), true);
	const octets = Buffer.from(String(stored.octets), 'base64').toString();
	const other = Buffer.from(octets.replace('Text', 'text')).toString('base64');
	assert.equal(await genuine({ octets: other }), false);
	assert.equal(await genuine({ envelope: { mailFrom: { email: 'x@x.test' }, rcptTo: [] } }), false);
	assert.equal(await genuine({ session: 'fedcba9876543210' }), false);
	// The digest of a mail under the card of another action.
	const what = { emailIds: ['e1'], mailboxId: 'm1', mailboxName: 'Archive' };
	assert.equal(await genuine({ octets: null, action: 'move', what, nonce: '00' }), false);
	const digest = actionDigest(d.user, String(stored.session), `move 00 ${JSON.stringify(what)}`);
	assert.equal(await genuine({ octets: null, action: 'move', what, nonce: '00', digest }), true);
});

test('approving asks authd first, for the password where it wants that, and only then the owner', async () => {
	const id = agents.request(LETTER);
	const asked = (await loadAsked(id))!;
	const posts: unknown[] = [];
	const answers = [403, 201];
	globalThis.fetch = ((path: string, o: { body: string }) => {
		posts.push([path, JSON.parse(o.body)]);
		const status = answers.shift()!;
		const problem = { type: 'about:blank', status, code: 'password-needed' };
		return Promise.resolve(
			new Response(JSON.stringify(problem), { status, headers: { 'Content-Type': 'application/json' } }),
		);
	}) as never;
	assert.equal(await approve(asked, 'send', async () => false), false);
	assert.equal(agents.approvals.get(id)!.state, 'requested');
	answers.unshift(403);
	assert.equal(await approve(asked, 'send', async () => true), true);
	assert.equal(agents.approvals.get(id)!.state, 'sent');
	assert.equal(posts.length, 3);
	const { session, digest } = asked.approval;
	assert.deepEqual(posts[2], ['/auth/approvals', { session, digest, what: 'send' }]);
});

test('undoing says what came of it', async () => {
	assert.deepEqual(await undoSession('0123456789abcdef'), { restored: 3, conflicts: 1, lost: 0 });
	assert.deepEqual(agents.undone, ['0123456789abcdef']);
});

test('the story of an email is told in words, whatever it holds', () => {
	const s = say.value;
	const step = (kind: string, code: string, data: Record<string, unknown> | null, text = 'as told') =>
		tell({ kind, code, at: null, text, data }, s);
	assert.match(
		step('received', 'smtp', { name: 'mx.x.test', address: '192.0.2.1', tls: true }),
		/mx\.x\.test \(192\.0\.2\.1\)/,
	);
	assert.match(step('authentication', 'dkim', { result: 'pass', domain: 'x.test' }), /^DKIM.*x\.test$/);
	assert.match(step('change', 'moved', { actor: 'agent', agent: 'desk', to: 'Archive' }), /Archive.*desk/);
	assert.equal(step('later', 'x', null), 'as told');
	for (const kind of ['received', 'authentication', 'screening', 'delivered', 'change'])
		for (const data of [
			null,
			{},
			{ result: 5, domain: {}, added: 'x', to: null, recipients: [null], tls: 'yes' },
		])
			assert.equal(typeof step(kind, 'odd', data), 'string');
});
