import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { auth, AuthError } from '../auth';
import { words } from '../i18n';
import { prefs } from '../store/prefs';
import { enter, expired } from '../store/session';
import { Icon } from '../ui/icons';
import { Logo } from './logo';

export function Login() {
	const w = words.value;
	const busy = useSignal(false);
	const error = useSignal('');
	const visible = useSignal(false);
	const password = useRef<HTMLInputElement>(null);
	const user = useRef<HTMLInputElement>(null);

	useEffect(() => (prefs.lastUser.value ? password : user).current?.focus(), []);

	const submit = async (e: SubmitEvent) => {
		e.preventDefault();
		if (busy.value) return;
		busy.value = true;
		error.value = '';
		try {
			await auth.login(user.current!.value.trim(), password.current!.value);
			prefs.lastUser.value = user.current!.value.trim();
			await enter();
		} catch (x) {
			error.value = said(x);
			password.current?.select();
		}
		busy.value = false;
	};

	return (
		<main class="login">
			<form onSubmit={e => void submit(e)} aria-labelledby="login-title">
				<Logo />
				<h1 id="login-title">{w.welcome}</h1>
				{expired.value && <p class="note">{w.sessionEnded}</p>}
				<label class="field">
					<span>{w.address}</span>
					<input
						ref={user}
						name="user"
						type="text"
						inputMode="email"
						autocomplete="username"
						autocapitalize="none"
						spellcheck={false}
						required
						defaultValue={prefs.lastUser.peek()}
					/>
				</label>
				<label class="field">
					<span>{w.password}</span>
					<span class="with-button">
						<input
							ref={password}
							name="password"
							type={visible.value ? 'text' : 'password'}
							autocomplete="current-password"
							required
							aria-describedby="login-error"
						/>
						<button
							type="button"
							class="icon-button"
							aria-label={visible.value ? w.hidePassword : w.showPassword}
							aria-pressed={visible.value}
							onClick={() => (visible.value = !visible.value)}
						>
							<Icon name="eye" />
						</button>
					</span>
				</label>
				<p id="login-error" class="error" role="alert">
					{error.value}
				</p>
				<button type="submit" class="button primary wide" aria-disabled={busy.value}>
					{busy.value ? w.loggingIn : w.logIn}
				</button>
			</form>
		</main>
	);
}

function said(x: unknown): string {
	const w = words.value;
	if (!(x instanceof AuthError) || x.status === 0) return w.noServer;
	if (x.status === 401 || x.status === 400) return w.wrongPassword;
	if (x.status === 429) return w.tooManyTries(Math.ceil((x.retryAfter ?? 60) / 60));
	if (x.status === 403 && x.retryAfter) return w.tooManyTries(Math.ceil(x.retryAfter / 60));
	return x.status >= 500 ? w.errors.server : w.errors.other(x.message);
}
