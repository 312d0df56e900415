// One approval as its card shows it, read from the octets that would be sent; and the answer to it.

import { auth, needsPassword } from '../auth';
import { ObjectError } from '../jmap/errors';
import type { Approval, Email, EmailAddress, GetResponse, Id, SetResponse } from '../jmap/types';
import { name, same } from '../lib/address';
import { textToHtml } from '../lib/sanitize';
import { receiveApprovals } from '../store/approvals';
import { compose, openDraft } from '../store/composers';
import { email, getEmails } from '../store/emails';
import { call, session } from '../store/session';
import { actionDigest, mailDigest, octetsOf } from './digest';
import { readLetter, seen, type Letter } from './letter';

// Of the emails of another action, so many are told.
export const SHOWN = 50;

export interface Source {
	value: string;
	where: string;
	// Who wrote the message it was in.
	who: string;
	emailId: Id | null;
}

export interface Asked {
	approval: Approval;
	letter: Letter | null;
	// In the envelope, and in no field that readers see.
	bcc: string[];
	// In a field, and not in the envelope.
	unsent: EmailAddress[];
	sources: Source[];
	// What is shown is what is approved.
	genuine: boolean;
}

export async function loadAsked(id: Id): Promise<Asked | null> {
	const known = call<GetResponse<Approval>>('Approval/get', { ids: [id] });
	const frozen = call<GetResponse<Approval>>('Approval/get', { ids: [id], properties: ['octets'] });
	const approval = (await known).list[0];
	if (!approval) return null;
	receiveApprovals([approval]);
	const octets = (await frozen).list[0]?.octets;
	const emails = approval.what?.emailIds ?? [];
	if (emails.length) await getEmails(emails.slice(0, SHOWN)).catch(() => {});
	const letter = octets ? readLetter(octetsOf(octets)) : null;
	const rcpts = (approval.envelope?.rcptTo ?? []).map(r => r.email);
	const shown = letter ? [...letter.to, ...letter.cc] : [];
	return {
		approval,
		letter,
		bcc: rcpts.filter(r => !shown.some(a => same(a.email, r))),
		unsent: shown.filter(a => !rcpts.some(r => same(a.email, r))),
		sources: await sourcesOf(approval),
		genuine: octets ? isMail(approval, rcpts, octetsOf(octets)) : isAction(approval),
	};
}

// As mailboxd/jmap/approval_ask.c has it: cJSON prints as JSON.stringify does.
function isAction(a: Approval): boolean {
	if (!a.what || !a.nonce) return false;
	const user = session.value?.username ?? '';
	return a.digest === actionDigest(user, a.session, `${a.action} ${a.nonce} ${JSON.stringify(a.what)}`);
}

function isMail(a: Approval, rcpts: string[], octets: Uint8Array): boolean {
	const user = session.value?.username ?? '';
	return a.digest === mailDigest(user, a.session, a.envelope?.mailFrom.email ?? '', rcpts, octets);
}

async function sourcesOf(a: Approval): Promise<Source[]> {
	const origins = a.origins ?? [];
	const ids = [...new Set(origins.map(o => o.emailId).filter(id => id !== null))];
	if (ids.length) await getEmails(ids).catch(() => {});
	return origins.map(o => {
		const from = o.emailId ? email(o.emailId).peek()?.from?.[0] : undefined;
		return { value: o.value, where: o.where, who: from ? whom(from) : '', emailId: o.emailId };
	});
}

export const whom = (a: EmailAddress): string => seen(a.name?.trim() ? `${name(a)} (${a.email})` : a.email);

async function answer(id: Id, state: 'approved' | 'refused') {
	const r = await call<SetResponse<Approval>>('Approval/set', { update: { [id]: { state } } });
	for (const e of Object.values(r.notUpdated ?? {})) throw new ObjectError(e);
	receiveApprovals((await call<GetResponse<Approval>>('Approval/get', { ids: [id] })).list);
}

// Two halves (ADR 32): authd writes down that a human approved this digest, then the owner sends. prove: asks for the
// password, where it was not shown for a while; false: the user would rather not.
export async function approve(asked: Asked, what: string, prove: () => Promise<boolean>): Promise<boolean> {
	const { id, session: of, digest } = asked.approval;
	if (!(await proven(() => auth.approve(of, digest, what), prove))) return false;
	await answer(id, 'approved');
	return true;
}

export async function proven(act: () => Promise<unknown>, prove: () => Promise<boolean>): Promise<boolean> {
	try {
		await act();
	} catch (e) {
		if (!needsPassword(e)) throw e;
		if (!(await prove())) return false;
		await act();
	}
	return true;
}

export const refuse = (id: Id) => answer(id, 'refused');

// What became of it, where an answer was refused: somebody answered before, or the time was over.
export async function overtaken(id: Id): Promise<Approval | null> {
	const list = (await call<GetResponse<Approval>>('Approval/get', { ids: [id] })).list;
	receiveApprovals(list);
	return list[0] && list[0].state !== 'requested' ? list[0] : null;
}

// It is not for the agent to send any more: the human writes on. Where the draft is gone, in what stood on the card.
export async function takeOver(asked: Asked): Promise<void> {
	const { approval, letter } = asked;
	await refuse(approval.id);
	if (approval.emailId) await getEmails([approval.emailId]);
	const draft = approval.emailId ? email(approval.emailId).peek() : undefined;
	if (draft) return openDraft(draft as Email);
	if (!letter) return;
	const c = await compose();
	c.to.value = letter.to;
	c.cc.value = letter.cc;
	c.bcc.value = asked.bcc.map(email => ({ name: null, email }));
	c.showCc.value = letter.cc.length > 0;
	c.showBcc.value = asked.bcc.length > 0;
	c.subject.value = letter.subject;
	c.html = textToHtml(letter.text);
	c.attach(letter.files.map(f => new File([f.octets as BlobPart], f.name, { type: f.type })));
	c.load.value++;
}
