// The store over the double: windows on a list, changes that are shown at once, and what a refusal does.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { cursor, followCursor, list } from '../src/store/list';
import { EmailList, type Filter } from '../src/store/query';
import { body, email, ensureBodies, knownEmail, show, thread } from '../src/store/emails';
import { markRead } from '../src/store/actions';
import { toasts } from '../src/store/toasts';
import type { Double } from './double';
import { arrive, depart, enter, release, Socket, until } from './socket';

let d: Double;

beforeEach(() => (d = arrive()));
afterEach(depart);

function fill(n: number) {
	for (let i = 0; i < n; i++)
		d.addEmail({ subject: `S${i}`, receivedAt: new Date(1.7e12 - i * 1e6).toISOString() });
}

// The list of so many conversations: those of the inbox, or what the filter says.
async function opened(n: number, filter: Filter = { inMailbox: d.role('inbox') }) {
	fill(n);
	await enter();
	const l = new EmailList('x', filter, false);
	l.want(0, 10);
	await until(() => l.total === n);
	return l;
}

test('a list of many holds what one has looked at', async () => {
	const l = await opened(1000);
	assert.equal(l.ids.filter(Boolean).length, 50);
	l.want(600, 620);
	await until(() => l.ids[600] !== undefined);
	assert.equal(knownEmail(l.ids[610]!)!.subject, 'S610');
	assert.equal(l.ids[300], undefined);
});

// A server may have to look at all of a large home before it knows how many conversations there are.
test('the first rows do not wait for their number', async () => {
	await opened(120);
	const [rows, count] = d.heard.filter(([name]) => name === 'Email/query').map(([, args]) => args);
	assert.equal(rows?.calculateTotal, false);
	assert.equal(rows?.limit, 50);
	assert.equal(count?.calculateTotal, true);
	assert.equal(count?.limit, 0);
});

test('threads are read anew where nobody can say what changed', async () => {
	const l = await opened(1);
	const first = knownEmail(l.ids[0]!)!;
	assert.equal(thread(first.threadId).peek()!.length, 1);
	d.refuse.set('Thread/changes', 'cannotCalculateChanges');
	d.deliver({ subject: 'Re: S0', threadId: first.threadId });
	await until(() => thread(first.threadId).peek()!.length === 2);
});

test('new mail comes in at its place, and leaves from there', async () => {
	const l = await opened(3);
	const e = d.deliver({ subject: 'Fresh' });
	await l.sync();
	assert.equal(l.total, 4);
	assert.equal(l.ids[0], e.id);
	assert.equal(knownEmail(e.id)!.subject, 'Fresh');
	d.change(e.id, { mailboxIds: { [d.role('trash')]: true } });
	await l.sync();
	assert.equal(l.total, 3);
	assert.ok(!l.ids.includes(e.id));
});

test('a list that the server cannot compare is read anew', async () => {
	const l = await opened(3, {});
	d.refuse.set('Email/queryChanges', 'cannotCalculateChanges');
	d.deliver({ subject: 'Fresh' });
	await l.sync();
	assert.equal(l.total, 4);
});

test('conversations that leave come back where they were', async () => {
	const l = await opened(5, {});
	const before = [...l.ids];
	const back = l.remove(new Set([l.threadAt(1)!, l.threadAt(3)!]));
	assert.equal(l.total, 3);
	back();
	assert.deepEqual(l.ids, before);
});

test('a push brings what another client changed', async () => {
	const l = await opened(1, {});
	d.change(l.ids[0]!, { 'keywords/$flagged': true });
	await until(() => !!knownEmail(l.ids[0]!)!.keywords.$flagged);
});

test('what is shown ahead of the server outlasts what the server says meanwhile', async () => {
	const l = await opened(1, {});
	const id = l.ids[0]!;
	const settle = show(id, { 'keywords/$seen': true });
	assert.ok(email(id).value!.keywords.$seen);
	d.change(id, { 'keywords/$flagged': true });
	await until(() => !!email(id).value!.keywords.$flagged);
	assert.ok(email(id).value!.keywords.$seen);
	settle();
});

test('a refusal is taken back, and said', async () => {
	const l = await opened(1, {});
	const t = l.threadAt(0)!;
	await until(() => thread(t).value !== undefined);
	d.refuse.set('Email/set', 'overQuota');
	markRead([t], true);
	assert.ok(knownEmail(l.ids[0]!)!.keywords.$seen);
	await until(() => toasts.value.some(x => x.kind === 'error'));
	assert.ok(!knownEmail(l.ids[0]!)!.keywords.$seen);
});

