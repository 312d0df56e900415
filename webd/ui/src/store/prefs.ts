// What this browser remembers: how the page looks and whose images may load. Kept per device, not on the server.

import { effect, signal, type Signal } from '@preact/signals';

const PREFIX = 'gkmail.';

function stored<T>(key: string, initial: T): Signal<T> {
	let value = initial;
	try {
		const text = localStorage.getItem(PREFIX + key);
		if (text !== null) value = JSON.parse(text) as T;
	} catch {
		// Storage is denied or holds rubbish: the default serves.
	}
	const s = signal(value);
	effect(() => {
		const text = JSON.stringify(s.value);
		try {
			localStorage.setItem(PREFIX + key, text);
		} catch {
			// Denied or full: it lasts as long as the page.
		}
	});
	return s;
}

export type Theme = 'system' | 'light' | 'dark';
export type Language = 'system' | 'en' | 'fr';
export type Density = 'comfortable' | 'compact';
export const ACCENTS = ['teal', 'blue', 'violet', 'rose', 'amber', 'green'] as const;
export type Accent = (typeof ACCENTS)[number];

export const prefs = {
	theme: stored<Theme>('theme', 'system'),
	language: stored<Language>('language', 'system'),
	density: stored<Density>('density', 'comfortable'),
	accent: stored<Accent>('accent', 'teal'),
	undoSeconds: stored<number>('undoSeconds', 10),
	notify: stored<boolean>('notify', false),
	imagesFrom: stored<string[]>('imagesFrom', []),
	folderWidth: stored<number>('folderWidth', 220),
	listWidth: stored<number>('listWidth', 400),
	closedFolders: stored<string[]>('closedFolders', []),
	lastUser: stored<string>('lastUser', ''),
};

export function followPrefs() {
	const root = document.documentElement;
	effect(() => {
		root.dataset.theme = prefs.theme.value;
		root.dataset.density = prefs.density.value;
		root.dataset.accent = prefs.accent.value;
	});
}
