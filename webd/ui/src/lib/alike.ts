// Senders who look like somebody they are not: letters of other alphabets, a domain one slip away, a name one knows with an
// address one does not, an address in the place of a name.

import type { EmailAddress } from '../jmap/types';

export interface Alike {
	kind: 'address' | 'name' | 'script' | 'label';
	// Whom it looks like.
	like: string;
}

// Letters that look like a Latin one (of Unicode's confusables, those that domains can hold).
const TWINS: Record<string, string> = {};
for (const [latin, others] of Object.entries({
	a: 'аαɑ',
	b: 'ьƅ',
	c: 'сϲ',
	d: 'ԁɗ',
	e: 'еєҽ',
	g: 'ɡց',
	h: 'һհ',
	i: 'іιı',
	j: 'јϳ',
	k: 'кκ',
	l: '1ӏі|ⅼł',
	m: 'мⅿ',
	n: 'ոпη',
	o: '0оοօσø',
	p: 'рρ',
	q: 'ԛգ',
	r: 'гᴦ',
	s: 'ѕꜱ5',
	t: 'тτ',
	u: 'υսц',
	v: 'νѵ',
	w: 'ԝшω',
	x: 'хχ',
	y: 'уγү',
	z: 'ᴢ2',
}))
	for (const o of others) TWINS[o] = latin;

const PAIRS: [RegExp, string][] = [
	[/rn/g, 'm'],
	[/vv/g, 'w'],
	[/cl/g, 'd'],
];

const folded = (s: string) => s.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

// What is left of a text for somebody who reads it in passing.
export function skeleton(s: string): string {
	let out = '';
	for (const c of folded(s)) out += TWINS[c] ?? c;
	for (const [pair, one] of PAIRS) out = out.replace(pair, one);
	return out.replace(/i/g, 'l');
}

// RFC 3492, as far as reading goes; null: not Punycode.
export function unpuny(label: string): string | null {
	const input = label.toLowerCase();
	const cut = input.lastIndexOf('-');
	const out = cut > 0 ? [...input.slice(0, cut)] : [];
	let n = 128;
	let i = 0;
	let bias = 72;
	for (let at = cut > 0 ? cut + 1 : 0; at < input.length;) {
		const before = i;
		let weight = 1;
		for (let k = 36; ; k += 36) {
			const c = input.charCodeAt(at++);
			const digit = c >= 97 && c <= 122 ? c - 97 : c >= 48 && c <= 57 ? c - 22 : 36;
			if (digit > 35) return null;
			i += digit * weight;
			const t = Math.max(1, Math.min(26, k - bias));
			if (digit < t) break;
			weight *= 36 - t;
			if (i > 0x7fffffff || weight > 0x7fffffff) return null;
		}
		const size = out.length + 1;
		let delta = before ? Math.floor((i - before) / 2) : Math.floor((i - before) / 700);
		delta += Math.floor(delta / size);
		let k = 0;
		for (; delta > 455; k += 36) delta = Math.floor(delta / 35);
		bias = k + Math.floor((36 * delta) / (delta + 38));
		n += Math.floor(i / size);
		i %= size;
		if (n > 0x10ffff) return null;
		out.splice(i++, 0, String.fromCodePoint(n));
	}
	return out.join('');
}

const readable = (domain: string) =>
	domain
		.toLowerCase()
		.split('.')
		.map(l => (l.startsWith('xn--') ? (unpuny(l.slice(4)) ?? l) : l))
		.join('.');

const domainOf = (email: string) => readable(email.slice(email.lastIndexOf('@') + 1));

// One letter changed, left out, put in, or two swapped.
function near(a: string, b: string): boolean {
	if (Math.abs(a.length - b.length) > 1) return false;
	let i = 0;
	while (i < a.length && a[i] === b[i]) i++;
	const [x, y] = [a.slice(i), b.slice(i)];
	return (
		x.slice(1) === y.slice(1) ||
		x.slice(1) === y ||
		x === y.slice(1) ||
		(x[0] === y[1] && x[1] === y[0] && x.slice(2) === y.slice(2))
	);
}

// Short names are near each other by chance (gmail, ymail).
const LONG_ENOUGH = 7;

const SCRIPTS = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u, /\p{Script=Armenian}/u];
const mixed = (domain: string) =>
	domain.split('.').some(label => SCRIPTS.filter(s => s.test(label)).length > 1);

// known: those one writes to, and oneself.
export function alike(from: EmailAddress, known: EmailAddress[]): Alike | null {
	const email = from.email.toLowerCase();
	if (!email.includes('@') || known.some(k => k.email.toLowerCase() === email)) return null;
	const domain = domainOf(email);
	const domains = new Set(known.map(k => domainOf(k.email)));
	if (!domains.has(domain)) {
		for (const d of domains)
			if (
				skeleton(d) === skeleton(domain) ||
				(Math.min(d.length, domain.length) >= LONG_ENOUGH + 3 && near(d, domain))
			)
				return { kind: 'address', like: d };
		if (mixed(domain)) return { kind: 'script', like: domain };
	}
	const name = from.name?.trim() ?? '';
	// An address that stands where the name does, and is another.
	const claimed = /[^\s<>"'()]+@[^\s<>"'()]+\.[^\s<>"'()]+/.exec(name)?.[0];
	if (claimed && claimed.toLowerCase() !== email && domainOf(claimed) !== domain)
		return { kind: 'label', like: claimed };
	// One word is no name: many are called Anna.
	const plain = skeleton(name).replace(/[\s.,]+/g, ' ');
	const twin = plain.includes(' ')
		? known.find(k => k.name && skeleton(k.name.trim()).replace(/[\s.,]+/g, ' ') === plain)
		: undefined;
	return twin ? { kind: 'name', like: twin.email } : null;
}
