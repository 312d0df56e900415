// One question and what came of it. What a model says is text, and stands there as text: no markup is read, nothing becomes a
// link or a picture, and what cannot be seen is shown by its number.

import { useSignal } from '@preact/signals';
import { locale, words } from '../i18n';
import { brief, full } from '../i18n/dates';
import { explain } from '../i18n/explain';
import { phone } from '../lib/media';
import { closeAssistant, focusWanted } from '../store/assistant';
import { email } from '../store/emails';
import { go } from '../store/route';
import { announce, toast } from '../store/toasts';
import { Icon } from '../ui/icons';
import { Card } from './card';
import { ask, current, markUndone, turns, undoableOf, type Piece, type Tool, type Turn } from './chat';
import { Confirm } from './confirm';
import { seen } from './letter';
import { openEmail } from './open';
import type { Found } from './protocol';
import { undoneWords, undoSession } from './undo';
import { say } from './words';

export function TurnView({ t }: { t: Turn }) {
	const s = say.value;
	const pieces = t.pieces.value;
	const state = t.state.value;
	const going = state === 'waiting' || state === 'running';
	const last = pieces[pieces.length - 1];
	const quiet = going && (!last || (last.kind === 'tool' && last.state !== 'running'));
	return (
		<article class="turn" aria-label={t.asked.slice(0, 100)} aria-busy={going}>
			<p class="turn-asked">
				<span class="unseen">{s.you} </span>
				<bdi>{t.asked}</bdi>
			</p>
			<div class="turn-answer">
				{pieces.map((p, i) => (
					<PieceView key={i} p={p} t={t} last={i === pieces.length - 1} />
				))}
				{quiet && (
					<p class="turn-thinking">
						<span class="dots" aria-hidden="true">
							<i />
							<i />
							<i />
						</span>
						<span class="unseen">{s.thinking}</span>
					</p>
				)}
			</div>
		</article>
	);
}

function PieceView({ p, t, last }: { p: Piece; t: Turn; last: boolean }) {
	const s = say.value;
	switch (p.kind) {
		case 'text':
			return (
				<p class="turn-text" dir="auto">
					{seen(p.text)}
				</p>
			);
		case 'tool':
			return <ToolLine p={p} />;
		case 'confirm':
			return <Confirm p={p} t={t} />;
		case 'messages':
			return <Messages items={p.items} total={p.total} query={p.query} />;
		case 'question':
			return (
				<Question
					text={p.text}
					choices={p.choices}
					open={last && t === turns.value[turns.value.length - 1]}
				/>
			);
		case 'approval':
			return <Card id={p.approvalId} />;
		case 'undoable':
			return <Undoable p={p} />;
		case 'notice':
			return <p class="turn-notice">{seen(p.text) || s.notices[p.code] || ''}</p>;
		case 'error':
			return (
				<p class={`turn-error${p.code === 'cancelled' ? ' mild' : ''}`} role={p.text ? undefined : 'alert'}>
					{p.code !== 'cancelled' && <Icon name="warn" />}
					<span>{(p.code !== 'internal' && s.errors[p.code]) || seen(p.text) || s.error}</span>
				</p>
			);
	}
}

// ---- what it did ----

const TOOL_ICONS = { running: 'clock', done: 'check', failed: 'warn', refused: 'close' } as const;

function ToolLine({ p }: { p: Tool }) {
	const s = say.value;
	const name = s.tools[p.name] ?? p.name;
	const told =
		p.state === 'running'
			? s.toolRunning
			: seen(p.summary) || (p.state === 'failed' ? s.toolFailed : p.state === 'refused' ? s.toolRefused : '');
	const args = Object.entries(p.arguments ?? {});
	const seconds = (p.ms / 1000).toLocaleString(locale.value, { maximumFractionDigits: 2 });
	return (
		<details class={`tool ${p.state}`}>
			<summary>
				<Icon name={TOOL_ICONS[p.state]} />
				<span>
					{name}
					{told && (
						<>
							{' · '}
							<bdi>{told}</bdi>
						</>
					)}
				</span>
			</summary>
			<div class="tool-more">
				{args.length ? (
					<dl>
						{args.map(([key, value]) => (
							<div key={key}>
								<dt>{seen(key)}</dt>
								<dd>
									<bdi>{seen(typeof value === 'string' ? value : JSON.stringify(value))}</bdi>
								</dd>
							</div>
						))}
					</dl>
				) : (
					<p>{s.noArguments}</p>
				)}
				<p class="hint">
					<code>{seen(p.name)}</code>
					{p.state !== 'running' && ` · ${s.took(seconds)}`}
				</p>
			</div>
		</details>
	);
}

