// BLAKE2b with 32 octets of result and no key (RFC 7693), which browsers lack. Numbers of 64 bits are pairs of 32, low half
// first: a frozen message is hashed in a few milliseconds.

const OUT = 32;
const BLOCK = 128;

// RFC 7693 2.6: the initialisation vector of SHA-512.
const IV = new Uint32Array([
	0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a, 0xade682d1,
	0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19,
]);

// RFC 7693 2.7, each row of ten; rounds eleven and twelve take the first two again.
const SIGMA = [
	[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
	[14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
	[11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
	[7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
	[9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
	[2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
	[12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
	[13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
	[6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
	[10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

const v = new Uint32Array(32);
const m = new Uint32Array(32);

function add(a: number, b: number) {
	const low = v[a]! + v[b]!;
	v[a + 1] = v[a + 1]! + v[b + 1]! + (low >= 0x100000000 ? 1 : 0);
	v[a] = low;
}

function addWord(a: number, w: number) {
	const low = v[a]! + m[w]!;
	v[a + 1] = v[a + 1]! + m[w + 1]! + (low >= 0x100000000 ? 1 : 0);
	v[a] = low;
}

// v[d] = (v[d] ^ v[a]) >>> n
function mix(d: number, a: number, n: 32 | 24 | 16 | 63) {
	const low = v[d]! ^ v[a]!;
	const high = v[d + 1]! ^ v[a + 1]!;
	if (n === 32) {
		v[d] = high;
		v[d + 1] = low;
	} else if (n === 63) {
		v[d] = (low << 1) | (high >>> 31);
		v[d + 1] = (high << 1) | (low >>> 31);
	} else {
		v[d] = (low >>> n) | (high << (32 - n));
		v[d + 1] = (high >>> n) | (low << (32 - n));
	}
}

function quarter(a: number, b: number, c: number, d: number, x: number, y: number) {
	add(a, b);
	addWord(a, x);
	mix(d, a, 32);
	add(c, d);
	mix(b, c, 24);
	add(a, b);
	addWord(a, y);
	mix(d, a, 16);
	add(c, d);
	mix(b, c, 63);
}

function compress(h: Uint32Array, input: Uint8Array, at: number, count: number, last: boolean) {
	v.set(h);
	v.set(IV, 16);
	v[24] = v[24]! ^ count;
	v[25] = v[25]! ^ (count / 0x100000000);
	if (last) {
		v[28] = ~v[28]!;
		v[29] = ~v[29]!;
	}
	for (let i = 0; i < 32; i++, at += 4)
		m[i] =
			(input[at] ?? 0) |
			((input[at + 1] ?? 0) << 8) |
			((input[at + 2] ?? 0) << 16) |
			((input[at + 3] ?? 0) << 24);
	for (let r = 0; r < 12; r++) {
		const s = SIGMA[r % 10]!;
		for (let i = 0; i < 4; i++)
			quarter(2 * i, 8 + 2 * i, 16 + 2 * i, 24 + 2 * i, 2 * s[2 * i]!, 2 * s[2 * i + 1]!);
		for (let i = 0; i < 4; i++)
			quarter(
				2 * i,
				8 + 2 * ((i + 1) % 4),
				16 + 2 * ((i + 2) % 4),
				24 + 2 * ((i + 3) % 4),
				2 * s[8 + 2 * i]!,
				2 * s[9 + 2 * i]!,
			);
	}
	for (let i = 0; i < 16; i++) h[i] = h[i]! ^ v[i]! ^ v[i + 16]!;
}

export function blake2b(input: Uint8Array): Uint8Array {
	const h = IV.slice();
	h[0] = h[0]! ^ 0x01010000 ^ OUT;
	let at = 0;
	for (; input.length - at > BLOCK; at += BLOCK) compress(h, input, at, at + BLOCK, false);
	compress(h, input, at, input.length, true);
	return new Uint8Array(h.buffer.slice(0, OUT));
}
