// One message of a conversation.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { words } from '../i18n';
import { brief, full, said, spoken } from '../i18n/dates';
import { downloadUrl } from '../jmap/blobs';
import { TRACE, type Email, type EmailAddress, type EmailBody } from '../jmap/types';
import { narrow, phone } from '../lib/media';
import { display, hue, initials, name, same } from '../lib/address';
import { destroyEmails, inFolders, setKeyword } from '../store/actions';
import { discardStored, hasOthers, openDraft, reply } from '../store/composers';
import { body, ensureBodies } from '../store/emails';
import { accountId, session } from '../store/session';
import { askAssistant } from '../store/assistant';
import { prefs } from '../store/prefs';
import { IconButton, Menu, Spinner } from '../ui/basics';
import { ask } from '../ui/confirm';
import { Icon } from '../ui/icons';
import { lazy } from '../ui/lazy';
import { Attachments } from './attachments';
import { authWords, Banners } from './banners';
import { MessageBody } from './body';
import { titleOf } from './folders';

const READ_AFTER_MS = 400;

const Why = lazy(async () => (await import('../assistant/why')).WhySheet);

interface Props {
	e: Email;
	open: boolean;
	last: boolean;
	onToggle: () => void;
}

export function Message({ e, open, last, onToggle }: Props) {
	const w = words.value;
	const b = body(e.id).value;
	const details = useSignal(false);
	const why = useSignal(false);
	const article = useRef<HTMLElement>(null);
	const from = e.from?.[0];
	const unread = !e.keywords.$seen && !e.keywords.$draft;

	useEffect(() => {
		if (!open) return;
		void ensureBodies([e.id]).catch(() => {});
		if (!unread) return;
		const t = setTimeout(() => void setKeyword([e], '$seen', true).catch(() => {}), READ_AFTER_MS);
		return () => clearTimeout(t);
	}, [open, e.id, unread]);

	const who = from ? name(from) : w.noSender;
	return (
		<article
			ref={article}
			class={`message${open ? ' open' : ''}${unread ? ' unread' : ''}`}
			aria-label={w.messageFrom(who, said(e.receivedAt))}
		>
			<header class="message-head">
				<span class="avatar" style={{ '--hue': hue(from?.email ?? '') } as never} aria-hidden="true">
					{initials(from)}
				</span>
				<div class="message-id">
					<button
						type="button"
						class="message-toggle"
						aria-expanded={open}
						disabled={last && open}
						onClick={onToggle}
					>
						<strong>
							<bdi>{who}</bdi>
						</strong>
						{open && from?.name && <bdi class="message-address">{from.email}</bdi>}
						{e.keywords.$draft && <em class="draft-mark">{w.draftMark}</em>}
						{!open && <span class="message-preview">{e.preview}</span>}
					</button>
					{open && (
						<button
							type="button"
							class="message-to"
							aria-expanded={details.value}
							onClick={() => (details.value = !details.value)}
						>
							<span class="message-whom">{toWhom(e, b)}</span>
							<span class="unseen">{details.value ? w.hideDetails : w.details}</span>
							<Icon name="down" />
						</button>
					)}
				</div>
				{e.hasAttachment && !open && <Icon name="clip" />}
				<time dateTime={e.receivedAt} title={full(e.receivedAt)}>
					{narrow.value ? brief(e.receivedAt) : spoken(e.receivedAt)}
				</time>
				{open && !e.keywords.$draft && (
					<>
						<IconButton
							icon="reply"
							class="head-reply"
							label={w.reply}
							onClick={() => void reply('reply', e)}
						/>
						<Menu label={w.more} class="to-left" items={moreOf(e, b, details, why, article)} />
					</>
				)}
				{open && e.keywords.$draft && (
					<>
						{phone.value ? (
							<IconButton icon="edit" label={w.editDraft} onClick={() => void openDraft(e)} />
						) : (
							<button type="button" class="button" onClick={() => void openDraft(e)}>
								{w.editDraft}
							</button>
						)}
						<IconButton icon="trash" label={w.discardDraft} onClick={() => void discardStored(e)} />
					</>
				)}
			</header>
			{why.value && <Why e={e} onClose={() => (why.value = false)} />}
			{open && (
				<div class="message-body">
					{details.value && b && <Details e={e} b={b} />}
					{b && <Banners e={e} b={b} />}
					{b ? <MessageBody e={e} b={b} /> : <Spinner />}
					{b && <Attachments b={b} />}
				</div>
			)}
		</article>
	);
}

