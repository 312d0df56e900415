// What agents have asked for and a human has to answer (docs/adr/0032-agents-and-approvals.md): how many wait, for the badge,
// and a word when one comes in. The card that shows one exactly, and answers it, is loaded when it is needed (assistant/).

import { computed, signal } from '@preact/signals';
import { words } from '../i18n';
import { MethodError } from '../jmap/errors';
import { APPROVAL, type Approval, type ChangesResponse, type GetResponse, type Id } from '../jmap/types';
import { assistantOpen } from './assistant';
import { notify } from './notify';
import { go } from './route';
import { call, session } from './session';
import { announce, toast } from './toasts';

// The built-in agent's name (lib/ipc/agent.h).
const ASSISTANT = 'assistant';

export const approvals = signal<ReadonlyMap<Id, Approval>>(new Map());
export const waiting = computed(() =>
	[...approvals.value.values()]
		.filter(a => a.state === 'requested')
		.sort((a, b) => b.requestedAt.localeCompare(a.requestedAt)),
);
export const hasApprovals = () => APPROVAL in (session.value?.primaryAccounts ?? {});

export function forgetApprovals() {
	approvals.value = new Map();
}

export function receiveApprovals(list: Approval[]) {
	const next = new Map(approvals.peek());
	for (const a of list) next.set(a.id, a);
	approvals.value = next;
}

// The state of the type.
export async function loadApprovals(): Promise<string> {
	const r = await call<GetResponse<Approval>>('Approval/get', { ids: null });
	approvals.value = new Map(r.list.map(a => [a.id, a]));
	return r.state;
}

export async function approvalChanges(since: string): Promise<{ state: string; more: boolean }> {
	const c = call<ChangesResponse>('Approval/changes', { sinceState: since });
	const created = call<GetResponse<Approval>>('Approval/get', { '#ids': c.ref('/created') });
	const updated = call<GetResponse<Approval>>('Approval/get', { '#ids': c.ref('/updated') });
	try {
		const r = await c;
		const fresh = (await created).list;
		const before = approvals.peek();
		receiveApprovals([...fresh, ...(await updated).list]);
		if (r.destroyed.length) {
			const next = new Map(approvals.peek());
			for (const id of r.destroyed) next.delete(id);
			approvals.value = next;
		}
		for (const a of fresh) if (a.state === 'requested' && !before.has(a.id)) comes(a);
		return { state: r.newState, more: r.hasMoreChanges };
	} catch (e) {
		if (!(e instanceof MethodError)) throw e;
		return { state: await loadApprovals(), more: false };
	}
}

function comes(a: Approval) {
	const w = words.value;
	const text = w.approvalAsks(a.agent);
	const open = () => go({ at: 'approve', id: a.id });
	notify(text, a.subject ?? '', `approval-${a.id}`, open);
	// The assistant's come on a card in the open conversation.
	if (a.agent === ASSISTANT && assistantOpen.peek()) return;
	toast(text, { action: { text: w.approvalLook, run: open } }, 30);
	announce(text);
}
