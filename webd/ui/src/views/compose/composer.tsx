// One message being written.

import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { attachWords, words } from '../../i18n';
import { size, spoken } from '../../i18n/dates';
import { showInline } from '../../lib/inline';
import { phone } from '../../lib/media';
import { plausible } from '../../lib/address';
import type { Composer as Model } from '../../store/composers';
import { identities } from '../../store/identities';
import { maxDelayedSend } from '../../store/session';
import { toast } from '../../store/toasts';
import { IconButton, Menu } from '../../ui/basics';
import { ask, askLine, askMoment } from '../../ui/confirm';
import { Icon } from '../../ui/icons';
import { dropping } from '../drop';
import type { Editor, Format } from './editor';
import { Recipients } from './recipients';
import { times } from './times';

const FORMATS: {
	what: Format;
	icon: 'bold' | 'italic' | 'underline' | 'bullets' | 'numbers' | 'quote' | 'code' | 'plain';
}[] = [
	{ what: 'bold', icon: 'bold' },
	{ what: 'italic', icon: 'italic' },
	{ what: 'underline', icon: 'underline' },
	{ what: 'bullets', icon: 'bullets' },
	{ what: 'numbers', icon: 'numbers' },
	{ what: 'quote', icon: 'quote' },
	{ what: 'code', icon: 'code' },
	{ what: 'plain', icon: 'plain' },
];

const FALLBACK = '.reading .conversation-head h1, .mail-row[tabindex="0"], .list-pane';

