// The list of conversations: a window of rows on however many there are. Rows have one height; headings of days stand
// between them where the dates are known, and what is in view stays where it is when one appears above.

import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { commands, trashSubject } from '../commands';
import { language, words } from '../i18n';
import { explain } from '../i18n/explain';
import { group } from '../i18n/dates';
import { knownEmail, prefetch } from '../store/emails';
import * as act from '../store/actions';
import {
	currentMailbox,
	cursor,
	list,
	openThreadId,
	searchText,
	subject,
	tickAll,
	ticked,
} from '../store/list';
import { prefs } from '../store/prefs';
import { route } from '../store/route';
import type { EmailList } from '../store/query';
import { IconButton, Menu, Spinner } from '../ui/basics';
import { Icon } from '../ui/icons';
import { titleOf } from './folders';
import { Row } from './row';

const HEADING = 32;
const OVERSCAN = 6;
const rowHeight = () => (prefs.density.value === 'compact' ? 54 : 80);

const scroll = signal({ top: 0, height: 800 });
const run = (id: string) => commands.find(c => c.id === id)!.run();

export function ListPane() {
	const w = words.value;
	const l = list.value;
	const name = paneTitle();
	return (
		<section class="list-pane" aria-label={w.conversations} id="list">
			<ListHead name={name} l={l} />
			{l ? <Rows key={l.key} l={l} name={name} /> : <Spinner />}
		</section>
	);
}

function paneTitle(): string {
	const w = words.value;
	const r = route.value;
	if (r.at === 'search') return w.search;
	if (currentMailbox.value) return titleOf(currentMailbox.value);
	return r.at === 'mailbox' ? (w.roles[r.mailbox] ?? '') : '';
}

function ListHead({ name, l }: { name: string; l: EmailList | null }) {
	const w = words.value;
	void l?.version.value;
	const n = ticked.value.size;
	if (n) return <BulkBar n={n} name={name} />;
	const searching = route.value.at === 'search';
	return (
		<header class="list-head">
			<h1>{name}</h1>
			<span class="list-count" role={searching ? 'status' : undefined}>
				{l?.total != null && (searching ? w.found(l.total) : l.total > 0 ? w.total(l.total) : '')}
			</span>
			<IconButton icon="check" class="only-hover" label={w.selectAll} shortcut="* a" onClick={tickAll} />
			<IconButton icon="refresh" class="only-hover" label={w.refresh} onClick={() => void l?.sync()} />
		</header>
	);
}

function BulkBar({ n, name }: { n: number; name: string }) {
	const w = words.value;
	const role = currentMailbox.value?.role;
	return (
		<div class="list-head bulk" role="toolbar" aria-label={w.selected(n)}>
			<h1 class="unseen">{name}</h1>
			<IconButton
				icon="close"
				label={w.selectNone}
				shortcut="* n"
				onClick={() => (ticked.value = new Set())}
			/>
			<span class="list-count" role="status">
				{w.selected(n)}
			</span>
			<IconButton icon="archive" label={w.archive} shortcut="e" onClick={() => act.archive(subject())} />
			<IconButton icon="trash" label={w.trash} shortcut="#" onClick={() => void trashSubject()} />
			<Menu
				label={w.more}
				class="to-left"
				items={[
					{ text: w.markRead, icon: 'read', shortcut: 'I', run: () => act.markRead(subject(), true) },
					{ text: w.markUnread, icon: 'unread', shortcut: 'U', run: () => act.markRead(subject(), false) },
					{ text: w.star, icon: 'star', shortcut: 's', run: () => run('star') },
					{
						text: role === 'junk' ? w.notJunk : w.junk,
						icon: 'junk',
						shortcut: '!',
						run: () => void act.junk(subject(), role !== 'junk'),
					},
					{ text: w.moveTo, icon: 'move', shortcut: 'v', run: () => run('move') },
					{ text: w.selectAll, icon: 'check', shortcut: '* a', run: tickAll },
				]}
			/>
		</div>
	);
}

interface Heading {
	row: number;
	text: string;
}

// Where a heading stands: at each loaded row whose neighbour above is loaded too (or is none) and in another group.
function headingsOf(l: EmailList): Heading[] {
	if (l.searching) return [];
	const out: Heading[] = [];
	let before = '';
	let loaded = true;
	for (let i = 0; i < l.ids.length; i++) {
		const id = l.ids[i];
		const e = id === undefined ? undefined : knownEmail(id);
		if (!e) {
			loaded = false;
			continue;
		}
		const g = group(e.receivedAt);
		if (loaded && g !== before) out.push({ row: i, text: g });
		before = g;
		loaded = true;
	}
	return out;
}

class Layout {
	constructor(
		readonly headings: Heading[],
		readonly row: number,
		readonly total: number,
	) {}
	private above(i: number): number {
		let n = 0;
		while (n < this.headings.length && this.headings[n]!.row <= i) n++;
		return n;
	}
	top(i: number): number {
		return i * this.row + this.above(i) * HEADING;
	}
	get height(): number {
		return this.total * this.row + this.headings.length * HEADING;
	}
	at(y: number): number {
		let i = Math.max(0, Math.floor(y / this.row));
		while (i > 0 && this.top(i) > y) i -= Math.max(1, Math.floor((this.top(i) - y) / this.row));
		return Math.max(0, Math.min(i, this.total - 1));
	}
}

