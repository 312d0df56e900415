// Carries JMAP requests: over one WebSocket (RFC 8887) while it stands, over HTTP while none can be had. A request waits
// while there is no connection; one whose connection breaks before the answer is sent again if it is safe to do twice.

import { ConnectionError, LoggedOut, RequestError } from './errors';
import {
	CORE,
	WEBSOCKET,
	type Invocation,
	type Problem,
	type Request,
	type Response,
	type Session,
	type StateChange,
} from './types';

export type LinkState = 'connecting' | 'online' | 'offline';

export interface Events {
	link(state: LinkState): void;
	stateChange(change: StateChange): void;
	loggedOut(): void;
	// A connection stands anew: states may have moved meanwhile.
	reconnected(): void;
}

interface Waiting {
	request: Request;
	resolve(r: Response): void;
	reject(e: Error): void;
}

// Below maxConcurrentRequests of any server (RFC 8620 2 suggests no fewer than 4).
const MAX_FLYING = 4;
// So many WebSockets that did not come to stand, while HTTP does: something between lets none through.
const TRIES = 2;
const BACKOFF_MS = [300, 1000, 2000, 5000, 10000, 30000];
// A connection may be dead and nobody says so (a lid was closed, a network changed). So long in silence while an answer is
// due, and it is given up; after so long without one, coming back to the page asks whether it stands.
const SILENCE_MS = 45000;
const DOUBT_MS = 10000;
const STALE_MS = 60000;

// Doing these again changes nothing: all but what makes something new.
export function repeatable(calls: Invocation[]): boolean {
	return calls.every(([name, args]) => {
		const verb = name.split('/')[1];
		if (verb === 'get' || verb === 'query' || verb === 'changes' || verb === 'queryChanges') return true;
		return verb === 'set' && !args.create;
	});
}

export class Transport {
	private socket: WebSocket | null = null;
	private source: EventSource | null = null;
	private queue: Waiting[] = [];
	private flying = new Map<string, Waiting>();
	private nextId = 1;
	private failures = 0;
	private everOpen = false;
	private byHttp = false;
	private httpFlying = 0;
	private timer: ReturnType<typeof setTimeout> | undefined;
	private closed = false;
	private pushState: string | undefined;
	private heard = 0;
	private silence: ReturnType<typeof setTimeout> | undefined;

	constructor(
		private session: Session,
		private events: Events,
	) {
		globalThis.addEventListener?.('online', this.wake);
		globalThis.addEventListener?.('offline', this.drop);
		globalThis.document?.addEventListener('visibilitychange', this.wake);
		this.connect();
	}

	send(request: Request): Promise<Response> {
		return new Promise((resolve, reject) => {
			this.queue.push({ request, resolve, reject });
			this.pump();
		});
	}

	close() {
		this.closed = true;
		clearTimeout(this.timer);
		clearTimeout(this.silence);
		globalThis.removeEventListener?.('online', this.wake);
		globalThis.removeEventListener?.('offline', this.drop);
		globalThis.document?.removeEventListener('visibilitychange', this.wake);
		this.socket?.close();
		this.source?.close();
		for (const w of [...this.queue, ...this.flying.values()]) w.reject(new LoggedOut());
		this.queue = [];
		this.flying.clear();
	}

	// Something suggests that the network is back, or has been away: do not wait out the pause, do not trust the silence.
	private wake = () => {
		if (this.closed || globalThis.document?.hidden) return;
		if (this.socket) {
			if (Date.now() - this.heard > STALE_MS) this.doubt();
		} else if (this.timer !== undefined) {
			clearTimeout(this.timer);
			this.timer = undefined;
			void this.probe();
		}
	};

	private doubt() {
		const methodCalls: Invocation[] = [['Core/echo', {}, 'c']];
		this.transmit({ request: { using: [CORE], methodCalls }, resolve: () => {}, reject: () => {} });
		this.listen(DOUBT_MS);
	}

	// Gives the connection up unless something is heard on it.
	private listen(ms: number) {
		clearTimeout(this.silence);
		this.silence = setTimeout(this.drop, ms);
	}

	private settle() {
		clearTimeout(this.silence);
		if (this.flying.size) this.listen(SILENCE_MS);
	}

	private drop = () => {
		const socket = this.socket;
		if (!socket) return;
		this.socket = null;
		socket.close();
		this.lost();
	};

	private connect() {
		const ws = this.session.capabilities[WEBSOCKET] as { url?: string } | undefined;
		if (!ws?.url || typeof WebSocket === 'undefined') {
			this.useHttp();
			return;
		}
		const socket = new WebSocket(ws.url, 'jmap');
		let open = false;
		socket.onopen = () => {
			// Logged out meanwhile.
			if (this.closed) return socket.close();
			open = true;
			this.heard = Date.now();
			this.socket = socket;
			this.failures = 0;
			this.byHttp = false;
			this.source?.close();
			this.source = null;
			// RFC 8887 4.3.5.2: states that moved since pushState are told at once.
			socket.send(
				JSON.stringify({
					'@type': 'WebSocketPushEnable',
					dataTypes: null,
					...(this.pushState ? { pushState: this.pushState } : {}),
				}),
			);
			this.events.link('online');
			if (this.everOpen) this.events.reconnected();
			this.everOpen = true;
			this.pump();
		};
		socket.onmessage = m => this.receive(String(m.data));
		socket.onclose = () => {
			if (this.closed || (open && this.socket !== socket)) return;
			this.socket = null;
			this.lost();
		};
	}

