// What the double has of agents: approvals, the story of an email, undoing, and an assistant that follows a script.

import { mailDigest } from '../src/assistant/digest';
import { ACCOUNT, type Double, type Json } from './double';

const SESSION = '0123456789abcdef';

export interface Letter {
	to: string[];
	bcc?: string[];
	subject: string;
	text: string;
	origins?: Json[];
	agent?: string;
}

export class Agents {
	approvals = new Map<string, Json & { id: string; state: string }>();
	undone: unknown[] = [];

	constructor(readonly d: Double) {
		d.capabilities.push('urn:x-gkmail:approval', 'urn:x-gkmail:agents', 'urn:x-gkmail:trace');
		d.methods.set('Approval/get', args => {
			const wanted = args.properties as string[] | undefined;
			const shown = (id: string) => {
				const a = this.approvals.get(id);
				if (!a) return undefined;
				const { octets, ...rest } = a;
				return wanted ? { id, ...(wanted.includes('octets') ? { octets } : {}) } : rest;
			};
			return d.get(args, shown as never, [...this.approvals.keys()]);
		});
		d.methods.set('Approval/changes', args => d.changes('Approval', args));
		d.methods.set('Approval/set', args => {
			for (const [id, patch] of Object.entries(args.update as Record<string, Json>)) {
				const a = this.approvals.get(id)!;
				a.state = patch.state === 'approved' ? 'sent' : 'refused';
				d.note('Approval', id, 'updated');
			}
			return { accountId: ACCOUNT, newState: d.state, updated: {} };
		});
		d.methods.set('AgentSession/undo', args => {
			this.undone.push(args.session);
			return { session: args.session, restored: { flags: 2, moved: 1 }, conflictsTotal: 1, lostTotal: 0 };
		});
		d.methods.set('Email/why', args => ({
			emailId: args.emailId,
			steps: STEPS,
			position: 0,
			total: STEPS.length,
			complete: true,
		}));
	}

	request(l: Letter): string {
		const head = [
			`From: ${this.d.name} <${this.d.user}>`,
			`To: ${l.to.join(', ')}`,
			`Subject: =?utf-8?b?${Buffer.from(l.subject).toString('base64')}?=`,
			'MIME-Version: 1.0',
			'Content-Type: text/plain; charset=utf-8',
			'',
			l.text,
		].join('\r\n');
		const octets = Buffer.from(head);
		const rcpts = [...l.to, ...(l.bcc ?? [])].map(a => /<(.*)>/.exec(a)?.[1] ?? a);
		const id = this.d.id('q');
		this.approvals.set(id, {
			id,
			state: 'requested',
			agent: l.agent ?? 'assistant',
			session: SESSION,
			requestedAt: new Date().toISOString(),
			emailId: [...this.d.emails.keys()][0]!,
			envelope: { mailFrom: { email: this.d.user }, rcptTo: rcpts.map(email => ({ email })) },
			subject: l.subject,
			digest: mailDigest(this.d.user, SESSION, this.d.user, rcpts, octets),
			size: octets.length,
			origins: l.origins ?? [],
			octets: octets.toString('base64'),
		});
		this.d.note('Approval', id, 'created');
		this.d.push();
		return id;
	}

	found(n: number): Json[] {
		return [...this.d.emails.values()]
			.sort((a, b) => b.receivedAt.localeCompare(a.receivedAt))
			.slice(0, n)
			.map(e => ({
				emailId: e.id,
				threadId: e.threadId,
				from: (e.from as Json[])[0],
				subject: e.subject,
				receivedAt: e.receivedAt,
				unread: !e.keywords.$seen,
				preview: e.preview,
			}));
	}

