// The text of a message: plain text as it is, HTML in a frame of its own.

import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { onKey } from '../keys';
import { words } from '../i18n';
import { downloadUrl } from '../jmap/blobs';
import type { BodyPart, Email, EmailBody } from '../jmap/types';
import { blocks, linkify } from '../lib/linkify';
import { showInline } from '../lib/inline';
import { dark } from '../lib/media';
import { cleanMessage, type Clean } from '../lib/sanitize';
import { compose } from '../store/composers';
import { prefs } from '../store/prefs';
import { accountId, session } from '../store/session';
import { Icon } from '../ui/icons';

export function MessageBody({ e, b }: { e: Email; b: EmailBody }) {
	const w = words.value;
	const parts = b.htmlBody.filter(
		p => p.partId !== null && b.bodyValues[p.partId] && /^text\//i.test(p.type),
	);
	const cut = parts.some(p => b.bodyValues[p.partId!]!.isTruncated);
	const html = parts.some(p => p.type.toLowerCase() === 'text/html');
	return (
		<>
			{html ? (
				<Html e={e} b={b} parts={parts} />
			) : (
				parts.map(p => <Plain key={p.partId} text={b.bodyValues[p.partId!]!.value} />)
			)}
			{cut && <p class="banner">{w.truncated}</p>}
		</>
	);
}

function Plain({ text }: { text: string }) {
	const w = words.value;
	const all = useMemo(() => blocks(text.trimEnd()), [text]);
	return (
		<div class="plain">
			{all.map((b, i) =>
				b.quoted && all.length > 1 ? (
					<details key={i} class="quoted">
						<summary aria-label={w.quoted} title={w.quoted}>
							•••
						</summary>
						<Lines text={b.text} />
					</details>
				) : (
					<Lines key={i} text={b.text} />
				),
			)}
		</div>
	);
}

function Lines({ text }: { text: string }) {
	return (
		<div class="lines">
			{linkify(text).map((p, i) =>
				typeof p === 'string' ? (
					p
				) : p.href.startsWith('mailto:') ? (
					<a
						key={i}
						href={p.href}
						onClick={x => {
							x.preventDefault();
							void compose(p.href);
						}}
					>
						{p.text}
					</a>
				) : (
					<a key={i} href={p.href} target="_blank" rel="noopener noreferrer">
						{p.text}
					</a>
				),
			)}
		</div>
	);
}

function Html({ e, b, parts }: { e: Email; b: EmailBody; parts: BodyPart[] }) {
	const w = words.value;
	const sender = e.from?.[0]?.email.toLowerCase() ?? '';
	const once = useSignal(false);
	const images = once.value || prefs.imagesFrom.value.includes(sender);
	const source = parts
		.map(p => {
			const v = b.bodyValues[p.partId!]!.value;
			return p.type.toLowerCase() === 'text/html' ? v : plainAsHtml(v);
		})
		.join('\n');
	const clean = useMemo(() => cleanMessage(source, images), [source, images]);
	return (
		<>
			{clean.remote && !images && (
				<p class="banner">
					<Icon name="image" /> <span>{w.imagesBlocked}</span>
					<button type="button" class="text-button" onClick={() => (once.value = true)}>
						{w.showImages}
					</button>
					{sender && (
						<button
							type="button"
							class="text-button"
							onClick={() => (prefs.imagesFrom.value = [...prefs.imagesFrom.value, sender])}
						>
							{w.alwaysImages(sender)}
						</button>
					)}
				</p>
			)}
			<Frame key={String(images)} clean={clean} b={b} images={images} />
		</>
	);
}

const ESCAPE: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const plainAsHtml = (text: string) => `<pre>${text.replace(/[&<>]/g, c => ESCAPE[c]!)}</pre>`;

// How a message looks that brings no style of its own. Long words break, wide tables scroll in their own frame.
const STYLE = `
html,body{margin:0;padding:0;height:auto!important;min-height:0!important;background:transparent}
body{font:15px/1.55 system-ui,sans-serif;overflow-wrap:break-word;padding:2px 0}
html{overflow-x:auto;overflow-y:hidden}
img{max-width:100%;height:auto}
img[data-held]{background:#8882;border-radius:4px}
pre{white-space:pre-wrap;font:13px/1.5 ui-monospace,monospace}
blockquote{margin:0 0 0 2px;padding-left:12px;border-left:2px solid #8886}
table{max-width:100%}
details.gk>summary{display:inline-block;list-style:none;cursor:pointer;padding:0 8px;border-radius:6px;background:#8883;letter-spacing:2px;font-size:11px}
details.gk>summary::-webkit-details-marker{display:none}
`;

