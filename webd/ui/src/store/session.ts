// Who is logged in, and the connection that comes of it. Everything else asks `jmap()` and `accountId()` here.

import { signal } from '@preact/signals';
import { auth, AuthError } from '../auth';
import { Client, type Call } from '../jmap/client';
import { Transport, type LinkState } from '../jmap/transport';
import { LoggedOut } from '../jmap/errors';
import { CORE, MAIL, SUBMISSION, type Args, type Session, type StateChange } from '../jmap/types';

export type Who = 'asking' | 'nobody' | 'somebody';

export const who = signal<Who>('asking');
export const link = signal<LinkState>('connecting');
export const session = signal<Session | null>(null);
// Why somebody is asked to log in again, if not by their own wish.
export const expired = signal(false);

let client: Client | null = null;
let transport: Transport | null = null;
let onState: (c: StateChange) => void = () => {};
let onReconnect: () => void = () => {};
let onEnd: (expired: boolean) => void = () => {};
let onLeave: () => Promise<void> = async () => {};

export function handlers(h: {
	state: (c: StateChange) => void;
	reconnect: () => void;
	end: (expired: boolean) => void;
	// Before somebody logs out by their own wish.
	leave: () => Promise<void>;
}) {
	onState = h.state;
	onReconnect = h.reconnect;
	onEnd = h.end;
	onLeave = h.leave;
}

const nobody = new Client(() => Promise.reject(new LoggedOut()));

export const accountId = () => session.value!.primaryAccounts[MAIL]!;
export const call = <T>(name: string, args: Args): Call<T> =>
	client ? client.call<T>(name, { accountId: accountId(), ...args }) : nobody.call<T>(name, args);

export const limit = (name: string, fallback: number): number => {
	const value = session.value?.capabilities[CORE]?.[name];
	return typeof value === 'number' ? value : fallback;
};

export const maxDelayedSend = (): number => {
	const s = session.value;
	const caps = s?.accounts[s.primaryAccounts[SUBMISSION] ?? '']?.accountCapabilities[SUBMISSION];
	return typeof caps?.maxDelayedSend === 'number' ? caps.maxDelayedSend : 0;
};

// Is somebody logged in already? Loads the session object if so.
export async function enter(): Promise<void> {
	// Asked first, as it never makes a browser open its own window for a password; JMAP's resource does (RFC 7617).
	try {
		await auth.session();
	} catch (e) {
		if (!(e instanceof AuthError) || e.status !== 401) throw e;
		who.value = 'nobody';
		return;
	}
	let r: Response;
	try {
		r = await fetch('/.well-known/jmap', { headers: { Accept: 'application/json' } });
	} catch {
		throw new AuthError(0, null, null);
	}
	if (!r.ok) throw new AuthError(r.status, null, Number(r.headers.get('retry-after')) || null);
	begin((await r.json()) as Session);
}

export function begin(s: Session) {
	session.value = s;
	expired.value = false;
	transport = new Transport(s, {
		link: state => (link.value = state),
		stateChange: change => onState(change),
		reconnected: () => onReconnect(),
		loggedOut: () => leave(true),
	});
	client = new Client(request => transport!.send(request), limit('maxCallsInRequest', 16));
	who.value = 'somebody';
}

export function leave(becauseExpired: boolean) {
	transport?.close();
	transport = null;
	client = null;
	expired.value = becauseExpired;
	who.value = 'nobody';
	session.value = null;
	onEnd(becauseExpired);
}

// Stays, with the reason, where the session could not be ended: the next one at this machine would be in.
export async function logout() {
	try {
		await onLeave();
		await auth.logout();
	} catch (e) {
		if (!(e instanceof AuthError && e.status === 401)) throw e;
	}
	leave(false);
}
