// The assistant's pane: the conversation, and the place to type in.

import type { ComponentChildren } from 'preact';
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { words } from '../i18n';
import { phone } from '../lib/media';
import { waiting } from '../store/approvals';
import { closeAssistant, focusWanted, question } from '../store/assistant';
import { openThreadId } from '../store/list';
import { prefs } from '../store/prefs';
import { go } from '../store/route';
import { IconButton, Splitter } from '../ui/basics';
import { Icon } from '../ui/icons';
import { ask, begin, cancel, connect, current, hello, line, provide, spoken, turns } from './chat';
import { seen } from './letter';
import { TurnView } from './turn';
import { say } from './words';

const MAX_TEXT = 16000;

// What is being typed stays while the pane is closed.
let draft = '';

export function Panel() {
	const w = words.value;
	const s = say.value;
	const state = line.value;
	useEffect(connect, []);
	useQuestions();
	return (
		<Pane>
			<header class="assistant-head">
				<h2 class="assistant-title">{w.assistant}</h2>
				<IconButton icon="plus" label={s.fresh} disabled={!turns.value.length} onClick={begin} />
				<IconButton icon="close" label={w.close} onClick={leavePane} />
			</header>
			<Waiting />
			<Log />
			{state === 'away' && (
				<p class="assistant-state" role="status">
					<Icon name="offline" /> {s.away}
				</p>
			)}
			{state === 'none' && (
				<p class="assistant-state" role="status">
					<Icon name="offline" /> {s.none}{' '}
					<button type="button" class="text-button" onClick={connect}>
						{s.retry}
					</button>
				</p>
			)}
			<Field />
			<Provider />
			<div class="unseen" role="log" aria-live="polite" aria-relevant="additions">
				{spoken.value.map(p => (
					<p key={p.n}>{p.text}</p>
				))}
			</div>
		</Pane>
	);
}

// Beside the mail, or on a phone all there is.
function Pane({ children }: { children: ComponentChildren }) {
	const w = words.value;
	if (phone.value)
		return (
			<main class="assistant" aria-label={w.assistant} onKeyDown={onKeyDown}>
				<h1 class="unseen">{w.app}</h1>
				{children}
			</main>
		);
	return (
		<aside class="assistant" aria-label={w.assistant} onKeyDown={onKeyDown}>
			<Splitter
				label={w.resizeAssistant}
				value={prefs.assistantWidth.value}
				min={300}
				max={640}
				fromRight
				onChange={v => (prefs.assistantWidth.value = v)}
			/>
			{children}
		</aside>
	);
}

// Escape backs out: what is under way first, then the pane.
function onKeyDown(e: KeyboardEvent) {
	if (e.key !== 'Escape' || e.defaultPrevented) return;
	e.preventDefault();
	e.stopPropagation();
	if (current()) cancel();
	else leavePane();
}

function leavePane() {
	closeAssistant();
	requestAnimationFrame(() => {
		if (document.activeElement && document.activeElement !== document.body) return;
		(
			document.querySelector<HTMLElement>('.assistant-button') ??
			document.querySelector<HTMLElement>('#list [tabindex="0"]')
		)?.focus();
	});
}

// Asked by a button elsewhere, as soon as the line stands and nothing else is under way.
function useQuestions() {
	const q = question.value;
	const state = line.value;
	const busy = current();
	useEffect(() => {
		if (!q || state !== 'open' || busy) return;
		if (ask(q.text, q.about)) question.value = null;
	}, [q, state, busy]);
}

function Waiting() {
	const w = words.value;
	// Those on cards of this conversation are seen already.
	const shown = new Set(
		turns.value.flatMap(t => t.pieces.value.flatMap(p => (p.kind === 'approval' ? [p.approvalId] : []))),
	);
	const n = waiting.value.filter(a => !shown.has(a.id)).length;
	if (!n) return null;
	return (
		<button
			type="button"
			class="assistant-waiting"
			onClick={() => {
				if (phone.peek()) closeAssistant();
				go({ at: 'approve', id: null });
			}}
		>
			<Icon name="warn" /> {w.approvalsWait(n)}
		</button>
	);
}

