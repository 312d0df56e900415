// How the page looks and behaves, as this browser keeps it. What follows the user is a copy of the server's (preferences.ts);
// the rest belongs to the device.

import { effect, signal, type Signal } from '@preact/signals';

const PREFIX = 'gkmail.';

export interface Pref<T> extends Signal<T> {
	initial: T;
	is(value: unknown): value is T;
}

function stored<T>(key: string, initial: T, is: (value: unknown) => boolean): Pref<T> {
	let value = initial;
	try {
		const text = localStorage.getItem(PREFIX + key);
		const found: unknown = text === null ? undefined : JSON.parse(text);
		if (is(found)) value = found as T;
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
	return Object.assign(s, { initial, is: is as (value: unknown) => value is T });
}

export const THEMES = ['system', 'light', 'dark'] as const;
export const LANGUAGES = ['system', 'en', 'fr'] as const;
export const DENSITIES = ['comfortable', 'compact'] as const;
export const ACCENTS = ['teal', 'blue', 'violet', 'rose', 'amber', 'green'] as const;
export type Theme = (typeof THEMES)[number];
export type Language = (typeof LANGUAGES)[number];
export type Density = (typeof DENSITIES)[number];
export type Accent = (typeof ACCENTS)[number];

const among = (list: readonly string[]) => (v: unknown) => list.includes(v as string);
const isBoolean = (v: unknown) => typeof v === 'boolean';
const isNumber = (v: unknown) => typeof v === 'number' && v >= 0;
const isStrings = (v: unknown) => Array.isArray(v) && v.every(x => typeof x === 'string');

export const prefs = {
	theme: stored<Theme>('theme', 'system', among(THEMES)),
	language: stored<Language>('language', 'system', among(LANGUAGES)),
	density: stored<Density>('density', 'comfortable', among(DENSITIES)),
	accent: stored<Accent>('accent', 'teal', among(ACCENTS)),
	undoSeconds: stored<number>('undoSeconds', 10, isNumber),
	imagesFrom: stored<string[]>('imagesFrom', [], isStrings),
	notify: stored<boolean>('notify', false, isBoolean),
	assistant: stored<boolean>('assistant', true, isBoolean),
	assistantWidth: stored<number>('assistantWidth', 380, isNumber),
	folderWidth: stored<number>('folderWidth', 220, isNumber),
	listWidth: stored<number>('listWidth', 400, isNumber),
	closedFolders: stored<string[]>('closedFolders', [], isStrings),
	lastUser: stored<string>('lastUser', '', v => typeof v === 'string'),
};

export function followPrefs() {
	const root = document.documentElement;
	effect(() => {
		root.dataset.theme = prefs.theme.value;
		root.dataset.density = prefs.density.value;
		root.dataset.accent = prefs.accent.value;
	});
}
