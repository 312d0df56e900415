// The open conversation: its messages one under the other, what was read before folded to a line.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { closeThread, step, trashSubject } from '../commands';
import { words } from '../i18n';
import type { Email, Id } from '../jmap/types';
import { phone } from '../lib/media';
import * as act from '../store/actions';
import { hasOthers, inPlace, replyToOpen } from '../store/composers';
import { email, ensureBodies, ensureThread, thread } from '../store/emails';
import { currentMailbox, list, openThreadId } from '../store/list';
import { role } from '../store/mailboxes';
import { sheet } from '../commands';
import { IconButton, Labels, Menu, Spinner } from '../ui/basics';
import { Icon } from '../ui/icons';
import { Composer } from './compose/composer';
import { titleOf } from './folders';
import { Message } from './message';

// So many read messages at the beginning go into one line.
const FOLD_FROM = 4;

export function Conversation() {
	const w = words.value;
	const id = openThreadId.value;
	return (
		<section class="conversation" aria-label={w.conversation} tabIndex={-1}>
			{id === null ? <Nothing /> : <Open key={id} id={id} />}
		</section>
	);
}

function Nothing() {
	const l = list.value;
	void l?.version.value;
	if (!l?.total) return null;
	return (
		<div class="empty nothing">
			<Icon name="read" />
			<p>{words.value.nothingOpen}</p>
		</div>
	);
}

function visible(all: Email[]): Email[] {
	const here = currentMailbox.value?.id;
	const away = [role('trash'), role('junk')].filter(id => id !== undefined && id !== here) as Id[];
	const left = all.filter(e => !away.some(m => e.mailboxIds[m]));
	return (left.length ? left : all).sort((a, b) => a.receivedAt.localeCompare(b.receivedAt));
}

function Open({ id }: { id: Id }) {
	const w = words.value;
	const state = useSignal<'loading' | 'ready' | 'failed'>('loading');
	// Opened or folded by hand; otherwise the rule below decides, once, from how things were at opening.
	const byHand = useSignal<ReadonlyMap<Id, boolean>>(new Map());
	const initial = useRef<Set<Id> | null>(null);
	const whole = useSignal(false);
	const top = useRef<HTMLDivElement>(null);
	const title = useRef<HTMLHeadingElement>(null);

	useEffect(() => {
		let off = false;
		ensureThread(id)
			.then(async ids => {
				// What opens needs its body first; the rest follows.
				const open = toOpen(visible(ids.map(i => email(i).peek()).filter(e => e !== undefined)));
				await ensureBodies([...open]);
				if (!off) state.value = 'ready';
				await ensureBodies(ids);
			})
			.catch(() => !off && (state.value = 'failed'));
		return () => {
			off = true;
		};
	}, [id]);

	// What had the focus may be gone: the conversation before, a row on a phone.
	const ready = state.value === 'ready';
	useEffect(() => {
		if (ready && document.activeElement === document.body) title.current?.focus({ preventScroll: true });
	}, [ready]);

	const ids = thread(id).value;
	const replies = inPlace(id);
	const written = new Set(replies.map(c => c.draftId));
	const all = visible((ids ?? []).map(i => email(i).value).filter(e => e !== undefined)).filter(
		e => !written.has(e.id),
	);
	if (state.value === 'failed') return <Sorry text={w.loadFailed} />;
	if (!ids || state.value === 'loading') return <Spinner />;
	if (!all.length) return <Sorry text={w.gone} />;

	initial.current ??= toOpen(all);
	const isOpen = (e: Email) =>
		byHand.value.get(e.id) ?? (initial.current!.has(e.id) || e.id === all[all.length - 1]!.id);
	const toggle = (e: Email) => (byHand.value = new Map(byHand.value).set(e.id, !isOpen(e)));
	const firstOpen = all.findIndex(isOpen);
	const foldable = !whole.value && firstOpen >= FOLD_FROM ? firstOpen - 2 : 0;
	const subject = all[0]!.subject?.trim() || w.noSubject;
	const newest = all.filter(e => !e.keywords.$draft).pop();
	const many = newest !== undefined && hasOthers(newest);
	// Where it stands besides the folder one is in.
	const elsewhere = all.flatMap(act.inFolders).filter(m => m.id !== currentMailbox.value?.id);
	return (
		<>
			<Toolbar id={id} />
			<div class="conversation-scroll" ref={top}>
				<header class="conversation-head">
					<h1 ref={title} tabIndex={-1}>
						{subject}
					</h1>
					<span class="chips">
						{[...new Map(elsewhere.map(m => [m.id, m])).values()].map(m => (
							<span class="chip" key={m.id}>
								{titleOf(m)}
							</span>
						))}
						<Labels of={all} />
					</span>
				</header>
				<div class="messages">
					{all.map((e, i) =>
						i > 0 && i <= foldable ? (
							i === 1 && (
								<button key="folded" type="button" class="folded" onClick={() => (whole.value = true)}>
									<span>{w.folded(foldable)}</span>
								</button>
							)
						) : (
							<Message
								key={e.id}
								e={e}
								open={isOpen(e)}
								last={i === all.length - 1}
								onToggle={() => toggle(e)}
							/>
						),
					)}
				</div>
				{replies.map(c => (
					<Composer key={c.key} c={c} inPlace />
				))}
				{!replies.length && (
					<div class="reply-bar">
						<button type="button" class="button" onClick={() => void replyToOpen('reply')} title="r">
							<Icon name="reply" /> {w.reply}
						</button>
						{many && (
							<button type="button" class="button" onClick={() => void replyToOpen('replyAll')} title="a">
								<Icon name="replyAll" /> {w.replyAll}
							</button>
						)}
						<button type="button" class="button" onClick={() => void replyToOpen('forward')} title="f">
							<Icon name="forward" /> {w.forward}
						</button>
					</div>
				)}
			</div>
		</>
	);
}

