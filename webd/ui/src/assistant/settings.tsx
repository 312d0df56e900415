// Settings: is the assistant shown, and which programs may work on the mail.

import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { auth, AuthError, needsPassword, type Agent } from '../auth';
import { words } from '../i18n';
import { explain } from '../i18n/explain';
import { said } from '../i18n/dates';
import { prefs } from '../store/prefs';
import { leave } from '../store/session';
import { toast } from '../store/toasts';
import { ask } from '../ui/confirm';
import { Icon } from '../ui/icons';
import { Section } from '../views/settings/parts';
import { Calls } from './calls';
import { proveIt } from './prove';
import { proven } from './request';
import { Sessions } from './sessions';
import { say } from './words';

const SCOPES = ['mail:read', 'mail:organize', 'mail:draft', 'mail:send'];
const CLASSES = ['read', 'flag', 'draft', 'send', 'delete', 'move', 'forward', 'vacation'];
// What each can be: nobody is asked before each reading, and what leaves in the user's name is never free.
const DECISIONS: Record<string, string[]> = {
	read: ['free', 'never'],
	flag: ['free', 'never'],
	draft: ['free', 'never'],
	delete: ['free', 'approval', 'never'],
	move: ['free', 'approval', 'never'],
};
const ASKED = ['approval', 'never'];
const DAYS = [1, 7, 30, 365, 0];
const DAY_MS = 24 * 3600 * 1000;

const fail = (e: unknown) => {
	if (e instanceof AuthError && e.status === 401) leave(true);
	else toast(explain(e as Error), { kind: 'error' });
};

export function AgentSettings() {
	const s = say.value;
	const list = useSignal<Agent[] | null>(null);
	const load = () => auth.agents().then(l => (list.value = l), fail);
	useEffect(() => void load(), []);
	const shown = (list.value ?? []).filter(a => !a.revoked);
	const programs = shown.filter(a => !a.builtIn);
	return (
		<>
			<label class="check">
				<input
					type="checkbox"
					checked={prefs.assistant.value}
					onChange={e => (prefs.assistant.value = e.currentTarget.checked)}
				/>
				<span>
					{s.assistantShown}
					<span class="hint block-hint">{s.assistantShownHint}</span>
				</span>
			</label>
			{shown
				.filter(a => a.builtIn)
				.map(a => (
					<details class="agent-rules own" key={a.name}>
						<summary>{s.agentPolicy(s.agentBuiltIn)}</summary>
						<Policy a={a} onChange={load} />
					</details>
				))}
			<Section title={s.agents} hint={s.agentsHint}>
				{list.value && !programs.length && <p class="hint">{s.agentsNone}</p>}
				<ul class="plain-list">
					{programs.map(a => (
						<AgentLine key={a.name} a={a} onChange={load} />
					))}
				</ul>
				<NewAgent onMade={load} />
			</Section>
			<Sessions />
			<Calls agents={list.value ?? []} />
		</>
	);
}

function AgentLine({ a, onChange }: { a: Agent; onChange: () => Promise<unknown> }) {
	const w = words.value;
	const s = say.value;
	const revoke = async () => {
		if (await ask(s.agentRevokeAsk(a.name), s.agentRevoke))
			await auth.revokeAgent(a.name).then(onChange, fail);
	};
	const facts = [
		a.scopes.map(x => s.scopes[x] ?? x).join(', '),
		!a.expires
			? s.agentForever
			: Date.parse(a.expires) > Date.now()
				? s.agentUntil(said(a.expires))
				: s.agentEnded(said(a.expires)),
		a.lastUsed ? w.lastUsed(said(a.lastUsed)) : w.neverUsed,
	];
	return (
		<li class="agent">
			<span>
				<strong>{a.name}</strong>
				<span class="hint">{facts.join(' · ')}</span>
			</span>
			<button
				type="button"
				class="button"
				aria-label={`${s.agentRevoke}: ${a.name}`}
				onClick={() => void revoke()}
			>
				{s.agentRevoke}
			</button>
			<details class="agent-rules">
				<summary>{s.agentPolicyShow}</summary>
				<Policy a={a} onChange={onChange} />
			</details>
		</li>
	);
}

// What stands there now is among them, whoever set it.
const choices = (of: string, now: string) => {
	const all = DECISIONS[of] ?? ASKED;
	return all.includes(now) ? all : [now, ...all];
};

