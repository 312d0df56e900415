// A test double of the server: JMAP (RFC 8620, 8621, 8887) over one account in memory, for unit tests of the client and
// for looking at the page without a suite. It keeps what the standards say as far as the page asks; the real server has
// tests of its own.

import { createHash, randomUUID } from 'node:crypto';

export type Json = Record<string, unknown>;
export interface DoubleEmail extends Json {
	id: string;
	threadId: string;
	mailboxIds: Record<string, boolean>;
	keywords: Record<string, boolean>;
	receivedAt: string;
}
type Invocation = [string, Json, string];
type Type = 'Email' | 'Mailbox' | 'Thread' | 'EmailSubmission' | 'Identity' | 'Preferences' | 'Approval';

export const ACCOUNT = 'a1';

class Refused extends Error {
	constructor(readonly type: string) {
		super(type);
	}
}

export class Double {
	emails = new Map<string, DoubleEmail>();
	mailboxes = new Map<
		string,
		Json & { id: string; name: string; role: string | null; parentId: string | null }
	>();
	identities = new Map<string, Json>();
	submissions = new Map<string, Json & { id: string; undoStatus: string; emailId: string }>();
	vacation: Json = {
		id: 'singleton',
		isEnabled: false,
		fromDate: null,
		toDate: null,
		subject: null,
		textBody: null,
		htmlBody: null,
	};
	preferences: Json = {
		id: 'singleton',
		theme: null,
		accent: null,
		density: null,
		language: null,
		undoSeconds: null,
		assistant: null,
		imagesFrom: {},
	};
	blobs = new Map<string, { type: string; data: Buffer }>();
	// Method calls as they came, for tests.
	heard: Invocation[] = [];
	// What a test wants refused: method name to error.
	refuse = new Map<string, string>();
	// What others add (agents.ts): methods, capabilities, and types whose state it tells.
	methods = new Map<string, (args: Json) => Json>();
	capabilities: string[] = [];
	listeners = new Set<(m: Json) => void>();
	private log: { type: Type; id: string; what: 'created' | 'updated' | 'destroyed' }[] = [];
	private queries = new Map<string, string[]>();
	private nextId = 1;

	constructor(
		readonly user = 'alice@example.test',
		readonly name = 'Alice Martin',
	) {
		for (const [role, title] of [
			['inbox', 'Inbox'],
			['drafts', 'Drafts'],
			['sent', 'Sent'],
			['archive', 'Archive'],
			['junk', 'Junk'],
			['trash', 'Trash'],
		] as const)
			this.addMailbox(title, role);
		this.identities.set('i1', {
			id: 'i1',
			name,
			email: user,
			replyTo: null,
			bcc: null,
			textSignature: '',
			htmlSignature: '',
			mayDelete: false,
		});
	}

	session(base: string): Json {
		const ws = base.replace(/^http/, 'ws');
		return {
			capabilities: {
				'urn:ietf:params:jmap:core': {
					maxSizeUpload: 50000000,
					maxConcurrentUpload: 4,
					maxSizeRequest: 10000000,
					maxConcurrentRequests: 8,
					maxCallsInRequest: 32,
					maxObjectsInGet: 500,
					maxObjectsInSet: 500,
					collationAlgorithms: [],
				},
				'urn:ietf:params:jmap:mail': {},
				'urn:ietf:params:jmap:submission': {},
				'urn:ietf:params:jmap:vacationresponse': {},
				'urn:ietf:params:jmap:websocket': { url: `${ws}/jmap/ws`, supportsPush: true },
			},
			accounts: {
				[ACCOUNT]: {
					name: this.user,
					isPersonal: true,
					isReadOnly: false,
					accountCapabilities: {
						'urn:ietf:params:jmap:submission': { maxDelayedSend: 2592000, submissionExtensions: {} },
					},
				},
			},
			primaryAccounts: {
				'urn:ietf:params:jmap:mail': ACCOUNT,
				'urn:ietf:params:jmap:submission': ACCOUNT,
				'urn:ietf:params:jmap:vacationresponse': ACCOUNT,
				'urn:x-gkmail:preferences': ACCOUNT,
				...Object.fromEntries(this.capabilities.map(c => [c, ACCOUNT])),
			},
			username: this.user,
			apiUrl: `${base}/jmap/api`,
			downloadUrl: `${base}/jmap/download/{accountId}/{blobId}/{name}?accept={type}`,
			uploadUrl: `${base}/jmap/upload/{accountId}/`,
			eventSourceUrl: `${base}/jmap/events?types={types}&closeafter={closeafter}&ping={ping}`,
			state: 's1',
		};
	}

