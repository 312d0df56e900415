// What a human approves, by its digest (docs/adr/0032-agents-and-approvals.md, lib/mail/approval.h). The page computes it
// over what it shows, so that whoever stored the message cannot show one and have another approved.

import { blake2b } from './blake2b';

const MAIL = 'gkmail approval: mail';
const ACTION = 'gkmail approval: action';
const VERSION = 1;

const utf8 = new TextEncoder();
const hex = (b: Uint8Array) => [...b].map(x => x.toString(16).padStart(2, '0')).join('');

// As ipc/wire.h writes: numbers of eight octets, the first the highest; strings behind their length in four.
class Wire {
	private parts: Uint8Array[] = [];
	num(n: number) {
		const b = new Uint8Array(8);
		new DataView(b.buffer).setBigUint64(0, BigInt(n));
		this.parts.push(b);
	}
	str(s: string | Uint8Array) {
		const b = typeof s === 'string' ? utf8.encode(s) : s;
		const length = new Uint8Array(4);
		new DataView(length.buffer).setUint32(0, b.length);
		this.parts.push(length, b);
	}
	digest(): string {
		const all = new Uint8Array(this.parts.reduce((n, p) => n + p.length, 0));
		let at = 0;
		for (const p of this.parts) {
			all.set(p, at);
			at += p.length;
		}
		return hex(blake2b(all));
	}
}

function compare(a: Uint8Array, b: Uint8Array): number {
	for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
	return a.length - b.length;
}

// No envelope option is ever given with what an agent asks for, nor is it held.
export function mailDigest(
	user: string,
	session: string,
	sender: string,
	recipients: string[],
	octets: Uint8Array,
): string {
	const w = new Wire();
	w.str(MAIL);
	w.num(VERSION);
	w.str(user);
	w.str(session);
	w.str(sender);
	w.str('');
	w.num(0);
	w.num(recipients.length);
	for (const r of recipients.map(r => utf8.encode(r)).sort(compare)) {
		w.str(r);
		w.str('');
		w.num(0);
	}
	w.num(0);
	w.str(blake2b(octets));
	w.num(octets.length);
	return w.digest();
}

export function actionDigest(user: string, session: string, action: string): string {
	const w = new Wire();
	w.str(ACTION);
	w.num(VERSION);
	w.str(user);
	w.str(session);
	w.str(blake2b(utf8.encode(action)));
	return w.digest();
}

export function octetsOf(base64: string): Uint8Array {
	const text = atob(base64);
	const out = new Uint8Array(text.length);
	for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
	return out;
}
