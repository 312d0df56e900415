import assert from 'node:assert/strict';
import { test } from 'node:test';
import { en } from '../src/i18n/en';
import { fr } from '../src/i18n/fr';
import { brief, group, said, spoken } from '../src/i18n/dates';
import { initials, parseList, parseMailto, plausible } from '../src/lib/address';
import { blocks, linkify } from '../src/lib/linkify';
import { parts } from '../src/lib/snippet';
import { verdict } from '../src/lib/verdict';
import { format, parse, type Route } from '../src/store/route';
import { score } from '../src/ui/picker';

test('addresses as people type and paste them', () => {
	assert.deepEqual(parseList('Ann Lee <ann@x.test>, bob@x.test; "Doe, Jane" <jane@x.test>'), [
		{ name: 'Ann Lee', email: 'ann@x.test' },
		{ name: null, email: 'bob@x.test' },
		{ name: 'Doe, Jane', email: 'jane@x.test' },
	]);
	assert.deepEqual(parseList(' , ;'), []);
	assert.ok(plausible('é@x.test') && !plausible('nobody') && !plausible('a b@x.test') && !plausible('<a@b>'));
	assert.equal(initials({ name: 'Hugo Bernard', email: 'h@x' }), 'HB');
	assert.equal(initials({ name: null, email: 'zoe@x.test' }), 'Z');
});

test('a mailto: address is read as RFC 6068 has it, whoever wrote it', () => {
	assert.deepEqual(parseMailto('mailto:a+b@x.test,c@x.test?subject=1+1%20is&cc=d%2Be@x.test&body=x%0D%0Ay'), {
		to: [
			{ name: null, email: 'a+b@x.test' },
			{ name: null, email: 'c@x.test' },
		],
		cc: [{ name: null, email: 'd+e@x.test' }],
		subject: '1+1 is',
		body: 'x\r\ny',
	});
	assert.deepEqual(parseMailto('mailto:%zz@x.test').to, [{ name: null, email: '%zz@x.test' }]);
	assert.deepEqual(parseMailto(`mailto:${'<'.repeat(1e6)}`).subject, null);
});

// Each of these took minutes where time grows with the square of the length.
test('texts made to be slow are not', () => {
	const n = 1e6;
	assert.equal(linkify('a.'.repeat(n / 2)).length, 1);
	assert.ok(linkify('x@y.'.repeat(n / 4)).length < 5000);
	assert.ok(linkify('https://x.test/ '.repeat(n / 16)).length < 5000);
	assert.ok(blocks('> a\nb\n'.repeat(n / 6)).length <= 2000);
	assert.equal(verdict([`${'('.repeat(n)} dmarc=pass`]).state, 'none');
});

test('links in text end where a sentence does', () => {
	assert.deepEqual(linkify('See https://x.test/a_(b). Or ann@x.test!'), [
		'See ',
		{ href: 'https://x.test/a_(b)', text: 'https://x.test/a_(b)' },
		'. Or ',
		{ href: 'mailto:ann@x.test', text: 'ann@x.test' },
		'!',
	]);
	assert.deepEqual(linkify('javascript:alert(1)'), ['javascript:alert(1)']);
	assert.deepEqual(linkify('(https://x.test)'), [
		'(',
		{ href: 'https://x.test', text: 'https://x.test' },
		')',
	]);
});

test('who wrote it is folded with what was quoted', () => {
	for (const said of [
		'On Monday, Ann wrote:',
		'Le 3 mars, Ann a écrit :',
		'Am Montag schrieb Ann:',
		'ann@x.test:',
	])
		assert.deepEqual(blocks(`Yes.\n\n${said}\n\n> b`), [
			{ quoted: false, text: 'Yes.\n' },
			{ quoted: true, text: `${said}\n\n> b` },
		]);
	assert.deepEqual(blocks('On Monday 12 March at ten o’clock\nAnn <ann@x.test> wrote:\n> b'), [
		{ quoted: true, text: 'On Monday 12 March at ten o’clock\nAnn <ann@x.test> wrote:\n> b' },
	]);
	assert.deepEqual(blocks('Two points:\n> b').length, 2);
});

