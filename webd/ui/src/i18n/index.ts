// The words of the page. Two languages, each written by hand in a file of its own; a view reads `words.value`.

import { computed, effect } from '@preact/signals';
import { prefs } from '../store/prefs';
import { en } from './en';
import { fr } from './fr';

export type Words = typeof en;

export const language = computed<'en' | 'fr'>(() => {
	const chosen = prefs.language.value;
	if (chosen !== 'system') return chosen;
	const first = (globalThis.navigator?.languages ?? [])
		.map(l => l.slice(0, 2))
		.find(l => l === 'en' || l === 'fr');
	return first === 'fr' ? 'fr' : 'en';
});

// The browser's own flavour of it ("en-US" has twelve hours, "en-GB" twenty-four); where it names none, the British.
export const locale = computed(
	() =>
		(globalThis.navigator?.languages ?? []).find(l => l.slice(0, 2) === language.value) ??
		(language.value === 'fr' ? 'fr' : 'en-GB'),
);

export const words = computed<Words>(() => (language.value === 'fr' ? fr : en));

// People write in other languages than their page speaks.
export const attachWords = { test: (text: string) => [en, fr].some(l => l.attachWords.test(text)) };

export function followLanguage() {
	effect(() => {
		document.documentElement.lang = language.value;
	});
}
