// The approval card: exactly what would be sent, to whom, and where it came from. Nothing else looks like it.

import { useSignal, type Signal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { words } from '../i18n';
import { explain } from '../i18n/explain';
import { full, said, size } from '../i18n/dates';
import { ObjectError } from '../jmap/errors';
import type { ActionWhat, Approval, EmailAddress, Id } from '../jmap/types';
import { display } from '../lib/address';
import { phone } from '../lib/media';
import { approvals } from '../store/approvals';
import { closeAssistant } from '../store/assistant';
import { email, getEmails } from '../store/emails';
import { mailboxes } from '../store/mailboxes';
import { announce, toast } from '../store/toasts';
import { Spinner } from '../ui/basics';
import { Icon } from '../ui/icons';
import { titleOf } from '../views/folders';
import { proveIt } from './prove';
import { readLetter, seen, type Letter, type LetterFile } from './letter';
import { openEmail } from './open';
import { approve, loadAsked, overtaken, refuse, SHOWN, takeOver, type Asked } from './request';
import { say } from './words';

interface Props {
	id: Id;
	// Answered elsewhere or before, it is a line that opens.
	folds?: boolean;
	// On a page of its own, not within a conversation.
	alone?: boolean;
}

export function Card({ id, folds, alone }: Props) {
	const s = say.value;
	const asked = useSignal<Asked | null>(null);
	const state = useSignal<'loading' | 'ready' | 'gone' | 'failed'>('loading');
	const known = approvals.value.get(id)?.state;
	useEffect(() => {
		let off = false;
		loadAsked(id).then(
			a => {
				if (off) return;
				asked.value = a;
				state.value = a ? 'ready' : 'gone';
			},
			() => !off && (state.value = 'failed'),
		);
		return () => {
			off = true;
		};
	}, [id, known]);
	if (state.value === 'loading')
		return (
			<div class="approval-card" aria-busy="true">
				<span class="unseen">{s.cardLoading}</span>
				<Spinner />
			</div>
		);
	if (!asked.value)
		return (
			<p class="approval-card small" role="alert">
				{state.value === 'gone' ? s.cardGone : s.cardFailed}
			</p>
		);
	return <Shown asked={asked as Signal<Asked>} folds={folds} alone={alone} />;
}

function Shown({ asked, folds, alone }: Omit<Props, 'id'> & { asked: Signal<Asked> }) {
	const s = say.value;
	const { approval } = asked.value;
	const now = approvals.value.get(approval.id) ?? approval;
	const waits = now.state === 'requested';
	const title = useId();
	const Heading = alone ? 'h2' : 'h3';
	const isSend = asked.value.letter !== null;
	const heading = s.actions[approval.action ?? ''] ?? (isSend ? s.card : s.actionOther);
	const by = isSend ? s.cardBy(seen(approval.agent)) : s.actionBy(seen(approval.agent));
	const content = (
		<>
			<p class="approval-by">
				{by} · <time title={full(approval.requestedAt)}>{s.cardAsked(said(approval.requestedAt))}</time>
			</p>
			<Warnings asked={asked.value} />
			{waits && now.error && <Warning text={s.cardError(seen(now.error))} danger />}
			{now.state === 'failed' && now.error && <p class="hint">{seen(now.error)}</p>}
			{asked.value.letter ? (
				<LetterView asked={asked.value} l={asked.value.letter} />
			) : (
				<Action asked={asked.value} />
			)}
		</>
	);
	const result = stateWords(now.state, isSend);
	const good = now.state === 'sent' || now.state === 'done' || now.state === 'approved';
	if (!waits && folds)
		return (
			<details class={`approval-card answered ${now.state}`}>
				<summary>
					<Icon name={good ? 'check' : 'close'} />
					<span>
						{result} <bdi>{seen(approval.subject || s.actions[approval.action ?? ''] || '')}</bdi>
					</span>
				</summary>
				{content}
			</details>
		);
	return (
		<section class={`approval-card ${now.state}`} aria-labelledby={title}>
			<Heading id={title}>
				<Icon name={isSend ? 'sent' : 'warn'} /> {heading}
			</Heading>
			{content}
			{waits ? (
				<Answer asked={asked.value} isSend={isSend} />
			) : (
				<p class="approval-result" role="status" tabIndex={-1}>
					<Icon name={good ? 'check' : 'close'} /> {result}
				</p>
			)}
		</section>
	);
}

const stateWords = (state: Approval['state'], isSend: boolean): string =>
	(isSend ? undefined : say.value.actionStates[state]) ?? say.value.cardStates[state] ?? '';

// ---- what to be wary of ----

function Warnings({ asked }: { asked: Asked }) {
	const s = say.value;
	return (
		<>
			{!asked.genuine && <Warning text={s.cardTampered} danger />}
			{asked.letter?.strange && <Warning text={s.cardStrange} />}
			{asked.sources.map((o, i) => (
				<Warning key={i} text={s.origin(seen(o.value), o.who, s.originWhere[o.where] ?? s.originOther)}>
					{o.emailId && (
						<button type="button" class="text-button" onClick={() => void openEmail(o.emailId!)}>
							{s.originOpen}
						</button>
					)}
				</Warning>
			))}
		</>
	);
}

function Warning({
	text,
	danger,
	children,
}: {
	text: string;
	danger?: boolean;
	children?: preact.ComponentChildren;
}) {
	return (
		<div class={`banner ${danger ? 'danger' : 'warn'}`} role={danger ? 'alert' : undefined}>
			<Icon name="warn" />
			<span>
				<bdi>{text}</bdi>
			</span>
			{children}
		</div>
	);
}

// ---- the message ----

function LetterView({ asked, l }: { asked: Asked; l: Letter }) {
	const s = say.value;
	const envelope = asked.approval.envelope;
	const sender = l.from.length ? l.from : [{ name: null, email: envelope?.mailFrom.email ?? '' }];
	return (
		<>
			<dl class="approval-fields">
				<Field label={s.cardTo} list={l.to} />
				<Field label={s.cardCc} list={l.cc} />
				<Field label={s.cardBcc} list={asked.bcc.map(email => ({ name: null, email }))} />
				<Field label={s.cardFrom} list={sender} />
				<Field label={s.cardReplyTo} list={l.replyTo} />
				<div>
					<dt>{s.cardSubject}</dt>
					<dd class="approval-subject">
						{l.subject ? <bdi>{seen(l.subject)}</bdi> : <em>{s.cardNoSubject}</em>}
					</dd>
				</div>
				<div>
					<dt>{s.cardHold}</dt>
					<dd>{s.cardAtOnce}</dd>
				</div>
			</dl>
			{asked.unsent.map(a => (
				<p class="hint" key={a.email}>
					{s.cardNotSentTo(seen(a.email))}
				</p>
			))}
			<div class="approval-text" role="group" aria-label={s.cardText} tabIndex={0} dir="auto">
				{l.text.trim() ? seen(l.text.trimEnd()) : <em>{s.cardNoText}</em>}
			</div>
			{l.files.length > 0 && (
				<>
					<p class="approval-label">{s.cardFiles}</p>
					<ul class="approval-files">
						{l.files.map((f, i) => (
							<File key={i} f={f} />
						))}
					</ul>
				</>
			)}
			<details class="approval-source">
				<summary>{s.cardSource}</summary>
				<pre tabIndex={0}>{seen(l.source.slice(0, 100000))}</pre>
			</details>
		</>
	);
}

function Field({ label, list }: { label: string; list: EmailAddress[] }) {
	if (!list.length) return null;
	return (
		<div>
			<dt>{label}</dt>
			<dd>
				{list.map((a, i) => (
					<span class="approval-person" key={i}>
						{a.name?.trim() && <bdi>{seen(a.name)}</bdi>} <bdi class="approval-address">{seen(a.email)}</bdi>
					</span>
				))}
			</dd>
		</div>
	);
}

function File({ f }: { f: LetterFile }) {
	const name = seen(f.name || words.value.untitled);
	const save = () => {
		const url = URL.createObjectURL(new Blob([f.octets as BlobPart], { type: 'application/octet-stream' }));
		const a = document.createElement('a');
		a.href = url;
		a.download = f.name || words.value.untitled;
		a.click();
		setTimeout(() => URL.revokeObjectURL(url), 1000);
	};
	return (
		<li>
			<button type="button" title={words.value.download} onClick={save}>
				<Icon name="clip" />
				<bdi>{name}</bdi>
				<span class="hint">{size(f.octets.length)}</span>
			</button>
			<Inside f={f} />
		</li>
	);
}

const SHOWN_TEXT = 100000;

// What a file says that is text or a message, without opening it elsewhere.
function Inside({ f }: { f: LetterFile }) {
	const s = say.value;
	const open = useSignal(false);
	if (f.type !== 'message/rfc822' && f.type !== 'text/plain') return null;
	return (
		<details class="approval-source" onToggle={e => (open.value = e.currentTarget.open)}>
			<summary>{s.cardInside}</summary>
			{open.value && <pre tabIndex={0}>{seen(textOf(f).slice(0, SHOWN_TEXT))}</pre>}
		</details>
	);
}

function textOf(f: LetterFile): string {
	if (f.type !== 'message/rfc822') return new TextDecoder().decode(f.octets);
	const w = say.value;
	const l = readLetter(f.octets);
	if (l.strange || !l.text.trim()) return l.source;
	const people = (list: EmailAddress[]) =>
		list.map(a => `${a.name ? `${a.name} ` : ''}<${a.email}>`).join(', ');
	const fields: [string, string][] = [
		[w.cardFrom, people(l.from)],
		[w.cardTo, people(l.to)],
		[w.cardCc, people(l.cc)],
		[w.cardSubject, l.subject],
		[w.cardFiles, l.files.map(x => x.name).join(', ')],
	];
	return `${fields
		.filter(([, value]) => value)
		.map(([name, value]) => `${name}: ${value}\n`)
		.join('')}\n${l.text}`;
}

// ---- another kind of action ----

function Action({ asked }: { asked: Asked }) {
	const s = say.value;
	const a = asked.approval;
	const what = a.what ?? {};
	const ids = what.emailIds ?? [];
	const to = what.mailboxName ?? '';
	if (a.action === 'vacation') return <Vacation what={what} />;
	return (
		<>
			<p class="action-what">
				{a.action === 'delete' && what.destroy
					? s.actionDestroy(ids.length)
					: s.actionMove(ids.length, seen(mailboxTitle(what.mailboxId, to)))}
			</p>
			<ul class="action-emails">
				{ids.slice(0, SHOWN).map(id => (
					<ActionEmail key={id} id={id} />
				))}
			</ul>
			{ids.length > SHOWN && <More ids={ids.slice(SHOWN)} />}
		</>
	);
}

// The rest of a long list, looked up when somebody wants to see it.
function More({ ids }: { ids: Id[] }) {
	const s = say.value;
	const open = useSignal(false);
	const known = useSignal(false);
	const toggle = async (now: boolean) => {
		open.value = now;
		if (!now || known.value) return;
		// What is not there says so.
		await getEmails(ids.filter(id => !email(id).peek())).catch(() => undefined);
		known.value = true;
	};
	return (
		<details class="action-more" onToggle={e => void toggle(e.currentTarget.open)}>
			<summary>{s.actionMore(ids.length)}</summary>
			{open.value && known.value && (
				<ul class="action-emails" tabIndex={0} aria-label={s.foundMessages(ids.length)}>
					{ids.map(id => (
						<ActionEmail key={id} id={id} />
					))}
				</ul>
			)}
		</details>
	);
}

const mailboxTitle = (id: Id | null | undefined, name: string) => {
	const m = id ? mailboxes.value.get(id) : undefined;
	return m ? titleOf(m) : name;
};

export function ActionEmail({ id }: { id: Id }) {
	const w = words.value;
	const e = email(id).value;
	if (!e) return <li class="hint">{w.gone}</li>;
	return (
		<li>
			<button type="button" onClick={() => void openEmail(id)}>
				<bdi>{seen(display(e.from) || w.noSender)}</bdi>
				<bdi class="hint">{seen(e.subject?.trim() || w.noSubject)}</bdi>
			</button>
		</li>
	);
}

function Vacation({ what }: { what: ActionWhat }) {
	const s = say.value;
	if (!what.isEnabled) return <p class="action-what">{s.vacationOff}</p>;
	const line = (label: string, text: string) => (
		<div>
			<dt>{label}</dt>
			<dd>
				<bdi>{text}</bdi>
			</dd>
		</div>
	);
	return (
		<>
			<p class="action-what">{s.vacationOn}</p>
			<dl class="approval-fields">
				{line(s.vacationFrom, what.fromDate ? full(what.fromDate) : s.vacationNow)}
				{line(s.vacationTo, what.toDate ? full(what.toDate) : s.agentForever)}
				{line(s.cardSubject, seen(what.subject ?? '') || s.cardNoSubject)}
			</dl>
			<div class="approval-text" role="group" aria-label={s.cardText} tabIndex={0} dir="auto">
				{seen(what.textBody || what.htmlBody || '') || <em>{s.cardNoText}</em>}
			</div>
			{what.textBody && what.htmlBody && (
				<details class="approval-source">
					<summary>{s.cardSource}</summary>
					<pre tabIndex={0}>{seen(what.htmlBody)}</pre>
				</details>
			)}
		</>
	);
}

// ---- the answer ----

function Answer({ asked, isSend }: { asked: Asked; isSend: boolean }) {
	const s = say.value;
	const busy = useSignal(false);
	const box = useRef<HTMLDivElement>(null);
	const a = asked.approval;
	const what = `${a.action ?? 'send'}: ${a.subject ?? a.what?.mailboxName ?? ''}`;
	const during = (act: () => Promise<string | null>) => {
		if (busy.peek()) return;
		busy.value = true;
		const card = box.current?.closest('.approval-card');
		act()
			.then(
				text => {
					if (text) announce(text);
				},
				async (e: Error) => {
					const now = e instanceof ObjectError ? await overtaken(a.id).catch(() => null) : null;
					toast(now ? s.cardOvertaken(stateWords(now.state, isSend)) : explain(e), { kind: 'error' });
				},
			)
			.finally(() => {
				busy.value = false;
				// The button that had the focus is gone.
				requestAnimationFrame(() => {
					if (document.activeElement === document.body)
						card?.querySelector<HTMLElement>('.approval-result')?.focus();
				});
			});
	};
	const yes = () =>
		during(async () => {
			if (!(await approve(asked, what.slice(0, 200), proveIt))) return null;
			return stateWords(approvals.peek().get(a.id)?.state ?? 'approved', isSend);
		});
	const no = () =>
		during(async () => {
			await refuse(a.id);
			return stateWords('refused', isSend);
		});
	const edit = () =>
		during(async () => {
			await takeOver(asked);
			// On a phone the composer is under the sheet.
			if (phone.peek()) closeAssistant();
			return null;
		});
	return (
		<div class="approval-answer" ref={box}>
			<button type="button" class="button primary" disabled={busy.value || !asked.genuine} onClick={yes}>
				<Icon name={isSend ? 'sent' : 'check'} />{' '}
				{isSend ? (busy.value ? s.cardSending : s.cardSend) : busy.value ? s.actionDoing : s.actionAllow}
			</button>
			<button type="button" class="button" disabled={busy.value} onClick={no}>
				{s.cardRefuse}
			</button>
			{isSend && (
				<button type="button" class="button" disabled={busy.value} onClick={edit}>
					{s.cardEdit}
				</button>
			)}
		</div>
	);
}
