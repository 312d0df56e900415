// Messages being written. Each is an object of signals; it saves itself a moment after it changes, sends itself, and can be
// called back while the server still holds it (FUTURERELEASE, RFC 4865).

import { computed, signal, type Signal } from '@preact/signals';
import { words } from '../i18n';
import { explain } from '../i18n/explain';
import { said } from '../i18n/dates';
import { downloadUrl, upload, type Upload } from '../jmap/blobs';
import { ConnectionError, ObjectError } from '../jmap/errors';
import type { BodyPart, Email, EmailAddress, Id, SetResponse } from '../jmap/types';
import { parseMailto, same } from '../lib/address';
import { quoteOf, referencesOf, subjectOf } from '../lib/draft';
import { cleanDraft, htmlOf, textToHtml } from '../lib/sanitize';
import { learn } from './contacts';
import { body, email, ensureBodies, ensureThread, forget, knownThread } from './emails';
import { identities, loadIdentities, standard } from './identities';
import { openThreadId } from './list';
import { callBack, destroyDrafts, storeDraft, submit, type Sent } from './outgoing';
import { prefs } from './prefs';
import { accountId, call, limit, link, maxDelayedSend, session } from './session';
import { toast } from './toasts';

export type Mode = 'reply' | 'replyAll' | 'forward';
export type Saving = 'clean' | 'dirty' | 'saving' | 'saved' | 'failed';

export interface Attached {
	key: number;
	name: string;
	type: string;
	size: number;
	// Set when the server has it.
	blobId: Signal<Id | null>;
	progress: Signal<number>;
	failed: Signal<boolean>;
	cid: string | null;
	upload: Upload | null;
}

const SAVE_AFTER_MS = 1500;
const RETRY_MS = 10000;
const DAY_MS = 24 * 3600 * 1000;
let nextKey = 1;

export class Composer {
	readonly key = nextKey++;
	readonly to = signal<EmailAddress[]>([]);
	readonly cc = signal<EmailAddress[]>([]);
	readonly bcc = signal<EmailAddress[]>([]);
	readonly subject = signal('');
	readonly identity = signal<Id | null>(standard()?.id ?? null);
	readonly attached = signal<Attached[]>([]);
	readonly saving = signal<Saving>('clean');
	readonly minimised = signal(false);
	readonly large = signal(false);
	readonly showCc = signal(false);
	readonly showBcc = signal(false);
	// The quoted message, until it is unfolded into the text.
	readonly quote = signal<string | null>(null);
	// What the editor has, which is asked when it is needed; without one, what it last had. It takes up what is set here when
	// `load` grows.
	private text_ = '';
	editor: (() => string) | null = null;
	readonly load = signal(0);
	private readonly stored = signal<Id | null>(null);
	// The conversation it stands in; null: in the dock.
	threadId: Id | null = null;
	original: { id: Id; mode: Mode } | null = null;
	inReplyTo: string[] | null = null;
	references: string[] | null = null;
	focusOn: 'to' | 'body' = 'to';
	// By these a message is found again whose answer was lost (outgoing.ts).
	messageId = `${crypto.randomUUID()}@${session.peek()?.username.split('@').pop() ?? 'localhost'}`;
	readonly begun = new Date(Date.now() - DAY_MS).toISOString().replace(/\.\d{3}Z$/, 'Z');
	doubtful = false;
	// Warned of once.
	warned = new Set<string>();
	private timer: ReturnType<typeof setTimeout> | undefined;
	private chain: Promise<unknown> = Promise.resolve();
	private closed = false;

	get html(): string {
		return this.editor ? this.editor() : this.text_;
	}
	set html(html: string) {
		this.text_ = html;
		this.editor = null;
	}

	touched() {
		if (this.closed) return;
		this.saving.value = 'dirty';
		this.later(SAVE_AFTER_MS);
	}

