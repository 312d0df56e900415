// Reads a frozen message for the approval card: what its reader will be shown, and nothing left out. An agent's mail is made by
// us (mailboxd/jmap/email_make.c): plain text in UTF-8, and files. What is of another shape is not guessed at; the card says
// so and shows the source (`strange`).

import type { EmailAddress } from '../jmap/types';
import { parseList } from '../lib/address';

export interface LetterFile {
	name: string;
	type: string;
	octets: Uint8Array;
}

export interface Letter {
	from: EmailAddress[];
	to: EmailAddress[];
	cc: EmailAddress[];
	replyTo: EmailAddress[];
	subject: string;
	text: string;
	files: LetterFile[];
	source: string;
	// Something of it is not shown as its reader might see it.
	strange: boolean;
}

const DEPTH = 4;
const PARTS = 200;

type Fields = [name: string, value: string][];

const bytes = (s: string) => Uint8Array.from(s, c => c.charCodeAt(0) & 0xff);

function decode(octets: Uint8Array, charset: string): string {
	try {
		return new TextDecoder(charset || 'utf-8', { fatal: false }).decode(octets);
	} catch {
		return new TextDecoder().decode(octets);
	}
}

// RFC 5322 2.2: fields, unfolded.
function split(raw: string): { fields: Fields; body: string } {
	const fields: Fields = [];
	const end = /\r?\n\r?\n/.exec(raw);
	const head = end ? raw.slice(0, end.index) : raw;
	for (const line of head.split(/\r?\n/)) {
		const last = fields[fields.length - 1];
		if (/^[ \t]/.test(line) && last) last[1] += line;
		else {
			const colon = line.indexOf(':');
			fields.push([line.slice(0, Math.max(colon, 0)).trim().toLowerCase(), line.slice(colon + 1)]);
		}
	}
	return { fields, body: end ? raw.slice(end.index + end[0].length) : '' };
}