	id(prefix: string): string {
		return `${prefix}${this.nextId++}`;
	}

	get state(): string {
		return String(this.log.length);
	}

	role(name: string): string {
		return [...this.mailboxes.values()].find(m => m.role === name)!.id;
	}

	addMailbox(name: string, role: string | null = null, parentId: string | null = null): string {
		const id = this.id('m');
		this.mailboxes.set(id, {
			id,
			name,
			role,
			parentId,
			sortOrder: this.mailboxes.size,
			isSubscribed: true,
			myRights: {},
		});
		return id;
	}

	addEmail(e: Partial<DoubleEmail> & Json = {}): DoubleEmail {
		const id = this.id('e');
		const text = String(e.text ?? e.preview ?? '');
		const html = e.html as string | undefined;
		const email: DoubleEmail = {
			id,
			blobId: `b${id}`,
			threadId: `t${id}`,
			mailboxIds: { [this.role('inbox')]: true },
			keywords: {},
			from: [{ name: 'Bob', email: 'bob@example.test' }],
			to: [{ name: this.name, email: this.user }],
			cc: null,
			bcc: null,
			replyTo: null,
			sender: null,
			subject: 'Hello',
			receivedAt: new Date().toISOString(),
			sentAt: new Date().toISOString(),
			preview: text.slice(0, 200),
			hasAttachment: false,
			size: 1000,
			messageId: [`${id}@example.test`],
			inReplyTo: null,
			references: null,
			attachments: [],
			bodyValues: { '1': { value: html ?? text } },
			textBody: [{ partId: '1', blobId: `b${id}-1`, size: 1, type: html ? 'text/html' : 'text/plain' }],
			htmlBody: [{ partId: '1', blobId: `b${id}-1`, size: 1, type: html ? 'text/html' : 'text/plain' }],
			...e,
		};
		this.emails.set(id, email);
		return email;
	}

	// Changes as a delivery or another client makes them.
	deliver(e: Partial<DoubleEmail> & Json = {}): DoubleEmail {
		const email = this.addEmail(e);
		this.note('Email', email.id, 'created');
		this.note('Thread', email.threadId, this.inThread(email.threadId).length > 1 ? 'updated' : 'created');
		this.noteMailboxes(email.mailboxIds);
		this.push();
		return email;
	}

	change(id: string, patch: Json) {
		this.update(id, patch);
		this.push();
	}

	note(type: Type, id: string, what: 'created' | 'updated' | 'destroyed') {
		this.log.push({ type, id, what });
	}

	private noteMailboxes(ids: Record<string, boolean>) {
		for (const m of Object.keys(ids)) this.note('Mailbox', m, 'updated');
	}

	push() {
		const s = this.state;
		const m = {
			'@type': 'StateChange',
			changed: { [ACCOUNT]: { Email: s, Mailbox: s, Thread: s, Preferences: s, Approval: s } },
			pushState: s,
		};
		for (const f of this.listeners) f(m);
	}

	private inThread(t: string): DoubleEmail[] {
		return [...this.emails.values()]
			.filter(e => e.threadId === t)
			.sort((a, b) => a.receivedAt.localeCompare(b.receivedAt));
	}

	private update(id: string, patch: Json) {
		const e = this.emails.get(id);
		if (!e) throw new Refused('notFound');
		const before = { ...e.mailboxIds };
		for (const [path, value] of Object.entries(patch)) {
			const slash = path.indexOf('/');
			if (slash < 0) {
				e[path] = value;
				continue;
			}
			const kind = path.slice(0, slash) as 'keywords' | 'mailboxIds';
			const name = path.slice(slash + 1);
			const next = { ...e[kind] };
			if (value) next[name] = true;
			else delete next[name];
			e[kind] = next;
		}
		this.note('Email', id, 'updated');
		this.noteMailboxes({ ...before, ...e.mailboxIds });
	}

