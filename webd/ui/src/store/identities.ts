// In whose name one writes.

import { signal } from '@preact/signals';
import { ObjectError } from '../jmap/errors';
import type { GetResponse, Id, Identity, SetResponse } from '../jmap/types';
import { call, session } from './session';

export const identities = signal<Identity[]>([]);

let loading: Promise<void> | null = null;

export function loadIdentities(again = false): Promise<void> {
	if (again || !loading)
		loading = call<GetResponse<Identity>>('Identity/get', { ids: null })
			.then(r => {
				identities.value = r.list;
			})
			.catch(e => {
				loading = null;
				throw e;
			});
	return loading;
}

export function forgetIdentities() {
	identities.value = [];
	loading = null;
}

// The one whose address is the account's, else the first.
export const standard = (): Identity | undefined =>
	identities.value.find(i => i.email.toLowerCase() === session.value?.username.toLowerCase()) ??
	identities.value[0];

export async function saveIdentity(id: Id | null, value: Partial<Identity>) {
	const r = await call<SetResponse>(
		'Identity/set',
		id ? { update: { [id]: value } } : { create: { n: value } },
	);
	for (const errors of [r.notCreated, r.notUpdated])
		for (const e of Object.values(errors ?? {})) throw new ObjectError(e);
	await loadIdentities(true);
}

export async function deleteIdentity(id: Id) {
	const r = await call<SetResponse>('Identity/set', { destroy: [id] });
	for (const e of Object.values(r.notDestroyed ?? {})) throw new ObjectError(e);
	await loadIdentities(true);
}
