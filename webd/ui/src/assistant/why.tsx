// "Why is this here?": how a message came in, what was checked, where it was put and who did what to it since
// (docs/adr/0035-undo-audit-trace.md).

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { words } from '../i18n';
import { full, spoken } from '../i18n/dates';
import type { Email, Id } from '../jmap/types';
import { titleOf } from '../views/folders';
import { mailboxes } from '../store/mailboxes';
import { call } from '../store/session';
import { Dialog, IconButton, Spinner } from '../ui/basics';
import { Icon, type IconName } from '../ui/icons';
import { seen } from './letter';
import { say, type AssistantWords } from './words';

interface Step {
	kind: string;
	code: string;
	at: string | null;
	text: string;
	data: Record<string, unknown> | null;
}

interface Why {
	emailId: Id;
	steps: Step[];
	position: number;
	total: number;
	complete: boolean;
}

const AT_ONCE = 100;

export function WhySheet({ e, onClose }: { e: Email; onClose: () => void }) {
	const w = words.value;
	const s = say.value;
	const steps = useSignal<Step[]>([]);
	const state = useSignal<'loading' | 'ready' | 'failed'>('loading');
	const left = useSignal(0);
	const complete = useSignal(true);
	const load = () => {
		const position = steps.peek().length;
		call<Why>('Email/why', { emailId: e.id, position, limit: AT_ONCE }).then(
			r => {
				steps.value = [...steps.peek(), ...r.steps];
				left.value = r.steps.length ? r.total - steps.peek().length : 0;
				complete.value = r.complete;
				state.value = 'ready';
			},
			() => (state.value = 'failed'),
		);
	};
	useEffect(load, [e.id]);
	return (
		<Dialog title={w.why} onClose={onClose} class="why">
			<IconButton icon="close" label={w.close} class="corner" data-autofocus onClick={onClose} />
			<p class="why-subject">
				<bdi>{seen(e.subject?.trim() || w.noSubject)}</bdi>
			</p>
			{state.value === 'loading' && <Spinner />}
			{state.value === 'failed' && <p role="alert">{s.whyFailed}</p>}
			<ol class="timeline">
				{steps.value.map((step, i) => (
					<StepView key={i} step={step} s={s} />
				))}
			</ol>
			{left.value > 0 && (
				<button type="button" class="button" onClick={load}>
					{s.whyMore} ({left.value})
				</button>
			)}
			{!complete.value && <p class="hint">{s.whyIncomplete}</p>}
		</Dialog>
	);
}

const ICONS: Record<string, IconName> = {
	received: 'inbox',
	authentication: 'check',
	screening: 'eye',
	delivered: 'folder',
	change: 'edit',
};

function StepView({ step, s }: { step: Step; s: AssistantWords }) {
	const d = step.data ?? {};
	const bad = step.kind === 'authentication' && /^(fail|softfail|permerror|policy)$/.test(word(d.result));
	return (
		<li class={`step ${bad ? 'bad' : ''}`}>
			<Icon name={bad ? 'warn' : (ICONS[step.kind] ?? 'clock')} />
			<div>
				<p>
					<bdi>{seen(tell(step, s))}</bdi>
				</p>
				{step.at && (
					<time class="hint" dateTime={step.at} title={full(step.at)}>
						{spoken(step.at)}
					</time>
				)}
			</div>
		</li>
	);
}

const word = (v: unknown): string =>
	typeof v === 'string'
		? v
		: typeof v === 'number'
			? String(v)
			: Array.isArray(v)
				? v.map(word).join(', ')
				: '';
const place = (d: Record<string, unknown>, id: string, name: string): string => {
	const m = mailboxes.value.get(word(d[id]));
	return m ? titleOf(m) : word(d[name]);
};

// In words of the page's language; what it has none for is told as the server does.
export function tell(step: Step, s: AssistantWords): string {
	const d = step.data ?? {};
	switch (step.kind) {
		case 'received':
			return received(step, d, s);
		case 'authentication': {
			const result = word(d.result);
			return s.why.auth(step.code.toUpperCase(), s.why.results[result] ?? result, word(d.domain));
		}
		case 'screening': {
			const weighed = s.why.screened(word(d.score), word(d.required));
			return step.code === 'junk' ? `${weighed}. ${s.why.junk}.` : weighed;
		}
		case 'delivered': {
			const mailbox = place(d, 'mailboxId', 'mailbox');
			if (step.code === 'appended') return s.why.appended(mailbox);
			if (step.code === 'found') return s.why.found(mailbox);
			if (step.code === 'unknown') return s.why.unknown;
			const to = word(d.recipient);
			return `${s.why.delivered(mailbox)}${to ? `, ${s.why.for(to)}` : ''}`;
		}
		case 'change':
			return `${change(step, d, s)}, ${by(d, s)}`.replace(/, $/, '');
		default:
			return step.text;
	}
}

function received(step: Step, d: Record<string, unknown>, s: AssistantWords): string {
	if (step.code === 'local') return s.why.local;
	const name = word(d.name) || word(d.from);
	const address = word(d.address);
	const how = d.tls === true ? s.why.tls(word(d.version)) : d.tls === false ? s.why.plain : '';
	const came =
		step.code === 'submission'
			? s.why.submission(word(d.account))
			: name || address
				? s.why.smtp(name || address, name ? address : '')
				: s.why.received;
	return [came, how].filter(Boolean).join(', ');
}

function change(step: Step, d: Record<string, unknown>, s: AssistantWords): string {
	const to = place(d, 'toId', 'to');
	const here = place(d, 'mailboxId', 'mailbox');
	const keywords = (v: unknown) =>
		(Array.isArray(v) ? v : []).map(k => s.why.keywords[word(k).toLowerCase()] ?? word(k)).join(', ');
	switch (step.code) {
		case 'flags': {
			const added = keywords(d.added);
			const removed = keywords(d.removed);
			return (
				[added && s.why.marked(added), removed && s.why.unmarked(removed)].filter(Boolean).join(' · ') ||
				s.why.changed
			);
		}
		case 'moved':
			return s.why.moved(to);
		case 'copied':
			return s.why.copied(here);
		case 'added':
			return s.why.delivered(here);
		case 'expunged':
		case 'vanished':
			return s.why.expunged;
		default:
			return step.text || s.why.changed;
	}
}

function by(d: Record<string, unknown>, s: AssistantWords): string {
	const actor = word(d.actor);
	return actor === 'agent' ? s.why.agent(word(d.agent)) : (s.why.actors[actor] ?? '');
}
