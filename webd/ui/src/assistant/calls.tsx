// What agents have called, each tool with what it was given and how it ended: the audit log, as far as it is one's own.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { auth, AuthError, type Agent, type AgentCall } from '../auth';
import { locale } from '../i18n';
import { full, said, size } from '../i18n/dates';
import { explain } from '../i18n/explain';
import { leave } from '../store/session';
import { toast } from '../store/toasts';

import { Section } from '../views/settings/parts';
import { seen } from './letter';
import { say } from './words';

const PAGE = 20;
// The log is everybody's: one look at it may find little of one's own.
const LOOKS = 8;

// What is known, and where it goes on; empty: nowhere.
interface Known {
	calls: AgentCall[];
	next: string;
}

async function more(of: Known, agent: string): Promise<Known> {
	const wanted = of.calls.length + PAGE;
	let { calls, next } = of;
	for (let i = 0; i < LOOKS && calls.length < wanted; i++) {
		const got = await auth.agentCalls(agent, next);
		calls = [...calls, ...got.calls];
		next = got.next;
		if (!next) break;
	}
	return { calls, next };
}

export function Calls({ agents }: { agents: Agent[] }) {
	const s = say.value;
	const open = useSignal(false);
	const agent = useSignal('');
	const known = useSignal<Known | null>(null);
	const busy = useSignal(false);
	const load = async (of: Known) => {
		const name = agent.peek();
		busy.value = true;
		try {
			const got = await more(of, name);
			if (name === agent.peek()) known.value = got;
		} catch (e) {
			if (e instanceof AuthError && e.status === 401) leave(true);
			else toast(explain(e as Error), { kind: 'error' });
		}
		busy.value = false;
	};
	useEffect(() => {
		known.value = null;
		if (open.value) void load({ calls: [], next: '' });
	}, [open.value, agent.value]);
	const k = known.value;
	return (
		<Section title={s.calls} hint={s.callsHint}>
			{!open.value ? (
				<button type="button" class="button" onClick={() => (open.value = true)}>
					{s.callsShow}
				</button>
			) : (
				<>
					<label class="calls-of">
						<span>{s.callsOf}</span>
						<select value={agent.value} onChange={e => (agent.value = e.currentTarget.value)}>
							<option value="">{s.callsAll}</option>
							{agents.map(a => (
								<option key={a.name} value={a.name}>
									{a.builtIn ? s.agentBuiltIn : a.name}
								</option>
							))}
						</select>
					</label>
					{k && !k.calls.length && <p class="hint">{s.callsNone}</p>}
					<ul class="plain-list calls" aria-busy={busy.value}>
						{k?.calls.map((c, i) => (
							<CallLine key={i} c={c} />
						))}
					</ul>
					{k?.next && (
						<button type="button" class="button" disabled={busy.value} onClick={() => void load(k)}>
							{s.callsMore}
						</button>
					)}
				</>
			)}
		</Section>
	);
}

function CallLine({ c }: { c: AgentCall }) {
	const s = say.value;
	const seconds = ((c.ms ?? 0) / 1000).toLocaleString(locale.value, { maximumFractionDigits: 3 });
	const failed = c.outcome !== 'ok';
	const args = c.arguments.trim();
	return (
		<li class="agent-call">
			<details>
				<summary>
					<strong>{s.tools[c.tool] ?? seen(c.tool)}</strong>{' '}
					<time dateTime={c.at} title={full(c.at)}>
						{said(c.at)}
					</time>
					<span class="hint">
						<bdi>{seen(c.agent)}</bdi> · {s.callDecisions[c.decision] ?? seen(c.decision)}
						{failed && ` · ${s.callFailed(seen(c.outcome))}`} · {size(c.result ?? 0)} · {s.took(seconds)}
					</span>
				</summary>
				<dl>
					<div>
						<dt>{s.callTool}</dt>
						<dd>
							<code>{seen(c.tool)}</code>
						</dd>
					</div>
					<div>
						<dt>{s.callArguments}</dt>
						<dd>{args && args !== '{}' ? <code>{seen(args)}</code> : s.noArguments}</dd>
					</div>
					<div>
						<dt>{s.callSession}</dt>
						<dd>
							<code>{seen(c.session)}</code>
							{c.peer && ` · ${seen(c.peer)}`}
						</dd>
					</div>
				</dl>
			</details>
		</li>
	);
}