function Log() {
	const s = say.value;
	const all = turns.value;
	const box = useRef<HTMLDivElement>(null);
	const inner = useRef<HTMLDivElement>(null);
	// Follows what comes in, unless somebody reads further up.
	const following = useRef(true);
	// To where, by us: its event comes when there may be more already.
	const scrolled = useRef(-1);
	const pieces = all[all.length - 1]?.pieces.value;
	useLayoutEffect(() => {
		following.current = true;
	}, [all.length]);
	const follow = () => {
		const b = box.current;
		if (!b || !following.current) return;
		b.scrollTop = b.scrollHeight;
		// What is to be answered is read from its top.
		const card = b.querySelector('.turn:last-child .approval-card:has(.approval-answer)');
		const above = card ? b.getBoundingClientRect().top - card.getBoundingClientRect().top : 0;
		if (above > 0) b.scrollTop -= above + 8;
		scrolled.current = b.scrollTop;
	};
	useLayoutEffect(follow, [pieces, all.length]);
	// Cards grow when they have been loaded.
	useEffect(() => {
		const seen = new ResizeObserver(follow);
		seen.observe(inner.current!);
		seen.observe(box.current!);
		return () => seen.disconnect();
	}, []);
	return (
		<div
			ref={box}
			class="assistant-log"
			role="region"
			aria-label={s.log}
			tabIndex={0}
			onScroll={e => {
				const b = e.currentTarget;
				if (b.scrollTop === scrolled.current) return;
				following.current = b.scrollHeight - b.scrollTop - b.clientHeight < 40;
			}}
		>
			<div ref={inner} class="assistant-turns">
				{all.length ? all.map(t => <TurnView key={t.id} t={t} />) : <Welcome />}
			</div>
		</div>
	);
}

function Welcome() {
	const s = say.value;
	const ideas = [...(openThreadId.value ? s.ideasOpen : []), ...s.ideas];
	return (
		<div class="assistant-welcome">
			<h3>{s.hello}</h3>
			<p>{s.helloText}</p>
			<ul>
				{ideas.map(idea => (
					<li key={idea}>
						<button type="button" class="idea" disabled={line.value !== 'open'} onClick={() => take(idea)}>
							{idea.endsWith(' ') ? `${idea}…` : idea}
						</button>
					</li>
				))}
			</ul>
		</div>
	);
}

const begun = (text: string) => {
	const field = document.querySelector<HTMLTextAreaElement>('.assistant-field textarea');
	if (!field) return;
	field.value = text;
	field.focus();
	field.dispatchEvent(new Event('input', { bubbles: true }));
};

// One that wants a word more is only begun.
const take = (idea: string) => {
	if (idea.endsWith(' ')) begun(idea);
	else if (ask(idea)) focusWanted.value++;
};

function Field() {
	const s = say.value;
	const text = useSignal(draft);
	const field = useRef<HTMLTextAreaElement>(null);
	const busy = current();
	void busy?.state.value;
	const wanted = focusWanted.value;
	useEffect(() => field.current?.focus({ preventScroll: true }), [wanted]);
	useLayoutEffect(() => {
		const f = field.current!;
		f.style.height = '0';
		f.style.height = `${Math.min(f.scrollHeight, 160)}px`;
		draft = text.value;
	}, [text.value]);
	const send = () => {
		if (ask(text.peek())) text.value = '';
	};
	return (
		<form
			class="assistant-field"
			onSubmit={e => {
				e.preventDefault();
				send();
			}}
		>
			<textarea
				ref={field}
				rows={1}
				aria-label={s.ask}
				placeholder={s.ask}
				maxLength={MAX_TEXT}
				value={text.value}
				onInput={e => (text.value = e.currentTarget.value)}
				onKeyDown={e => {
					if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
					e.preventDefault();
					send();
				}}
			/>
			{busy ? (
				<IconButton icon="stop" class="assistant-send" label={s.stop} onClick={cancel} />
			) : (
				<IconButton
					icon="sent"
					class="assistant-send"
					type="submit"
					label={s.send}
					disabled={!text.value.trim() || line.value !== 'open'}
				/>
			)}
		</form>
	);
}

function Provider() {
	const s = say.value;
	const h = hello.value;
	if (!h) return <p class="assistant-provider">{line.value === 'connecting' ? s.connecting : ''}</p>;
	const model = seen(h.model || h.provider);
	const of = (t: typeof s.where) =>
		h.provider === 'builtin' ? t.builtin : h.local ? t.local(model) : t.remote(model);
	return (
		<div class={`assistant-provider${h.local ? '' : ' remote'}`} title={of(s.where)}>
			<Icon name={h.local ? 'home' : 'outside'} />
			{h.providers.length > 1 ? (
				<label>
					<span class="unseen">{s.answersBy}</span>
					<select value={h.provider} onChange={e => provide(e.currentTarget.value)}>
						{h.providers.map(p => (
							<option key={p} value={p}>
								{p === h.provider ? of(s.whereShort) : p === 'builtin' ? s.whereShort.builtin : seen(p)}
							</option>
						))}
					</select>
				</label>
			) : (
				<span>{of(s.whereShort)}</span>
			)}
		</div>
	);
}