	handle(request: { methodCalls: Invocation[] }): Json {
		const responses: Invocation[] = [];
		const created = new Map<string, string>();
		const before = this.state;
		for (const [name, given, callId] of request.methodCalls) {
			this.heard.push([name, given, callId]);
			try {
				const refused = this.refuse.get(name);
				if (refused) throw new Refused(refused);
				const args = this.resolve(given, responses);
				responses.push([name, this.run(name, args, created, responses, callId), callId]);
			} catch (e) {
				if (!(e instanceof Refused)) throw e;
				responses.push(['error', { type: e.type }, callId]);
			}
		}
		if (this.state !== before) queueMicrotask(() => this.push());
		// What a method adds on its own (the implicit Email/set) comes after its own answer.
		return { methodResponses: responses, sessionState: 's1' };
	}

	// RFC 8620 3.7.
	private resolve(args: Json, responses: Invocation[]): Json {
		const out: Json = {};
		for (const [key, value] of Object.entries(args)) {
			if (!key.startsWith('#')) {
				out[key] = value;
				continue;
			}
			const ref = value as { resultOf: string; name: string; path: string };
			const r = responses.find(x => x[2] === ref.resultOf && x[0] === ref.name);
			if (!r) throw new Refused('invalidResultReference');
			out[key.slice(1)] = walk(r[1], ref.path.split('/').slice(1));
		}
		return out;
	}

	private run(
		name: string,
		args: Json,
		created: Map<string, string>,
		responses: Invocation[],
		callId: string,
	): Json {
		const other = this.methods.get(name);
		if (other) return other(args);
		switch (name) {
			case 'Core/echo':
				return args;
			case 'Mailbox/get':
				return this.get(args, id => this.mailbox(id), [...this.mailboxes.keys()]);
			case 'Mailbox/set':
				return this.mailboxSet(args);
			case 'Thread/get':
				return this.get(args, id => {
					const list = this.inThread(id);
					return list.length ? { id, emailIds: list.map(e => e.id) } : undefined;
				});
			case 'Email/get':
				return this.get(args, id => this.emails.get(id));
			case 'Identity/get':
				return this.get(args, id => this.identities.get(id), [...this.identities.keys()]);
			case 'Identity/set':
				return this.simpleSet(args, this.identities, 'i', { mayDelete: true });
			case 'VacationResponse/get':
				return { accountId: ACCOUNT, state: '1', list: [this.vacation], notFound: [] };
			case 'VacationResponse/set':
				Object.assign(this.vacation, (args.update as Json).singleton);
				return { accountId: ACCOUNT, newState: '1', updated: { singleton: null } };
			case 'Preferences/get':
				return { accountId: ACCOUNT, state: this.state, list: [this.preferences], notFound: [] };
			case 'Preferences/set':
				this.prefer((args.update as Record<string, Json>).singleton!);
				return { accountId: ACCOUNT, newState: this.state, updated: { singleton: null } };
			case 'Email/changes':
			case 'Mailbox/changes':
			case 'Thread/changes':
				return this.changes(name.split('/')[0] as Type, args);
			case 'Email/query':
				return this.query(args);
			case 'Email/queryChanges':
				return this.queryChanges(args);
			case 'Email/set':
				return this.emailSet(args, created);
			case 'EmailSubmission/set':
				return this.submissionSet(args, created, responses, callId);
			case 'SearchSnippet/get':
				return this.snippets(args);
		}
		throw new Refused('unknownMethod');
	}

	prefer(patch: Json) {
		const imagesFrom = { ...(this.preferences.imagesFrom as Json) };
		for (const [path, value] of Object.entries(patch)) {
			const a = /^imagesFrom\/(.*)/.exec(path)?.[1]?.replace(/~1/g, '/').replace(/~0/g, '~');
			if (a === undefined) this.preferences = { ...this.preferences, [path]: value };
			else if (value) imagesFrom[a] = true;
			else delete imagesFrom[a];
		}
		this.preferences = { ...this.preferences, imagesFrom };
		this.note('Preferences', 'singleton', 'updated');
	}

	get(args: Json, find: (id: string) => Json | undefined, all: string[] = []): Json {
		const ids = (args.ids as string[] | null) ?? all;
		if (ids.length > 500) throw new Refused('requestTooLarge');
		const properties = args.properties as string[] | null | undefined;
		const list: Json[] = [];
		const notFound: string[] = [];
		for (const id of new Set(ids)) {
			const o = find(id);
			if (!o) notFound.push(id);
			else list.push(properties ? { id, ...Object.fromEntries(properties.map(p => [p, o[p] ?? null])) } : o);
		}
		return { accountId: ACCOUNT, state: this.state, list, notFound };
	}

