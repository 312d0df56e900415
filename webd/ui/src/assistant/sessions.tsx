// What agents have changed, conversation by conversation, and taking it back (docs/adr/0035-undo-audit-trace.md).

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { full, said } from '../i18n/dates';
import { explain } from '../i18n/explain';
import type { GetResponse, Id } from '../jmap/types';
import { call } from '../store/session';
import { announce, toast } from '../store/toasts';
import { ask } from '../ui/confirm';
import { Icon } from '../ui/icons';
import { Section } from '../views/settings/parts';
import { markUndone } from './chat';
import { seen } from './letter';
import { undoneWords, undoSession } from './undo';
import { say } from './words';

const PAGE = 10;

interface AgentSession {
	id: Id;
	agent: string | null;
	first: string;
	last: string;
	changes: number;
	counts: Record<string, number>;
	undoneAt: string | null;
	complete: boolean;
}

interface Query {
	ids: Id[];
}

async function load(position: number, limit: number): Promise<AgentSession[]> {
	const q = call<Query>('AgentSession/query', { position, limit });
	const got = call<GetResponse<AgentSession>>('AgentSession/get', { '#ids': q.ref('/ids') });
	const { ids } = await q;
	const { list } = await got;
	return ids.flatMap(id => list.filter(x => x.id === id));
}

export function Sessions() {
	const s = say.value;
	const list = useSignal<AgentSession[] | null>(null);
	const more = useSignal(false);
	// One more than is shown tells whether there are others.
	const show = (n: number) =>
		load(0, n + 1).then(
			l => {
				more.value = l.length > n;
				list.value = l.slice(0, n);
			},
			(e: Error) => toast(explain(e), { kind: 'error' }),
		);
	useEffect(() => void show(PAGE), []);
	const all = list.value;
	if (!all) return null;
	return (
		<Section title={s.sessions} hint={s.sessionsHint}>
			{!all.length && <p class="hint">{s.sessionsNone}</p>}
			<ul class="plain-list">
				{all.map(x => (
					<SessionLine key={x.id} x={x} onUndone={() => show(all.length)} />
				))}
			</ul>
			{more.value && (
				<button type="button" class="button" onClick={() => void show(all.length + PAGE)}>
					{s.sessionsMore}
				</button>
			)}
		</Section>
	);
}

const KINDS = ['flags', 'moved', 'copied', 'added', 'expunged'];

function SessionLine({ x, onUndone }: { x: AgentSession; onUndone: () => Promise<unknown> }) {
	const s = say.value;
	const busy = useSignal(false);
	const result = useSignal('');
	const name = x.agent ? s.sessionOf(seen(x.agent)) : s.sessionUnknown;
	const when = said(x.last);
	// Others are what was asked for, and settings.
	const told = KINDS.filter(k => (x.counts[k] ?? 0) > 0);
	const counts = (told.length || !x.counts.other ? told : ['other'])
		.map(k => s.sessionCounts[k]!(x.counts[k]!))
		.join(', ');
	const undo = async () => {
		if (!(await ask(s.sessionAsk(name, when, x.changes), s.sessionUndo))) return;
		busy.value = true;
		try {
			result.value = undoneWords(await undoSession(x.id), s);
			markUndone(x.id, result.value);
			announce(result.value);
			await onUndone();
		} catch (e) {
			toast(explain(e as Error), { kind: 'error' });
		}
		busy.value = false;
	};
	return (
		<li class="agent-session">
			<span>
				<strong>
					<bdi>{name}</bdi>
				</strong>{' '}
				<time dateTime={x.last} title={`${full(x.first)} – ${full(x.last)}`}>
					{when}
				</time>
				<span class="hint">
					{counts || s.sessionNothing}
					{!x.complete && ` · ${s.sessionIncomplete}`}
				</span>
				{(result.value || x.undoneAt) && (
					<span class="hint session-undone">
						<Icon name="check" /> {result.value || s.sessionUndone(said(x.undoneAt!))}
					</span>
				)}
			</span>
			{!x.undoneAt && !result.value && (
				<button
					type="button"
					class="button"
					disabled={busy.value}
					aria-label={`${s.sessionUndo}: ${name}, ${when}`}
					onClick={() => void undo()}
				>
					{busy.value ? s.undoing : s.sessionUndo}
				</button>
			)}
		</li>
	);
}
