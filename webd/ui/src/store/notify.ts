// New mail and whatever else is news, told to people who look elsewhere.

import { signal } from '@preact/signals';
import { words } from '../i18n';
import { display } from '../lib/address';
import type { Email } from '../jmap/types';
import { role } from './mailboxes';
import { prefs } from './prefs';
import { go } from './route';
import { announce } from './toasts';

const FRESH_MS = 10 * 60 * 1000;

export const canNotify = () => typeof Notification !== 'undefined';
export const permission = signal(typeof Notification === 'undefined' ? 'denied' : Notification.permission);

export async function askPermission() {
	if (!canNotify()) return;
	permission.value = await Notification.requestPermission();
	prefs.notify.value = permission.value === 'granted';
}

export function newMail(list: Email[]) {
	const inbox = role('inbox');
	const fresh = list.filter(
		e =>
			inbox !== undefined &&
			e.mailboxIds[inbox] &&
			!e.keywords.$seen &&
			!e.keywords.$draft &&
			Date.now() - Date.parse(e.receivedAt) < FRESH_MS,
	);
	if (!fresh.length) return;
	const first = fresh[0]!;
	const from = display(first.from);
	const many = fresh.length > 1;
	announce(words.value.newMailFrom(from, fresh.length));
	notify(
		many ? words.value.newMailFrom(from, fresh.length) : from,
		[first.subject, first.preview].filter(Boolean).join('\n'),
		many ? 'gkmail' : first.id,
		() => go({ at: 'mailbox', mailbox: 'inbox', thread: first.threadId }),
	);
}

// To who looks elsewhere, where that is wished.
export function notify(title: string, body: string, tag: string, open: () => void) {
	if (!prefs.notify.value || !canNotify() || Notification.permission !== 'granted' || document.hasFocus())
		return;
	const n = new Notification(title, { body, tag });
	n.onclick = () => {
		window.focus();
		open();
		n.close();
	};
}
