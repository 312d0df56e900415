// The keyboard: single keys and sequences ("g i"), never while somebody types, never with a modifier but the few that say so.

import { commands, escape, sheet, type Command } from './commands';
import { who } from './store/session';

const SEQUENCE_MS = 1200;

let begun = '';
let timer: ReturnType<typeof setTimeout> | undefined;

const byKey = new Map<string, Command>();
for (const c of commands) for (const k of c.keys) byKey.set(k, c);
const beginnings = new Set([...byKey.keys()].filter(k => k.includes(' ')).map(k => k.split(' ')[0]!));

function typing(t: EventTarget | null): boolean {
	if (!(t instanceof Object) || !('tagName' in t)) return false;
	const e = t as HTMLElement;
	if (e.isContentEditable || e.tagName === 'TEXTAREA' || e.tagName === 'SELECT') return true;
	return (
		e.tagName === 'INPUT' && !['checkbox', 'radio', 'button', 'range'].includes((e as HTMLInputElement).type)
	);
}

export function onKey(e: KeyboardEvent) {
	if (who.value !== 'somebody' || e.defaultPrevented || e.isComposing) return;
	if ((e.ctrlKey || e.metaKey) && !e.altKey && e.key.toLowerCase() === 'k') {
		e.preventDefault();
		sheet.value = 'palette';
		return;
	}
	if (typing(e.target) || e.ctrlKey || e.metaKey || e.altKey) return;
	if (e.key === 'Escape') {
		escape();
		return;
	}
	// Enter and the arrows belong to whatever has the focus, unless that is a row or nothing.
	const t = e.target as HTMLElement;
	if (e.key === 'Enter' || e.key.startsWith('Arrow')) {
		if (t.closest?.('button,a,[role=menu],[role=tablist],[role=separator],.settings,.conversation')) return;
	}
	if (e.key === 'Shift' || e.key === 'Control' || e.key === 'Alt' || e.key === 'Meta') return;
	const sequence = begun ? `${begun} ${e.key}` : e.key;
	clearTimeout(timer);
	begun = '';
	const c = byKey.get(sequence) ?? byKey.get(e.key);
	if (sequence === e.key && beginnings.has(e.key)) {
		begun = e.key;
		timer = setTimeout(() => (begun = ''), SEQUENCE_MS);
		return;
	}
	if (!c || c.when?.() === false) return;
	e.preventDefault();
	c.run();
}