	private mailbox(id: string): Json | undefined {
		const m = this.mailboxes.get(id);
		if (!m) return undefined;
		const inside = [...this.emails.values()].filter(e => e.mailboxIds[id]);
		const unread = inside.filter(e => !e.keywords.$seen && !e.keywords.$draft);
		return {
			...m,
			totalEmails: inside.length,
			unreadEmails: unread.length,
			totalThreads: new Set(inside.map(e => e.threadId)).size,
			unreadThreads: new Set(unread.map(e => e.threadId)).size,
		};
	}

	changes(type: Type, args: Json): Json {
		const since = Number(args.sinceState);
		if (!(since <= this.log.length)) throw new Refused('cannotCalculateChanges');
		const seen = new Map<string, { first: string; last: string }>();
		for (const c of this.log.slice(since))
			if (c.type === type) seen.set(c.id, { first: seen.get(c.id)?.first ?? c.what, last: c.what });
		const of = (want: string) =>
			[...seen]
				.filter(
					([, s]) =>
						(s.last === 'destroyed' ? 'destroyed' : s.first === 'created' ? 'created' : 'updated') === want,
				)
				.map(([id]) => id);
		return {
			accountId: ACCOUNT,
			oldState: String(since),
			newState: this.state,
			hasMoreChanges: false,
			created: of('created'),
			updated: of('updated'),
			destroyed: of('destroyed'),
			...(type === 'Mailbox' ? { updatedProperties: null } : {}),
		};
	}

