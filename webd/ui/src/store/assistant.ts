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

// ---- a page that is loaded anew ----

// Where a page is left in the middle of a conversation its id stays for the next in this tab: no word of what was said is in the
// browser. It is there only between the two, so that a tab that is doubled has no part in it.
const LEFT = 'gkmail.conversation';

// Where there is no such storage the conversation ends with the page.
function leaveBehind(value: string | null) {
	try {
		if (value === null) sessionStorage.removeItem(LEFT);
		else sessionStorage.setItem(LEFT, value);
	} catch {
		// As it is.
	}
}

// "ID", with " open" where the pane was.
let left = '';
try {
	left = sessionStorage.getItem(LEFT) ?? '';
} catch {
	// None.
}
leaveBehind(null);

// The id of the conversation that the page of before was in; once.
export function takeLeft(): string {
	const id = left.split(' ')[0] ?? '';
	left = '';
	return id;
}

// Goes on with it at once: it is kept for minutes only.
async function comeBack() {
	const open = left.endsWith(' open');
	await loadPanel();
	if (who.peek() !== 'somebody' || !prefs.assistant.peek()) return;
	if (open && !phone.peek()) assistantOpen.value = true;
	module?.connect();
}

// Nothing of it outlives who is logged in, or being switched off.
export function followAssistant() {
	addEventListener('pagehide', () => {
		const id = who.peek() === 'somebody' ? module?.conversation() : '';
		if (id) leaveBehind(id + (assistantOpen.peek() ? ' open' : ''));
	});
	addEventListener('pageshow', () => leaveBehind(null));
	addEventListener('popstate', () => {
		if (!pushed) return;
		pushed = false;
		assistantOpen.value = false;
	});
	effect(() => {
		if (who.value === 'somebody' && prefs.assistant.value) {
			if (left) void comeBack().catch(() => {});
			return;
		}
		if (who.value === 'asking') return;
		assistantOpen.value = false;
		question.value = null;
		pushed = false;
		left = '';
		module?.disconnect();
	});
}

type Chat = typeof import('../assistant/chat');
let module: Chat | null = null;

export async function loadPanel() {
	module ??= await import('../assistant/chat');
	return (await import('../assistant/panel')).Panel;
}
