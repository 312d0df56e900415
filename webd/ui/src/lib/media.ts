// How much room there is, as signals.

import { signal } from '@preact/signals';

function media(query: string) {
	// No page, no room: unit tests.
	const m = globalThis.matchMedia?.(query);
	const s = signal(m?.matches ?? false);
	m?.addEventListener('change', () => (s.value = m.matches));
	return s;
}

export const wide = media('(min-width: 1200px)');
// Too little room for whole dates.
export const narrow = media('(max-width: 899px)');
export const phone = media('(max-width: 699px)');
export const dark = media('(prefers-color-scheme: dark)');
export const stillness = media('(prefers-reduced-motion: reduce)');