test('deep in a list, what comes and goes above moves the rows and loses none', async () => {
	const l = await opened(1000);
	l.want(600, 620);
	await until(() => l.ids[600] !== undefined);
	const seen = l.ids[610]!;
	d.deliver({ subject: 'Fresh' });
	await l.sync();
	assert.equal(l.ids[611], seen);
	d.change(l.ids[3]!, { mailboxIds: { [d.role('trash')]: true } });
	await l.sync();
	assert.equal(l.ids[610], seen);
	assert.equal(l.total, 1000);
	// Of one that goes and was never seen nobody knows where it stood.
	const unseen = [...d.emails.values()].find(e => e.subject === 'S300')!;
	d.change(unseen.id, { mailboxIds: { [d.role('trash')]: true } });
	await l.sync();
	assert.equal(l.ids[610], undefined);
	assert.ok(l.ids[49]);
	assert.equal(l.total, 999);
});

test('what is taken out while the server is asked what changed stays out', async () => {
	const l = await opened(5);
	const out = l.ids[0]!;
	const fresh = d.deliver({ subject: 'Fresh' });
	Socket.held = [];
	const syncing = l.sync();
	await until(() => Socket.held!.length > 0);
	l.remove(new Set([knownEmail(out)!.threadId]));
	d.change(out, { mailboxIds: { [d.role('trash')]: true } });
	release();
	await syncing;
	await until(() => l.ids[0] === fresh.id);
	assert.ok(!l.ids.includes(out));
	assert.equal(l.total, 5);
	assert.equal(new Set(l.ids).size, 5);
});

test('what is put back stays there, whatever the server says of the time before', async () => {
	const l = await opened(3);
	const out = l.ids[0]!;
	const back = l.remove(new Set([knownEmail(out)!.threadId]));
	d.change(out, { mailboxIds: { [d.role('trash')]: true } });
	const release = l.hold();
	back();
	await l.sync();
	assert.equal(l.ids[0], out);
	d.change(out, { mailboxIds: { [d.role('inbox')]: true } });
	const fresh = d.deliver({ subject: 'Fresh' });
	release();
	await until(() => l.total === 4);
	assert.equal(l.ids[0], fresh.id);
	assert.ok(l.ids.includes(out));
});

test('the cursor stays on its conversation', async () => {
	const l = await opened(3);
	list.value = l;
	cursor.value = 0;
	const end = followCursor();
	cursor.value = 1;
	const on = l.threadAt(1)!;
	d.deliver({ subject: 'Fresh' });
	await until(() => l.total === 4);
	assert.equal(cursor.value, 2);
	assert.equal(l.threadAt(2), on);
	d.deliver({ subject: 'Re: S1', threadId: on });
	await until(() => l.threadAt(0) === on);
	assert.equal(cursor.value, 0);
	// One that goes leaves it to the next.
	const next = l.threadAt(1);
	l.remove(new Set([on]));
	assert.equal(cursor.value, 0);
	assert.equal(l.threadAt(0), next);
	end();
	list.value = null;
});

test('bodies that nobody looks at are let go, the oldest first', async () => {
	fill(400);
	await enter();
	const ids = [...d.emails.keys()];
	const looking = body(ids[0]!).subscribe(() => {});
	for (const id of ids) await ensureBodies([id]);
	assert.ok(body(ids[0]!).value);
	assert.equal(body(ids[1]!).value, undefined);
	assert.ok(body(ids[399]!).value);
	looking();
});

test('a server in trouble is asked again what changed', async () => {
	fill(1);
	await enter();
	const id = [...d.emails.keys()][0]!;
	const l = new EmailList('x', {}, false);
	l.want(0, 1);
	await until(() => l.total === 1);
	const real = d.handle.bind(d);
	let asked = 0;
	d.handle = r => {
		if (r.methodCalls.some(([name]) => name === 'Email/changes') && asked++ === 0) throw new Error('trouble');
		return real(r);
	};
	d.change(id, { 'keywords/$flagged': true });
	await until(() => !!knownEmail(id)!.keywords.$flagged);
	assert.equal(asked, 2);
});
