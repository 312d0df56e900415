// Opens a message that the assistant speaks of, in a folder where it stands, so that what one does to it then works.

import type { Id } from '../jmap/types';
import { phone } from '../lib/media';
import { closeAssistant } from '../store/assistant';
import { email, getEmails } from '../store/emails';
import { currentMailbox } from '../store/list';
import { mailboxes, slugOf } from '../store/mailboxes';
import { go } from '../store/route';
import { toast } from '../store/toasts';
import { words } from '../i18n';
import { explain } from '../i18n/explain';

export async function openEmail(id: Id): Promise<void> {
	try {
		if (!email(id).peek()) await getEmails([id]);
	} catch (e) {
		toast(explain(e as Error), { kind: 'error' });
		return;
	}
	const e = email(id).peek();
	if (!e) return void toast(words.value.gone, { kind: 'error' });
	// On a phone it is under the sheet.
	if (phone.peek()) closeAssistant();
	const here = currentMailbox.peek();
	const at = here && e.mailboxIds[here.id] ? here : mailboxes.peek().get(Object.keys(e.mailboxIds)[0] ?? '');
	go({ at: 'mailbox', mailbox: at ? slugOf(at) : 'all', thread: e.threadId });
}
