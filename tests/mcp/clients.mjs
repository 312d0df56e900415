// The official TypeScript clients of MCP at the real suite: node clients.mjs CLIENT TRANSPORT, with URL, TOKEN, GKMAIL, DIR, USER_
// and TO in the environment (test_clients.py). Every result of a tool is held to its output schema by the client itself.
// CLIENT is one of those below; TRANSPORT is http or stdio. Prints what each part did; the first failure ends it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const { URL: url, TOKEN, GKMAIL, DIR, USER_, TO } = process.env;
const [which, how] = process.argv.slice(2);
const modern = which === 'client-2026' || which === 'client-auto';
const options = { capabilities: { elicitation: { url: {}, form: {} } } };
const self = { name: 'gkmail-tests', version: '1.0.0' };

const ctl = async (...words) => (await run(GKMAIL, ['--dir', DIR, ...words])).stdout;

// ---- the two packages, under one set of names ----

async function packageOf() {
	if (which === 'sdk') {
		const [{ Client }, { StdioClientTransport }, { StreamableHTTPClientTransport }, types] = await Promise.all([
			import('@modelcontextprotocol/sdk/client/index.js'),
			import('@modelcontextprotocol/sdk/client/stdio.js'),
			import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
			import('@modelcontextprotocol/sdk/types.js'),
		]);
		const client = new Client(self, options);
		return {
			client, StdioClientTransport, StreamableHTTPClientTransport,
			call: (params, more) => client.callTool(params, undefined, more),
			onElicit: (f) => client.setRequestHandler(types.ElicitRequestSchema, f),
			onUpdated: (f) => client.setNotificationHandler(types.ResourceUpdatedNotificationSchema, f),
		};
	}
	const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
	const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
	const mode = { 'client-2026': { pin: '2026-07-28' }, 'client-auto': 'auto', 'client-2025': 'legacy' }[which];
	const client = new Client(self, { ...options, versionNegotiation: { mode } });
	return {
		client, StdioClientTransport, StreamableHTTPClientTransport,
		call: (params, more) => client.callTool(params, more),
		onElicit: (f) => client.setRequestHandler('elicitation/create', f),
		onUpdated: (f) => client.setNotificationHandler('notifications/resources/updated', f),
	};
}

