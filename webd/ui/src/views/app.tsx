import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { words } from '../i18n';
import { explain } from '../i18n/explain';
import { forgetContacts } from '../store/contacts';
import { writes } from '../store/composers';
import { forgetIdentities, loadIdentities } from '../store/identities';
import { enter, session, who } from '../store/session';
import { start } from '../store/sync';
import { toast } from '../store/toasts';
import { Spinner } from '../ui/basics';
import { Toasts } from '../ui/toasts';
import { Login } from './login';
import { Shell } from './shell';

export function App() {
	const w = words.value;
	const unreachable = useSignal(false);
	const ask = () => {
		unreachable.value = false;
		enter().catch(() => (unreachable.value = true));
	};
	useEffect(ask, []);
	const state = who.value;
	useEffect(() => {
		if (state === 'somebody') {
			start().catch((e: Error) => toast(explain(e), { kind: 'error' }));
			void loadIdentities().catch(() => {});
			writes(session.peek()!.username);
			// Writing goes on without a connection.
			void import('./compose/editor').catch(() => {});
		} else {
			forgetContacts();
			forgetIdentities();
		}
	}, [state]);
	if (unreachable.value)
		return (
			<main class="login">
				<div class="empty" role="alert">
					<p>{w.noServer}</p>
					<button type="button" class="button primary" onClick={ask}>
						{w.tryAgain}
					</button>
				</div>
			</main>
		);
	if (state === 'asking') return <Spinner />;
	if (state === 'nobody')
		return (
			<>
				<Login />
				<Toasts />
			</>
		);
	return <Shell />;
}
