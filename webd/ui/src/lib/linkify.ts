// Addresses within plain text, found without believing them.

export type Piece = string | { href: string; text: string };

// Each part has a length, or a text made for it would take time that grows with its square.
const LINK =
	/\bhttps?:\/\/[^\s<>"'`{}|\\^]{1,2000}|\bmailto:[^\s<>"]{1,2000}|\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,126}/gi;
// More than anybody wrote by hand; each is an element of the page.
const MAX_LINKS = 2000;
const MAX_BLOCKS = 2000;

export function linkify(text: string): Piece[] {
	const out: Piece[] = [];
	let at = 0;
	let links = 0;
	for (const m of text.matchAll(LINK)) {
		if (links++ === MAX_LINKS) break;
		// What ends a sentence does not belong to the link; a bracket only if it was opened inside.
		let found = m[0].replace(/[.,;:!?…]+$/, '');
		while (/[)\]]$/.test(found) && !/[([]/.test(found)) found = found.slice(0, -1);
		if (m.index > at) out.push(text.slice(at, m.index));
		out.push({ href: /^(?:https?|mailto):/i.test(found) ? found : `mailto:${found}`, text: found });
		at = m.index + found.length;
	}
	if (at < text.length) out.push(text.slice(at));
	return out;
}

export interface Block {
	quoted: boolean;
	text: string;
}

// Lines of a text message, those quoted apart from the rest. A line that says who wrote goes with what it introduces.
export function blocks(text: string): Block[] {
	const out: Block[] = [];
	for (const line of text.replace(/\r\n?/g, '\n').split('\n')) {
		const quoted = /^\s*>/.test(line);
		const last = out[out.length - 1];
		if (last && (last.quoted === quoted || out.length === MAX_BLOCKS)) last.text += '\n' + line;
		else out.push({ quoted, text: line });
	}
	for (const [i, b] of out.entries()) if (b.quoted && i > 0) introduce(out[i - 1]!, b);
	return out.filter(b => b.text !== '' || out.length === 1);
}

// "On Monday, Ann wrote:", in one line or broken in two.
const WROTE = /(?:@|\b(?:wrote|schrieb|escribió|scrisse|ha scritto)\b|\ba écrit\b).{0,60}:\s*$/i;
const BEGINS = /^(?:On|Le|Am|El|Il)\b/;

function introduce(before: Block, quote: Block) {
	const lines = before.text.split('\n');
	let end = lines.length;
	while (end > 0 && !lines[end - 1]!.trim()) end--;
	let from = end - 1;
	if (from < 0 || lines[from]!.length > 200 || !WROTE.test(lines[from]!)) return;
	if (from > 0 && !BEGINS.test(lines[from]!) && BEGINS.test(lines[from - 1]!)) from--;
	quote.text = [...lines.slice(from), quote.text].join('\n');
	before.text = lines.slice(0, from).join('\n');
}
