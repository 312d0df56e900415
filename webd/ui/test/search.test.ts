import assert from 'node:assert/strict';
import { test } from 'node:test';
import { receiveMailboxes } from '../src/store/mailboxes';
import { date, toFilter, tokens } from '../src/store/search';

const filter = (q: string) => toFilter(q);

test('words, phrases and operators', () => {
	assert.deepEqual(
		tokens('hello from:bob subject:"two words" -is:unread').map(t => [t.negative, t.operator, t.value]),
		[
			[false, null, 'hello'],
			[false, 'from', 'bob'],
			[false, 'subject', 'two words'],
			[true, 'is', 'unread'],
		],
	);
	assert.deepEqual(filter('hello'), { text: 'hello' });
	assert.deepEqual(filter('"two words"'), { text: '"two words"' });
	assert.deepEqual(filter('from:bob has:attachment'), {
		operator: 'AND',
		conditions: [{ from: 'bob' }, { hasAttachment: true }],
	});
	assert.deepEqual(filter('-from:bob'), { operator: 'NOT', conditions: [{ from: 'bob' }] });
	assert.deepEqual(filter('a OR b'), { operator: 'OR', conditions: [{ text: 'a' }, { text: 'b' }] });
	assert.deepEqual(filter('is:unread'), { notKeyword: '$seen' });
	assert.deepEqual(filter('larger:2m'), { minSize: 2 * 1024 * 1024 });
});

test('what is no operator is looked for as it stands', () => {
	assert.deepEqual(filter('http://x.test'), { text: '"http://x.test"' });
	assert.deepEqual(filter('before:soon'), { text: '"before:soon"' });
	assert.deepEqual(filter('from:'), {});
	assert.deepEqual(filter(''), {});
	assert.deepEqual(filter('"open'), { text: '"open"' });
});

test('dates', () => {
	const now = new Date(2026, 10, 22, 15, 30);
	const day = (y: number, m: number, d: number) => new Date(y, m, d).toISOString().replace('.000', '');
	assert.equal(date('2026-03-05', now), day(2026, 2, 5));
	assert.equal(date('2026', now), day(2026, 0, 1));
	assert.equal(date('today', now), day(2026, 10, 22));
	assert.equal(date('hier', now), day(2026, 10, 21));
	assert.equal(date('2w', now), day(2026, 10, 8));
	assert.equal(date('soon', now), null);
});

test('trash and junk are left out unless one looks there', () => {
	const box = (id: string, role: string | null, name: string) =>
		({ id, role, name, parentId: null, sortOrder: 0 }) as never;
	receiveMailboxes([box('m1', 'inbox', 'Inbox'), box('m2', 'trash', 'Trash'), box('m3', null, 'Work')], true);
	assert.deepEqual(filter('x'), {
		operator: 'AND',
		conditions: [{ text: 'x' }, { inMailboxOtherThan: ['m2'] }],
	});
	assert.deepEqual(filter('x in:trash'), {
		operator: 'AND',
		conditions: [{ text: 'x' }, { inMailbox: 'm2' }],
	});
	assert.deepEqual(filter('x in:anywhere'), { operator: 'AND', conditions: [{ text: 'x' }, {}] });
	assert.deepEqual(filter('in:work'), { inMailbox: 'm3' });
	receiveMailboxes([], true);
});
