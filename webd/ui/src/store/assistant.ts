// Is the assistant's pane open, and what is it to be asked first. The pane itself is loaded when it is first opened.

import { effect, signal } from '@preact/signals';
import { phone } from '../lib/media';
import type { Context } from '../assistant/protocol';
import { prefs } from './prefs';
import { who } from './session';

export const assistantOpen = signal(false);
// Asked by a button beside a message; the pane takes it as soon as the line stands.
export const question = signal<{ text: string; about?: Context } | null>(null);
// Grows when the place to type in is wanted.
export const focusWanted = signal(0);

// On a phone the pane is over the mail: Back takes it away.
let pushed = false;

export function openAssistant() {
	if (!prefs.assistant.peek()) return;
	if (!assistantOpen.peek() && phone.peek()) {
		history.pushState({ assistant: true }, '');
		pushed = true;
	}
	assistantOpen.value = true;
	focusWanted.value++;
}

export function closeAssistant() {
	if (!assistantOpen.peek()) return;
	assistantOpen.value = false;
	if (pushed) history.back();
	pushed = false;
}

export function askAssistant(text: string, about?: Context) {
	question.value = about ? { text, about } : { text };
	openAssistant();
}

// The button; the key opens it or goes there, and Escape leaves it.
export function toggleAssistant() {
	if (assistantOpen.peek()) closeAssistant();
	else openAssistant();
}

// Nothing of it outlives who is logged in, or being switched off.
export function followAssistant() {
	addEventListener('popstate', () => {
		if (!pushed) return;
		pushed = false;
		assistantOpen.value = false;
	});
	effect(() => {
		if (who.value === 'somebody' && prefs.assistant.value) return;
		assistantOpen.value = false;
		question.value = null;
		pushed = false;
		void loaded?.then(m => m.disconnect()).catch(() => {});
	});
}

let loaded: Promise<typeof import('../assistant/chat')> | null = null;

export async function loadPanel() {
	loaded ??= import('../assistant/chat');
	return (await import('../assistant/panel')).Panel;
}