// Open are the unread ones and the last.
function toOpen(all: Email[]): Set<Id> {
	const unread = all.filter(e => !e.keywords.$seen && !e.keywords.$draft).map(e => e.id);
	return new Set([...unread, ...all.slice(-1).map(e => e.id)]);
}

function Sorry({ text }: { text: string }) {
	return (
		<div class="empty" role="alert">
			<p>{text}</p>
			<button type="button" class="button" onClick={closeThread}>
				{words.value.back}
			</button>
		</div>
	);
}

function Toolbar({ id }: { id: Id }) {
	const w = words.value;
	const m = currentMailbox.value?.role;
	const ids = thread(id).value ?? [];
	const starred = ids.some(i => email(i).value?.keywords.$flagged);
	const one = [id];
	const inJunk = m === 'junk';
	const starLabel = starred ? w.unstar : w.star;
	const junk = () => void act.junk(one, !inJunk);
	const unread = () => {
		closeThread();
		act.markRead(one, false);
	};
	return (
		<div class="toolbar" role="toolbar" aria-label={w.conversation}>
			<IconButton icon="back" class="only-phone" label={w.back} onClick={closeThread} />
			{m === 'archive' || m === 'trash' ? (
				<IconButton icon="inbox" label={w.moveToInbox} onClick={() => act.toInbox(one)} />
			) : (
				<IconButton icon="archive" label={w.archive} shortcut="e" onClick={() => act.archive(one)} />
			)}
			<IconButton
				icon="trash"
				label={m === 'trash' ? w.destroyForever : w.trash}
				shortcut="#"
				onClick={() => void trashSubject()}
			/>
			{!phone.value && (
				<>
					<IconButton icon="junk" label={inJunk ? w.notJunk : w.junk} shortcut="!" onClick={junk} />
					<IconButton icon="unread" label={w.markUnread} shortcut="U" onClick={unread} />
				</>
			)}
			<IconButton icon="move" label={w.moveTo} shortcut="v" onClick={() => (sheet.value = 'move')} />
			{!phone.value && (
				<IconButton
					icon="star"
					filled={starred}
					class={`star${starred ? ' on' : ''}`}
					aria-pressed={starred}
					label={starLabel}
					shortcut="s"
					onClick={() => act.star(one, !starred)}
				/>
			)}
			<span class="spring" />
			{!phone.value && (
				<>
					<IconButton icon="up" label={w.newer} shortcut="k" onClick={() => step(-1)} />
					<IconButton icon="down" label={w.older} shortcut="j" onClick={() => step(1)} />
					<IconButton icon="close" label={w.keyUp} shortcut="u" onClick={closeThread} />
				</>
			)}
			{phone.value && (
				<>
					<IconButton icon="reply" label={w.reply} onClick={() => void replyToOpen('reply')} />
					<Menu
						label={w.more}
						class="to-left"
						items={[
							{ text: starLabel, icon: 'star', run: () => act.star(one, !starred) },
							{ text: w.markUnread, icon: 'unread', run: unread },
							{ text: inJunk ? w.notJunk : w.junk, icon: 'junk', run: junk },
							{ text: w.forward, icon: 'forward', run: () => void replyToOpen('forward') },
							{ text: w.newer, icon: 'up', run: () => step(-1) },
							{ text: w.older, icon: 'down', run: () => step(1) },
						]}
					/>
				</>
			)}
		</div>
	);
}
