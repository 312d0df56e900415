// gk-webd's own routes: logging in, sessions, passwords. Errors are problem details (RFC 7807).

import type { Problem } from './jmap/types';

export class AuthError extends Error {
	constructor(
		readonly status: number,
		readonly problem: Problem | null,
		readonly retryAfter: number | null,
	) {
		super(problem?.detail || problem?.title || `HTTP ${status}`);
	}
}

async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
	let r: Response;
	try {
		r = await fetch(path, {
			method,
			headers: {
				Accept: 'application/json',
				...(method === 'GET' ? {} : { 'Content-Type': 'application/json' }),
			},
			...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }),
		});
	} catch {
		throw new AuthError(0, null, null);
	}
	const text = r.status === 204 ? '' : await r.text();
	const json: unknown = /json/.test(r.headers.get('content-type') ?? '') && text ? JSON.parse(text) : null;
	if (!r.ok)
		throw new AuthError(r.status, json as Problem | null, Number(r.headers.get('retry-after')) || null);
	return json;
}

export const needsPassword = (e: unknown): boolean =>
	e instanceof AuthError && e.problem?.code === 'password-needed';

export interface WebSession {
	id: string;
	created: string;
	lastUsed: string;
	peer: string;
	userAgent: string;
	current: boolean;
}

// A program that works on the mail over MCP (lib/ipc/agent.h).
export interface Agent {
	name: string;
	scopes: string[];
	policy: Record<string, string>;
	rate: number;
	created?: string;
	lastUsed?: string;
	expires?: string;
	revoked?: string | boolean;
	builtIn?: boolean;
}

export interface AppPassword {
	name: string;
	created: string;
	lastUsed?: string;
}

// A tool that an agent has called, as the audit log has it: arguments are JSON without texts of mail.
export interface AgentCall {
	at: string;
	agent: string;
	session: string;
	peer: string;
	tool: string;
	arguments: string;
	decision: string;
	outcome: string;
	result?: number;
	ms?: number;
}

const list = <T>(value: unknown, key: string): T[] =>
	Array.isArray(value) ? (value as T[]) : (((value as Record<string, unknown> | null)?.[key] as T[]) ?? []);

export const auth = {
	prove: (password: string) => ask('POST', '/auth/prove', { password }),
	// A human has seen what is under that digest, and approves.
	approve: (session: string, digest: string, what: string) =>
		ask('POST', '/auth/approvals', { session, digest, what }),
	login: (user: string, password: string) => ask('POST', '/auth/login', { user, password }),
	logout: () => ask('POST', '/auth/logout'),
	session: () => ask('GET', '/auth/session') as Promise<{ user: string } | null>,
	sessions: async () => list<WebSession>(await ask('GET', '/auth/sessions'), 'sessions'),
	endSession: (id: string) => ask('DELETE', `/auth/sessions/${encodeURIComponent(id)}`),
	password: (current: string, password: string) => ask('POST', '/auth/password', { current, password }),
	appPasswords: async () => list<AppPassword>(await ask('GET', '/auth/app-passwords'), 'appPasswords'),
	endOthers: () => ask('DELETE', '/auth/sessions'),
	// current: the user's password, needed where it was not shown for a while (needsPassword).
	newAppPassword: (name: string, current?: string) =>
		ask('POST', '/auth/app-passwords', current ? { name, current } : { name }) as Promise<{
			name: string;
			password: string;
		}>,
	agents: async () => list<Agent>(await ask('GET', '/auth/agents'), 'agents'),
	newAgent: (agent: { name: string; scopes: string[]; expires?: string }) =>
		ask('POST', '/auth/agents', agent) as Promise<{ name: string; token: string }>,
	agentPolicy: (name: string, policy: Record<string, string>) =>
		ask('PATCH', `/auth/agents/${encodeURIComponent(name)}`, { policy }),
	// The newest first; from: where the answer before said that it goes on.
	agentCalls: async (agent: string, from: string) => {
		const q = new URLSearchParams({ ...(agent ? { agent } : {}), ...(from ? { from } : {}) });
		const r = (await ask('GET', `/auth/agent-calls?${q}`)) as { next?: string } | null;
		return { calls: list<AgentCall>(r, 'calls'), next: r?.next ?? '' };
	},
	revokeAgent: (name: string) => ask('DELETE', `/auth/agents/${encodeURIComponent(name)}`),
	deleteAppPassword: (name: string) => ask('DELETE', `/auth/app-passwords/${encodeURIComponent(name)}`),
};
