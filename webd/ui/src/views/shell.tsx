// The three panes, which become two and one as room goes.

import { useEffect } from 'preact/hooks';
import { commands, drawer, sheet, shortcut } from '../commands';
import { words } from '../i18n';
import { phone } from '../lib/media';
import { compose, docked } from '../store/composers';
import { currentMailbox, openThreadId, searchText } from '../store/list';
import { mailboxes } from '../store/mailboxes';
import { prefs } from '../store/prefs';
import { go, isMail, route } from '../store/route';
import { assistantOpen, loadPanel, toggleAssistant } from '../store/assistant';
import { hasApprovals, waiting } from '../store/approvals';
import { link, session } from '../store/session';
import { IconButton, Menu, Splitter } from '../ui/basics';
import { Questions } from '../ui/confirm';
import { Icon } from '../ui/icons';
import { lazy } from '../ui/lazy';
import { Toasts } from '../ui/toasts';
import { Dock } from './compose/dock';
import { Conversation } from './conversation';
import { DropTarget } from './drop';
import { Folders } from './folders';
import { Help } from './help';
import { ListPane } from './list';
import { Logo } from './logo';
import { MoveSheet } from './move';
import { Palette } from './palette';
import { SearchField } from './searchfield';
import { Settings } from './settings/settings';
import { Viewer } from './viewer';

const Assistant = lazy(loadPanel, c => (
	<aside class="assistant" aria-label={words.value.assistant}>
		{c}
	</aside>
));
const Approvals = lazy(
	async () => (await import('../assistant/approvals')).ApprovalsPage,
	c => <main class="settings approve-page">{c}</main>,
);

const run = (id: string) => commands.find(c => c.id === id)!.run();

export function Shell() {
	const w = words.value;
	const r = route.value;
	const settings = !isMail(r);
	const reading = !settings && openThreadId.value !== null;
	const assisting = assistantOpen.value;
	useTitle();
	useEffect(() => void (drawer.value = false), [r]);
	return (
		<div
			class={`shell${reading ? ' reading' : ''}${settings ? ' in-settings' : ''}${drawer.value ? ' drawer-open' : ''}${assisting ? ' assisting' : ''}`}
			style={
				{
					'--folders': `${prefs.folderWidth.value}px`,
					'--list': `${prefs.listWidth.value}px`,
					'--assistant': `${prefs.assistantWidth.value}px`,
				} as never
			}
		>
			<a class="skip" href={settings ? '#panel' : '#list'} onClick={skip}>
				{r.at === 'settings' ? w.settings : r.at === 'approve' ? w.approvals : w.skipToList}
			</a>
			<header class="top">
				<IconButton
					icon="menu"
					class="only-narrow"
					label={w.menu}
					aria-expanded={drawer.value}
					onClick={() => (drawer.value = !drawer.value)}
				/>
				<a class="brand" href="#/in/inbox" aria-label={w.app}>
					<Logo />
					<span>{w.app}</span>
				</a>
				<SearchField />
				<div class="top-end">
					<WaitingButton />
					{prefs.assistant.value && (
						<IconButton
							icon="assistant"
							class="assistant-button"
							label={w.assistant}
							shortcut={shortcut('assistant')}
							aria-expanded={assisting}
							onClick={toggleAssistant}
						/>
					)}
					<IconButton icon="help" class="only-desk" label={w.help} shortcut="?" onClick={() => run('help')} />
					<Menu
						label={w.account}
						class="to-left"
						items={[
							{
								text: w.settings,
								icon: 'settings',
								shortcut: shortcut('settings'),
								run: () => run('settings'),
							},
							{ text: w.help, icon: 'help', shortcut: '?', run: () => run('help') },
							{ text: w.keyPalette, icon: 'list', shortcut: shortcut('palette'), run: () => run('palette') },
							{ text: w.logOut, icon: 'logout', run: () => run('logout') },
						]}
					>
						<span class="avatar self">{(session.value?.username[0] ?? '?').toUpperCase()}</span>
					</Menu>
				</div>
			</header>
			{link.value === 'offline' && (
				<p class="offline" role="status">
					<Icon name="offline" /> {w.offline}
				</p>
			)}
			{drawer.value && <div class="drawer-veil" onClick={() => (drawer.value = false)} />}
			<Folders />
			{r.at === 'settings' ? (
				<Settings tab={r.tab} />
			) : r.at === 'approve' ? (
				<Approvals id={r.id} />
			) : (
				<main class="panes">
					<ListPane />
					{!phone.value && (
						<Splitter
							label={w.resizeList}
							value={prefs.listWidth.value}
							min={280}
							max={640}
							onChange={v => (prefs.listWidth.value = v)}
						/>
					)}
					<Conversation />
				</main>
			)}
			{assisting && <Assistant />}
			{phone.value && !reading && !settings && !assisting && docked.value.length === 0 && (
				<button type="button" class="fab" aria-label={w.compose} onClick={() => void compose()}>
					<Icon name="compose" />
				</button>
			)}
			<Dock />
			<DropTarget />
			{sheet.value === 'palette' && <Palette />}
			{sheet.value === 'help' && <Help />}
			{sheet.value === 'move' && <MoveSheet />}
			<Viewer />
			<Questions />
			<Toasts />
		</div>
	);
}

// Seen while something waits for the user's word.
function WaitingButton() {
	const n = waiting.value.length;
	if (!hasApprovals() || !n) return null;
	return (
		<button
			type="button"
			class="waiting-button"
			title={words.value.approvals}
			onClick={() => go({ at: 'approve', id: n === 1 ? waiting.peek()[0]!.id : null })}
		>
			<Icon name="sent" />
			<span class="waiting-count" aria-hidden="true">
				{n}
			</span>
			<span class="unseen">{words.value.approvalsWait(n)}</span>
		</button>
	);
}

function skip(e: MouseEvent) {
	e.preventDefault();
	document.querySelector<HTMLElement>('#panel, #list [tabindex="0"]')?.focus();
}

// The window says where one is and how much is unread.
function useTitle() {
	const w = words.value;
	const m = currentMailbox.value;
	const inbox = [...mailboxes.value.values()].find(x => x.role === 'inbox');
	const unread = inbox?.unreadThreads ? `(${inbox.unreadThreads}) ` : '';
	const place =
		route.value.at === 'settings'
			? w.settings
			: route.value.at === 'approve'
				? w.approvals
				: m
					? (w.roles[m.role ?? ''] ?? m.name)
					: searchText.value || '';
	useEffect(() => {
		document.title = `${unread}${place ? `${place} · ` : ''}${w.app}`;
	}, [unread, place, w]);
}

export const openSettings = (tab: string) => go({ at: 'settings', tab });
