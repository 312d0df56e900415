// The message that a composer means, as Email/set wants it (RFC 8621 4.6), and what a reply takes from its original.

import { words } from '../i18n';
import { full } from '../i18n/dates';
import type { Email, EmailAddress, EmailBody, Id } from '../jmap/types';
import type { Composer, Mode } from '../store/composers';
import { name } from './address';
import { cleanDraft, escapeHtml, htmlOf, htmlToText, textToHtml } from './sanitize';

const address = (a: EmailAddress) => ({ name: a.name || null, email: a.email });

export function build(c: Composer, drafts: Id): Record<string, unknown> {
	const from = c.from;
	const inner = cleanDraft(c.html + (c.quote.value ?? ''));
	// A picture in the text is named by its part, not by where this page keeps it.
	for (const img of inner.querySelectorAll('img[data-cid]')) {
		img.setAttribute('src', `cid:${img.getAttribute('data-cid')}`);
		img.removeAttribute('data-cid');
	}
	const html = htmlOf(inner);
	const attachments = c.attached.value
		.filter(a => a.blobId.value)
		.map(a => ({
			blobId: a.blobId.value,
			type: a.type,
			name: a.name,
			disposition: a.cid && html.includes(`cid:${a.cid}`) ? 'inline' : 'attachment',
			...(a.cid ? { cid: a.cid } : {}),
		}));
	return {
		mailboxIds: { [drafts]: true },
		keywords: { $draft: true, $seen: true },
		from: from ? [{ name: from.name || null, email: from.email }] : undefined,
		...(from?.replyTo?.length ? { replyTo: from.replyTo.map(address) } : {}),
		...(c.to.value.length ? { to: c.to.value.map(address) } : {}),
		...(c.cc.value.length ? { cc: c.cc.value.map(address) } : {}),
		...(c.bcc.value.length ? { bcc: c.bcc.value.map(address) } : {}),
		subject: c.subject.value,
		messageId: [c.messageId],
		...(c.inReplyTo?.length ? { inReplyTo: c.inReplyTo } : {}),
		...(c.references?.length ? { references: c.references } : {}),
		textBody: [{ partId: 'text', type: 'text/plain' }],
		htmlBody: [{ partId: 'html', type: 'text/html' }],
		bodyValues: {
			text: { value: htmlToText(html).trimEnd() + '\n' },
			html: { value: `<!DOCTYPE html><html><body>${html}</body></html>` },
		},
		...(attachments.length ? { attachments } : {}),
	};
}

export function subjectOf(mode: Mode, subject: string | null): string {
	const s = (subject ?? '').trim();
	if (mode === 'forward') return /^(?:fwd?|tr)\s*:/i.test(s) ? s : `Fwd: ${s}`;
	return /^(?:re|aw|sv|rép)\s*:/i.test(s) ? s : `Re: ${s}`;
}

// RFC 5322 3.6.4.
export function referencesOf(b: EmailBody): string[] {
	const before = b.references?.length ? b.references : b.inReplyTo?.length === 1 ? b.inReplyTo : [];
	return [...before, ...(b.messageId ?? [])];
}

export function quoteOf(mode: Mode, e: Email, b: EmailBody): string {
	const w = words.value;
	const html = b.htmlBody
		.filter(p => p.partId !== null && b.bodyValues[p.partId])
		.map(p => {
			const v = b.bodyValues[p.partId!]!.value;
			if (p.type.toLowerCase() !== 'text/html') return textToHtml(v);
			const d = cleanDraft(v);
			// A reply does not bring the pictures of what it answers; who sent them has them.
			if (mode !== 'forward')
				for (const img of d.querySelectorAll('img[data-cid]')) img.replaceWith(img.getAttribute('alt') ?? '');
			return htmlOf(d);
		})
		.join('');
	const when = full(b.sentAt ?? e.receivedAt);
	if (mode !== 'forward') {
		const who = e.from?.[0] ? name(e.from[0]) : w.noSender;
		return `<div><br></div><div>${escapeHtml(w.onWrote(when, who))}</div><blockquote type="cite">${html}</blockquote>`;
	}
	const people = (list: EmailAddress[] | null) =>
		(list ?? []).map(a => (a.name ? `${a.name} <${a.email}>` : a.email)).join(', ');
	const lines: [string, string][] = [
		[w.labelFrom, people(e.from)],
		[w.labelDate, when],
		[w.labelSubject, e.subject ?? ''],
		[w.labelTo, people(e.to)],
		...(b.cc?.length ? [[w.labelCc, people(b.cc)] as [string, string]] : []),
	];
	const head = lines.map(([k, v]) => `<div>${escapeHtml(`${k}: ${v}`)}</div>`).join('');
	return `<div><br></div><div>---------- ${escapeHtml(w.forwarded)} ----------</div>${head}<div><br></div>${html}`;
}