// RFC 2047; blanks between two encoded words are none (6.2). What stands there in UTF-8 is (RFC 6532).
function words(value: string): string {
	const parts = value
		.replace(/(=\?[^?]+\?[bq]\?[^?]*\?=)\s+(?==\?)/gi, '$1')
		.split(/(=\?[^?]+\?[bq]\?[^?]*\?=)/i);
	let octets: number[] = [];
	let charset = '';
	let out = '';
	const flush = () => {
		if (octets.length) out += decode(Uint8Array.from(octets), charset);
		octets = [];
	};
	for (const part of parts) {
		const m = /^=\?([^?*]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=$/i.exec(part);
		if (!m) {
			flush();
			out += decode(bytes(part), 'utf-8');
			continue;
		}
		if (m[1]!.toLowerCase() !== charset) flush();
		charset = m[1]!.toLowerCase();
		octets.push(...(m[2]!.toLowerCase() === 'b' ? base64(m[3]!) : quoted(m[3]!.replace(/_/g, ' '))));
	}
	flush();
	return out.trim();
}

function base64(text: string): Uint8Array {
	try {
		return bytes(atob(text.replace(/[^A-Za-z0-9+/]/g, '')));
	} catch {
		return new Uint8Array();
	}
}

// RFC 2045 6.7
const quoted = (text: string): Uint8Array =>
	bytes(
		text
			.replace(/[ \t]+(?=\r?\n|$)/g, '')
			.replace(/=\r?\n/g, '')
			.replace(/=([0-9A-F]{2})/gi, (_, h: string) => String.fromCharCode(parseInt(h, 16))),
	);

interface Value {
	value: string;
	parameters: Map<string, string>;
}

// RFC 2045 5.1, with what RFC 2231 adds to parameters.
function valueOf(text: string): Value {
	const value = (/^[^;]*/.exec(text)?.[0] ?? '').trim().toLowerCase();
	const found = new Map<string, string>();
	for (const m of text.matchAll(/;\s*([^\s=;]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s;]*))/g))
		found.set(m[1]!.toLowerCase(), m[2]?.replace(/\\(.)/g, '$1') ?? m[3]!);
	const parameters = new Map<string, string>();
	for (const name of new Set([...found.keys()].map(k => k.replace(/\*.*$/, '')))) {
		let charset = '';
		let whole = '';
		let encoded = false;
		for (let i = 0; i < PARTS; i++) {
			const key = [`${name}*${i}*`, `${name}*${i}`, ...(i ? [] : [`${name}*`, name])].find(k => found.has(k));
			if (!key) break;
			let piece = found.get(key)!;
			if (key.endsWith('*')) {
				encoded = true;
				const m = i ? null : /^([^']*)'[^']*'(.*)$/s.exec(piece);
				if (m) [charset, piece] = [m[1]!, m[2]!];
				piece = piece.replace(/%([0-9A-F]{2})/gi, (_, h: string) => String.fromCharCode(parseInt(h, 16)));
			}
			whole += piece;
			if (key === name || key === `${name}*`) break;
		}
		parameters.set(name, encoded ? decode(bytes(whole), charset) : words(whole));
	}
	return { value, parameters };
}

const field = (f: Fields, name: string) => f.find(([n]) => n === name)?.[1] ?? '';

// Addresses are divided before words are decoded: a comma within a name divides nothing (RFC 2047 5 (3)).
const people = (f: Fields, name: string): EmailAddress[] =>
	f
		.filter(([n]) => n === name)
		.flatMap(([, v]) => parseList(v))
		.map(a => ({ name: a.name ? words(a.name) : null, email: decode(bytes(a.email), 'utf-8') }));

function content(f: Fields, body: string): Uint8Array {
	const encoding = field(f, 'content-transfer-encoding').trim().toLowerCase();
	return encoding === 'base64' ? base64(body) : encoding === 'quoted-printable' ? quoted(body) : bytes(body);
}

// RFC 2046 5.1.1
function parts(body: string, boundary: string): string[] {
	const out: string[] = [];
	let current: string[] | null = null;
	for (const line of body.split('\n')) {
		const l = line.replace(/[ \t\r]+$/, '');
		if (l === `--${boundary}` || l === `--${boundary}--`) {
			if (current) out.push(current.join('\n').replace(/\r$/, ''));
			current = l.endsWith('--') && l !== `--${boundary}` ? null : [];
			if (current === null) return out;
		} else current?.push(line);
	}
	if (current) out.push(current.join('\n'));
	return out;
}

export function readLetter(octets: Uint8Array): Letter {
	// Octets as characters of the same number. What TextDecoder calls latin1 is windows-1252, which has others.
	let source = '';
	for (let i = 0; i < octets.length; i += 8192)
		source += String.fromCharCode(...octets.subarray(i, i + 8192));
	const top = split(source);
	const letter: Letter = {
		from: people(top.fields, 'from'),
		to: people(top.fields, 'to'),
		cc: people(top.fields, 'cc'),
		replyTo: people(top.fields, 'reply-to'),
		subject: words(field(top.fields, 'subject')),
		text: '',
		files: [],
		source: decode(octets, 'utf-8'),
		strange: false,
	};
	let left = PARTS;
	const read = (raw: { fields: Fields; body: string }, depth: number) => {
		const type = valueOf(field(raw.fields, 'content-type') || 'text/plain');
		const disposition = valueOf(field(raw.fields, 'content-disposition'));
		const name = disposition.parameters.get('filename') ?? type.parameters.get('name') ?? '';
		if (left-- <= 0 || depth > DEPTH) letter.strange = true;
		else if (type.value === 'multipart/mixed') {
			const boundary = type.parameters.get('boundary') ?? '';
			const all = boundary ? parts(raw.body, boundary) : [];
			if (!all.length) letter.strange = true;
			for (const p of all) read(split(p), depth + 1);
		} else if (type.value === 'text/plain' && disposition.value !== 'attachment' && !name) {
			const text = decode(content(raw.fields, raw.body), type.parameters.get('charset') ?? 'utf-8');
			letter.text += (letter.text ? '\n' : '') + text.replace(/\r\n/g, '\n');
		} else {
			// A reader may show these in the text.
			if (disposition.value !== 'attachment') letter.strange = true;
			letter.files.push({ name, type: type.value, octets: content(raw.fields, raw.body) });
		}
	};
	read(top, 0);
	const once = ['from', 'to', 'cc', 'subject', 'reply-to', 'content-type'];
	if (once.some(n => top.fields.filter(([f]) => f === n).length > 1)) letter.strange = true;
	return letter;
}

// Characters that say nothing to the eye or turn the order of what does (Unicode 15.1, 23.2 and 23.3, and the tags of 23.9):
// on a card they are shown by their number.
const UNSEEN =
	/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}]/gu;
// What joins within words of Persian or of Indic scripts, and within emoji, is no trick.
const JOINS =
	/(?<=[\p{L}\p{M}\p{Extended_Pictographic}\ufe0f])[\u200c\u200d](?=[\p{L}\p{M}\p{Extended_Pictographic}])/u;

export function seen(text: string): string {
	return text.replace(UNSEEN, (c, at: number) => {
		if (/[\u200c\u200d]/.test(c) && JOINS.test(text.slice(Math.max(0, at - 2), at + 3))) return c;
		return `⟨U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`;
	});
}