// ---- what it found ----

function Messages({ items, total, query }: { items: Found[]; total: number; query: string }) {
	const s = say.value;
	const many = total > items.length;
	return (
		<section class="found" aria-label={s.foundMessages(total)}>
			<ol>
				{items.map((m, i) => (
					<FoundRow key={`${m.emailId} ${i}`} m={m} n={i + 1} />
				))}
			</ol>
			{(many || query) && (
				<p class="found-foot">
					<span>{many ? s.someOf(items.length, total) : s.foundMessages(total)}</span>
					{query && (
						<button
							type="button"
							class="text-button"
							onClick={() => {
								if (phone.peek()) closeAssistant();
								go({ at: 'search', query, thread: null });
							}}
						>
							{s.showAll}
						</button>
					)}
				</p>
			)}
		</section>
	);
}

function FoundRow({ m, n }: { m: Found; n: number }) {
	const w = words.value;
	// What is known of it by now: it may have been read since.
	const e = email(m.emailId).value;
	const unread = e ? !e.keywords.$seen : m.unread;
	const who = seen(m.from.name.trim() || m.from.email) || w.noSender;
	return (
		<li>
			<button
				type="button"
				class={`found-row${unread ? ' unread' : ''}`}
				onClick={() => void openEmail(m.emailId)}
			>
				<span class="found-n">{n}</span>
				<span class="found-main">
					<span class="found-line">
						{unread && (
							<>
								<span class="dot" aria-hidden="true" />
								<span class="unseen">{w.unread}. </span>
							</>
						)}
						<bdi class="found-who" title={m.from.email}>
							{who}
						</bdi>
						<time dateTime={m.receivedAt} title={full(m.receivedAt)}>
							{brief(m.receivedAt)}
						</time>
					</span>
					<span class="found-subject">
						<bdi>{seen(m.subject.trim()) || w.noSubject}</bdi>
					</span>
					{m.preview && (
						<span class="found-preview">
							<bdi>{seen(m.preview)}</bdi>
						</span>
					)}
				</span>
			</button>
		</li>
	);
}

// ---- what it asks ----

function Question({ text, choices, open }: { text: string; choices: string[]; open: boolean }) {
	return (
		<div class="turn-question">
			<p class="turn-text" dir="auto">
				{seen(text)}
			</p>
			{choices.length > 0 && (
				<div class="choices" role="group">
					{choices.map((c, i) => (
						<button
							key={i}
							type="button"
							class="idea"
							disabled={!open || current() !== undefined}
							onClick={() => {
								// It cannot keep the focus: it is answered.
								if (ask(c, undefined, i + 1)) focusWanted.value++;
							}}
						>
							<bdi>{seen(c)}</bdi>
						</button>
					))}
				</div>
			)}
		</div>
	);
}

// ---- taking it back ----

function Undoable({ p }: { p: Extract<Piece, { kind: 'undoable' }> }) {
	const s = say.value;
	const busy = useSignal(false);
	const { count, last } = undoableOf(p.session);
	const undo = async () => {
		busy.value = true;
		try {
			const text = undoneWords(await undoSession(p.session), s);
			markUndone(p.session, text);
			announce(text);
			focusWanted.value++;
		} catch (e) {
			toast(explain(e as Error), { kind: 'error' });
		}
		busy.value = false;
	};
	if (p.undone !== undefined)
		return p.undone ? (
			<p class="undoable">
				<Icon name="check" /> <span>{p.undone}</span>
			</p>
		) : null;
	return (
		<p class="undoable">
			<span>{s.changed(p.count)}</span>
			{p === last && (
				<button type="button" class="text-button" disabled={busy.value} onClick={() => void undo()}>
					{busy.value ? s.undoing : count > p.count ? s.undoAll(count) : s.undo(count)}
				</button>
			)}
		</p>
	);
}