// What is free, what needs the user's word, what is never done (ADR 32). Sending is never free.
function Policy({ a, onChange }: { a: Agent; onChange: () => Promise<unknown> }) {
	const s = say.value;
	const set = async (of: string, to: string) => {
		try {
			await proven(() => auth.agentPolicy(a.name, { [of]: to }), proveIt);
		} catch (e) {
			fail(e);
		}
		await onChange();
	};
	return (
		<fieldset class="policy">
			<legend class="unseen">{s.agentPolicy(a.builtIn ? s.agentBuiltIn : a.name)}</legend>
			{CLASSES.filter(c => c in a.policy).map(c => (
				<label key={c}>
					<span>{s.classes[c]}</span>
					<select value={a.policy[c]} onChange={e => void set(c, e.currentTarget.value)}>
						{choices(c, a.policy[c]!).map(d => (
							<option key={d} value={d}>
								{s.decisions[d]}
							</option>
						))}
					</select>
				</label>
			))}
		</fieldset>
	);
}

// ---- a new one ----

// What most MCP clients take: a server by HTTP with a header of its own.
const config = (token: string) =>
	JSON.stringify(
		{
			mcpServers: {
				gkmail: {
					type: 'http',
					url: `${location.origin}/mcp`,
					headers: { Authorization: `Bearer ${token}` },
				},
			},
		},
		null,
		2,
	);

function NewAgent({ onMade }: { onMade: () => Promise<unknown> }) {
	const w = words.value;
	const s = say.value;
	const open = useSignal(false);
	const made = useSignal<{ name: string; token: string } | null>(null);
	const error = useSignal('');
	const busy = useSignal(false);
	const hint = useId();
	const first = useRef<HTMLInputElement>(null);
	useEffect(() => first.current?.focus(), [open.value]);
	const submit = async (e: SubmitEvent) => {
		e.preventDefault();
		const f = new FormData(e.currentTarget as HTMLFormElement);
		const days = Number(f.get('days'));
		const agent = {
			name: String(f.get('name')).trim(),
			scopes: f.getAll('scope').map(String),
			...(days ? { expires: new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 19) + 'Z' } : {}),
		};
		error.value = '';
		busy.value = true;
		try {
			await proven(async () => (made.value = await auth.newAgent(agent)), proveIt);
			if (made.value) open.value = false;
			await onMade();
		} catch (x) {
			if (x instanceof AuthError && x.status === 401 && !needsPassword(x)) fail(x);
			else if (x instanceof AuthError && x.status === 409) error.value = s.agentExists;
			else error.value = explain(x as Error);
		}
		busy.value = false;
	};
	if (!open.value)
		return (
			<>
				{made.value && <Token {...made.value} />}
				<button
					type="button"
					class="button"
					onClick={() => {
						made.value = null;
						open.value = true;
					}}
				>
					<Icon name="plus" /> {s.agentNew}
				</button>
			</>
		);
	return (
		<form class="new-agent" aria-label={s.agentNew} onSubmit={e => void submit(e)}>
			<label class="field">
				<span>{s.agentName}</span>
				<input
					name="name"
					required
					maxLength={64}
					pattern="[A-Za-z0-9._\-]+"
					autocomplete="off"
					aria-describedby={hint}
					ref={first}
				/>
				<span class="hint" id={hint}>
					{s.agentNameHint}
				</span>
			</label>
			<fieldset class="checks">
				<legend>{s.agentScopes}</legend>
				{SCOPES.map((x, i) => (
					<label class="check" key={x}>
						<input type="checkbox" name="scope" value={x} defaultChecked={i === 0} />
						<span>{s.scopes[x]}</span>
					</label>
				))}
			</fieldset>
			<label class="field">
				<span>{s.agentEnds}</span>
				<select name="days">
					{DAYS.map(n => (
						<option key={n} value={n} selected={n === 30}>
							{s.agentDays(n)}
						</option>
					))}
				</select>
			</label>
			<div class="row-end">
				<span role="alert" class="error">
					{error.value}
				</span>
				<button type="button" class="button" onClick={() => (open.value = false)}>
					{w.cancel}
				</button>
				<button type="submit" class="button primary" disabled={busy.value}>
					{s.agentCreate}
				</button>
			</div>
		</form>
	);
}

function Token({ name, token }: { name: string; token: string }) {
	const w = words.value;
	const s = say.value;
	const copy = (text: string) =>
		void navigator.clipboard.writeText(text).then(
			() => toast(w.copied),
			() => {},
		);
	return (
		<div class="agent-token" role="status">
			<p>
				<strong>{s.agentToken(name)}</strong>
			</p>
			<p>
				<code class="secret">{token}</code>
			</p>
			<p class="hint">{s.agentConfig}</p>
			<pre tabIndex={0}>{config(token)}</pre>
			<div class="row-end">
				<button type="button" class="button" onClick={() => copy(token)}>
					{s.agentCopyToken}
				</button>
				<button type="button" class="button" onClick={() => copy(config(token))}>
					{s.agentCopyConfig}
				</button>
			</div>
		</div>
	);
}
