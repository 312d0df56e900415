// Follows the server: its StateChange says which types moved, /changes what moved in them, and the signals do the rest.

import { LoggedOut, MethodError } from '../jmap/errors';
import type { ChangesResponse, Email, GetResponse, Id, Mailbox, StateChange, Thread } from '../jmap/types';
import { approvalChanges, forgetApprovals, hasApprovals, loadApprovals } from './approvals';
import { abandonAll, draftsGone, saveAll } from './composers';
import {
	allKnown,
	allKnownThreads,
	clearEmails,
	forget,
	getEmails,
	knownEmail,
	knownThread,
	LIST_PROPERTIES,
	receiveEmails,
	receiveThreads,
} from './emails';
import { clearLists, list } from './list';
import { forgetMailboxes, loadMailboxes, mailboxes, receiveMailboxes } from './mailboxes';
import { newMail } from './notify';
import { forgetPreferences, hasPreferences, loadPreferences } from './preferences';
import { accountId, call, handlers } from './session';

const MAX_CHANGES = 256;
const RETRY_MS = 3000;

let states: Record<string, string> = {};
let running = false;
let failures = 0;
let wanted: Set<string> | null = null;

// The first reading. Lists load themselves beside it.
export async function start() {
	states = {};
	const e = call<GetResponse<Email>>('Email/get', { ids: [] });
	const t = call<GetResponse<Thread>>('Thread/get', { ids: [] });
	const p = hasPreferences() ? loadPreferences().catch(() => undefined) : undefined;
	const a = hasApprovals() ? loadApprovals().catch(() => undefined) : undefined;
	states.Mailbox = await loadMailboxes();
	states.Email = (await e).state;
	states.Thread = (await t).state;
	const preferences = await p;
	const approvals = await a;
	if (preferences !== undefined) states.Preferences = preferences;
	if (approvals !== undefined) states.Approval = approvals;
}

export function follow() {
	handlers({
		state: (change: StateChange) => {
			const changed = change.changed[accountId()];
			if (!changed) return;
			const types = Object.keys(changed).filter(type => type in states && states[type] !== changed[type]);
			if (types.length) catchUp(types);
		},
		reconnect: () => catchUp(Object.keys(states)),
		end: expired => {
			if (!expired) abandonAll();
			states = {};
			wanted = null;
			clearLists();
			clearEmails();
			forgetPreferences();
			forgetApprovals();
			mailboxes.value = new Map();
		},
		leave: saveAll,
	});
}

export function catchUp(types: string[]) {
	wanted = new Set([...(wanted ?? []), ...types]);
	if (!running) void run();
}

async function run() {
	running = true;
	while (wanted) {
		const types = wanted;
		wanted = null;
		try {
			await Promise.all([
				types.has('Mailbox') && 'Mailbox' in states ? mailboxChanges() : null,
				types.has('Email') && 'Email' in states ? emailChanges() : null,
				types.has('Thread') && 'Thread' in states ? threadChanges() : null,
				types.has('Preferences') && 'Preferences' in states ? preferencesChanges() : null,
				types.has('Approval') && 'Approval' in states ? approvalsChanged() : null,
				types.has('Email') ? list.peek()?.sync() : null,
			]);
			failures = 0;
		} catch (e) {
			// The server is in trouble; a connection that is lost would have waited. What moved is still to be had.
			if (e instanceof LoggedOut) break;
			failures++;
			setTimeout(() => catchUp([...types].filter(type => type in states)), Math.min(failures, 10) * RETRY_MS);
		}
	}
	running = false;
}

async function mailboxChanges() {
	const c = call<ChangesResponse>('Mailbox/changes', { sinceState: states.Mailbox });
	const created = call<GetResponse<Mailbox>>('Mailbox/get', { '#ids': c.ref('/created') });
	const updated = call<GetResponse<Mailbox>>('Mailbox/get', {
		'#ids': c.ref('/updated'),
		'#properties': c.ref('/updatedProperties'),
	});
	try {
		const r = await c;
		receiveMailboxes([...(await created).list, ...(await updated).list], false);
		forgetMailboxes(r.destroyed);
		states.Mailbox = r.newState;
		if (r.hasMoreChanges) catchUp(['Mailbox']);
	} catch (e) {
		if (!(e instanceof MethodError)) throw e;
		states.Mailbox = await loadMailboxes();
	}
}

async function emailChanges() {
	const c = call<ChangesResponse>('Email/changes', { sinceState: states.Email, maxChanges: MAX_CHANGES });
	const created = call<GetResponse<Email>>('Email/get', {
		'#ids': c.ref('/created'),
		properties: LIST_PROPERTIES,
	});
	const updated = call<GetResponse<Email>>('Email/get', {
		'#ids': c.ref('/updated'),
		properties: ['id', 'keywords', 'mailboxIds', 'threadId'],
	});
	try {
		const r = await c;
		const fresh = (await created).list;
		receiveEmails(fresh);
		const changed = (await updated).list;
		receiveEmails(changed.filter(e => knownEmail(e.id)));
		forget(r.destroyed);
		draftsGone([...r.destroyed, ...changed.filter(e => !e.keywords.$draft).map(e => e.id)]);
		states.Email = r.newState;
		newMail(fresh);
		if (r.hasMoreChanges) catchUp(['Email']);
	} catch (e) {
		if (!(e instanceof MethodError)) throw e;
		await refreshAll();
	}
}

async function threadChanges() {
	const c = call<ChangesResponse>('Thread/changes', { sinceState: states.Thread, maxChanges: MAX_CHANGES });
	try {
		const r = await c;
		states.Thread = r.newState;
		await refreshThreads([...r.updated, ...r.created].filter(id => knownThread(id)));
		if (r.hasMoreChanges) catchUp(['Thread']);
	} catch (e) {
		if (!(e instanceof MethodError)) throw e;
		states.Thread = (await call<GetResponse<Thread>>('Thread/get', { ids: [] })).state;
		await refreshThreads(allKnownThreads());
	}
}

async function refreshThreads(ids: Id[]) {
	for (let i = 0; i < ids.length; i += MAX_CHANGES) {
		const t = await call<GetResponse<Thread>>('Thread/get', { ids: ids.slice(i, i + MAX_CHANGES) });
		const missing = t.list.flatMap(x => x.emailIds).filter((id: Id) => !knownEmail(id));
		if (missing.length) await getEmails(missing);
		receiveThreads(t.list);
	}
}

async function preferencesChanges() {
	states.Preferences = await loadPreferences();
}

async function approvalsChanged() {
	const r = await approvalChanges(states.Approval!);
	states.Approval = r.state;
	if (r.more) catchUp(['Approval']);
}

// The server cannot say what changed: what is known is asked for anew.
async function refreshAll() {
	states.Email = (await call<GetResponse<Email>>('Email/get', { ids: [] })).state;
	await getEmails(allKnown().map(e => e.id));
	await list.peek()?.reload();
}
