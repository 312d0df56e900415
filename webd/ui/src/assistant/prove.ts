// The password once more, for what not everybody who finds the page open should do.

import { auth, AuthError } from '../auth';
import { words } from '../i18n';
import { explain } from '../i18n/explain';
import { toast } from '../store/toasts';
import { askPassword } from '../ui/confirm';
import { say } from './words';

// False: the user would rather not. A wrong one is said, and asked for anew.
export async function proveIt(): Promise<boolean> {
	for (;;) {
		const password = await askPassword(say.value.prove, words.value.currentPassword);
		if (!password) return false;
		try {
			await auth.prove(password);
			return true;
		} catch (e) {
			const wrong = e instanceof AuthError && (e.status === 401 || e.status === 403);
			toast(wrong ? words.value.passwordWrong : explain(e as Error), { kind: 'error' });
			if (!wrong) return false;
		}
	}
}