export function Composer({ c, inPlace }: { c: Model; inPlace?: boolean }) {
	const w = words.value;
	const root = useRef<HTMLDivElement>(null);
	const box = useRef<HTMLElement>(null);
	const files = useRef<HTMLInputElement>(null);
	const editor = useRef<Editor | null>(null);
	const formats = useSignal<ReadonlySet<Format>>(new Set());
	const showFormats = useSignal(!inPlace && !phone.value);
	// A reply keeps its subject unless one asks for it.
	const showSubject = useSignal(!inPlace || !c.subject.value);

	useEffect(() => {
		let off = false;
		const urls: string[] = [];
		let before = '';
		let hide = () => {};
		void import('./editor').then(({ createEditor }) => {
			if (off || !root.current) return;
			const e = createEditor(root.current, {
				input: () => {
					// Squire tells of its own tidying too.
					const raw = e.raw();
					if (raw === before) return;
					before = raw;
					c.touched();
				},
				selection: () => (formats.value = new Set(FORMATS.map(f => f.what).filter(f => e.has(f)))),
				images: list => {
					for (const [i, a] of c.attach(list, true).entries()) {
						const u = URL.createObjectURL(list[i]!);
						urls.push(u);
						e.insertImage(u, a.cid!);
					}
				},
			});
			editor.current = e;
			e.setHtml(c.html);
			before = e.raw();
			c.editor = () => e.html();
			hide = showInline(
				root.current,
				cid => c.inlineUrl(cid),
				() => (before = e.raw()),
			);
			if (c.focusOn === 'body') e.focus();
		}, explainLoad);
		if (c.focusOn === 'to') box.current?.querySelector<HTMLElement>('[data-autofocus]')?.focus();
		if (inPlace) box.current?.scrollIntoView({ block: 'nearest' });
		return () => {
			off = true;
			if (c.editor) c.html = c.editor();
			hide();
			editor.current?.destroy();
			editor.current = null;
			for (const u of urls) URL.revokeObjectURL(u);
		};
	}, [c, c.load.value]);

	// The window takes the focus along when it goes; it comes back to where it was.
	useLayoutEffect(() => {
		const before = document.activeElement as HTMLElement | null;
		return () =>
			queueMicrotask(() => {
				if (document.activeElement !== document.body) return;
				const there = before?.isConnected && before !== document.body ? before : null;
				(there ?? document.querySelector<HTMLElement>(FALLBACK))?.focus({ preventScroll: true });
			});
	}, []);

	const changed = () => c.touched();
	const send = (at: Date | null) => void trySend(c, at, () => editor.current?.focus());
	const onKeyDown = (e: KeyboardEvent) => {
		if ((e.ctrlKey || e.metaKey) && e.key === 'Enter') {
			e.preventDefault();
			send(null);
		} else if (e.key === 'Escape' && !e.defaultPrevented) {
			e.preventDefault();
			c.close();
		}
		e.stopPropagation();
	};
	const status = {
		clean: '',
		dirty: w.draftUnsaved,
		saving: w.savingDraft,
		saved: w.draftSaved,
		failed: w.draftFailed,
	}[c.saving.value];

	return (
		<section
			ref={box}
			class={`composer${inPlace ? ' in-place' : ''}`}
			aria-label={c.subject.value || w.newMessage}
			onKeyDown={onKeyDown}
			data-composer={c.key}
		>
			<div class="composer-fields">
				{identities.value.length > 1 && (
					<label class="line">
						<span>{w.from}</span>
						<select
							value={c.identity.value ?? ''}
							onChange={e => {
								c.identity.value = e.currentTarget.value;
								changed();
							}}
						>
							{identities.value.map(i => (
								<option key={i.id} value={i.id}>
									{i.name ? `${i.name} <${i.email}>` : i.email}
								</option>
							))}
						</select>
					</label>
				)}
				<div class="to-line">
					<Recipients label={w.labelTo} value={c.to} onChange={changed} autofocus={c.focusOn === 'to'} />
					<span class="cc-buttons">
						{!c.showCc.value && (
							<button
								type="button"
								class="text-button"
								aria-label={w.addCc}
								onClick={() => (c.showCc.value = true)}
							>
								{w.cc}
							</button>
						)}
						{!c.showBcc.value && (
							<button
								type="button"
								class="text-button"
								aria-label={w.addBcc}
								onClick={() => (c.showBcc.value = true)}
							>
								{w.bcc}
							</button>
						)}
						{!showSubject.value && (
							<button type="button" class="text-button" onClick={() => (showSubject.value = true)}>
								{w.subject}
							</button>
						)}
					</span>
				</div>
				{c.showCc.value && <Recipients label={w.cc} value={c.cc} onChange={changed} />}
				{c.showBcc.value && <Recipients label={w.bcc} value={c.bcc} onChange={changed} />}
				{showSubject.value && (
					<label class="line">
						<span class="unseen">{w.subject}</span>
						<input
							class="subject"
							type="text"
							placeholder={w.subject}
							value={c.subject.value}
							maxLength={900}
							onInput={e => {
								c.subject.value = e.currentTarget.value;
								changed();
							}}
						/>
					</label>
				)}
			</div>
			<div class="composer-text">
				<div
					ref={root}
					class="editor"
					contentEditable
					role="textbox"
					aria-multiline="true"
					aria-label={w.bodyField}
					spellcheck
				/>
				{c.quote.value !== null && (
					<button
						type="button"
						class="show-quoted"
						aria-label={w.showQuoted}
						title={w.showQuoted}
						onClick={() => c.unfoldQuote()}
					>
						•••
					</button>
				)}
			</div>
			{c.attached.value.length > 0 && (
				<ul class="attached" aria-label={w.attachments}>
					{c.attached.value.map(a => (
						<li key={a.key} class={a.failed.value ? 'failed' : ''}>
							<Icon name="clip" />
							<bdi>{a.name}</bdi>
							<span class="file-size">
								{a.blobId.value
									? size(a.size)
									: a.failed.value
										? '!'
										: w.uploading(Math.round(a.progress.value * 100))}
							</span>
							{!a.blobId.value && !a.failed.value && (
								<progress value={a.progress.value} aria-label={a.name} />
							)}
							<IconButton icon="close" label={w.removeFile(a.name)} onClick={() => c.detach(a)} />
						</li>
					))}
				</ul>
			)}
			{dropping.value === c && (
				<div class="drop-hint">
					<Icon name="clip" />
					{w.dropHere}
				</div>
			)}
			<footer class="composer-foot">
				<button type="button" class="button primary send" title="Ctrl+↵" onClick={() => send(null)}>
					{w.send}
				</button>
				{maxDelayedSend() >= 3600 && (
					<Menu
						icon="clock"
						label={w.sendLater}
						class="upward"
						items={[
							...times().map(t => ({
								text: t.text,
								note: spoken(t.at.toISOString()),
								run: () => send(t.at),
							})),
							{
								text: `${w.chooseTime}…`,
								icon: 'clock',
								run: () => void askTime().then(at => at && send(at)),
							},
						]}
					/>
				)}
				<IconButton icon="clip" label={w.attach} onClick={() => files.current?.click()} />
				<input
					ref={files}
					type="file"
					multiple
					hidden
					aria-label={w.attach}
					tabIndex={-1}
					onChange={e => {
						c.attach(e.currentTarget.files ?? []);
						e.currentTarget.value = '';
					}}
				/>
				<button
					type="button"
					class="icon-button"
					aria-label={w.formatting}
					title={w.formatting}
					aria-expanded={showFormats.value}
					onClick={() => (showFormats.value = !showFormats.value)}
				>
					<span class="aa" aria-hidden="true">
						Aa
					</span>
				</button>
				{showFormats.value && (
					<div class="formats" role="toolbar" aria-label={w.formatting}>
						{FORMATS.map(f => (
							<IconButton
								key={f.what}
								icon={f.icon}
								label={
									{
										bold: w.bold,
										italic: w.italic,
										underline: w.underline,
										bullets: w.bulletList,
										numbers: w.numberList,
										quote: w.quote,
										code: w.code,
										plain: w.removeFormat,
									}[f.what]
								}
								aria-pressed={f.what === 'plain' ? undefined : formats.value.has(f.what)}
								onMouseDown={e => e.preventDefault()}
								onClick={() => editor.current?.format(f.what)}
							/>
						))}
						<IconButton
							icon="link"
							label={w.link}
							onMouseDown={e => e.preventDefault()}
							onClick={() => {
								const e = editor.current;
								if (!e) return;
								void askLine(w.link, w.linkAddress, e.selectedLink() || 'https://').then(url => {
									if (url !== null) e.link(/^(https?|mailto):/i.test(url) ? url : `https://${url}`);
								});
							}}
						/>
					</div>
				)}
				<span class="spring" />
				<span class="save-state" role="status">
					{status}
				</span>
				<IconButton icon="trash" label={w.discardDraft} onClick={() => c.discard()} />
				{inPlace && <IconButton icon="close" label={w.close} onClick={() => c.close()} />}
			</footer>
		</section>
	);
}

