// Everything one can do by name: the one table that the keyboard, the palette and the help sheet read.

import { signal } from '@preact/signals';
import { words, type Words } from './i18n';
import { explain } from './i18n/explain';
import { openAssistant } from './store/assistant';
import * as act from './store/actions';
import { hasApprovals } from './store/approvals';
import { compose, replyToOpen } from './store/composers';
import { cursor, list, openThreadId, subject, tick, tickAll, ticked } from './store/list';
import { byRole, mailboxes, slugOf } from './store/mailboxes';
import { go, isMail, leavePage, openThread, route } from './store/route';
import { prefs } from './store/prefs';
import { logout } from './store/session';
import { announce, toast, undoLast } from './store/toasts';
import { ask } from './ui/confirm';

export type Group = 'move' | 'act' | 'write' | 'app';

export interface Command {
	id: string;
	title: (w: Words) => string;
	keys: string[];
	group: Group;
	run: () => void;
	// Not in the palette: means nothing without the keyboard.
	bare?: boolean;
	// Not there otherwise.
	when?: () => boolean;
}

export const sheet = signal<'palette' | 'help' | 'move' | null>(null);
export const drawer = signal(false);

export const goMailbox = (mailbox: string) => go({ at: 'mailbox', mailbox, thread: null });

// Moves the cursor; while a conversation is open, opens the one it comes to.
export function step(by: number) {
	const l = list.value;
	if (!l?.total) return;
	const open = openThreadId.value;
	const at = open && l.indexOfThread(open) >= 0 ? l.indexOfThread(open) : cursor.value;
	const next = Math.max(0, Math.min(l.total - 1, at + by));
	cursor.value = next;
	l.want(next - 2, next + 2);
	const t = l.threadAt(next);
	if (open && t) openThread(t, true);
	else document.querySelector<HTMLElement>(`[data-row="${next}"]`)?.focus({ preventScroll: true });
}

export function openCursor() {
	const t = list.value?.threadAt(cursor.value);
	if (t) openThread(t);
}

export async function trash(s: string[]) {
	if (!s.length) return;
	const r = route.value;
	const forGood = r.at === 'mailbox' && r.mailbox === 'trash';
	if (!forGood || (await ask(words.value.destroyAsk(s.length), words.value.destroyForever))) act.trash(s);
}

export const trashSubject = () => trash(subject());

// Out of the way; what is out of the way already comes back.
export function archive(s: string[]) {
	const r = route.value;
	const away = r.at === 'mailbox' && ['archive', 'trash', 'junk'].includes(r.mailbox);
	if (away) act.toInbox(s);
	else act.archive(s);
}

export const focusSearch = () => document.querySelector<HTMLInputElement>('#search')?.focus();

// Escape: the innermost thing that is open is closed.
export function escape() {
	if (drawer.value) drawer.value = false;
	else if (ticked.value.size) ticked.value = new Set();
	else if (!isMail(route.value)) leavePage();
	else if (openThreadId.value) closeThread();
	else if (route.value.at === 'search') goMailbox('inbox');
}

