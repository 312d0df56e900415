// Short words at the foot of the page: what was done, with its undo, and what went wrong. Also what a screen reader is told.

import { signal } from '@preact/signals';

export interface Toast {
	id: number;
	text: string;
	kind: 'done' | 'error';
	undo?: () => void;
	action?: { text: string; run: () => void };
}

export const toasts = signal<Toast[]>([]);
export const announcement = signal('');

const SECONDS = { done: 8, error: 12 };
let nextId = 1;

export function toast(
	text: string,
	more: Partial<Omit<Toast, 'id' | 'text'>> = {},
	seconds?: number,
): number {
	const t: Toast = { id: nextId++, text, kind: 'done', ...more };
	toasts.value = [...toasts.value.filter(o => o.kind === 'error' || o.undo !== undefined).slice(-2), t];
	setTimeout(() => dismiss(t.id), (seconds ?? SECONDS[t.kind]) * 1000);
	return t.id;
}

export function dismiss(id: number) {
	if (toasts.value.some(t => t.id === id)) toasts.value = toasts.value.filter(t => t.id !== id);
}

// The newest that can be undone, for the key.
export function undoLast(): boolean {
	const t = [...toasts.value].reverse().find(x => x.undo);
	if (!t) return false;
	dismiss(t.id);
	t.undo!();
	return true;
}

export function announce(text: string) {
	announcement.value = '';
	setTimeout(() => (announcement.value = text), 50);
}