test('quoted lines stand apart', () => {
	assert.deepEqual(blocks('a\r\n> b\n> c\nd'), [
		{ quoted: false, text: 'a' },
		{ quoted: true, text: '> b\n> c' },
		{ quoted: false, text: 'd' },
	]);
});

test('of a snippet only the marks are markup', () => {
	assert.deepEqual(parts('a &lt;b&gt; <mark>c&amp;d</mark> <img src=x onerror=1>'), [
		{ text: 'a <b> ', mark: false },
		{ text: 'c&d', mark: true },
		{ text: ' <img src=x onerror=1>', mark: false },
	]);
});

test('only the topmost verdict counts', () => {
	assert.equal(verdict(['mx; dmarc=pass; spf=pass']).state, 'pass');
	assert.equal(verdict(['mx; dmarc=fail (p=none) header.from=x', 'other; dmarc=pass']).state, 'fail');
	assert.equal(verdict(['mx; spf=fail']).state, 'unproven');
	assert.equal(verdict(['mx; none (dmarc=pass)']).state, 'none');
	assert.equal(verdict(undefined).state, 'none');
});

test('an address comes back as it was written', () => {
	const all: Route[] = [
		{ at: 'mailbox', mailbox: 'inbox', thread: null },
		{ at: 'mailbox', mailbox: 'm7', thread: 't9' },
		{ at: 'search', query: 'from:bob a/b "c d" é', thread: 't1' },
		{ at: 'settings', tab: 'look' },
	];
	for (const r of all) assert.deepEqual(parse(format(r)), r);
	assert.deepEqual(parse('#/in/%E0%A4%A'), { at: 'mailbox', mailbox: 'inbox', thread: null });
	assert.deepEqual(parse(''), { at: 'mailbox', mailbox: 'inbox', thread: null });
});

test('dates as people say them', () => {
	const now = new Date(2026, 10, 18, 15, 0); // a Wednesday
	const at = (d: number, h = 9) => new Date(2026, 10, d, h).toISOString();
	assert.equal(group(at(18), now), en.today);
	assert.equal(group(at(19), now), en.today);
	assert.equal(group(at(17), now), en.yesterday);
	assert.equal(group(at(16), now), en.thisWeek);
	assert.equal(group(at(15), now), en.lastWeek);
	assert.equal(group(at(9), now), en.lastWeek);
	assert.equal(group(at(8), now), 'November');
	assert.equal(group(new Date(2025, 1, 3).toISOString(), now), 'February 2025');
	assert.equal(brief(at(17), false, now), en.yesterday);
	assert.match(brief(at(17), true, now), /^0?9:00/);
	assert.equal(brief('rubbish', false, now), '');
	assert.match(spoken(at(17), now), /^Yesterday at 0?9:00/);
	assert.match(said(at(18), now), /^at 0?9:00/);
	assert.match(said(at(16), now), /^Monday at/);
	assert.match(said(at(19), now), /^tomorrow at/);
});

test('typing finds by beginnings of words, then by letters in order', () => {
	assert.ok(score('Go to Archive', 'arch') > score('Search', 'arch'));
	assert.ok(score('Mark as unread', 'mur') > 0);
	assert.equal(score('Archive', 'xyz'), 0);
	assert.ok(score('Déplacer', 'depl') > 0);
});

test('both languages have every word', () => {
	const keys = (o: object, at = ''): string[] =>
		Object.entries(o).flatMap(([k, v]) =>
			v && typeof v === 'object' && !(v instanceof RegExp) ? keys(v as object, `${at}${k}.`) : [`${at}${k}`],
		);
	assert.deepEqual(keys(fr).sort(), keys(en).sort());
	// French puts a space before these, and no line may break there.
	for (const m of Object.values(fr)) if (typeof m === 'string') assert.doesNotMatch(m, / [:;!?»]/);
});
