import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alike, skeleton, unpuny } from '../src/lib/alike';

const known = [
	{ name: 'Claire Dubois', email: 'claire@dubois.test' },
	{ name: 'Anna', email: 'anna@gmail.com' },
	{ name: null, email: 'me@orchard-mail.test' },
];
const of = (email: string, name: string | null = null) => alike({ name, email }, known);

test('Punycode is read (RFC 3492 7.1)', () => {
	assert.equal(unpuny('bcher-kva'), 'bücher');
	assert.equal(unpuny('80akhbyknj4f'), 'испытание');
	assert.equal(unpuny('ihqwcrb4cv8a8dqg056pqjye'), '他们为什么不说中文');
	assert.equal(unpuny('!!!'), null);
	assert.equal(unpuny('zzzzzzzzzzzzzzzzzzzzzzzz'), null);
});

test('whom one knows is never told apart from themselves', () => {
	assert.equal(of('claire@dubois.test', 'Claire Dubois'), null);
	assert.equal(of('CLAIRE@DUBOIS.TEST'), null);
	assert.equal(of('hugo@dubois.test', 'Hugo Dubois'), null);
	assert.equal(of('someone@elsewhere.test', 'Some One'), null);
});

test('a domain with other letters looks like the one it copies', () => {
	for (const email of [
		'claire@dubоis.test', // a Cyrillic о
		'claire@dub0is.test',
		'claire@dubo1s.test',
		'claire@xn--dubis-lye.test', // the same in Punycode: dubоis
		'claire@dùbois.test',
		'claire@clubois.test',
	])
		assert.deepEqual(of(email), { kind: 'address', like: 'dubois.test' }, email);
	assert.deepEqual(of('me@orchard-rnail.test'), { kind: 'address', like: 'orchard-mail.test' });
	assert.deepEqual(of('me@orchard-mial.test'), { kind: 'address', like: 'orchard-mail.test' });
	assert.deepEqual(of('me@orchards-mail.test'), { kind: 'address', like: 'orchard-mail.test' });
	assert.equal(of('anna@ymail.com'), null);
});

test('alphabets do not mix within a word', () => {
	assert.equal(of('x@пример.test'), null);
	assert.equal(of('x@пrимер.test')?.kind, 'script');
	assert.equal(of('x@田中mei.test'), null);
});

test('a known name with another address, an address as a name', () => {
	assert.deepEqual(of('c@free.test', 'Claire  DUBOIS'), { kind: 'name', like: 'claire@dubois.test' });
	assert.equal(of('c@free.test', 'Anna'), null);
	assert.deepEqual(of('c@free.test', 'claire@bank.test'), { kind: 'label', like: 'claire@bank.test' });
	assert.equal(of('c@free.test', 'c@free.test'), null);
});

test('what one reads in passing', () => {
	assert.equal(skeleton('PAYPA1'), skeleton('paypal'));
	assert.equal(skeleton('rnicrosoft'), skeleton('microsoft'));
	assert.notEqual(skeleton('orchard'), skeleton('garden'));
});