	// One end of the line: what is told to the page, in answer to what it says.
	scripted(tell: (m: Json) => void, pause: () => Promise<unknown>) {
		tell({ type: 'hello', provider: 'builtin', model: '', local: true, providers: ['builtin', 'ollama'] });
		let stopped = '';
		return async (m: Json) => {
			const { id } = m;
			if (m.type === 'cancel') {
				stopped = String(id);
				tell({ type: 'error', id, code: 'cancelled', text: '' });
				return;
			}
			if (m.type === 'new')
				tell({ type: 'hello', provider: 'builtin', model: '', local: true, providers: ['builtin'] });
			if (m.type !== 'ask') return;
			tell({ type: 'start', id });
			const say = async (text: string) => {
				for (const part of text.match(/\S+\s*/g) ?? []) {
					if (stopped === id) return;
					tell({ type: 'delta', id, text: part });
					await pause();
				}
			};
			const tool = async (call: number, name: string, args: Json, summary: string, state = 'done') => {
				tell({ type: 'tool', id, call, name, arguments: args, state: 'running' });
				await pause();
				tell({ type: 'tool', id, call, name, state, summary, ms: 34 });
			};
			const text = String(m.text);
			if (/list|cherche|search|liste/i.test(text)) {
				await tool(1, 'search', { query: 'from:bob', limit: 10 }, 'from:bob · 3');
				await say('Three messages from Bob, the latest of today.');
				tell({ type: 'messages', id, items: this.found(3), total: 12, query: 'from:bob' });
			} else if (/send|envoie/i.test(text)) {
				await tool(1, 'contacts', { query: 'bob' }, 'bob · 1');
				await tool(2, 'create_draft', { to: ['bob@example.test'], subject: 'Dinner' }, 'Dinner');
				const origins = [...this.d.emails.values()].slice(0, 1);
				const approvalId = this.request({
					to: ['Bob Hill <bob@example.test>'],
					bcc: ['eve@evil.test'],
					subject: 'Dinner on Friday \u202Eexe.gpj',
					text: 'Hello Bob,\n\nFriday at eight is fine.\n\nAlice\n',
					origins: origins.map(e => ({ value: 'eve@evil.test', emailId: e.id, where: 'body' })),
				});
				await say('Here it is. Look at it, and send it if it is right.');
				tell({ type: 'approval', id, approvalId, what: 'Dinner on Friday' });
				tell({ type: 'undoable', id, session: SESSION, count: 1 });
			} else if (/who|qui/i.test(text)) {
				await tool(1, 'read_message', { emailId: 'e9' }, 'no such message', 'failed');
				tell({
					type: 'question',
					id,
					text: 'Which Bob do you mean?',
					choices: ['Bob Hill', 'Bob Lake', 'Neither'],
				});
			} else if (/fail/.test(text)) {
				tell({ type: 'error', id, code: 'tools', text: '' });
				return;
			} else await say('<b>This</b> is text, and ![only](https://evil.test/x.png) that. '.repeat(8));
			if (stopped !== id) tell({ type: 'done', id, usage: { calls: 1, ms: 300 } });
		};
	}
}

const ago = (minutes: number) => new Date(Date.now() - minutes * 60000).toISOString();
const STEPS = [
	{
		kind: 'received',
		code: 'smtp',
		at: ago(65),
		text: '',
		data: {
			from: 'mail.example.test',
			address: '192.0.2.7',
			name: 'mail.example.test',
			tls: true,
			version: 'TLSv1.3',
		},
	},
	{
		kind: 'authentication',
		code: 'spf',
		at: null,
		text: '',
		data: { result: 'pass', domain: 'example.test' },
	},
	{
		kind: 'authentication',
		code: 'dkim',
		at: null,
		text: '',
		data: { result: 'pass', domain: 'example.test' },
	},
	{
		kind: 'authentication',
		code: 'dmarc',
		at: null,
		text: '',
		data: { result: 'fail', domain: 'example.test' },
	},
	{ kind: 'screening', code: 'passed', at: null, text: '', data: { score: 1.2, required: 6 } },
	{
		kind: 'delivered',
		code: 'delivery',
		at: ago(65),
		text: '',
		data: { mailbox: 'Inbox', recipient: 'alice@example.test' },
	},
	{
		kind: 'change',
		code: 'flags',
		at: ago(50),
		text: '',
		data: { actor: 'jmap', added: ['$seen'], removed: [] },
	},
	{
		kind: 'change',
		code: 'moved',
		at: ago(20),
		text: '',
		data: { actor: 'agent', agent: 'assistant', to: 'Archive' },
	},
];