	private later(ms: number) {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => void this.save().catch(() => {}), ms);
	}

	// Something of it is nowhere but here.
	get unsaved(): boolean {
		const s = this.saving.peek();
		return s !== 'clean' && s !== 'saved' && !this.empty;
	}

	// The draft at the server, which is not shown besides.
	get draftId(): Id | null {
		return this.stored.value;
	}
	set draftId(id: Id | null) {
		this.stored.value = id;
	}

	get empty(): boolean {
		return (
			!this.to.value.length &&
			!this.cc.value.length &&
			!this.bcc.value.length &&
			!this.subject.value.trim() &&
			!this.attached.value.length &&
			!this.text().trim()
		);
	}

	text(): string {
		return cleanDraft(this.html).textContent ?? '';
	}

	// What is written here, without what is quoted.
	said(): string {
		const d = cleanDraft(this.html);
		for (const q of d.querySelectorAll('blockquote')) q.remove();
		return `${this.subject.value}\n${d.textContent ?? ''}`;
	}

	get from() {
		return identities.value.find(i => i.id === this.identity.value) ?? standard();
	}

	// One after the other, so that each knows which draft it replaces.
	save(): Promise<void> {
		clearTimeout(this.timer);
		const next = this.chain.then(() =>
			['dirty', 'failed'].includes(this.saving.peek()) ? this.saveNow() : undefined,
		);
		this.chain = next.catch(() => {});
		return next;
	}

	private async saveNow() {
		this.saving.value = 'saving';
		try {
			await storeDraft(this);
			if (this.saving.peek() === 'saving') this.saving.value = 'saved';
		} catch (e) {
			if (this.saving.peek() === 'saving') this.saving.value = 'failed';
			if (e instanceof ConnectionError && !this.closed) this.later(RETRY_MS);
			throw e;
		}
	}

	// Closing keeps what was written.
	close() {
		remove(this);
		if (this.unsaved) this.under(this.save()).catch((e: Error) => this.reopen(e));
		this.end();
	}

	discard() {
		remove(this);
		this.end();
		void this.chain.then(async () => {
			const id = this.draftId;
			// If it comes back, it comes as a new one.
			this.draftId = null;
			if (id) await destroyDrafts([id]);
		});
		toast(words.value.draftDiscarded, { undo: () => this.reopen(null) });
	}

	// Under way while nothing on the page shows it.
	private under<T>(work: Promise<T>): Promise<T> {
		underway.add(work);
		const done = () => void underway.delete(work);
		work.then(done, done);
		return work;
	}

	// Its draft was changed, sent or deleted on another device. What is written here and nowhere else stays.
	overtaken() {
		if (this.saving.peek() === 'saved') {
			remove(this);
			this.end();
		} else this.draftId = null;
		toast(words.value.draftElsewhere);
	}

	private end() {
		this.closed = true;
		clearTimeout(this.timer);
		for (const a of this.attached.value) if (!a.blobId.value) a.upload?.abort();
	}

	abandon() {
		remove(this);
		this.end();
	}

	reopen(why: Error | null) {
		this.closed = false;
		this.minimised.value = false;
		composers.value = [...composers.value.filter(c => c !== this), this];
		this.load.value++;
		this.touched();
		if (why) toast(explain(why), { kind: 'error' });
	}

	attach(files: Iterable<File>, inline = false): Attached[] {
		const max = limit('maxSizeUpload', 50 * 1024 * 1024);
		const added: Attached[] = [];
		for (const f of files) {
			const a: Attached = {
				key: nextKey++,
				name: f.name || `image.${f.type.split('/')[1] ?? 'png'}`,
				type: f.type || 'application/octet-stream',
				size: f.size,
				blobId: signal<Id | null>(null),
				progress: signal(0),
				failed: signal(false),
				cid: inline ? `${crypto.randomUUID()}@gkmail` : null,
				upload: null,
			};
			if (f.size > max) {
				toast(words.value.tooLarge(a.name, `${Math.floor(max / 1024 / 1024)} MB`), { kind: 'error' });
				continue;
			}
			a.upload = upload(session.value!, accountId(), f, p => (a.progress.value = p));
			a.upload.done
				.then(u => {
					a.blobId.value = u.blobId;
					a.progress.value = 1;
					this.touched();
				})
				.catch(() => {
					if (!this.attached.value.includes(a)) return;
					a.failed.value = true;
					toast(words.value.uploadFailed(a.name), { kind: 'error' });
				});
			added.push(a);
		}
		this.attached.value = [...this.attached.value, ...added];
		return added;
	}

	attachStored(parts: BodyPart[]) {
		this.attached.value = [
			...this.attached.value,
			...parts
				.filter(p => p.blobId)
				.map(p => ({
					key: nextKey++,
					name: p.name ?? words.value.untitled,
					type: p.type,
					size: p.size,
					blobId: signal<Id | null>(p.blobId),
					progress: signal(1),
					failed: signal(false),
					cid: p.cid,
					upload: null,
				})),
		];
	}

	// Where a picture of the text is, for the editor to show.
	inlineUrl(cid: string): string | undefined {
		const a = this.attached.value.find(x => x.cid === cid && x.blobId.value && /^image\//i.test(x.type));
		return a && downloadUrl(session.value!, accountId(), a.blobId.value!, a.type, a.name);
	}

	detach(a: Attached) {
		a.upload?.abort();
		this.attached.value = this.attached.value.filter(x => x !== a);
		this.touched();
	}

	unfoldQuote() {
		const q = this.quote.value;
		if (q === null) return;
		this.html += q;
		this.quote.value = null;
		this.load.value++;
		this.touched();
	}

	// Leaves the page at once; what goes wrong brings it back.
	send(at: Date | null) {
		const undoFor = prefs.undoSeconds.value;
		const delayed = maxDelayedSend();
		const hold = at ? Math.round((at.getTime() - Date.now()) / 1000) : Math.min(undoFor, delayed);
		// Said twice in a moment, sent once.
		if (!composers.peek().includes(this)) return;
		clearTimeout(this.timer);
		remove(this);
		const w = words.value;
		const sent = this.under(this.chain.then(() => submit(this, at, hold)));
		this.chain = sent.catch(() => {});
		const text =
			link.value === 'offline' ? w.sendingQueued : at ? w.scheduled(said(at.toISOString())) : w.sent;
		const undo = hold > 0 ? () => void sent.then(s => this.unsend(s)).catch(() => {}) : undefined;
		toast(text, { undo }, at ? 15 : Math.max(4, hold));
		sent.catch((e: Error) => this.reopen(e));
	}

	private async unsend(s: Sent) {
		const w = words.value;
		try {
			await callBack(s);
		} catch (e) {
			const late = e instanceof ObjectError && e.type === 'cannotUnsend';
			toast(late ? w.sendUndoLate : explain(e as Error), { kind: 'error' });
			return;
		}
		this.closed = false;
		this.draftId = s.email;
		this.saving.value = 'saved';
		this.minimised.value = false;
		composers.value = [...composers.value, this];
		this.load.value++;
		toast(w.sendUndone);
	}
}

