// Method calls. Those made in the same turn of the event loop travel as one request, so that a view may ask for what it
// needs without thought for round trips; `ref` makes the result of one an argument of a later one (RFC 8620 3.7).

import { MethodError } from './errors';
import type { Args, Invocation, Request, Response, ResultReference } from './types';
import { AGENTS, APPROVAL, CORE, MAIL, PREFERENCES, SUBMISSION, TRACE, VACATION } from './types';

export type Call<T> = Promise<T> & { ref(path: string): ResultReference };

interface Pending {
	invocation: Invocation;
	resolve(args: never): void;
	reject(e: Error): void;
}

const USING: Record<string, string[]> = {
	Identity: [SUBMISSION],
	EmailSubmission: [MAIL, SUBMISSION],
	VacationResponse: [VACATION],
	Preferences: [PREFERENCES],
	Approval: [APPROVAL],
	AgentSession: [AGENTS],
	'Email/why': [TRACE],
};

export class Client {
	private pending: Pending[] = [];
	private nextCall = 1;

	constructor(
		private carry: (r: Request) => Promise<Response>,
		private maxCalls = 16,
	) {}

	call<T>(name: string, args: Args): Call<T> {
		const callId = `c${this.nextCall++}`;
		const promise = new Promise<T>((resolve, reject) => {
			if (!this.pending.length) queueMicrotask(() => this.flush());
			this.pending.push({ invocation: [name, args, callId], resolve: resolve as (a: never) => void, reject });
		});
		// Whoever only needs the reference need not catch; whoever awaits still sees the error.
		promise.catch(() => {});
		return Object.assign(promise, { ref: (path: string) => ({ resultOf: callId, name, path }) });
	}

	private flush() {
		const batch = this.pending;
		this.pending = [];
		for (const group of divide(batch, this.maxCalls)) void this.request(group);
	}

	private async request(group: Pending[]) {
		const methodCalls = group.map(p => p.invocation);
		const using = new Set([CORE]);
		for (const [name] of methodCalls)
			for (const u of USING[name] ?? USING[name.split('/')[0]!] ?? [MAIL]) using.add(u);
		const left = new Map(group.map(p => [p.invocation[2], p]));
		try {
			const response = await this.carry({ using: [...using], methodCalls });
			for (const [name, args, callId] of response.methodResponses) {
				const p = left.get(callId);
				// A call may have answers after its own (RFC 8621 7.5: the implicit Email/set).
				if (!p) continue;
				left.delete(callId);
				if (name === 'error') p.reject(new MethodError(String(args.type), String(args.description ?? '')));
				else p.resolve(args as never);
			}
			for (const p of left.values()) p.reject(new MethodError('serverFail', 'no answer'));
		} catch (e) {
			for (const p of left.values()) p.reject(e as Error);
		}
	}
}

// Groups of at most `max` calls, cut only where no reference crosses.
function divide(batch: Pending[], max: number): Pending[][] {
	const position = new Map(batch.map((p, i) => [p.invocation[2], i]));
	// The first call that the calls from i on refer to.
	const reach: number[] = [];
	for (let i = batch.length - 1; i >= 0; i--) {
		const refs = Object.entries(batch[i]!.invocation[1])
			.filter(([key]) => key.startsWith('#'))
			.map(([, value]) => position.get((value as ResultReference).resultOf) ?? i);
		reach[i] = Math.min(i, ...refs, reach[i + 1] ?? i);
	}
	const groups: Pending[][] = [];
	let start = 0;
	while (start < batch.length) {
		let end = Math.min(start + max, batch.length);
		while (end < batch.length && end > start + 1 && reach[end]! < end) end--;
		if (end < batch.length && reach[end]! < end) end = batch.length;
		groups.push(batch.slice(start, end));
		start = end;
	}
	return groups;
}
