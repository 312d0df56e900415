// What one should know before reading a message: plain lines above it, never over it.

import { useEffect } from 'preact/hooks';
import { words } from '../i18n';
import type { Email, EmailBody } from '../jmap/types';
import { alike } from '../lib/alike';
import { display } from '../lib/address';
import { verdict } from '../lib/verdict';
import { compose } from '../store/composers';
import { learn, trusted } from '../store/contacts';
import { Icon } from '../ui/icons';

export function Banners({ e, b }: { e: Email; b: EmailBody }) {
	useEffect(() => void learn(), []);
	const v = verdict(b['header:Authentication-Results:asText:all']);
	return (
		<>
			<Sender e={e} failed={v.state === 'fail'} unproven={v.state === 'unproven'} />
			{v.state !== 'fail' && <List b={b} />}
		</>
	);
}

function Sender({ e, failed, unproven }: { e: Email; failed: boolean; unproven: boolean }) {
	const w = words.value;
	const from = e.from?.[0];
	const like = from && alike(from, trusted.value);
	if (!like && !failed && !unproven) return null;
	return (
		<div class={`banner ${like || failed ? 'danger' : 'warn'}`} role="note">
			<Icon name="warn" />
			<span>
				{like && <strong>{w.alike[like.kind](from.email, like.like)} </strong>}
				{failed ? w.authWarning : unproven && w.authUnproven}
				{like && !failed && !unproven && w.alikeAdvice}
			</span>
		</div>
	);
}

// Leaving a list (RFC 2369): by a message the user sends, or on a page the user opens. The one-click way (RFC 8058) is a
// request to a stranger, which this page makes to nobody.
function List({ b }: { b: EmailBody }) {
	const w = words.value;
	const urls = b['header:List-Unsubscribe:asURLs'] ?? [];
	const mail = urls.find(u => /^mailto:/i.test(u));
	const web = urls.find(u => /^https:/i.test(u));
	if (!mail && !web) return null;
	const name = /^\s*"?([^"<]*?)"?\s*</.exec(b['header:List-Id:asText'] ?? '')?.[1] ?? '';
	return (
		<div class="banner" role="note">
			<Icon name="list" /> <span>{w.listBanner(name)}</span>
			{mail && (
				<button
					type="button"
					class="text-button"
					title={w.unsubscribeMailHint}
					onClick={() => void compose(mail, w.unsubscribe)}
				>
					{web ? w.unsubscribeMail : w.unsubscribe}
				</button>
			)}
			{web && (
				<a
					class="text-button"
					href={web}
					target="_blank"
					rel="noopener noreferrer"
					title={w.unsubscribeWebHint}
				>
					{mail ? w.unsubscribeWeb : w.unsubscribe}
					<Icon name="outside" />
				</a>
			)}
		</div>
	);
}

export const authWords = (b: EmailBody, e: Email): string => {
	const w = words.value;
	const v = verdict(b['header:Authentication-Results:asText:all']);
	if (v.state === 'pass') return w.authPass(v.how.join(', '));
	if (v.state === 'fail') return w.authFail(display(e.from));
	return v.state === 'unproven' ? w.authUnproven : w.authNone;
};
