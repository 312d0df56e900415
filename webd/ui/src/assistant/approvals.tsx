// The page #/approve: what waits for the user's word, and the card of one, as a link from an agent's host leads to it.

import { useEffect, useRef } from 'preact/hooks';
import { words } from '../i18n';
import { said } from '../i18n/dates';
import { approvals, waiting } from '../store/approvals';
import { go, leavePage } from '../store/route';
import type { Approval, Id } from '../jmap/types';
import { IconButton } from '../ui/basics';
import { Icon } from '../ui/icons';
import { Card } from './card';
import { seen } from './letter';
import { say } from './words';

export function ApprovalsPage({ id }: { id: Id | null }) {
	const w = words.value;
	const title = useRef<HTMLHeadingElement>(null);
	useEffect(() => title.current?.focus({ preventScroll: true }), [id]);
	return (
		<main class="settings approve-page" id="approve">
			<div class="settings-head">
				<IconButton
					icon="back"
					label={w.back}
					onClick={() => (id && waiting.peek().length > 1 ? go({ at: 'approve', id: null }) : leavePage())}
				/>
				<h1 ref={title} tabIndex={-1}>
					{w.approvals}
				</h1>
			</div>
			<div class="panel" id="panel" tabIndex={0} role="region" aria-label={w.approvals}>
				{id ? <Card key={id} id={id} alone /> : <All />}
			</div>
		</main>
	);
}

function All() {
	const s = say.value;
	const open = waiting.value;
	const old = [...approvals.value.values()]
		.filter(a => a.state !== 'requested')
		.sort((a, b) => b.requestedAt.localeCompare(a.requestedAt))
		.slice(0, 20);
	return (
		<>
			{open.length ? (
				<ul class="approvals">
					{open.map(a => (
						<Line key={a.id} a={a} />
					))}
				</ul>
			) : (
				<div class="empty">
					<Icon name="check" />
					<p>{s.nobodyWaits}</p>
					<p class="hint">{s.nobodyWaitsHint}</p>
				</div>
			)}
			{old.length > 0 && (
				<>
					<h2 class="approvals-old">{s.others}</h2>
					{old.map(a => (
						<Card key={a.id} id={a.id} folds />
					))}
				</>
			)}
		</>
	);
}

function Line({ a }: { a: Approval }) {
	const w = words.value;
	const s = say.value;
	const to = (a.envelope?.rcptTo ?? []).map(r => seen(r.email)).join(', ');
	return (
		<li>
			<button type="button" class="approval-line" onClick={() => go({ at: 'approve', id: a.id })}>
				<Icon name={a.envelope ? 'sent' : 'warn'} />
				<span>
					<strong>
						<bdi>
							{seen(a.subject ?? '') ||
								(a.envelope ? w.noSubject : (s.actions[a.action ?? ''] ?? s.actionOther))}
						</bdi>
					</strong>
					<span class="hint">
						{to && (
							<>
								{s.cardTo} <bdi>{to}</bdi> ·{' '}
							</>
						)}
						{a.envelope ? s.cardBy(seen(a.agent)) : s.actionBy(seen(a.agent))} · {said(a.requestedAt)}
					</span>
				</span>
				<Icon name="forwardTo" />
			</button>
		</li>
	);
}