export const composers = signal<Composer[]>([]);
export const docked = computed(() =>
	composers.value.filter(c => c.threadId === null || c.threadId !== openThreadId.value),
);
// Saving and sending that goes on though the window is gone.
const underway = new Set<Promise<unknown>>();

export const inPlace = (threadId: Id) => composers.value.filter(c => c.threadId === threadId);

function remove(c: Composer) {
	composers.value = composers.value.filter(x => x !== c);
}

async function begin(): Promise<Composer> {
	await loadIdentities().catch(() => {});
	void learn();
	return new Composer();
}

export function signature(c: Composer): string {
	const i = c.from;
	const html = i?.htmlSignature
		? htmlOf(cleanDraft(i.htmlSignature))
		: i?.textSignature
			? textToHtml(i.textSignature)
			: '';
	return html ? `<div><br></div><div>-- </div>${html}` : '';
}

function add(c: Composer) {
	composers.value = [...composers.value, c];
}

export async function compose(mailto?: string, subject = ''): Promise<Composer> {
	const c = await begin();
	if (mailto) {
		const m = parseMailto(mailto);
		c.to.value = m.to;
		c.cc.value = m.cc;
		c.subject.value = m.subject ?? subject;
		c.html = m.body ? textToHtml(m.body) : '';
		c.showCc.value = c.cc.value.length > 0;
		c.focusOn = 'body';
	}
	c.html += signature(c);
	add(c);
	return c;
}

export async function replyToOpen(mode: Mode) {
	const t = openThreadId.value;
	if (!t) return;
	const ids = knownThread(t) ?? (await ensureThread(t));
	const all = ids.map(id => email(id).peek()).filter(e => e && !e.keywords.$draft) as Email[];
	const newest = all.sort((a, b) => a.receivedAt.localeCompare(b.receivedAt)).pop();
	if (newest) await reply(mode, newest);
}

const mine = (a: EmailAddress) =>
	same(a.email, session.value?.username ?? '') || identities.value.some(i => same(i.email, a.email));

// Would a reply to all reach more people than a reply?
export function hasOthers(e: Email): boolean {
	const b = body(e.id).value;
	const fromMe = e.from?.some(mine);
	const to = (fromMe ? e.to : b?.replyTo?.length ? b.replyTo : e.from) ?? [];
	return [...(e.to ?? []), ...(b?.cc ?? [])].some(a => !mine(a) && !to.some(t => same(t.email, a.email)));
}

