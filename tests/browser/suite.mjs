// A private suite, browsers at its page, and small SMTP and IMAP clients for what happens outside the page.

import { spawn } from 'node:child_process';
import { setDefaultResultOrder } from 'node:dns';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';

// The suite listens on 127.0.0.1; Node 18 tries only the first address of localhost.
setDefaultResultOrder('ipv4first');

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const BIN = resolve(process.env.GKMAIL_BIN ?? join(root, 'build/bin'));
export const SHOTS = resolve(process.env.GKMAIL_SHOTS ?? join(root, 'build/screenshots'));
export const modules = createRequire(join(root, 'webd/ui/package.json'));
const { chromium } = modules('playwright-core');
const AXE = readFileSync(modules.resolve('axe-core/axe.min.js'), 'utf8');

const START_MS = 30000;
export const PATIENCE = 20000;
const SHELL = ['/usr/bin/chromium-headless-shell'].filter(existsSync);
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].filter(existsSync);

export class Suite {
	async start(...options) {
		this.dir = mkdtempSync(join(tmpdir(), 'gkmail-browser-'));
		chmodSync(this.dir, 0o755);
		const args = [
			'sandbox',
			'--dir',
			join(this.dir, 's'),
			'--json',
			...(options.length ? options : ['--users', '3']),
		];
		this.process = spawn(join(BIN, 'gkmail'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
		const timer = setTimeout(() => this.process.kill('SIGKILL'), START_MS);
		let text = '';
		for await (const chunk of this.process.stdout) {
			text += chunk;
			if (text.includes('\n')) break;
		}
		clearTimeout(timer);
		this.info = JSON.parse(text);
		this.ca = readFileSync(this.info.ca);
		this.base = `https://localhost:${this.info.ports.https}`;
		return this;
	}
	user(n) {
		return this.info.users[n];
	}
	async stop() {
		if (this.process.exitCode === null) {
			this.process.kill('SIGTERM');
			await once(this.process, 'exit');
		}
		rmSync(this.dir, { recursive: true, force: true });
	}
	log() {
		const file = join(this.dir, 's', 'log');
		return existsSync(file) ? readFileSync(file, 'utf8') : '';
	}
	// The files of a user's mailbox; folder: "" is the inbox.
	files(n, folder = '') {
		const home = join(this.user(n).maildir, folder);
		return ['new', 'cur'].flatMap(d => {
			const dir = join(home, d);
			return existsSync(dir) ? readdirSync(dir).map(f => join(dir, f)) : [];
		});
	}
}

// ---- lines over TLS ----

class Lines {
	constructor(socket) {
		this.socket = socket;
		this.text = '';
		this.waiting = null;
		socket.setEncoding('latin1');
		socket.on('data', d => {
			this.text += d;
			this.waiting?.();
		});
		for (const e of ['close', 'error']) socket.on(e, () => ((this.ended = true), this.waiting?.()));
	}
	async line() {
		for (;;) {
			const i = this.text.indexOf('\r\n');
			if (i >= 0) {
				const l = this.text.slice(0, i);
				this.text = this.text.slice(i + 2);
				return l;
			}
			if (this.ended) throw new Error('connection closed');
			await new Promise(r => (this.waiting = r));
		}
	}
	send(text) {
		this.socket.write(text, 'utf8');
	}
	close() {
		this.socket.destroy();
	}
}

async function secure(suite, port) {
	const socket = connect({
		host: '127.0.0.1',
		port,
		servername: 'localhost',
		ca: suite.ca,
		rejectUnauthorized: false,
	});
	await once(socket, 'secureConnect');
	return new Lines(socket);
}

// A message handed in by its sender, as a mail program does.
export async function submit(suite, from, to, message) {
	const user = suite.user(from);
	const s = await secure(suite, suite.info.ports.submissions);
	const say = async (text, code) => {
		if (text) s.send(text + '\r\n');
		let l;
		do l = await s.line();
		while (l[3] === '-');
		if (!l.startsWith(code)) throw new Error(`${text}: ${l}`);
	};
	await say('', '220');
	await say('EHLO test', '250');
	await say(`AUTH PLAIN ${Buffer.from(`\0${user.address}\0${user.password}`).toString('base64')}`, '235');
	await say(`MAIL FROM:<${user.address}>`, '250');
	for (const t of to) await say(`RCPT TO:<${suite.user(t).address}>`, '250');
	await say('DATA', '354');
	await say(message.replace(/\r?\n/g, '\r\n').replace(/^\./gm, '..') + '\r\n.', '250');
	s.close();
}

export function message({
	from,
	to,
	subject,
	text = 'Hello.',
	html,
	id = `${Math.random()}`.slice(2),
	headers = [],
}) {
	return [
		`From: ${from}`,
		`To: ${to}`,
		`Subject: ${subject}`,
		`Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
		`Message-ID: <${id}@test.example>`,
		'MIME-Version: 1.0',
		`Content-Type: text/${html ? 'html' : 'plain'}; charset=utf-8`,
		'Content-Transfer-Encoding: base64',
		...headers,
		'',
		Buffer.from(html ?? text)
			.toString('base64')
			.replace(/.{76}/g, '$&\n'),
		'',
	].join('\n');
}

// IMAP, as little as the tests need: a command and its untagged lines.
export class Imap {
	static async login(suite, n) {
		const i = new Imap();
		i.lines = await secure(suite, suite.info.ports.imaps);
		i.next = 1;
		await i.lines.line();
		await i.run(`LOGIN ${suite.user(n).address} ${suite.user(n).password}`);
		return i;
	}
	async run(command, literal) {
		const tag = `a${this.next++}`;
		this.lines.send(`${tag} ${command}\r\n`);
		const out = [];
		for (;;) {
			const l = await this.lines.line();
			if (l.startsWith('+') && literal !== undefined) this.lines.send(literal + '\r\n');
			else if (l.startsWith(`${tag} `)) {
				if (!l.startsWith(`${tag} OK`)) throw new Error(`${command}: ${l}`);
				return out;
			} else out.push(l);
		}
	}
	// date: when it is said to have come in, else now.
	async append(mailbox, text, date, flags = '') {
		const m = text.replace(/\r?\n/g, '\r\n');
		const [, day, month, year, time] = /(\d+) (\w+) (\d+) ([\d:]+)/.exec(date?.toUTCString() ?? '') ?? [];
		const at = date ? ` "${day}-${month}-${year} ${time} +0000"` : '';
		await this.run(`APPEND "${mailbox}" (${flags})${at} {${Buffer.byteLength(m)}}`, m);
	}
	close() {
		this.lines.close();
	}
}

// ---- browsers ----

// Chromium without what surrounds a page, which is most of its work; whole: with it (notifications are of it).
export async function browser({ whole = false } = {}) {
	const [executablePath] = whole ? CHROMIUM : [...SHELL, ...CHROMIUM];
	if (!executablePath) throw new Error('no Chromium: make deps-check');
	mkdirSync(SHOTS, { recursive: true });
	return chromium.launch({
		executablePath,
		args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
	});
}

// A page of its own, at the login. What the console complains of and what asks for another host is kept.
// before: what is done to the page before it opens.
export async function visit(b, suite, { before, told = /^style-src/, ...options } = {}) {
	const context = await b.newContext({
		viewport: { width: 1440, height: 900 },
		locale: 'en-GB',
		reducedMotion: 'reduce',
		ignoreHTTPSErrors: true,
		...options,
	});
	const page = await context.newPage();
	// What would break the policy is told of already when the HTML of a message is read, though nothing comes of it.
	page.violations = [];
	await context.exposeBinding('violated', (_, v) => told.test(v) || page.violations.push(v));
	await context.addInitScript(() =>
		addEventListener('securitypolicyviolation', e =>
			globalThis.violated(`${e.effectiveDirective} ${e.blockedURI} ${e.sample}`),
		),
	);
	const close = context.close.bind(context);
	context.close = async () => {
		await close();
		if (page.violations.length) throw new Error(`violations of the policy: ${page.violations.join('; ')}`);
	};
	page.setDefaultTimeout(PATIENCE);
	page.said = [];
	page.strangers = [];
	page.on('pageerror', e => page.said.push(String(e)));
	// A style attribute of a message is told of when its HTML is read, though it takes effect in the frame, which allows it.
	const known = /401|Failed to load resource|Applying inline style/;
	page.on('console', m => m.type() === 'error' && !known.test(m.text()) && page.said.push(m.text()));
	page.on('request', r => {
		const u = new URL(r.url());
		if (/^(https?|wss?):$/.test(u.protocol) && u.host !== new URL(suite.base).host)
			page.strangers.push(r.url());
	});
	await before?.(page);
	await page.goto(suite.base + '/');
	await page.waitForSelector('.login form');
	return page;
}

export async function login(page, user) {
	await page.fill('[name=user]', user.address);
	await page.fill('[name=password]', user.password);
	await page.click('button[type=submit]');
	await page.waitForSelector('.list-pane');
	await page.waitForSelector('.rows-inner, .rows .empty');
}

// Sent mail leaves at once unless a test is about taking it back.
export async function as(b, suite, n, { undoSeconds = 0, ...options } = {}) {
	const page = await visit(b, suite, options);
	await login(page, suite.user(n));
	await prefer(page, { undoSeconds });
	await page.waitForFunction(s => localStorage['gkmail.undoSeconds'] === String(s), undoSeconds);
	return page;
}

// Sets preferences at the server, as another device of the user does.
export async function prefer(page, patch) {
	const said = await page.evaluate(async patch => {
		const session = await (await fetch('/.well-known/jmap')).json();
		const P = 'urn:x-gkmail:preferences';
		const r = await fetch(session.apiUrl, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify({
				using: ['urn:ietf:params:jmap:core', P],
				methodCalls: [
					['Preferences/set', { accountId: session.primaryAccounts[P], update: { singleton: patch } }, 'p'],
				],
			}),
		});
		const [[, answer]] = (await r.json()).methodResponses;
		return answer.notUpdated ?? null;
	}, patch);
	if (said) throw new Error(JSON.stringify(said));
}

export const row = (page, text) => page.locator('.mail-row', { hasText: text });
export const shot = (page, name) => page.screenshot({ path: join(SHOTS, `${name}.png`) });

export async function folder(page, name) {
	await page
		.locator('.folder a', { has: page.locator('.folder-name', { hasText: new RegExp(`^${name}$`) }) })
		.click();
}

// What a program can find of what WCAG 2.2 AA asks.
export async function axe(page, where) {
	await page.evaluate(AXE).catch(() => page.addScriptTag({ content: AXE }));
	const found = await page.evaluate(async () => {
		const r = await globalThis.axe.run(document, {
			runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
			iframes: false,
		});
		return r.violations.map(
			v =>
				`${v.id}: ${v.nodes
					.map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? ''))
					.slice(0, 3)
					.join(' | ')}`,
		);
	});
	return found.map(f => `${where}: ${f}`);
}

export async function until(what, says = 'it', patience = PATIENCE) {
	const end = Date.now() + patience;
	for (;;) {
		const v = await what();
		if (v) return v;
		if (Date.now() > end) throw new Error(`${says} did not happen`);
		await new Promise(r => setTimeout(r, 50));
	}
}

export async function write(page, { to, subject, text }) {
	await page.locator('.folders .compose').click();
	const c = page.locator('.dock-window').last();
	await c.locator('.recipients input').first().fill(to);
	await page.keyboard.press('Tab');
	await c.locator('.subject').fill(subject);
	await c.locator('.editor').click();
	await page.keyboard.type(text);
	return c;
}

// ---- the assistant ----

export async function open(page) {
	await page.keyboard.press('i');
	await page.locator('.assistant-field textarea:focus').waitFor();
}

// The answer, when it is whole.
export async function ask(page, text) {
	const before = await page.locator('.turn').count();
	await page.locator('.assistant-field textarea').fill(text);
	await page.keyboard.press('Enter');
	const turn = page.locator('.turn').nth(before);
	await turn.waitFor();
	await until(async () => (await turn.getAttribute('aria-busy')) !== 'true', `an answer to ${text}`);
	return turn;
}