function Rows({ l, name }: { l: EmailList; name: string }) {
	const w = words.value;
	const box = useRef<HTMLDivElement>(null);
	const last = useRef<{ layout: Layout; id: string | undefined; top: number } | null>(null);
	// Scrolling draws anew what is in view and nothing else.
	void l.version.value;
	void language.value;
	const { top, height } = scroll.value;
	const row = rowHeight();
	const version = l.version.value;
	const cached = useRef<{ version: number; layout: Layout } | null>(null);
	if (!cached.current || cached.current.version !== version || cached.current.layout.row !== row)
		cached.current = { version, layout: new Layout(headingsOf(l), row, l.total ?? 0) };
	const layout = cached.current.layout;
	const first = Math.max(0, layout.at(top) - OVERSCAN);
	const end = Math.min(layout.total, layout.at(top + height) + OVERSCAN + 1);

	useEffect(() => {
		const e = box.current!;
		const measure = () => (scroll.value = { top: e.scrollTop, height: e.clientHeight });
		const saved = positions.get(l.key);
		e.scrollTop = saved ?? 0;
		measure();
		const o = new ResizeObserver(measure);
		o.observe(e);
		e.addEventListener('scroll', measure, { passive: true });
		return () => {
			positions.set(l.key, scroll.peek().top);
			o.disconnect();
			e.removeEventListener('scroll', measure);
		};
	}, [l]);

	useEffect(() => l.want(first, end), [first, end, version]);

	// The first row in view stays where it was when rows or headings come and go above it.
	useLayoutEffect(() => {
		const e = box.current!;
		const before = last.current;
		if (before && before.layout !== layout && before.id !== undefined && e.scrollTop > 0) {
			const now = l.ids.indexOf(before.id);
			if (now >= 0) {
				const by = layout.top(now) - before.top;
				if (by) e.scrollTop += by;
			}
		}
		const i = layout.at(e.scrollTop);
		last.current = { layout, id: l.ids[i], top: layout.top(i) };
	});

	const at = cursor.value;
	// A row that had the focus and went (archived, deleted) leaves it to the one that the cursor is on now.
	const focused = useRef(false);
	useLayoutEffect(() => {
		if (focused.current && document.activeElement === document.body)
			box.current?.querySelector<HTMLElement>(`[data-row="${at}"]`)?.focus({ preventScroll: true });
	}, [at, version]);
	// When it comes to another conversation, not when its own moves.
	useEffect(() => {
		const e = box.current!;
		const y = layout.top(at);
		if (y < e.scrollTop) e.scrollTop = Math.max(0, y - HEADING);
		else if (y + row > e.scrollTop + e.clientHeight) e.scrollTop = y + row - e.clientHeight;
		const near = [l.threadAt(at), l.threadAt(at + 1), l.threadAt(at - 1)].filter(t => t !== undefined);
		const t = setTimeout(() => void prefetch(near), 150);
		return () => clearTimeout(t);
	}, [l.threadAt(at) ?? at, l]);

	const open = openThreadId.value;
	const heads = layout.headings.filter(h => h.row >= first && h.row < end);
	const rows = [];
	for (let i = first; i < end; i++) rows.push(i);
	if (l.failed.value && l.total === null)
		return (
			<div class="empty" role="alert">
				<p>{w.listFailed}</p>
				<p>{explain(l.failed.value)}</p>
				<button type="button" class="button" onClick={() => l.want(0, 0)}>
					{w.tryAgain}
				</button>
			</div>
		);
	return (
		<div
			class="rows"
			ref={box}
			onFocusIn={() => (focused.current = true)}
			onFocusOut={e => e.relatedTarget && (focused.current = false)}
		>
			{l.total === null && <Spinner />}
			{l.total === 0 && <Empty />}
			<div
				class="rows-inner"
				role="grid"
				aria-label={name}
				aria-rowcount={l.total ?? 0}
				aria-multiselectable="true"
				hidden={!l.total}
				style={{ height: `${layout.height}px` }}
			>
				{heads.map(h => (
					<div
						key={`h${h.text}`}
						class="group"
						role="presentation"
						style={{ transform: `translateY(${layout.top(h.row) - HEADING}px)` }}
					>
						{h.text}
					</div>
				))}
				{rows.map(i => (
					<Row
						key={l.ids[i] ?? `n${i}`}
						index={i}
						id={l.ids[i]}
						list={l}
						y={layout.top(i)}
						here={i === at}
						open={open !== null && l.threadAt(i) === open}
					/>
				))}
			</div>
		</div>
	);
}

const positions = new Map<string, number>();

function Empty() {
	const w = words.value;
	const r = route.value;
	if (r.at === 'search')
		return (
			<div class="empty">
				<Icon name="search" />
				<p>{w.emptySearch(searchText.value)}</p>
				<p class="hint">{w.emptySearchHint}</p>
			</div>
		);
	const by: Record<string, string> = {
		inbox: w.emptyInbox,
		drafts: w.emptyDrafts,
		sent: w.emptySent,
		trash: w.emptyTrash,
		junk: w.emptyJunk,
		starred: w.emptyStarred,
	};
	const key = currentMailbox.value?.role ?? (r.at === 'mailbox' ? r.mailbox : '');
	return (
		<div class="empty">
			<Icon name={key === 'inbox' ? 'check' : 'folder'} />
			<p>{by[key] ?? w.emptyFolder}</p>
		</div>
	);
}