const { client, call, onElicit, onUpdated, ...transports } = await packageOf();
const transport = how === 'http'
	? new transports.StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${TOKEN}` } } })
	: new transports.StdioClientTransport({ command: GKMAIL, args: ['--dir', DIR, 'mcp', '--user', USER_] });
const errors = [], tried = new Set();
// The clients hand notifications on a step later than answers: of a progress and an answer that came in one piece, the answer is
// seen first, and the progress then belongs to nothing that they know.
client.onerror = (e) => /progress notification for an unknown token/.test(e.message) || errors.push(e);

async function use(name, args = {}, more = undefined) {
	const got = await call({ name, arguments: args }, more);
	tried.add(name);
	assert.notEqual(got.isError, true, `${name}: ${got.content?.[0]?.text}`);
	assert.equal(got.content[0].type, 'text');
	return got.structuredContent;
}

async function until(what, f) {
	for (let end = Date.now() + 30000; Date.now() < end; await new Promise((r) => setTimeout(r, 100))) {
		const value = await f();
		if (value) return value;
	}
	throw new Error(`${what} did not happen`);
}

// ---- what is tried, in this order ----

let draft, tools;

const parts = {
	async connects() {
		await client.connect(transport);
		assert.equal(client.getServerVersion().name, 'gkmail');
		assert.match(client.getInstructions(), /mail/);
		const can = client.getServerCapabilities();
		for (const name of ['tools', 'resources', 'prompts', 'completions', 'logging']) assert.ok(can[name], name);
		if (!modern) await client.ping();
	},

	async lists() {
		({ tools } = await client.listTools());
		assert.equal(tools.length, 16);
		const names = (await client.listPrompts()).prompts.map((p) => p.name);
		assert.deepEqual(names, ['triage', 'reply', 'digest']);
		assert.ok((await client.listResources()).resources.some((r) => r.uri === 'mail://mailbox/inbox'));
		assert.equal((await client.listResourceTemplates()).resourceTemplates.length, 4);
	},

	// A cursor is given where there is more, and taken.
	async pages() {
		const seen = new Set();
		let cursor;
		do {
			const page = await client.listResources(cursor ? { cursor } : {});
			for (const r of page.resources) seen.add(r.uri);
			cursor = page.nextCursor;
		} while (cursor);
		assert.ok(seen.size > 100, `${seen.size}`);
		await assert.rejects(client.listResources({ cursor: 'nonsense' }), /-32602|cursor/);
		const first = await use('search', { query: 'zebra', limit: 1 });
		assert.equal(first.messages.length, 1);
		assert.notEqual((await use('search', { query: 'zebra', limit: 1, cursor: first.next })).messages[0].id, first.messages[0].id);
	},

	async reads() {
		assert.ok((await use('list_mailboxes')).mailboxes.length > 4);
		assert.ok((await use('list_threads', { limit: 3 })).messages.length > 0);
		const { id } = (await use('search', { query: 'zebra has:attachment' })).messages[0];
		const message = await use('read_message', { message: id });
		assert.match(message.text, /striped/);
		assert.ok((await use('read_thread', { message: id })).messages.length > 0);
		const { attachment } = message.attachments[0];
		assert.match((await use('read_attachment_text', { message: id, attachment })).text, /attached/);
		assert.ok((await use('contacts', { query: 'bob' })).contacts.length > 0);
		assert.ok((await use('mailbox_changes')).state);
		assert.match((await client.readResource({ uri: `mail://message/${id}` })).contents[0].text, /striped/);
		await assert.rejects(client.readResource({ uri: 'mail://message/e0' }), /no such/);
		const prompt = await client.getPrompt({ name: 'reply', arguments: { message: id } });
		assert.match(prompt.messages[0].content.text, new RegExp(id));
		const name = await client.complete({ ref: { type: 'ref/prompt', name: 'triage' }, argument: { name: 'mailbox', value: 'arc' } });
		assert.deepEqual(name.completion.values, ['archive']);
		const by = await client.complete({
			ref: { type: 'ref/resource', uri: 'mail://mailbox/{name}' }, argument: { name: 'name', value: 'in' } });
		assert.deepEqual(by.completion.values, ['inbox']);
	},

	// What a model got wrong it reads as a result; what the client did, as an error.
	async refuses() {
		const got = await call({ name: 'read_message', arguments: { message: 'e0' } });
		assert.equal(got.isError, true);
		assert.equal((await call({ name: 'flag', arguments: { messages: [] } })).isError, true);
		await assert.rejects(call({ name: 'no_such_tool', arguments: {} }), /Unknown tool/);
	},

	async organizes() {
		const { id } = (await use('search', { query: 'zebra' })).messages[0];
		assert.deepEqual((await use('flag', { messages: [id], flagged: true })).changed, [id]);
		assert.deepEqual((await use('move', { messages: [id], to: 'archive' })).changed, [id]);
		assert.ok((await use('undo_session')).session);
	},

	async drafts() {
		const told = [];
		({ draft } = await use('create_draft', { to: [TO], subject: `by ${which} ${how}`, body: 'Hello' },
			{ onprogress: (p) => told.push(p.progress) }));
		// Rounds to the mailbox: what it is to be written with, and writing it. The clients forget who wants to know once the
		// answer is there, and what came with it in one piece is told to nobody.
		assert.deepEqual(told, [1, 2].slice(0, told.length));
		({ draft } = await use('update_draft', { draft, body: 'Hello again' }));
		const other = (await use('create_draft', { to: [TO], subject: 'not this one', body: 'x' })).draft;
		assert.equal((await use('delete_draft', { draft: other })).deleted, other);
	},

	// By URL: the host shows the page, the human approves there, and the call ends with what became of it.
	async elicits() {
		let asked = 0;
		// What goes wrong in here is told to the server alone.
		onElicit(async (request) => {
			const id = request.params.url.split('/#/approve/')[1];
			assert.equal(request.params.mode, 'url');
			assert.match(request.params.url, how === 'http' ? new RegExp(`^${new URL(url).origin}/`) : /^https:/);
			asked++;
			await ctl('approve', '--user', USER_, 'send', id, '--yes').catch((e) => errors.push(e));
			return { action: 'accept' };
		});
		const { state } = await use('request_send', { draft });
		assert.deepEqual(errors.map(String), []);
		assert.match(state, /^(approved|sent)$/);
		assert.equal(asked, 1);
		await until('sent', async () => (await use('request_send', { draft })).state === 'sent');
		onElicit(async () => ({ action: 'decline' }));
		assert.equal((await use('set_vacation', { enabled: true, body: 'Away.' })).state, 'requested');
		const { id } = (await use('search', { query: 'zebra' })).messages[0];
		const { approval } = await use('move', { messages: [id], to: 'trash' });
		const known = (await use('mailbox_changes')).approvals.find((a) => a.approval === approval);
		assert.deepEqual(known, { approval, action: 'delete', state: 'requested' });
	},

	// A call that the client gives up ends here too: one where a human does not answer; in today's protocol, where nothing is
	// under way meanwhile, one that is stopped where it likes.
	async cancels() {
		const given = new AbortController();
		if (modern) {
			const calls = tools.map(() => call({ name: 'list_mailboxes', arguments: {} }, { signal: given.signal }));
			given.abort();
			await Promise.all(calls.map((c) => assert.rejects(c)));
		} else {
			const { draft: other } = await use('create_draft', { to: [TO], subject: 'given up', body: 'x' });
			onElicit(() => new Promise(() => given.abort()));
			await assert.rejects(call({ name: 'request_send', arguments: { draft: other } }, { signal: given.signal }));
			await until('cancelled', async () => /request_send.*cancelled/.test(await ctl('audit', 'show', '--user', USER_)));
			onElicit(async () => ({ action: 'cancel' }));
		}
		assert.ok((await use('list_mailboxes')).mailboxes.length > 4);
	},

	async subscribes() {
		const heard = [], uri = 'mail://mailbox/inbox';
		onUpdated((n) => heard.push(n.params.uri));
		const s = modern ? await client.listen({ resourceSubscriptions: [uri] }) : await client.subscribeResource({ uri });
		const { id } = (await use('search', { query: 'zebra in:inbox' })).messages[0];
		let flagged = false;
		await until('a notification', async () => {
			if (heard.length === 0) await use('flag', { messages: [id], flagged: flagged = !flagged });
			return heard.length;
		});
		assert.equal(heard[0], uri);
		if (modern) {
			await s.close();
			assert.equal(await s.closed, 'local');
		} else {
			await client.unsubscribeResource({ uri });
		}
	},

	async ends() {
		for (const t of tools) assert.ok(tried.has(t.name), `${t.name} was not tried`);
		if (how === 'http' && !modern) await transport.terminateSession();
		await client.close();
		assert.deepEqual(errors.filter((e) => !/abort/i.test(`${e.name} ${e.message}`)).map(String), []);
	},
};

for (const [name, part] of Object.entries(parts)) {
	console.log(name);
	await part();
}
