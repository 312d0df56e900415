import { drawer, goMailbox } from '../commands';
import { words } from '../i18n';
import { explain } from '../i18n/explain';
import { wide } from '../lib/media';
import { emptyMailbox, move } from '../store/actions';
import { compose } from '../store/composers';
import { currentMailbox, ticked } from '../store/list';
import { createMailbox, destroyMailbox, renameMailbox, slugOf, tree, type Folder } from '../store/mailboxes';
import { prefs } from '../store/prefs';
import { route } from '../store/route';
import { toast } from '../store/toasts';
import { IconButton, Menu, Splitter, type Item } from '../ui/basics';
import { ask, askLine } from '../ui/confirm';
import { Icon, type IconName } from '../ui/icons';
import type { Mailbox } from '../jmap/types';

const ICONS: Record<string, IconName> = {
	inbox: 'inbox',
	drafts: 'drafts',
	sent: 'sent',
	archive: 'archive',
	junk: 'junk',
	trash: 'trash',
};

export const titleOf = (m: Mailbox) => words.value.roles[m.role ?? ''] ?? m.name;
export const iconOf = (m: Mailbox): IconName => ICONS[m.role ?? ''] ?? 'folder';

const trying = (p: Promise<unknown>) => p.catch((e: Error) => toast(explain(e), { kind: 'error' }));

async function newFolder(parent: Mailbox | null) {
	const w = words.value;
	const name = await askLine(w.newFolder, w.folderName);
	if (name) await trying(createMailbox(name, parent?.id ?? null).then(id => goMailbox(id)));
}

export function Folders() {
	const w = words.value;
	const special = tree.value.filter(f => f.mailbox.role);
	const own = tree.value.filter(f => !f.mailbox.role);
	return (
		<nav class="folders" aria-label={w.folders}>
			<button
				type="button"
				class="button primary compose"
				title={`${w.compose} (c)`}
				onClick={() => void compose()}
			>
				<Icon name="compose" />
				<span>{w.compose}</span>
			</button>
			<div class="folder-scroll">
				<ul>
					{special.slice(0, 1).map(f => (
						<FolderItem key={f.mailbox.id} folder={f} />
					))}
					<VirtualItem slug="starred" icon="star" />
					{special.slice(1).map(f => (
						<FolderItem key={f.mailbox.id} folder={f} />
					))}
					<VirtualItem slug="all" icon="all" />
				</ul>
				<div class="folder-heading">
					<h2>{w.folders}</h2>
					<IconButton icon="plus" label={w.newFolder} onClick={() => void newFolder(null)} />
				</div>
				<ul>
					{own.map(f => (
						<FolderItem key={f.mailbox.id} folder={f} />
					))}
				</ul>
			</div>
			{wide.value && (
				<Splitter
					label={w.resizeFolders}
					value={prefs.folderWidth.value}
					min={160}
					max={360}
					onChange={v => (prefs.folderWidth.value = v)}
				/>
			)}
		</nav>
	);
}

function VirtualItem({ slug, icon }: { slug: string; icon: IconName }) {
	const name = words.value.roles[slug]!;
	const r = route.value;
	const here = r.at === 'mailbox' && r.mailbox === slug;
	return (
		<li>
			<div class={`folder${here ? ' here' : ''}`}>
				<a
					href={`#/in/${slug}`}
					aria-current={here ? 'page' : undefined}
					title={name}
					onClick={() => (drawer.value = false)}
				>
					<Icon name={icon} />
					<span class="folder-name">{name}</span>
				</a>
			</div>
		</li>
	);
}

function FolderItem({ folder }: { folder: Folder }) {
	const w = words.value;
	const m = folder.mailbox;
	const here = currentMailbox.value?.id === m.id;
	const closed = prefs.closedFolders.value.includes(m.id);
	const title = titleOf(m);
	// Drafts count what waits to be written on, others what waits to be read.
	const n =
		m.role === 'drafts' ? m.totalEmails : m.role === 'trash' || m.role === 'sent' ? 0 : m.unreadThreads;
	return (
		<li>
			<div
				class={`folder${here ? ' here' : ''}${n ? ' has-unread' : ''}`}
				style={{ paddingInlineStart: `${folder.depth * 14}px` }}
				onDragOver={e => {
					if (!e.dataTransfer?.types.includes('application/x-gkmail') || here) return;
					e.preventDefault();
					e.currentTarget.classList.add('over');
				}}
				onDragLeave={e => e.currentTarget.classList.remove('over')}
				onDrop={e => {
					e.currentTarget.classList.remove('over');
					const ids = e.dataTransfer?.getData('application/x-gkmail');
					if (!ids) return;
					e.preventDefault();
					move(ids.split(','), m);
					ticked.value = new Set();
				}}
			>
				{folder.children.length > 0 && (
					<IconButton
						class={`fold${closed ? '' : ' open'}`}
						icon="forwardTo"
						label={`${closed ? w.expand : w.collapse} ${title}`}
						aria-expanded={!closed}
						onClick={() =>
							(prefs.closedFolders.value = closed
								? prefs.closedFolders.value.filter(id => id !== m.id)
								: [...prefs.closedFolders.value, m.id])
						}
					/>
				)}
				<a
					href={`#/in/${encodeURIComponent(slugOf(m))}`}
					aria-current={here ? 'page' : undefined}
					title={title}
					onClick={() => (drawer.value = false)}
				>
					<Icon name={iconOf(m)} />
					<span class="folder-name">{title}</span>
					{n > 0 && (
						<span class="count" aria-label={m.role === 'drafts' ? undefined : w.unreadCount(n)}>
							{n}
						</span>
					)}
				</a>
				<Menu label={w.folderActions(title)} items={actions(m)} class="folder-menu" />
			</div>
			{folder.children.length > 0 && !closed && (
				<ul>
					{folder.children.map(f => (
						<FolderItem key={f.mailbox.id} folder={f} />
					))}
				</ul>
			)}
		</li>
	);
}

function actions(m: Mailbox): Item[] {
	const w = words.value;
	const items: Item[] = [{ text: w.newFolder, icon: 'plus', run: () => void newFolder(m) }];
	if (m.role === 'trash' || m.role === 'junk')
		items.push({
			text: w.emptyNow,
			icon: 'trash',
			danger: true,
			run: () =>
				void ask(w.emptyAsk(titleOf(m), m.totalEmails), w.emptyNow).then(yes =>
					yes ? emptyMailbox(m) : undefined,
				),
		});
	if (!m.role) {
		items.push({
			text: w.rename,
			icon: 'edit',
			run: () =>
				void askLine(w.rename, w.folderName, m.name).then(name => name && trying(renameMailbox(m.id, name))),
		});
		items.push({
			text: w.deleteFolder,
			icon: 'trash',
			danger: true,
			run: () =>
				void ask(w.deleteFolderAsk(m.name, m.totalEmails), w.deleteFolder).then(yes => {
					if (!yes) return;
					if (currentMailbox.value?.id === m.id) goMailbox('inbox');
					void trying(destroyMailbox(m.id));
				}),
		});
	}
	return items;
}
