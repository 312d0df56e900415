// What a model that has read mail wants to change: asked before it is done, since a mail may have told it to.

import { useEffect, useId } from 'preact/hooks';
import { words } from '../i18n';
import type { EmailAddress, Id } from '../jmap/types';
import { focusWanted } from '../store/assistant';
import { email, getEmails } from '../store/emails';
import { mailboxes } from '../store/mailboxes';
import { Icon } from '../ui/icons';
import { titleOf } from '../views/folders';
import { ActionEmail } from './card';
import { changesOf, type Change, type Draft } from './changes';
import { confirm, type Asking, type Turn } from './chat';
import { seen } from './letter';
import { say } from './words';

export function Confirm({ p, t }: { p: Asking; t: Turn }) {
	const s = say.value;
	const title = useId();
	const changes = changesOf(p.changes);
	const ids = [...new Set([...changes.flatMap(c => ('ids' in c ? c.ids : [])), ...p.read])];
	useEffect(() => {
		const unknown = ids.filter(id => !email(id).peek());
		// What is not there says so.
		if (unknown.length) getEmails(unknown).catch(() => undefined);
	}, [p.call]);
	const answer = (yes: boolean) => {
		confirm(t, p.call, yes);
		focusWanted.value++;
	};
	return (
		<div role="group" class={`confirm-card${p.answer ? ' answered' : ''}`} aria-labelledby={title}>
			<h3 id={title}>
				<Icon name="assistant" /> {s.confirm}
			</h3>
			{changes.map((c, i) => (
				<ChangeView key={i} c={c} />
			))}
			<details class="confirm-read">
				<summary>{s.confirmRead(p.read.length, p.listed)}</summary>
				<Emails ids={p.read} label={s.confirmRead(p.read.length, p.listed)} />
			</details>
			{p.answer ? (
				<p class="approval-result" role="status">
					<Icon name={p.answer === 'yes' ? 'check' : 'close'} /> {s.confirmed[p.answer]}
				</p>
			) : (
				<div class="approval-answer">
					<button type="button" class="button" onClick={() => answer(true)}>
						{s.confirmYes}
					</button>
					<button type="button" class="button" onClick={() => answer(false)}>
						{s.confirmNo}
					</button>
				</div>
			)}
		</div>
	);
}

function ChangeView({ c }: { c: Change }) {
	const s = say.value;
	switch (c.kind) {
		case 'mark':
			return (
				<>
					<p class="action-what">
						{[
							c.read === undefined ? '' : s.confirmMark[c.read ? 'read' : 'unread'],
							c.flagged === undefined ? '' : s.confirmMark[c.flagged ? 'starred' : 'unstarred'],
						]
							.filter(Boolean)
							.join(' ')}
					</p>
					<Emails ids={c.ids} />
				</>
			);
		case 'move': {
			const m = mailboxes.value.get(c.to);
			return (
				<>
					<p class="action-what">{s.actionMove(c.ids.length, seen(m ? titleOf(m) : c.to))}</p>
					<Emails ids={c.ids} />
				</>
			);
		}
		case 'draft':
			return <DraftView d={c.draft} />;
		case 'destroy':
			return (
				<>
					<p class="action-what">{s.confirmDestroy}</p>
					<Emails ids={c.ids} />
				</>
			);
		case 'undo':
			return <p class="action-what">{s.confirmUndo}</p>;
		case 'other':
			return (
				<pre class="confirm-raw" tabIndex={0}>
					{seen(c.text)}
				</pre>
			);
	}
}

// All of them: what is left out could be the one that matters.
function Emails({ ids, label }: { ids: Id[]; label?: string }) {
	if (!ids.length) return null;
	return (
		<ul class="action-emails" tabIndex={0} aria-label={label ?? say.value.foundMessages(ids.length)}>
			{ids.map(id => (
				<ActionEmail key={id} id={id} />
			))}
		</ul>
	);
}

function DraftView({ d }: { d: Draft }) {
	const s = say.value;
	const field = (label: string, list: EmailAddress[]) =>
		list.length > 0 && (
			<div>
				<dt>{label}</dt>
				<dd>
					{list.map((a, i) => (
						<span class="approval-person" key={i}>
							{a.name && <bdi>{seen(a.name)}</bdi>} <bdi class="approval-address">{seen(a.email)}</bdi>
						</span>
					))}
				</dd>
			</div>
		);
	return (
		<>
			<p class="action-what">{s.confirmDraft}</p>
			<dl class="approval-fields">
				{field(s.cardTo, d.to)}
				{field(s.cardCc, d.cc)}
				{field(s.cardBcc, d.bcc)}
				{field(s.cardFrom, d.from)}
				<div>
					<dt>{s.cardSubject}</dt>
					<dd>{d.subject ? <bdi>{seen(d.subject)}</bdi> : <em>{s.cardNoSubject}</em>}</dd>
				</div>
				{d.files.length > 0 && (
					<div>
						<dt>{s.cardFiles}</dt>
						<dd>
							{d.files.map((name, i) => (
								<bdi class="approval-person" key={i}>
									{seen(name) || words.value.untitled}
								</bdi>
							))}
						</dd>
					</div>
				)}
			</dl>
			<div class="approval-text" role="group" aria-label={s.cardText} tabIndex={0} dir="auto">
				{d.text.trim() ? seen(d.text.trimEnd()) : <em>{s.cardNoText}</em>}
			</div>
		</>
	);
}
