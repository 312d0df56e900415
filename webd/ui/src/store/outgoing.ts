// The message of a composer at the server: kept as a draft, handed in, called back.

import { words } from '../i18n';
import { ConnectionError, ObjectError } from '../jmap/errors';
import type { Email, GetResponse, Id, QueryResponse, SetError, SetResponse } from '../jmap/types';
import { same } from '../lib/address';
import { build } from '../lib/draft';
import type { Composer } from './composers';
import { forget } from './emails';
import { needRole } from './mailboxes';
import { call } from './session';

export interface Sent {
	submission: Id;
	email: Id;
}

const TRIES = 5;

function refused(errors: Record<Id, SetError> | null | undefined) {
	for (const e of Object.values(errors ?? {})) throw new ObjectError(e);
}

// Where no answer came, nobody knows what the server has done.
async function surely<T>(c: Composer, answer: Promise<T>): Promise<T> {
	try {
		return await answer;
	} catch (e) {
		if (e instanceof ConnectionError) c.doubtful = true;
		throw e;
	}
}

// A draft cannot be changed, only replaced (RFC 8621 4.1). The one before goes when the new one is there: a refusal then
// loses nothing.
export async function storeDraft(c: Composer): Promise<void> {
	const drafts = await needRole('drafts', words.value.roles.drafts);
	if (c.doubtful) await recover(c);
	const old = c.draftId;
	const r = await surely(c, call<SetResponse>('Email/set', { create: { d: build(c, drafts) } }));
	refused(r.notCreated);
	c.draftId = r.created!.d!.id;
	if (old) await destroyDrafts([old]).catch(() => {});
}

export async function destroyDrafts(ids: Id[]): Promise<void> {
	if (!ids.length) return;
	await call<SetResponse>('Email/set', { destroy: ids });
	forget(ids);
}

// Answers were lost: what was done? A composer's Message-ID stays the same, whatever becomes of its draft.
async function recover(c: Composer): Promise<Sent | null> {
	const filter = {
		operator: 'AND',
		conditions: [{ after: c.begun }, { header: ['Message-ID', c.messageId] }],
	};
	const q = call<QueryResponse>('Email/query', {
		filter,
		sort: [{ property: 'receivedAt', isAscending: false }],
	});
	const g = call<GetResponse<Email>>('Email/get', { '#ids': q.ref('/ids'), properties: ['keywords'] });
	const { ids } = await q;
	const { list } = await g;
	if (ids.length) {
		const found = call<QueryResponse>('EmailSubmission/query', { filter: { emailIds: ids } });
		const submissions = call<GetResponse<{ id: Id; emailId: Id; undoStatus: string }>>(
			'EmailSubmission/get',
			{ '#ids': found.ref('/ids'), properties: ['emailId', 'undoStatus'] },
		);
		const s = (await submissions).list.find(x => x.undoStatus !== 'canceled');
		c.doubtful = false;
		if (s) return { submission: s.id, email: s.emailId };
	}
	c.doubtful = false;
	const drafts = list.filter(e => e.keywords.$draft).map(e => e.id);
	const kept = ids.find(id => drafts.includes(id));
	if (kept === undefined) return null;
	const stale = new Set([...drafts, ...(c.draftId ? [c.draftId] : [])]);
	stale.delete(kept);
	c.draftId = kept;
	await destroyDrafts([...stale]).catch(() => {});
	return null;
}

// Hands it in. A connection that breaks meanwhile is waited for: it is sent once, and it is sent.
export async function submit(c: Composer, at: Date | null, hold: number): Promise<Sent> {
	for (let i = 1; ; i++)
		try {
			return await trySubmit(c, at, hold);
		} catch (e) {
			if (!(e instanceof ConnectionError) || i === TRIES) throw e;
		}
}

async function trySubmit(c: Composer, at: Date | null, hold: number): Promise<Sent> {
	const [drafts, sent] = await Promise.all([
		needRole('drafts', words.value.roles.drafts),
		needRole('sent', words.value.roles.sent),
	]);
	const done = {
		[`mailboxIds/${drafts}`]: null,
		[`mailboxIds/${sent}`]: true,
		'keywords/$draft': null,
	};
	if (c.doubtful) {
		const before = await recover(c);
		if (before) {
			await call('Email/set', { update: { [before.email]: done } }).catch(() => {});
			return before;
		}
	}
	const old = c.draftId;
	const from = c.from;
	const rcptTo = [...c.to.value, ...c.cc.value, ...c.bcc.value].filter(
		(a, i, all) => all.findIndex(b => same(a.email, b.email)) === i,
	);
	const parameters = at
		? { HOLDUNTIL: at.toISOString().replace(/\.\d{3}Z$/, 'Z') }
		: hold > 0
			? { HOLDFOR: String(hold) }
			: null;
	const made = call<SetResponse>('Email/set', { create: { m: build(c, drafts) } });
	const submitted = call<SetResponse>('EmailSubmission/set', {
		create: {
			s: {
				identityId: from?.id,
				emailId: '#m',
				envelope: {
					mailFrom: { email: from?.email, parameters },
					rcptTo: rcptTo.map(a => ({ email: a.email, parameters: null })),
				},
			},
		},
		onSuccessUpdateEmail: { '#s': done },
	});
	const m = await surely(c, made);
	refused(m.notCreated);
	c.draftId = m.created!.m!.id;
	if (old) void destroyDrafts([old]).catch(() => {});
	const s = await surely(c, submitted);
	refused(s.notCreated);
	if (c.original) {
		const keyword = c.original.mode === 'forward' ? '$forwarded' : '$answered';
		void call('Email/set', { update: { [c.original.id]: { [`keywords/${keyword}`]: true } } });
	}
	return { submission: s.created!.s!.id, email: c.draftId };
}

// RFC 8621 7.5: while the server still holds it. It is a draft again.
export async function callBack(s: Sent): Promise<void> {
	const r = await call<SetResponse>('EmailSubmission/set', {
		update: { [s.submission]: { undoStatus: 'canceled' } },
	});
	refused(r.notUpdated);
	const drafts = await needRole('drafts', words.value.roles.drafts);
	await call('Email/set', {
		update: { [s.email]: { mailboxIds: { [drafts]: true }, 'keywords/$draft': true } },
	}).catch(() => {});
}
