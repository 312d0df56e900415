// What the user prefers, on whatever device: the server's object of ours (docs/adr/0033-preferences.md). prefs.ts is the copy
// that the page reads and writes; where the server has no such object, the copy is all there is.

import { batch, effect, untracked } from '@preact/signals';
import { explain } from '../i18n/explain';
import { ObjectError } from '../jmap/errors';
import { PREFERENCES, type GetResponse, type Preferences, type SetResponse } from '../jmap/types';
import { prefs, type Pref } from './prefs';
import { call, session } from './session';
import { toast } from './toasts';

const WORDS = ['theme', 'language', 'density', 'accent', 'undoSeconds', 'assistant'] as const;

// As the server has it, so far as we know; null: not read yet.
let known: Preferences | null = null;

export const hasPreferences = () => PREFERENCES in (session.value?.primaryAccounts ?? {});

export async function loadPreferences(): Promise<string> {
	const r = await call<GetResponse<Preferences>>('Preferences/get', { ids: ['singleton'] });
	const p = r.list[0]!;
	known = p;
	batch(() => {
		// What another version of the page stored and this one does not know is left to the default.
		for (const key of WORDS) {
			const pref = prefs[key] as Pref<unknown>;
			pref.value = pref.is(p[key]) ? p[key] : pref.initial;
		}
		prefs.imagesFrom.value = Object.keys(p.imagesFrom);
	});
	return r.state;
}

export function forgetPreferences() {
	known = null;
}

// RFC 6901 3.
const pointer = (key: string) => key.replace(/~/g, '~0').replace(/\//g, '~1');

// What of the copy is not as the server has it.
function changes(server: Preferences): Record<string, unknown> {
	const patch: Record<string, unknown> = {};
	for (const key of WORDS) {
		const pref = prefs[key] as Pref<unknown>;
		if (pref.value !== (pref.is(server[key]) ? server[key] : pref.initial)) patch[key] = pref.value;
	}
	const trusted = new Set(prefs.imagesFrom.value);
	for (const a of trusted) if (!server.imagesFrom[a]) patch[`imagesFrom/${pointer(a)}`] = true;
	for (const a of Object.keys(server.imagesFrom))
		if (!trusted.has(a)) patch[`imagesFrom/${pointer(a)}`] = null;
	return patch;
}

async function save(patch: Record<string, unknown>) {
	try {
		const r = await call<SetResponse>('Preferences/set', { update: { singleton: patch } });
		for (const e of Object.values(r.notUpdated ?? {})) throw new ObjectError(e);
	} catch (e) {
		toast(explain(e as Error), { kind: 'error' });
		await loadPreferences().catch(() => {});
	}
}

export function followPreferences() {
	effect(() => {
		for (const key of WORDS) void prefs[key].value;
		void prefs.imagesFrom.value;
		untracked(() => {
			const patch = known && changes(known);
			if (!known || !patch || !Object.keys(patch).length) return;
			// Taken as done, so that it is said once.
			known = {
				...known,
				...Object.fromEntries(WORDS.filter(k => k in patch).map(k => [k, patch[k]])),
				imagesFrom: Object.fromEntries(prefs.imagesFrom.value.map(a => [a, true])),
			};
			void save(patch);
		});
	});
}