const explainLoad = () => void toast(words.value.errors.connection, { kind: 'error' });

// Warns once of what people regret.
async function trySend(c: Model, at: Date | null, back: () => void) {
	const w = words.value;
	// What stands typed in a field becomes a recipient when the field is left.
	(document.activeElement as HTMLElement | null)?.blur();
	const all = [...c.to.value, ...c.cc.value, ...c.bcc.value];
	const bad = all.find(a => !plausible(a.email));
	if (!all.length) return void toast(w.noRecipients, { kind: 'error' });
	if (bad) return void toast(w.badAddress(bad.email), { kind: 'error' });
	const failed = c.attached.value.find(a => a.failed.value);
	if (failed) return void toast(w.uploadFailed(failed.name), { kind: 'error' });
	if (c.attached.value.some(a => !a.blobId.value)) return void toast(w.waitForUploads, { kind: 'error' });
	const warn = async (key: string, text: string) => {
		if (c.warned.has(key)) return true;
		c.warned.add(key);
		return ask(text, w.sendAnyway, { danger: false, no: w.goOnWriting });
	};
	if (!c.subject.value.trim() && !(await warn('subject', w.askNoSubject))) return back();
	if (
		!c.attached.value.length &&
		attachWords.test(c.said()) &&
		!(await warn('attachment', w.askNoAttachment))
	)
		return back();
	c.send(at);
}

async function askTime(): Promise<Date | null> {
	const w = words.value;
	const latest = new Date(Date.now() + maxDelayedSend() * 1000);
	return askMoment(w.sendLater, w.sendAt, w.schedule, latest);
}
