// The line to the assistant: a WebSocket at /assistant that is opened again when it breaks. What is said while there is none
// is refused, not kept: a question that answers itself later, to who has gone on, helps nobody.

import { read, type Heard, type Said } from './protocol';

// away: it does not stand and is tried again. none: this server has no assistant, or the user switched it off.
export type LineState = 'connecting' | 'open' | 'away' | 'none' | 'closed';

export interface LineEvents {
	state(s: LineState): void;
	heard(m: Heard): void;
	loggedOut(): void;
}

const BACKOFF_MS = [300, 1000, 2000, 5000, 10000, 30000];

export class Line {
	private socket: WebSocket | null = null;
	private timer: ReturnType<typeof setTimeout> | undefined;
	private failures = 0;
	private closed = false;
	private opened = false;

	constructor(
		private url: () => string,
		private events: LineEvents,
	) {
		globalThis.addEventListener?.('online', this.wake);
		this.connect();
	}

	get stands(): boolean {
		return this.socket !== null && this.opened;
	}

	send(m: Said): boolean {
		if (!this.stands) return false;
		this.socket!.send(JSON.stringify(m));
		return true;
	}

	close() {
		this.closed = true;
		this.opened = false;
		clearTimeout(this.timer);
		globalThis.removeEventListener?.('online', this.wake);
		this.socket?.close();
		this.socket = null;
		this.events.state('closed');
	}

	// Now, rather than when the pause is over.
	wake = () => {
		if (this.closed || this.socket) return;
		clearTimeout(this.timer);
		this.connect();
	};

	private connect() {
		this.events.state('connecting');
		const socket = new WebSocket(this.url());
		this.socket = socket;
		socket.onopen = () => {
			if (this.socket !== socket) return socket.close();
			this.opened = true;
			this.failures = 0;
			this.events.state('open');
		};
		socket.onmessage = e => {
			if (this.socket !== socket) return;
			const m = read(String(e.data));
			if (m) this.events.heard(m);
		};
		socket.onclose = () => {
			if (this.socket !== socket) return;
			const stood = this.opened;
			this.socket = null;
			this.opened = false;
			if (stood) this.later();
			else void this.probe();
		};
	}

	// Why does it not stand? Browsers tell nobody; a plain request is answered with the reason.
	private async probe() {
		let status = 0;
		try {
			status = (await fetch(this.url().replace(/^ws/, 'http'), { headers: { Accept: 'application/json' } }))
				.status;
		} catch {
			// No network.
		}
		if (this.closed) return;
		if (status === 401) return this.events.loggedOut();
		if (status === 403 || status === 404) {
			this.events.state('none');
			return;
		}
		this.later();
	}

	private later() {
		const pause = BACKOFF_MS[Math.min(this.failures++, BACKOFF_MS.length - 1)]!;
		this.events.state('away');
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.connect(), pause * (0.75 + Math.random() / 2));
	}
}
