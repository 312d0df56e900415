// Keywords that people gave (RFC 8621 4.1.1), shown as labels. Those of programs begin with "$" or are known by name.

const PROGRAMS = new Set([
	'junk',
	'nonjunk',
	'notjunk',
	'forwarded',
	'redirected',
	'mdnsent',
	'recent',
	'old',
]);

export const labels = (all: { keywords: Record<string, boolean> }[]): string[] =>
	[...new Set(all.flatMap(e => Object.keys(e.keywords)))]
		.filter(k => !/^[$\\]/.test(k) && !PROGRAMS.has(k.toLowerCase()))
		.sort()
		.slice(0, 5);
