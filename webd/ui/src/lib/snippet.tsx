// A search snippet (RFC 8621 5): text in which only <mark> and entities mean anything; everything else stays text.

const ENTITY: Record<string, string> = {
	'&amp;': '&',
	'&lt;': '<',
	'&gt;': '>',
	'&quot;': '"',
	'&#39;': "'",
	'&#x27;': "'",
};
const decode = (s: string) => s.replace(/&(?:amp|lt|gt|quot|#39|#x27);/gi, e => ENTITY[e.toLowerCase()]!);

export interface Part {
	text: string;
	mark: boolean;
}

export function parts(html: string): Part[] {
	return html
		.split(/(<mark>.*?<\/mark>)/s)
		.filter(Boolean)
		.map(p =>
			p.startsWith('<mark>') && p.endsWith('</mark>')
				? { text: decode(p.slice(6, -7)), mark: true }
				: { text: decode(p), mark: false },
		);
}

export const snippet = (html: string) =>
	parts(html).map((p, i) => (p.mark ? <mark key={i}>{p.text}</mark> : p.text));