export function closeThread() {
	const at = list.value && openThreadId.value ? list.value.indexOfThread(openThreadId.value) : -1;
	openThread(null);
	if (at >= 0) cursor.value = at;
	requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-row="${cursor.value}"]`)?.focus());
}

const logOut = () => logout().catch((e: Error) => toast(explain(e), { kind: 'error' }));

const onSubject = (f: (s: string[]) => void) => () => {
	const s = subject();
	if (s.length) f(s);
};

const inJunk = () => route.value.at === 'mailbox' && route.value.mailbox === 'junk';

export const commands: Command[] = [
	{
		id: 'next',
		title: w => w.keyNext,
		keys: ['j', 'ArrowDown'],
		group: 'move',
		run: () => step(1),
		bare: true,
	},
	{
		id: 'previous',
		title: w => w.keyPrevious,
		keys: ['k', 'ArrowUp'],
		group: 'move',
		run: () => step(-1),
		bare: true,
	},
	{ id: 'open', title: w => w.keyOpen, keys: ['o', 'Enter'], group: 'move', run: openCursor, bare: true },
	{
		id: 'up',
		title: w => w.keyUp,
		keys: ['u'],
		group: 'move',
		run: () => openThreadId.value && closeThread(),
		bare: true,
	},
	{
		id: 'nextMessage',
		title: w => w.keyNextMessage,
		keys: ['n'],
		group: 'move',
		run: () => messageStep(1),
		bare: true,
	},
	{
		id: 'previousMessage',
		title: w => w.keyPreviousMessage,
		keys: ['p'],
		group: 'move',
		run: () => messageStep(-1),
		bare: true,
	},
	...(['inbox', 'starred', 'drafts', 'sent', 'all', 'junk', 'trash'] as const).map((slug, i): Command => ({
		id: `go-${slug}`,
		title: w => w.goTo(w.roles[slug]!),
		keys: [['g i', 'g s', 'g d', 'g t', 'g a', 'g j', 'g b'][i]!],
		group: 'move',
		run: () => goMailbox(slug),
	})),
	{ id: 'archive', title: w => w.archive, keys: ['e', 'y'], group: 'act', run: onSubject(act.archive) },
	{ id: 'trash', title: w => w.trash, keys: ['#', 'Delete'], group: 'act', run: () => void trashSubject() },
	{
		id: 'junk',
		title: w => w.junk,
		keys: ['!'],
		group: 'act',
		run: onSubject(s => void act.junk(s, !inJunk())),
	},
	{
		id: 'move',
		title: w => w.moveTo,
		keys: ['v'],
		group: 'act',
		run: onSubject(() => (sheet.value = 'move')),
	},
	{
		id: 'star',
		title: w => w.star,
		keys: ['s'],
		group: 'act',
		run: onSubject(s => act.star(s, !s.every(act.isStarred))),
	},
	{
		id: 'read',
		title: w => w.markRead,
		keys: ['I'],
		group: 'act',
		run: onSubject(s => act.markRead(s, true)),
	},
	{
		id: 'unread',
		title: w => w.markUnread,
		keys: ['U'],
		group: 'act',
		run: onSubject(s => {
			if (openThreadId.value) closeThread();
			act.markRead(s, false);
		}),
	},
	{
		id: 'select',
		title: w => w.keySelect,
		keys: ['x'],
		group: 'act',
		bare: true,
		run: () => {
			const t = list.value?.threadAt(cursor.value);
			if (t) tick(t, !ticked.value.has(t));
		},
	},
	{ id: 'selectAll', title: w => w.selectAll, keys: ['* a'], group: 'act', run: tickAll },
	{
		id: 'selectNone',
		title: w => w.selectNone,
		keys: ['* n'],
		group: 'act',
		run: () => (ticked.value = new Set()),
	},
	{
		id: 'undo',
		title: w => w.keyUndo,
		keys: ['z'],
		group: 'act',
		run: () => announce(undoLast() ? words.value.undone : words.value.nothingToUndo),
	},
	{ id: 'compose', title: w => w.compose, keys: ['c'], group: 'write', run: () => void compose() },
	{ id: 'reply', title: w => w.reply, keys: ['r'], group: 'write', run: () => void replyToOpen('reply') },
	{
		id: 'replyAll',
		title: w => w.replyAll,
		keys: ['a'],
		group: 'write',
		run: () => void replyToOpen('replyAll'),
	},
	{
		id: 'forward',
		title: w => w.forward,
		keys: ['f'],
		group: 'write',
		run: () => void replyToOpen('forward'),
	},
	{ id: 'send', title: w => w.keySend, keys: ['Ctrl+Enter'], group: 'write', run: () => {}, bare: true },
	{ id: 'search', title: w => w.keySearch, keys: ['/'], group: 'app', run: focusSearch },
	{
		id: 'palette',
		title: w => w.keyPalette,
		keys: ['Ctrl+K'],
		group: 'app',
		run: () => (sheet.value = 'palette'),
		bare: true,
	},
	{ id: 'help', title: w => w.help, keys: ['?'], group: 'app', run: () => (sheet.value = 'help') },
	{
		id: 'settings',
		title: w => w.settings,
		keys: ['g ,'],
		group: 'app',
		run: () => go({ at: 'settings', tab: 'look' }),
	},
	{
		id: 'assistant',
		title: w => w.assistant,
		keys: ['i'],
		group: 'app',
		run: openAssistant,
		when: () => prefs.assistant.value,
	},
	{
		id: 'approvals',
		title: w => w.approvals,
		keys: ['g p'],
		group: 'move',
		run: () => go({ at: 'approve', id: null }),
		when: hasApprovals,
	},
	{ id: 'logout', title: w => w.logOut, keys: [], group: 'app', run: () => void logOut() },
];

// What the palette adds: each folder by name.
export function folderCommands(): Command[] {
	const known = new Set([...byRole.value.values()].map(m => m.id));
	return [...mailboxes.value.values()]
		.filter(m => !known.has(m.id) || m.role === 'archive')
		.map(m => ({
			id: `go-${m.id}`,
			title: w => w.goTo(w.roles[m.role ?? ''] ?? m.name),
			keys: [],
			group: 'move',
			run: () => goMailbox(slugOf(m)),
		}));
}

function messageStep(by: number) {
	const all = [...document.querySelectorAll<HTMLElement>('.message')];
	if (!all.length) return;
	const at = all.findIndex(m => m.contains(document.activeElement));
	const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by))]!;
	next.querySelector<HTMLElement>('.message-head button')?.focus();
	next.scrollIntoView({ block: 'nearest' });
}

// As a person reads it: "g i" stays, "Ctrl+K" is ⌘K on a Mac.
const mac = /Mac|iP/.test(globalThis.navigator?.platform ?? '');
const NAMES: Record<string, string> = { ArrowDown: '↓', ArrowUp: '↑', Enter: '↵', Delete: 'Del' };
export const keyName = (k: string) => NAMES[k] ?? (mac ? k.replace('Ctrl+', '⌘') : k);
export const shortcut = (id: string) => {
	const k = commands.find(c => c.id === id)?.keys[0];
	return k ? keyName(k) : undefined;
};
