// One conversation in the list.

import { useRef } from 'preact/hooks';
import { archive, trash } from '../commands';
import { words, type Words } from '../i18n';
import { brief, full } from '../i18n/dates';
import type { Email, Id } from '../jmap/types';
import { display, name, same, short } from '../lib/address';
import { phone } from '../lib/media';
import { snippet } from '../lib/snippet';
import * as act from '../store/actions';
import { openDraft } from '../store/composers';
import { email, ensureEmails, thread } from '../store/emails';
import { cursor, currentMailbox, tick, ticked, tickRange } from '../store/list';
import { role } from '../store/mailboxes';
import type { EmailList } from '../store/query';
import { openThread } from '../store/route';
import { session } from '../store/session';
import { Labels } from '../ui/basics';
import { Icon } from '../ui/icons';

interface Props {
	index: number;
	id: Id | undefined;
	list: EmailList;
	y: number;
	here: boolean;
	open: boolean;
}

// Drawn again only when these props or a signal that it read changes (as @preact/signals has it).
export function Row({ index, id, list, y, here, open }: Props) {
	const place = { transform: `translateY(${y}px)` };
	const e = id === undefined ? undefined : email(id).value;
	if (!e)
		return (
			<div class="mail-row blank" role="row" aria-rowindex={index + 1} style={place} aria-busy="true">
				<span role="gridcell">
					<i />
					<i />
				</span>
			</div>
		);
	return <Known index={index} e={e} list={list} place={place} here={here} open={open} />;
}

interface KnownProps {
	index: number;
	e: Email;
	list: EmailList;
	place: { transform: string };
	here: boolean;
	open: boolean;
}

function Known({ index, e, list, place, here, open }: KnownProps) {
	const w = words.value;
	const ids = thread(e.threadId).value ?? [e.id];
	ensureEmails(ids);
	const all = ids.map(i => email(i).value).filter(x => x !== undefined);
	const seen = shown(all);
	const newest = seen[seen.length - 1] ?? e;
	const unread = seen.some(x => !x.keywords.$seen && !x.keywords.$draft);
	const starred = seen.some(x => x.keywords.$flagged);
	const draft = seen.some(x => x.keywords.$draft);
	const clip = seen.some(x => x.hasAttachment);
	const chosen = ticked.value.has(e.threadId);
	const who = people(seen.length ? seen : [e], w);
	// What was found comes a moment after the rows.
	const s = list.searching && list.version.value ? list.snippets.get(e.id) : undefined;
	const subject = e.subject?.trim() || w.noSubject;
	const when = newest.receivedAt;
	const swipe = useSwipe(e.threadId);
	const openIt = () => {
		cursor.value = index;
		// A lone draft is not read but written on.
		if (all.length === 1 && e.keywords.$draft) void openDraft(e);
		else openThread(e.threadId);
	};
	return (
		<div
			class={`mail-row${unread ? ' unread' : ''}${here ? ' here' : ''}${open ? ' open' : ''}${chosen ? ' ticked' : ''}`}
			role="row"
			aria-rowindex={index + 1}
			aria-selected={chosen}
			data-row={index}
			tabIndex={here ? 0 : -1}
			style={place}
			draggable={!phone.value}
			onFocus={() => (cursor.value = index)}
			onDragStart={x => {
				const moved = chosen ? [...ticked.value] : [e.threadId];
				x.dataTransfer?.setData('application/x-gkmail', moved.join(','));
				carry(x, moved.length === 1 ? subject : w.selected(moved.length));
			}}
			onClick={x => {
				if (x.shiftKey) tickRange(e.threadId);
				else if (x.ctrlKey || x.metaKey || (ticked.value.size && phone.value)) tick(e.threadId, !chosen);
				else openIt();
			}}
			{...swipe}
		>
			{phone.value && (
				<>
					<span class="swipe archive" aria-hidden="true">
						<Icon name="archive" />
					</span>
					<span class="swipe trash" aria-hidden="true">
						<Icon name="trash" />
					</span>
				</>
			)}
			<span role="gridcell" class="row-check">
				<span class="dot" aria-hidden="true" />
				<label onClick={x => x.stopPropagation()}>
					<input
						type="checkbox"
						tabIndex={-1}
						aria-label={`${w.select}: ${subject}`}
						checked={chosen}
						onClick={x => {
							x.stopPropagation();
							if (x.shiftKey) tickRange(e.threadId);
							else tick(e.threadId, !chosen);
						}}
					/>
				</label>
			</span>
			<span role="gridcell" class="row-main">
				<span class="row-line">
					{unread && <span class="unseen">{w.unread}. </span>}
					<span class="row-who">
						{who}
						{draft && <em class="draft-mark"> {w.draftMark}</em>}
						{seen.length > 1 && (
							<span class="row-many" title={w.messagesInThread(seen.length)}>
								{seen.length}
							</span>
						)}
					</span>
					{clip && (
						<span class="row-clip" title={w.hasAttachment}>
							<Icon name="clip" />
							<span class="unseen">{w.hasAttachment}. </span>
						</span>
					)}
					<time class="row-when" dateTime={when} title={full(when)}>
						{brief(when, !list.searching)}
					</time>
				</span>
				<span class="row-subject">
					<Labels of={seen} />
					{s?.subject ? snippet(s.subject) : subject}
				</span>
				<span class="row-preview">{s?.preview ? snippet(s.preview) : newest.preview}</span>
			</span>
			<span role="gridcell" class="row-star">
				<button
					type="button"
					class={`icon-button star${starred ? ' on' : ''}`}
					tabIndex={-1}
					aria-pressed={starred}
					aria-label={starred ? w.unstar : w.star}
					title={`${starred ? w.unstar : w.star} (s)`}
					onClick={x => {
						x.stopPropagation();
						act.star([e.threadId], !starred);
					}}
				>
					<Icon name="star" filled={starred} />
				</button>
			</span>
		</div>
	);
}

