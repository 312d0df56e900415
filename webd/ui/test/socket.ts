// What the tests of the store share: a page logged in at the double.

import assert from 'node:assert/strict';
import { clearEmails } from '../src/store/emails';
import { clearLists } from '../src/store/list';
import { begin, handlers, leave } from '../src/store/session';
import { follow, start } from '../src/store/sync';
import { toasts } from '../src/store/toasts';
import { Double } from './double';

// A WebSocket whose other end is the double.
export class Socket {
	static d: Double;
	// While it is, answers are kept back.
	static held: (() => void)[] | null = null;
	onopen: (() => void) | null = null;
	onmessage: ((m: { data: string }) => void) | null = null;
	onclose: (() => void) | null = null;
	private tell = (m: unknown) => this.onmessage?.({ data: JSON.stringify(m) });
	constructor() {
		queueMicrotask(() => this.onopen?.());
	}
	send(text: string) {
		const m = JSON.parse(text) as { '@type': string; id?: string };
		if (m['@type'] === 'WebSocketPushEnable') {
			Socket.d.listeners.add(this.tell);
			return;
		}
		let response: object;
		try {
			response = { '@type': 'Response', requestId: m.id, ...Socket.d.handle(m as never) };
		} catch {
			response = { '@type': 'RequestError', requestId: m.id, type: 'about:blank', status: 500 };
		}
		const answer = () => this.tell(response);
		if (Socket.held) Socket.held.push(answer);
		else queueMicrotask(answer);
	}
	close() {
		Socket.d.listeners.delete(this.tell);
		this.onclose?.();
	}
}

export function release() {
	const held = Socket.held ?? [];
	Socket.held = null;
	for (const answer of held) answer();
}

export async function until(what: () => boolean) {
	for (let i = 0; i < 10000 && !what(); i++) await new Promise(r => setTimeout(r, 1));
	assert.ok(what());
}

export function arrive(): Double {
	const d = new Double();
	Socket.d = d;
	(globalThis as { WebSocket: unknown }).WebSocket = Socket;
	return d;
}

export async function enter() {
	follow();
	begin(Socket.d.session('http://double') as never);
	await start();
}

export function depart() {
	Socket.held = null;
	leave(false);
	clearLists();
	clearEmails();
	handlers({ state: () => {}, reconnect: () => {}, end: () => {}, leave: async () => {} });
	toasts.value = [];
}