function moreOf(
	e: Email,
	b: EmailBody | undefined,
	details: { value: boolean },
	why: { value: boolean },
	article: { current: Element | null },
) {
	const w = words.value;
	return [
		...(hasOthers(e)
			? [{ text: w.replyAll, icon: 'replyAll' as const, shortcut: 'a', run: () => void reply('replyAll', e) }]
			: []),
		{ text: w.forward, icon: 'forward' as const, shortcut: 'f', run: () => void reply('forward', e) },
		{
			text: w.markUnread,
			icon: 'unread' as const,
			run: () => void setKeyword([e], '$seen', false).catch(() => {}),
		},
		...(prefs.assistant.value
			? [
					{
						text: w.summarise,
						icon: 'assistant' as const,
						run: () => askAssistant(w.summariseAsk, { emailId: e.id, threadId: e.threadId }),
					},
					{
						text: w.draftReply,
						icon: 'assistant' as const,
						run: () => askAssistant(w.draftReplyAsk, { emailId: e.id, threadId: e.threadId }),
					},
				]
			: []),
		{ text: w.details, icon: 'list' as const, run: () => (details.value = true) },
		...(TRACE in (session.value?.primaryAccounts ?? {})
			? [{ text: w.why, icon: 'help' as const, run: () => (why.value = true) }]
			: []),
		{ text: w.print, icon: 'print' as const, run: () => print(article.current) },
		{
			text: w.original,
			icon: 'download' as const,
			run: () => {
				if (!b) return;
				const a = document.createElement('a');
				a.download = `${e.subject?.trim() || w.noSubject}.eml`;
				a.href = downloadUrl(session.value!, accountId(), b.blobId, 'message/rfc822', a.download);
				a.click();
			},
		},
		{
			text: w.destroyForever,
			icon: 'trash' as const,
			danger: true,
			run: () =>
				void ask(w.destroyAsk(1), w.destroyForever).then(yes => (yes ? destroyEmails([e], []) : undefined)),
		},
	];
}

// This message alone (styles/print.css).
function print(article: Element | null) {
	article?.classList.add('printed');
	window.print();
	article?.classList.remove('printed');
}

function toWhom(e: Email, b: EmailBody | undefined): string {
	const w = words.value;
	const self = session.value?.username ?? '';
	const all = [...(e.to ?? []), ...(b?.cc ?? []), ...(b?.bcc ?? [])];
	if (!all.length) return '';
	const mine = all.some(a => same(a.email, self));
	const others = all.filter(a => !same(a.email, self));
	if (mine && !others.length) return w.toMe;
	const first = mine ? w.me : name(others[0]!);
	const rest = mine ? others.length : others.length - 1;
	return rest ? `${w.toWhom(first)} ${w.andOthers(rest)}` : w.toWhom(first);
}

function People({ list }: { list: EmailAddress[] | null | undefined }) {
	return (
		<>
			{(list ?? []).map((a, i) => (
				<span class="person" key={i}>
					{a.name && <bdi>{a.name}</bdi>} <bdi class="mono">{a.email}</bdi>
				</span>
			))}
		</>
	);
}

function Details({ e, b }: { e: Email; b: EmailBody }) {
	const w = words.value;
	const line = (label: string, list: EmailAddress[] | null | undefined) =>
		list?.length ? (
			<>
				<dt>{label}</dt>
				<dd>
					<People list={list} />
				</dd>
			</>
		) : null;
	return (
		<dl class="details">
			{line(w.labelFrom, e.from)}
			{b.replyTo && display(b.replyTo) !== display(e.from) && line(w.labelReplyTo, b.replyTo)}
			{line(w.labelTo, e.to)}
			{line(w.labelCc, b.cc)}
			{line(w.labelBcc, b.bcc)}
			<dt>{w.labelDate}</dt>
			<dd>{full(b.sentAt ?? e.receivedAt)}</dd>
			{b['header:List-Id:asText'] && (
				<>
					<dt>{w.labelList}</dt>
					<dd>{b['header:List-Id:asText']}</dd>
				</>
			)}
			<dt>{w.labelAuth}</dt>
			<dd>{authWords(b, e)}</dd>
			<dt>{w.labelFolder}</dt>
			<dd>{inFolders(e).map(titleOf).join(', ')}</dd>
		</dl>
	);
}
