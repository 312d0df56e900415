// Serves the built page over the test double, to look at and to measure: node serve.mjs [PORT] [MESSAGES] [FOLDER].

import { createServer, type IncomingMessage } from 'node:http';
import { readFileSync, existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { WebSocketServer } from 'ws';
import { Agents } from './agents';
import { Double, type Json } from './double';
import { furnish } from './furnish';

const port = Number(process.argv[2] ?? 8090);
const amount = Number(process.argv[3] ?? 12);
const root = process.argv[4] ?? join(process.cwd(), '../../build/ui');
let base = '';
const double = new Double();
furnish(double, amount);
const agents = new Agents(double);

const TYPES: Record<string, string> = {
	'.html': 'text/html; charset=utf-8',
	'.js': 'text/javascript',
	'.css': 'text/css',
	'.svg': 'image/svg+xml',
	'.webmanifest': 'application/manifest+json',
};
const policy = new Map(
	readFileSync(join(root, 'policy'), 'utf8')
		.trim()
		.split('\n')
		.map(l => [l.slice(0, l.indexOf(' ')), l.slice(l.indexOf(' ') + 1)]),
);
// Enough of a session for browsers that come one after the other.
const COOKIE = 'double=1';

const rules = (send: string) => ({
	read: 'free',
	flag: 'free',
	draft: 'free',
	send,
	delete: 'approval',
	move: 'approval',
	forward: 'approval',
	vacation: 'approval',
});
const AGENTS = [
	{ name: 'assistant', scopes: ['mail:read'], policy: rules('approval'), rate: 60, builtIn: true },
	{
		name: 'desk',
		scopes: ['mail:read', 'mail:organize', 'mail:draft'],
		policy: rules('never'),
		rate: 60,
		created: new Date().toISOString(),
		lastUsed: new Date().toISOString(),
		expires: new Date(Date.now() + 30 * 86400000).toISOString(),
	},
];

const whole = async (r: IncomingMessage) => {
	const parts: Buffer[] = [];
	for await (const p of r) parts.push(p as Buffer);
	return Buffer.concat(parts);
};

const server = createServer((req, res) => {
	void (async () => {
		const path = new URL(req.url!, 'http://localhost').pathname;
		const json = (status: number, value: unknown) => {
			res.writeHead(status, { 'Content-Type': 'application/json' });
			res.end(JSON.stringify(value));
		};
		if (path === '/auth/login') {
			const { password } = JSON.parse(String(await whole(req))) as { password: string };
			if (password === 'secret') res.setHeader('Set-Cookie', `${COOKIE}; HttpOnly; SameSite=Strict; Path=/`);
			res.writeHead(password === 'secret' ? 204 : 401).end();
		} else if (path === '/auth/logout') {
			res.setHeader('Set-Cookie', `${COOKIE}; Max-Age=0; Path=/`);
			res.writeHead(204).end();
		} else if (path.startsWith('/auth/') || path.startsWith('/jmap/') || path.startsWith('/.well-known')) {
			if (!req.headers.cookie?.includes(COOKIE)) return json(401, { type: 'about:blank', status: 401 });
			if (path === '/auth/session') return json(200, { user: double.user });
			if (path === '/auth/sessions')
				return json(200, [
					{
						id: 's1',
						created: new Date().toISOString(),
						lastUsed: new Date().toISOString(),
						peer: '127.0.0.1',
						userAgent: req.headers['user-agent'],
						current: true,
					},
				]);
			if (path === '/auth/app-passwords')
				return req.method === 'POST'
					? json(200, { name: 'x', password: 'abcd efgh ijkl mnop' })
					: json(200, []);
			if (path === '/auth/agents') {
				if (req.method === 'POST') return json(201, { name: 'desk', token: `gka_${'7f3a'.repeat(16)}` });
				return json(200, { agents: AGENTS });
			}
			if (path === '/.well-known/jmap') return json(200, double.session(base));
			if (path === '/jmap/api')
				return json(200, double.handle(JSON.parse(String(await whole(req))) as never));
			if (path.startsWith('/jmap/upload'))
				return json(201, double.upload(String(req.headers['content-type']), await whole(req)));
			if (path.startsWith('/jmap/download/')) {
				const b = double.blobs.get(decodeURIComponent(path.split('/')[4] ?? ''));
				res.writeHead(b ? 200 : 404, { 'Content-Type': b?.type ?? 'text/plain' });
				res.end(b?.data);
				return;
			}
			res.writeHead(204).end();
		} else {
			const file = join(root, path === '/' ? 'index.html' : path);
			if (!existsSync(file)) return void res.writeHead(404).end();
			res.writeHead(200, {
				'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
				'Content-Security-Policy': policy.get(path) ?? policy.get('/')!,
			});
			res.end(readFileSync(file));
		}
	})();
});

const chats = new WebSocketServer({ noServer: true });
const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (req, socket, head) => {
	const of = req.url!.startsWith('/assistant') ? chats : sockets;
	of.handleUpgrade(req, socket, head, ws => of.emit('connection', ws, req));
});
chats.on('connection', socket => {
	const heard = agents.scripted(
		m => socket.send(JSON.stringify(m)),
		() => new Promise(r => setTimeout(r, 40)),
	);
	socket.on('message', data => void heard(JSON.parse(String(data)) as Json));
});
sockets.on('connection', socket => {
	const tell = (m: unknown) => socket.send(JSON.stringify(m));
	socket.on('message', data => {
		const m = JSON.parse(String(data)) as { '@type': string; id?: string };
		if (m['@type'] === 'WebSocketPushEnable') double.listeners.add(tell);
		if (m['@type'] === 'Request')
			tell({ '@type': 'Response', requestId: m.id, ...double.handle(m as never) });
	});
	socket.on('close', () => double.listeners.delete(tell));
});
// A line on standard input is a message that arrives.
process.stdin.on('data', line =>
	double.deliver({ subject: String(line).trim(), text: 'It has just come in.' }),
);
server.listen(port, '127.0.0.1', () => {
	base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	console.log(`${base} (${double.user}, secret)`);
});
