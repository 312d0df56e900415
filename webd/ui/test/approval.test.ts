// What the approval card shows, and that it is what is approved.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actionDigest, mailDigest } from '../src/assistant/digest';
import { blake2b } from '../src/assistant/blake2b';
import { readLetter, seen } from '../src/assistant/letter';

const octets = (s: string) => new TextEncoder().encode(s.replace(/\r?\n/g, '\r\n'));
const hex = (b: Uint8Array) => Buffer.from(b).toString('hex');

test('BLAKE2b of 256 bits', () => {
	// RFC 7693 has none of this length; these are of libsodium.
	assert.equal(
		hex(blake2b(new Uint8Array())),
		'0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8',
	);
	assert.equal(
		hex(blake2b(octets('abc'))),
		'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319',
	);
	// Every length about a block has a digest of its own.
	const all = new Set([...Array(300).keys()].map(n => hex(blake2b(new Uint8Array(n)))));
	assert.equal(all.size, 300);
});

test('the digest is that of lib/mail/approval.c', () => {
	const text = octets('From: a@x.test\nSubject: hello\n\nText\n');
	const session = '0123456789abcdef';
	assert.equal(
		mailDigest('a@x.test', session, 'a@x.test', ['carol@y.test', 'bob@x.test'], text),
		'b95f426bc84850a8ebdf01f8f37634edd555f258429f325c8b48c7dd35718306',
	);
	assert.equal(
		actionDigest('a@x.test', session, 'delete e1'),
		'e6bdfac0b8fdd999754b588692b15cb087a3594a19e5d1a968de524a3034ad6d',
	);
});

const LETTER = `From: =?utf-8?q?Ren=C3=A9e?= <renee@x.test>
To: "Lee, Ann" <ann@x.test>, bob@x.test
Cc: =?utf-8?b?w4lsb8Ovc2U=?= <eloise@x.test>
Subject: =?utf-8?q?Un_d=C3=AEner?=
 =?utf-8?q?_ce_soir?=
Date: Mon, 1 Jan 2024 00:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b 1"

--b 1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Viens =C3=A0 huit heures,=
 si tu veux.
--=20
R.
--b 1
Content-Type: application/pdf; name*=utf-8''plan%20d%C3%A9taill%C3%A9.pdf
Content-Disposition: attachment; filename*=utf-8''plan%20d%C3%A9taill%C3%A9.pdf
Content-Transfer-Encoding: base64

aGVsbG8=
--b 1--
`;

test('a frozen message is read as its reader will', () => {
	const l = readLetter(octets(LETTER));
	assert.deepEqual(l.from, [{ name: 'Renée', email: 'renee@x.test' }]);
	assert.deepEqual(l.to, [
		{ name: 'Lee, Ann', email: 'ann@x.test' },
		{ name: null, email: 'bob@x.test' },
	]);
	assert.deepEqual(l.cc, [{ name: 'Éloïse', email: 'eloise@x.test' }]);
	assert.equal(l.subject, 'Un dîner ce soir');
	assert.equal(l.text, 'Viens à huit heures, si tu veux.\n-- \nR.');
	assert.deepEqual(
		l.files.map(f => [f.name, f.type, f.octets.length]),
		[['plan détaillé.pdf', 'application/pdf', 5]],
	);
	assert.equal(l.strange, false);
});

test('what might be shown otherwise is said to be strange', () => {
	const strange = (text: string) => readLetter(octets(text)).strange;
	assert.equal(strange('From: a@x.test\nSubject: x\n\nText\n'), false);
	assert.equal(strange('From: a@x.test\nContent-Type: text/html\n\n<p>Text</p>\n'), true);
	assert.equal(strange('From: a@x.test\nSubject: x\nSubject: y\n\nText\n'), true);
	assert.equal(
		strange('From: a@x.test\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nx\n--b--\n'),
		true,
	);
	assert.equal(strange('From: a@x.test\nContent-Type: multipart/mixed\n\n--b\n\nx\n--b--\n'), true);
	const deep = [...Array(20).keys()]
		.map(i => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`)
		.join('');
	assert.equal(strange(deep), true);
});

test('a message that ends anywhere is read without complaint', () => {
	const whole = octets(LETTER);
	for (let n = 0; n <= whole.length; n++) assert.ok(readLetter(whole.subarray(0, n)));
});

test('what nobody sees is shown by its number', () => {
	assert.equal(seen('pay\u202Egpj.exe'), 'pay⟨U+202E⟩gpj.exe');
	assert.equal(seen('bob\u200b@x.test'), 'bob⟨U+200B⟩@x.test');
	assert.equal(seen('a\u{e0041}b'), 'a⟨U+E0041⟩b');
	assert.equal(seen('line\nline\ttab'), 'line\nline\ttab');
	assert.equal(seen('👩\u200d🌾 می\u200cخواهم'), '👩\u200d🌾 می\u200cخواهم');
	assert.equal(seen('a \u200d b'), 'a ⟨U+200D⟩ b');
});