	private matches(e: DoubleEmail, f: Json): boolean {
		if (f.operator) {
			const all = (f.conditions as Json[]).map(c => this.matches(e, c));
			return f.operator === 'AND'
				? all.every(Boolean)
				: f.operator === 'OR'
					? all.some(Boolean)
					: !all.some(Boolean);
		}
		const people = (key: string) => JSON.stringify(e[key] ?? '').toLowerCase();
		const text = () =>
			[e.subject, e.preview, people('from'), people('to'), JSON.stringify(e.bodyValues)]
				.join(' ')
				.toLowerCase();
		return Object.entries(f).every(([key, value]) => {
			const v = String(value).toLowerCase().replace(/"/g, '');
			switch (key) {
				case 'inMailbox':
					return e.mailboxIds[value as string];
				case 'inMailboxOtherThan':
					return Object.keys(e.mailboxIds).some(m => !(value as string[]).includes(m));
				case 'hasKeyword':
					return e.keywords[value as string];
				case 'notKeyword':
					return !e.keywords[value as string];
				case 'hasAttachment':
					return e.hasAttachment === value;
				case 'from':
				case 'to':
				case 'cc':
				case 'subject':
					return people(key).includes(v);
				case 'before':
					return e.receivedAt < String(value);
				case 'after':
					return e.receivedAt >= String(value);
				default:
					return text().includes(v);
			}
		});
	}

	private results(args: Json): string[] {
		const list = [...this.emails.values()]
			.filter(e => this.matches(e, (args.filter as Json) ?? {}))
			.sort((a, b) => b.receivedAt.localeCompare(a.receivedAt) || b.id.localeCompare(a.id));
		if (!args.collapseThreads) return list.map(e => e.id);
		const threads = new Set<string>();
		return list.filter(e => !threads.has(e.threadId) && threads.add(e.threadId)).map(e => e.id);
	}

	private queryKey(args: Json): string {
		return createHash('sha256')
			.update(JSON.stringify([args.filter, args.sort, args.collapseThreads]))
			.digest('hex')
			.slice(0, 12);
	}

	private remember(args: Json, ids: string[]): string {
		const state = `${this.state}-${this.queryKey(args)}`;
		this.queries.set(state, ids);
		return state;
	}

	private query(args: Json): Json {
		const ids = this.results(args);
		const position = Number(args.position ?? 0);
		const limit = Number(args.limit ?? 256);
		return {
			accountId: ACCOUNT,
			queryState: this.remember(args, ids),
			canCalculateChanges: true,
			position,
			ids: ids.slice(position, position + limit),
			...(args.calculateTotal ? { total: ids.length } : {}),
		};
	}

	private queryChanges(args: Json): Json {
		const old = this.queries.get(String(args.sinceQueryState));
		if (!old) throw new Refused('cannotCalculateChanges');
		const now = this.results(args);
		const upTo = args.upToId ? now.indexOf(args.upToId as string) : -1;
		const oldSet = new Set(old);
		const nowSet = new Set(now);
		return {
			accountId: ACCOUNT,
			oldQueryState: args.sinceQueryState,
			newQueryState: this.remember(args, now),
			total: now.length,
			removed: old.filter(id => !nowSet.has(id)),
			added: now
				.map((id, index) => ({ id, index }))
				.filter(({ id, index }) => !oldSet.has(id) && (upTo < 0 || index <= upTo)),
		};
	}

	private snippets(args: Json): Json {
		const words: string[] = [];
		const collect = (f: Json) => {
			for (const c of (f.conditions as Json[] | undefined) ?? []) collect(c);
			for (const key of ['text', 'subject', 'body', 'from'])
				if (f[key]) words.push(String(f[key]).replace(/"/g, ''));
		};
		collect((args.filter as Json) ?? {});
		const escape = (s: string) => s.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
		const mark = (s: string) =>
			words.reduce(
				(t, w) =>
					t.replace(new RegExp(w.replace(/[^\p{L}\p{N}]/gu, '\\$&'), 'giu'), m => `<mark>${m}</mark>`),
				escape(s),
			);
		return {
			accountId: ACCOUNT,
			list: (args.emailIds as string[]).map(id => {
				const e = this.emails.get(id)!;
				return { emailId: id, subject: mark(String(e.subject)), preview: mark(String(e.preview)) };
			}),
			notFound: [],
		};
	}

	private emailSet(args: Json, created: Map<string, string>): Json {
		const out = { created: {} as Json, updated: {} as Json, destroyed: [] as string[] };
		const bad = { notUpdated: {} as Json, notDestroyed: {} as Json };
		for (const [key, value] of Object.entries((args.create as Record<string, Json>) ?? {})) {
			const values = (value.bodyValues ?? {}) as Record<string, { value: string }>;
			const reply = ((value.inReplyTo as string[]) ?? [])[0];
			const parent = [...this.emails.values()].find(e => (e.messageId as string[])[0] === reply);
			const part = (list: unknown) =>
				((list as Json[]) ?? []).map(p => ({
					size: 0,
					name: null,
					disposition: null,
					cid: null,
					blobId: null,
					...p,
				}));
			const e = this.addEmail({
				...(value as Partial<DoubleEmail>),
				preview: (values.text?.value ?? '').slice(0, 200),
				hasAttachment: !!(value.attachments as unknown[])?.length,
				attachments: part(value.attachments),
				textBody: part(value.textBody) as never,
				htmlBody: part(value.htmlBody) as never,
				bodyValues: values as never,
				...(parent ? { threadId: parent.threadId } : {}),
			});
			created.set(key, e.id);
			out.created[key] = { id: e.id, blobId: e.blobId, threadId: e.threadId, size: e.size };
			this.note('Email', e.id, 'created');
			this.note('Thread', e.threadId, parent ? 'updated' : 'created');
			this.noteMailboxes(e.mailboxIds);
		}
		for (const [id, patch] of Object.entries((args.update as Record<string, Json>) ?? {}))
			try {
				this.update(id, patch);
				out.updated[id] = null;
			} catch (e) {
				bad.notUpdated[id] = { type: (e as Refused).type };
			}
		for (const id of (args.destroy as string[]) ?? []) {
			const e = this.emails.get(id);
			if (!e) {
				bad.notDestroyed[id] = { type: 'notFound' };
				continue;
			}
			this.emails.delete(id);
			out.destroyed.push(id);
			this.note('Email', id, 'destroyed');
			this.note('Thread', e.threadId, this.inThread(e.threadId).length ? 'updated' : 'destroyed');
			this.noteMailboxes(e.mailboxIds);
		}
		return { accountId: ACCOUNT, oldState: null, newState: this.state, ...out, ...bad };
	}

	private submissionSet(
		args: Json,
		created: Map<string, string>,
		responses: Invocation[],
		callId: string,
	): Json {
		const out: Json = {
			accountId: ACCOUNT,
			newState: this.state,
			created: {},
			updated: {},
			notCreated: {},
			notUpdated: {},
		};
		for (const [key, value] of Object.entries((args.create as Record<string, Json>) ?? {})) {
			const ref = String(value.emailId);
			const emailId = ref.startsWith('#') ? created.get(ref.slice(1)) : ref;
			const envelope = value.envelope as {
				rcptTo: { email: string }[];
				mailFrom: { parameters: Json | null };
			};
			if (!emailId) {
				(out.notCreated as Json)[key] = { type: 'emailNotFound' };
				continue;
			}
			if (envelope.rcptTo.some(r => r.email.endsWith('.invalid'))) {
				(out.notCreated as Json)[key] = { type: 'invalidRecipients', invalidRecipients: [] };
				continue;
			}
			const id = this.id('s');
			const waits = !!envelope.mailFrom.parameters;
			this.submissions.set(id, { ...value, id, emailId, undoStatus: waits ? 'pending' : 'final' });
			(out.created as Json)[key] = { id, undoStatus: waits ? 'pending' : 'final' };
			const patch = (args.onSuccessUpdateEmail as Record<string, Json> | undefined)?.[`#${key}`];
			if (patch) {
				this.update(emailId, patch);
				queueMicrotask(() => responses.push(['Email/set', { updated: { [emailId]: null } }, callId]));
			}
		}
		for (const [id, patch] of Object.entries((args.update as Record<string, Json>) ?? {})) {
			const s = this.submissions.get(id);
			if (!s || s.undoStatus !== 'pending') (out.notUpdated as Json)[id] = { type: 'cannotUnsend' };
			else {
				Object.assign(s, patch);
				(out.updated as Json)[id] = null;
			}
		}
		return out;
	}

	private simpleSet(args: Json, map: Map<string, Json>, prefix: string, extra: Json): Json {
		const out = { created: {} as Json, updated: {} as Json, destroyed: [] as string[] };
		for (const [key, value] of Object.entries((args.create as Record<string, Json>) ?? {})) {
			const id = this.id(prefix);
			map.set(id, { id, replyTo: null, bcc: null, htmlSignature: '', textSignature: '', ...value, ...extra });
			out.created[key] = { id };
		}
		for (const [id, patch] of Object.entries((args.update as Record<string, Json>) ?? {})) {
			Object.assign(map.get(id)!, patch);
			out.updated[id] = null;
		}
		for (const id of (args.destroy as string[]) ?? []) if (map.delete(id)) out.destroyed.push(id);
		return { accountId: ACCOUNT, newState: this.state, ...out };
	}

	private mailboxSet(args: Json): Json {
		const out = { created: {} as Json, updated: {} as Json, destroyed: [] as string[] };
		const notCreated: Json = {};
		for (const [key, value] of Object.entries((args.create as Record<string, Json>) ?? {})) {
			if (
				[...this.mailboxes.values()].some(
					m => m.name === value.name && m.parentId === (value.parentId ?? null),
				)
			) {
				notCreated[key] = { type: 'alreadyExists' };
				continue;
			}
			const id = this.addMailbox(
				String(value.name),
				(value.role as string) ?? null,
				(value.parentId as string) ?? null,
			);
			out.created[key] = { id };
			this.note('Mailbox', id, 'created');
		}
		for (const [id, patch] of Object.entries((args.update as Record<string, Json>) ?? {})) {
			Object.assign(this.mailboxes.get(id)!, patch);
			this.note('Mailbox', id, 'updated');
			out.updated[id] = null;
		}
		for (const id of (args.destroy as string[]) ?? []) {
			for (const e of [...this.emails.values()]) if (e.mailboxIds[id]) this.emails.delete(e.id);
			this.mailboxes.delete(id);
			this.note('Mailbox', id, 'destroyed');
			out.destroyed.push(id);
		}
		return { accountId: ACCOUNT, newState: this.state, ...out, notCreated };
	}

	upload(type: string, data: Buffer): Json {
		const blobId = `u${randomUUID()}`;
		this.blobs.set(blobId, { type, data });
		return { accountId: ACCOUNT, blobId, type, size: data.length };
	}
}

function walk(value: unknown, path: string[]): unknown {
	const [step, ...rest] = path;
	if (step === undefined) return value;
	if (step === '*') {
		const list = (value as unknown[]).map(v => walk(v, rest));
		return list.some(Array.isArray) ? list.flat() : list;
	}
	return walk((value as Json)[step], rest);
}
