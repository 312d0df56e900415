import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { auth, AuthError, needsPassword, type AppPassword, type WebSession } from '../../auth';
import { words } from '../../i18n';
import { explain } from '../../i18n/explain';
import { said } from '../../i18n/dates';
import { leave } from '../../store/session';
import { toast } from '../../store/toasts';
import { ask, askLine, askPassword } from '../../ui/confirm';
import { Section } from './parts';

const fail = (e: unknown) => {
	if (e instanceof AuthError && e.status === 401) leave(true);
	else toast(explain(e as Error), { kind: 'error' });
};

export function Security() {
	return (
		<>
			<Password />
			<Sessions />
			<AppPasswords />
		</>
	);
}

function Password() {
	const w = words.value;
	const said = useSignal<{ text: string; bad: boolean } | null>(null);
	const submit = async (e: SubmitEvent) => {
		e.preventDefault();
		const form = e.currentTarget as HTMLFormElement;
		const f = new FormData(form);
		if (f.get('new') !== f.get('again')) {
			said.value = { text: w.passwordsDiffer, bad: true };
			return;
		}
		try {
			await auth.password(String(f.get('current')), String(f.get('new')));
			form.reset();
			said.value = { text: w.passwordChanged, bad: false };
		} catch (x) {
			const wrong = x instanceof AuthError && (x.status === 401 || x.status === 403);
			said.value = { text: wrong ? w.passwordWrong : explain(x as Error), bad: true };
		}
	};
	return (
		<Section title={w.changePassword}>
			<form onSubmit={e => void submit(e)}>
				<label class="field">
					<span>{w.currentPassword}</span>
					<input type="password" name="current" autocomplete="current-password" required />
				</label>
				<label class="field">
					<span>{w.newPassword}</span>
					<input type="password" name="new" autocomplete="new-password" required minLength={8} />
				</label>
				<label class="field">
					<span>{w.repeatPassword}</span>
					<input type="password" name="again" autocomplete="new-password" required minLength={8} />
				</label>
				<div class="row-end">
					<span role="status" class={said.value?.bad ? 'error' : 'save-state'}>
						{said.value?.text}
					</span>
					<button type="submit" class="button primary">
						{w.changePassword}
					</button>
				</div>
			</form>
		</Section>
	);
}

// "Firefox on Linux" of what a browser says of itself; what is not known is shown as it is.
export function browserOf(agent: string): string {
	const browser = /(Firefox|Edg|OPR|Chrome|Safari)\/[\d.]+/.exec(agent)?.[1];
	const system = /(Android|iPhone|iPad|Windows|Mac OS X|Linux)/.exec(agent)?.[1];
	const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera', 'Mac OS X': 'macOS' };
	const name = (s: string | undefined) => (s ? (names[s] ?? s) : '');
	return [name(browser), name(system)].filter(Boolean).join(' · ') || agent.slice(0, 60) || '?';
}

function Sessions() {
	const w = words.value;
	const list = useSignal<WebSession[]>([]);
	const load = () => auth.sessions().then(l => (list.value = l), fail);
	useEffect(() => void load(), []);
	return (
		<Section title={w.sessions}>
			<ul class="plain-list">
				{list.value.map(s => (
					<li key={s.id}>
						<span>
							<strong>{browserOf(s.userAgent)}</strong>
							<span class="hint">
								{s.peer} · {w.lastUsed(said(s.lastUsed))}
							</span>
						</span>
						{s.current ? (
							<span class="chip">{w.thisSession}</span>
						) : (
							<button
								type="button"
								class="button"
								aria-label={`${w.endSession}: ${browserOf(s.userAgent)}`}
								onClick={() => void auth.endSession(s.id).then(load, fail)}
							>
								{w.endSession}
							</button>
						)}
					</li>
				))}
			</ul>
			{list.value.length > 1 && (
				<button type="button" class="button" onClick={() => void auth.endOthers().then(load, fail)}>
					{w.endOthers}
				</button>
			)}
		</Section>
	);
}

// Null: the user would rather not show the password.
async function make(name: string): Promise<{ name: string; password: string } | null> {
	try {
		return await auth.newAppPassword(name);
	} catch (e) {
		if (!needsPassword(e)) throw e;
	}
	const w = words.value;
	const current = await askPassword(w.newAppPassword, w.currentPassword);
	return current ? auth.newAppPassword(name, current) : null;
}

function AppPasswords() {
	const w = words.value;
	const list = useSignal<AppPassword[]>([]);
	const fresh = useSignal<{ name: string; password: string } | null>(null);
	const load = () => auth.appPasswords().then(l => (list.value = l), fail);
	useEffect(() => void load(), []);
	const add = async () => {
		const name = await askLine(w.newAppPassword, w.appPasswordName);
		if (!name) return;
		try {
			fresh.value = await make(name);
			await load();
		} catch (e) {
			fail(e);
		}
	};
	const takeBack = async (name: string) => {
		if (await ask(w.takeBackAsk(name), w.takeBack)) await auth.deleteAppPassword(name).then(load, fail);
	};
	return (
		<Section title={w.appPasswords} hint={w.appPasswordsHint}>
			{fresh.value && (
				<div class="banner" role="status">
					<span>
						{w.appPasswordShown} <code class="secret">{fresh.value.password}</code>
					</span>
					<button
						type="button"
						class="text-button"
						onClick={() =>
							void navigator.clipboard.writeText(fresh.value!.password).then(
								() => toast(w.copied),
								() => {},
							)
						}
					>
						{w.copy}
					</button>
				</div>
			)}
			<ul class="plain-list">
				{list.value.map(a => (
					<li key={a.name}>
						<span>
							<strong>{a.name}</strong>
							<span class="hint">
								{w.made(said(a.created))} · {a.lastUsed ? w.lastUsed(said(a.lastUsed)) : w.neverUsed}
							</span>
						</span>
						<button
							type="button"
							class="button"
							aria-label={`${w.takeBack}: ${a.name}`}
							onClick={() => void takeBack(a.name)}
						>
							{w.takeBack}
						</button>
					</li>
				))}
			</ul>
			<button type="button" class="button" onClick={() => void add()}>
				{w.newAppPassword}
			</button>
		</Section>
	);
}