// One that is open already is gone to, not made again.
function goTo(is: (c: Composer) => boolean): boolean {
	const c = composers.value.find(is);
	if (!c) return false;
	c.minimised.value = false;
	c.load.value++;
	return true;
}

export async function reply(mode: Mode, e: Email) {
	const already = (c: Composer) => c.original?.id === e.id && c.original.mode === mode;
	if (goTo(already)) return;
	await ensureBodies([e.id]).catch(() => {});
	const b = body(e.id).peek();
	if (!b) return;
	const c = await begin();
	const addressed = [...(e.to ?? []), ...(b.cc ?? [])];
	const own = identities.value.find(i => addressed.some(a => same(a.email, i.email)));
	if (own) c.identity.value = own.id;
	if (mode !== 'forward') {
		const fromMe = e.from?.some(mine);
		c.to.value = fromMe ? (e.to ?? []) : b.replyTo?.length ? b.replyTo : (e.from ?? []);
		if (mode === 'replyAll') {
			const rest = fromMe ? (b.cc ?? []) : addressed;
			c.cc.value = rest.filter(
				(a, i, all) =>
					!mine(a) &&
					!c.to.value.some(t => same(t.email, a.email)) &&
					all.findIndex(x => same(x.email, a.email)) === i,
			);
			c.showCc.value = c.cc.value.length > 0;
		}
		c.inReplyTo = b.messageId;
		c.references = referencesOf(b);
		c.focusOn = 'body';
	} else c.attachStored(b.attachments);
	c.subject.value = subjectOf(mode, e.subject);
	c.original = { id: e.id, mode };
	c.threadId = e.threadId;
	c.html = '<div><br></div>' + signature(c);
	c.quote.value = quoteOf(mode, e, b);
	// Asked twice while the text was on its way.
	if (!goTo(already)) add(c);
}

export async function openDraft(e: Email) {
	const already = (c: Composer) => c.draftId === e.id;
	if (goTo(already)) return;
	await ensureBodies([e.id]);
	const b = body(e.id).peek();
	if (!b) return;
	const c = await begin();
	c.to.value = e.to ?? [];
	c.cc.value = b.cc ?? [];
	c.bcc.value = b.bcc ?? [];
	c.showCc.value = c.cc.value.length > 0;
	c.showBcc.value = c.bcc.value.length > 0;
	c.subject.value = e.subject ?? '';
	c.identity.value =
		(identities.value.find(i => same(i.email, e.from?.[0]?.email ?? '')) ?? standard())?.id ?? null;
	c.inReplyTo = b.inReplyTo;
	c.references = b.references;
	c.html = b.htmlBody
		.map(p => ({ p, v: p.partId ? (b.bodyValues[p.partId]?.value ?? '') : '' }))
		.map(({ p, v }) => (p.type === 'text/html' ? htmlOf(cleanDraft(v)) : textToHtml(v)))
		.join('');
	c.attachStored(b.attachments);
	c.draftId = e.id;
	c.messageId = b.messageId?.[0] ?? c.messageId;
	c.saving.value = 'saved';
	c.focusOn = 'body';
	if ((knownThread(e.threadId) ?? []).length > 1) c.threadId = e.threadId;
	if (!goTo(already)) add(c);
}

export async function discardStored(e: Email) {
	try {
		const r = await call<SetResponse>('Email/set', { destroy: [e.id] });
		for (const x of Object.values(r.notDestroyed ?? {})) throw new ObjectError(x);
		forget([e.id]);
		toast(words.value.draftDiscarded);
	} catch (x) {
		toast(explain(x as Error), { kind: 'error' });
	}
}

// Drafts that went away, or are none any more, at another device.
export function draftsGone(ids: Id[]) {
	for (const c of composers.peek()) if (c.draftId && ids.includes(c.draftId)) c.overtaken();
}

// Leaving the page with something unsaved or unsent asks the browser to ask.
export function guardLeaving() {
	addEventListener('beforeunload', e => {
		if (underway.size || composers.value.some(c => c.unsaved)) e.preventDefault();
	});
}

// What is not saved yet is, before somebody logs out by their own wish.
export async function saveAll(): Promise<void> {
	await Promise.all([...underway, ...composers.value.filter(c => c.unsaved).map(c => c.save())]);
}

export function abandonAll() {
	for (const c of composers.peek()) c.abandon();
}

let writer = '';

// Whose session ended while they wrote finds it again after logging in.
export function writes(user: string) {
	if (user !== writer) abandonAll();
	for (const c of composers.peek()) if (c.unsaved) c.touched();
	writer = user;
}