// Of a conversation, what was thrown away is not counted unless one looks there.
function shown(all: Email[]): Email[] {
	const m = currentMailbox.value;
	const away = [role('trash'), role('junk')].filter(id => id !== undefined && id !== m?.id) as Id[];
	const left = all.filter(e => !away.some(id => e.mailboxIds[id]));
	return left.length ? left : all;
}

function people(all: Email[], w: Words): string {
	const self = session.value?.username ?? '';
	const m = currentMailbox.value;
	const mine = (x: Email) => x.from?.some(a => same(a.email, self));
	if (m?.role === 'sent' || m?.role === 'drafts' || all.every(mine)) {
		const to = all[all.length - 1]!.to;
		return to?.length ? w.to(display(to)) : w.noSender;
	}
	const senders = new Map<string, string>();
	for (const x of all) {
		if (x.keywords.$draft) continue;
		const a = x.from?.[0];
		if (a)
			senders.set(a.email.toLowerCase(), same(a.email, self) ? w.me : a.name?.trim() ? name(a) : a.email);
	}
	const names = [...senders.values()];
	if (names.length <= 1) return names[0] ?? w.noSender;
	const firsts = [...senders].map(([mail, n]) => (n === w.me ? n : short({ name: n, email: mail })));
	return firsts.length > 3 ? `${firsts[0]} … ${firsts[firsts.length - 1]}` : firsts.join(', ');
}

// What is seen under the pointer while it is dragged: not the row, which is wide, but what is moved.
function carry(e: DragEvent, text: string) {
	const chip = document.createElement('div');
	chip.className = 'carried';
	chip.textContent = text;
	document.body.append(chip);
	e.dataTransfer?.setDragImage(chip, -12, -12);
	if (e.dataTransfer) e.dataTransfer.effectAllowed = 'move';
	setTimeout(() => chip.remove(), 0);
}

const SWIPE_PX = 90;
const LONG_MS = 450;

// On touch: to the right archives, to the left deletes, a long press ticks.
function useSwipe(threadId: Id) {
	const from = useRef<{
		x: number;
		y: number;
		row: HTMLElement;
		press: ReturnType<typeof setTimeout>;
	} | null>(null);
	const end = (x: number | null) => {
		const f = from.current;
		from.current = null;
		if (!f) return;
		clearTimeout(f.press);
		f.row.style.removeProperty('--swipe');
		delete f.row.dataset.swipe;
		f.row.removeAttribute('data-far');
		if (x === null) return;
		const by = x - f.x;
		if (by > SWIPE_PX) archive([threadId]);
		else if (by < -SWIPE_PX) void trash([threadId]);
	};
	return {
		onTouchStart: (e: TouchEvent) => {
			const t = e.touches[0]!;
			const press = setTimeout(() => {
				from.current = null;
				tick(threadId, !ticked.value.has(threadId));
			}, LONG_MS);
			from.current = { x: t.clientX, y: t.clientY, row: e.currentTarget as HTMLElement, press };
		},
		onTouchMove: (e: TouchEvent) => {
			const f = from.current;
			const t = e.touches[0];
			if (!f || !t) return;
			const by = t.clientX - f.x;
			if (Math.abs(t.clientY - f.y) > 12 && Math.abs(by) < 24) return end(null);
			if (Math.abs(by) > 12) {
				clearTimeout(f.press);
				f.row.style.setProperty('--swipe', `${by}px`);
				f.row.dataset.swipe = by > 0 ? 'archive' : 'trash';
				f.row.toggleAttribute('data-far', Math.abs(by) > SWIPE_PX);
			}
		},
		onTouchEnd: (e: TouchEvent) => end(e.changedTouches[0]?.clientX ?? null),
		onTouchCancel: () => end(null),
	};
}