	private lost() {
		clearTimeout(this.silence);
		const flying = [...this.flying.values()];
		this.flying.clear();
		this.queue.unshift(...flying.filter(w => repeatable(w.request.methodCalls)));
		for (const w of flying) if (!repeatable(w.request.methodCalls)) w.reject(new ConnectionError());
		if (!this.byHttp) this.retry();
		else this.later();
	}

	private retry() {
		this.events.link(this.failures > 0 || this.everOpen ? 'offline' : 'connecting');
		this.later();
	}

	private later() {
		this.failures++;
		clearTimeout(this.timer);
		const pause = BACKOFF_MS[Math.min(this.failures - 1, BACKOFF_MS.length - 1)]!;
		this.timer = setTimeout(
			() => {
				this.timer = undefined;
				void this.probe();
			},
			pause * (0.75 + Math.random() / 2),
		);
	}

	// Why does the WebSocket not stand? Logged out, no network, or a proxy that lets none through.
	private async probe() {
		let status = 0;
		let user: unknown;
		try {
			const r = await fetch('/auth/session', { headers: { Accept: 'application/json' } });
			status = r.status;
			if (r.ok) user = ((await r.json().catch(() => null)) as { user?: unknown } | null)?.user;
		} catch {
			// No network.
		}
		if (this.closed) return;
		if (status === 0) {
			this.byHttp = false;
			return this.retry();
		}
		// Another tab may have logged somebody else in.
		if (status === 401 || (typeof user === 'string' && user !== this.session.username)) {
			this.events.loggedOut();
			return;
		}
		if (status === 200 && this.failures >= TRIES && !this.byHttp) this.useHttp();
		this.connect();
	}

	private useHttp() {
		this.byHttp = true;
		this.events.link('online');
		if (this.everOpen) this.events.reconnected();
		this.everOpen = true;
		if (typeof EventSource !== 'undefined' && !this.source) {
			const url = this.session.eventSourceUrl
				.replace('{types}', '*')
				.replace('{closeafter}', 'no')
				.replace('{ping}', '60');
			this.source = new EventSource(url);
			this.source.addEventListener('state', e =>
				this.events.stateChange(JSON.parse((e as MessageEvent<string>).data) as StateChange),
			);
		}
		this.pump();
	}

	private pump() {
		while (this.queue.length) {
			if (this.socket && this.flying.size < MAX_FLYING) {
				this.transmit(this.queue.shift()!);
			} else if (!this.socket && this.byHttp && this.httpFlying < MAX_FLYING) {
				void this.post(this.queue.shift()!);
			} else return;
		}
	}

	private transmit(w: Waiting) {
		const id = `r${this.nextId++}`;
		if (!this.flying.size) this.listen(SILENCE_MS);
		this.flying.set(id, w);
		this.socket!.send(JSON.stringify({ '@type': 'Request', id, ...w.request }));
	}

	private async post(w: Waiting) {
		this.httpFlying++;
		try {
			const r = await fetch(this.session.apiUrl, {
				method: 'POST',
				headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
				body: JSON.stringify(w.request),
			});
			const body = (await r.json().catch(() => ({ type: 'about:blank', status: r.status }))) as unknown;
			// An answer for one who has left is nobody's.
			if (this.closed) throw new LoggedOut();
			if (r.status === 401) this.events.loggedOut();
			if (!r.ok) throw new RequestError(body as Problem);
			w.resolve(body as Response);
		} catch (e) {
			if (e instanceof RequestError || e instanceof LoggedOut) w.reject(e);
			else this.postLost(w);
		}
		this.httpFlying--;
		this.pump();
	}

	private postLost(w: Waiting) {
		if (this.closed) return w.reject(new LoggedOut());
		if (repeatable(w.request.methodCalls)) this.queue.unshift(w);
		else w.reject(new ConnectionError());
		if (!this.byHttp) return;
		this.byHttp = false;
		this.source?.close();
		this.source = null;
		this.retry();
	}

	private receive(text: string) {
		this.heard = Date.now();
		const m = JSON.parse(text) as { '@type': string; requestId?: string } & Record<string, unknown>;
		if (m['@type'] === 'StateChange') {
			const change = m as unknown as StateChange;
			this.pushState = change.pushState ?? this.pushState;
			this.settle();
			this.events.stateChange(change);
			return;
		}
		const w = this.flying.get(m.requestId ?? '');
		if (!w) return;
		this.flying.delete(m.requestId!);
		this.settle();
		if (m['@type'] === 'Response') w.resolve(m as unknown as Response);
		else w.reject(new RequestError(m as unknown as Problem));
		this.pump();
	}
}