const MAX_HEIGHT = 30000;

function Frame({ clean, b, images }: { clean: Clean; b: EmailBody; images: boolean }) {
	const w = words.value;
	const frame = useRef<HTMLIFrameElement>(null);
	// The theme decides the colours of what brings none.
	const theme = prefs.theme.value === 'system' ? (dark.value ? 'dark' : 'light') : prefs.theme.value;

	useEffect(() => {
		const f = frame.current!;
		let undo = () => {};
		const fill = () => {
			undo();
			const doc = f.contentDocument;
			// Until the frame's own document is there, there is an empty one of another address.
			if (!doc?.body || doc.URL === 'about:blank') return;
			undo = show(f, doc, clean, b, theme, w.quoted);
		};
		f.addEventListener('load', fill);
		fill();
		return () => {
			f.removeEventListener('load', fill);
			undo();
		};
	}, [clean, theme]);

	return (
		<iframe
			ref={frame}
			class={`frame${clean.coloured ? ' paper' : ''}`}
			title={w.messageBody}
			src={images ? '/message-images.html' : '/message.html'}
			sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"
			referrerpolicy="no-referrer"
		/>
	);
}

function show(
	f: HTMLIFrameElement,
	doc: Document,
	clean: Clean,
	b: EmailBody,
	theme: string,
	quoted: string,
) {
	const style = doc.createElement('style');
	const root = getComputedStyle(document.documentElement);
	const colours = clean.coloured
		? 'html{color-scheme:light}body{color:#1a1a1a}'
		: `html{color-scheme:${theme}}body{color:${root.getPropertyValue('--text-plain')}}a{color:${root.getPropertyValue('--link-plain')}}`;
	style.textContent = STYLE + colours;
	const content = doc.importNode(clean.fragment, true);
	hold(content);
	foldQuote(doc, content, quoted);
	doc.head.replaceChildren(style);
	doc.body.replaceChildren(content);
	const hide = showInline(doc.body, inlineUrl(b));

	const fit = () => {
		const h = Math.min(MAX_HEIGHT, Math.ceil(doc.documentElement.getBoundingClientRect().height));
		const bar = doc.documentElement.scrollWidth > doc.documentElement.clientWidth ? 14 : 0;
		f.style.height = `${Math.max(24, h + bar)}px`;
	};
	const size = new ResizeObserver(fit);
	size.observe(doc.documentElement);
	fit();
	const click = (e: Event) => {
		const a = (e.target as Element | null)?.closest?.('a[href]');
		const href = a?.getAttribute('href') ?? '';
		if (!/^mailto:/i.test(href)) return;
		e.preventDefault();
		void compose(href);
	};
	doc.addEventListener('click', click);
	// The keys work from within a message as everywhere.
	doc.addEventListener('keydown', onKey);
	return () => {
		size.disconnect();
		doc.removeEventListener('click', click);
		doc.removeEventListener('keydown', onKey);
		hide();
	};
}

// What is not loaded keeps its place, so that nothing jumps when it is.
const BLANK = 'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg"/%3E';

function hold(content: DocumentFragment) {
	for (const img of content.querySelectorAll<HTMLImageElement>('img:not([src]):not([data-cid])')) {
		img.src = BLANK;
		img.dataset.held = '';
		if (img.alt) img.title = img.alt;
		const [wide, high] = [Number(img.getAttribute('width')), Number(img.getAttribute('height'))];
		if (wide > 0 && high > 0) img.style.aspectRatio = `${wide} / ${high}`;
	}
}

const QUOTE =
	'blockquote[type=cite],.gmail_quote,.gmail_quote_container,.yahoo_quoted,.protonmail_quote,#divRplyFwdMsg~*';

function foldQuote(doc: Document, content: DocumentFragment, label: string) {
	const q = content.querySelector(QUOTE);
	if (!q || !(content.textContent ?? '').replace(q.textContent ?? '', '').trim()) return;
	const details = doc.createElement('details');
	details.className = 'gk';
	const summary = doc.createElement('summary');
	summary.textContent = '•••';
	summary.title = label;
	summary.setAttribute('aria-label', label);
	q.replaceWith(details);
	details.append(summary, q);
}

const inlineUrl = (b: EmailBody) => (cid: string) => {
	const part = b.attachments.find(p => p.cid === cid && p.blobId && /^image\//i.test(p.type));
	return part && downloadUrl(session.value!, accountId(), part.blobId!, part.type, part.name ?? 'image');
};
