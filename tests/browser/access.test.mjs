// For everybody: a day's work with the keyboard alone, the focus never lost, what axe finds in every state of the page,
// zoomed, in French, with forced colours, without motion.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
	as,
	ask,
	axe,
	browser,
	message,
	open,
	prefer,
	row,
	shot,
	submit,
	Suite,
	until,
	visit,
} from './suite.mjs';

let suite, b;
before(async () => {
	suite = await new Suite().start('--users', '2');
	b = await browser();
	const [alice, bob] = [0, 1].map(n => suite.user(n).address);
	for (const subject of ['First of all', 'Second to that', 'Third and more', 'Fourth at last'])
		await submit(
			suite,
			1,
			[0],
			message({ from: `Bob Hill <${bob}>`, to: alice, subject, text: `About ${subject}.` }),
		);
});
after(async () => {
	await b?.close();
	await suite?.stop();
});

const focus = page =>
	page.evaluate(() => {
		const e = document.activeElement;
		return e === document.body
			? 'nothing'
			: (e.getAttribute('aria-label') ?? e.textContent ?? e.tagName).slice(0, 60);
	});

// Tab until the focus is on what is sought, as people do; never on what cannot be seen.
async function tabTo(page, sought, key = 'Tab') {
	for (let i = 0; i < 80; i++) {
		const at = await page.evaluate(s => {
			const e = document.activeElement;
			const box = e.getBoundingClientRect();
			const x = box.left + box.width / 2;
			const y = box.top + Math.min(box.height / 2, 20);
			const over = document.elementFromPoint(x, y);
			return {
				is: e.matches(s),
				// 2.4.11: what has the focus is not hidden under something else.
				seen:
					e === document.body ||
					(box.width > 0 &&
						!!over &&
						(e.contains(over) || over.contains(e) || !!over.closest('label')?.contains(e))),
				what: `${e.outerHTML.slice(0, 60)} under ${over?.outerHTML.slice(0, 100)} ${JSON.stringify(box)}`,
			};
		}, sought);
		assert.ok(at.seen, `the focus is hidden: ${at.what}`);
		if (at.is) return;
		await page.keyboard.press(key);
	}
	assert.fail(`no way to ${sought} by ${key}`);
}

test('a day with the keyboard alone', async () => {
	const page = await visit(b, suite);
	// From now on, or a chooser may open before anybody listens.
	page.on('filechooser', () => {});
	const key = async (...keys) => {
		for (const k of keys) await page.keyboard.press(k);
	};
	const title = text => page.locator('.conversation-head h1', { hasText: text }).waitFor();
	// In.
	await tabTo(page, '[name=user]');
	await page.keyboard.insertText(suite.user(0).address);
	await tabTo(page, '[name=password]');
	await page.keyboard.insertText(suite.user(0).password);
	await key('Enter');
	await row(page, 'First of all').waitFor();
	await prefer(page, { undoSeconds: 0 });
	await page.waitForFunction(() => localStorage['gkmail.undoSeconds'] === '0');
	// The list is reached, and read.
	await tabTo(page, '.mail-row');
	await key('Enter');
	await title('Fourth at last');
	await key('u');
	await until(async () => /Fourth at last/.test(await focus(page)), 'the focus back on the row');
	// Archived: the focus goes on to the next row. Then taken back.
	await key('e');
	await until(async () => !(await row(page, 'Fourth at last').count()), 'archiving');
	await until(async () => /Third and more/.test(await focus(page)), 'the focus on the next row');
	await key('z');
	await row(page, 'Fourth at last').waitFor();
	// Opened and deleted from there: the next conversation opens, and has the focus.
	await key('g', 'i');
	await tabTo(page, '.mail-row');
	await key('k', 'k', 'Enter');
	await title('Fourth at last');
	await tabTo(page, '.conversation button');
	await key('#');
	await title('Third and more');
	await until(async () => (await focus(page)) !== 'nothing', 'the focus somewhere');
	await key('z');
	await row(page, 'Fourth at last').waitFor();
	// An answer, with a file.
	await key('r');
	await page.locator('.composer .editor:focus').waitFor();
	await page.keyboard.type('Yes.');
	const file = join(suite.dir, 'notes.txt');
	writeFileSync(file, 'what I noted');
	await tabTo(page, '.composer-foot button[aria-label="Attach files"]');
	const [chooser] = await Promise.all([page.waitForEvent('filechooser'), key('Enter')]);
	await chooser.setFiles(file);
	await until(async () => !(await page.locator('.attached progress').count()), 'the upload');
	await key('Control+Enter');
	await until(() => suite.files(1).some(f => /notes\.txt/.test(readFileSync(f, 'utf8'))), 'delivery');
	await until(async () => (await focus(page)) !== 'nothing', 'the focus somewhere after sending');
	// A new one, called back before it leaves.
	await prefer(page, { undoSeconds: 30 });
	await page.waitForFunction(() => localStorage['gkmail.undoSeconds'] === '30');
	await key('c');
	await page.locator('.dock-window .recipients input:focus').waitFor();
	await page.keyboard.type(`${suite.user(1).address},`);
	await tabTo(page, '.subject');
	await page.keyboard.type('Too early');
	await tabTo(page, '.editor');
	await page.keyboard.type('Wait');
	await key('Control+Enter');
	await page.locator('.toast', { hasText: 'Sent' }).waitFor();
	await until(async () => (await focus(page)) !== 'nothing', 'the focus somewhere after sending');
	await key('z');
	await page.locator('.dock-window .editor').waitFor();
	await tabTo(page, '.composer-foot button[aria-label="Discard draft"]');
	await key('Enter');
	await until(async () => !(await page.locator('.dock-window').count()), 'discarding');
	// Found, starred, moved.
	await key('/');
	await page.keyboard.type('subject:second');
	await key('Enter');
	await row(page, 'Second to that').waitFor();
	await until(async () => (await page.locator('.mail-row').count()) === 1, 'one found');
	await tabTo(page, '.mail-row');
	await key('s');
	await page.locator('.mail-row .star.on').waitFor();
	await key('g', 'i');
	await row(page, 'Second to that').waitFor();
	await tabTo(page, '.mail-row');
	for (let i = 0; i < 6 && !/Second/.test(await focus(page)); i++) await key('j');
	assert.match(await focus(page), /Second to that/);
	await key('v');
	await page.locator('.picker-input:focus').waitFor();
	await page.keyboard.type('arch');
	await key('Enter');
	await until(async () => !(await row(page, 'Second to that').count()), 'moving');
	await until(async () => (await focus(page)) !== 'nothing', 'the focus somewhere after moving');
	// Settings, and out.
	await key('g', ',');
	await page.locator('.settings').waitFor();
	await tabTo(page, 'input[name=density]');
	await key('ArrowDown');
	await page.locator('html[data-density=compact]').waitFor({ state: 'attached' });
	await key('Escape');
	await key('Control+k');
	await page.locator('.picker-input:focus').waitFor();
	await page.keyboard.type('log out');
	await key('Enter');
	await page.waitForSelector('.login form');
	assert.notEqual(await focus(page), 'nothing');
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('new mail and what was done are said politely', async () => {
	const page = await as(b, suite, 0);
	const live = page.locator('[aria-live=polite]').last();
	await submit(
		suite,
		1,
		[0],
		message({ from: `Bob Hill <${suite.user(1).address}>`, to: suite.user(0).address, subject: 'Heard' }),
	);
	await until(async () => /Bob Hill/.test(await live.innerText()), 'the announcement');
	assert.equal(await page.locator('[aria-live=assertive]').count(), 0);
	await page.context().close();
});

test('the login is made for password managers, and takes what is pasted', async () => {
	const page = await visit(b, suite);
	assert.equal(await page.getAttribute('[name=user]', 'autocomplete'), 'username');
	assert.equal(await page.getAttribute('[name=password]', 'autocomplete'), 'current-password');
	const refused = await page.locator('[name=password]').evaluate(e => {
		const t = new DataTransfer();
		t.setData('text/plain', 'pasted');
		return !e.dispatchEvent(
			new ClipboardEvent('paste', { clipboardData: t, bubbles: true, cancelable: true }),
		);
	});
	assert.equal(refused, false);
	await page.context().close();
});

// 2.5.8: what is pressed is 24 pixels each way, or stands apart from its neighbours, or is within a line of text.
const small = page =>
	page.evaluate(() =>
		[...document.querySelectorAll('button,a[href],input,select,[role=menuitem],[role=tab]')]
			.filter(
				e =>
					e.checkVisibility?.({ visibilityProperty: true, opacityProperty: true }) &&
					!e.closest('.unseen,.skip'),
			)
			.map(e => [e, (e.closest('label') ?? e).getBoundingClientRect()])
			.filter(([, r]) => r.width > 1 && (r.width < 24 || r.height < 24))
			.filter(([e]) => !e.disabled && getComputedStyle(e).display !== 'inline')
			.map(([e, r]) => `${e.outerHTML.slice(0, 90)} ${Math.round(r.width)}x${Math.round(r.height)}`),
	);

test('axe finds nothing in any state: search, palette, help, move, questions, menus, French, zoom, forced colours', async () => {
	const found = [];
	const ways = [
		['en 1440', {}],
		['fr 1440 dark', { locale: 'fr-FR', colorScheme: 'dark' }],
		// 200 % of 1280.
		['en 200 %', { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }],
		['forced colours', { forcedColors: 'active' }],
	];
	for (const [name, options] of ways) {
		const page = await as(b, suite, 1, options);
		await submit(
			suite,
			0,
			[1],
			message({ from: suite.user(0).address, to: suite.user(1).address, subject: 'Looked at' }),
		);
		await row(page, 'Looked at').first().waitFor();
		const look = async what => {
			found.push(...(await axe(page, `${name} ${what}`)));
			found.push(...(await small(page)).map(s => `${name} ${what}: small ${s}`));
			assert.ok(
				await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
				`${name} ${what}: wider than the page`,
			);
		};
		const key = k => page.keyboard.press(k);
		await look('list');
		await key('x');
		await page.locator('.list-head.bulk').waitFor();
		await look('ticked');
		await key('Escape');
		for (const [k, what, at] of [
			['?', 'help', '.dialog.help'],
			['Control+k', 'palette', '.picker-input'],
		]) {
			await key(k);
			await page.locator(at).waitFor();
			await look(what);
			await key('Escape');
			await page.locator(at).waitFor({ state: 'detached' });
		}
		await row(page, 'Looked at').first().click();
		await page.locator('.message .plain').first().waitFor();
		await look('conversation');
		await key('v');
		await page.locator('.picker-input').waitFor();
		await look('move');
		await key('Escape');
		await key('r');
		await page.locator('.composer .editor').waitFor();
		await look('reply');
		await key('Escape');
		await page.goto(`${suite.base}/#/search/looked`);
		await page.locator('.mail-row').first().waitFor();
		await look('search');
		await page.goto(`${suite.base}/#/in/inbox`);
		await page.locator('.mail-row').first().waitFor();
		await key('c');
		await page.locator('.dock-window .editor').waitFor();
		await look('compose');
		await key('Escape');
		for (const tab of ['look', 'mail', 'identities', 'away', 'security', 'about']) {
			await page.goto(`${suite.base}/#/settings/${tab}`);
			await page.locator('.panel h2').waitFor();
			if (tab === 'identities') await page.locator('.panel form').first().waitFor();
			await look(tab);
		}
		await page.context().close();
	}
	assert.deepEqual(found, []);
});

// ---- the assistant ----

test('list, search and send by the assistant with the keyboard alone', async () => {
	const page = await as(b, suite, 0);
	await row(page, 'First of all').waitFor();
	const typed = async text => {
		await page.locator('.assistant-field textarea:focus').waitFor();
		await page.keyboard.insertText(text);
		await page.keyboard.press('Enter');
		const turn = page.locator('.turn').last();
		await turn.locator('.turn-asked', { hasText: text }).waitFor();
		await until(async () => (await turn.getAttribute('aria-busy')) === 'false', `an answer to ${text}`);
		return turn;
	};
	await page.keyboard.press('i');
	await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
	await typed('List my emails');
	await tabTo(page, '.found-row', 'Shift+Tab');
	await page.keyboard.press('Enter');
	await page.locator('.conversation-head h1').waitFor();
	await page.keyboard.press('i');
	await typed('Search emails from bob');
	let turn = await typed(`Send an email to ${suite.user(1).address} saying by keyboard alone`);
	if (await turn.locator('.choices').count()) {
		await tabTo(page, '.choices button:first-child', 'Shift+Tab');
		await page.keyboard.press('Enter');
	}
	await page.locator('.approval-answer').waitFor();
	// What it holds is reached before it is answered.
	await tabTo(page, '.approval-answer .primary', 'Shift+Tab');
	await page.keyboard.press('Shift+Tab');
	await tabTo(page, '.approval-text', 'Shift+Tab');
	await tabTo(page, '.approval-answer .primary');
	await page.keyboard.press('Enter');
	await page.locator('.approval-result', { hasText: 'Sent.' }).waitFor();
	await until(async () => (await focus(page)) !== 'nothing', 'the focus somewhere after sending');
	await until(() => suite.files(1).some(f => /keyboard/.test(readFileSync(f, 'utf8'))), 'delivery');
	assert.deepEqual(page.said, []);
	await page.context().close();
});

// What the other end says to each request.
const SAYS = {
	streaming: { delta: 'Bob asks whether the fence can be mended before the winter, and offers two ' },
	tools: {
		tools: [
			['search', { query: 'from:bob has:attachment', limit: 10 }, 'done', '3 results'],
			['read_message', { message: 'e9' }, 'failed', 'There is no such message.'],
			['read_thread', { message: 'e7' }, 'running', ''],
		],
	},
	list: {
		tools: [['search', { query: 'from:bob' }, 'done', '6 results']],
		delta: 'Six messages from Bob:',
		list: 6,
		end: true,
	},
	question: {
		delta: '',
		question: ['Which Bob?', ['Bob Hill <bob@example.test>', 'Bob Lake', 'Neither']],
		end: true,
	},
	undo: { delta: 'Two messages went to the archive.', undoable: 2, end: true },
	fallback: { notice: 'fallback', delta: 'One unread message.', end: true },
	error: { error: 'away' },
	approval: { delta: 'It is ready. It is sent once you approve it.', approval: true, end: true },
};

const scripted = approvalId => page =>
	page.routeWebSocket(/\/assistant\?/, ws => {
		const tell = m => ws.send(JSON.stringify(m));
		tell({ type: 'hello', provider: 'ollama', model: 'm:7b', local: true, providers: ['builtin', 'ollama'] });
		ws.onMessage(text => {
			const m = JSON.parse(text);
			const { id } = m;
			if (m.type === 'cancel') tell({ type: 'error', id, code: 'cancelled', text: '' });
			if (m.type !== 'ask') return;
			const s = SAYS[m.text];
			tell({ type: 'start', id });
			if (s.notice) tell({ type: 'notice', id, code: s.notice, text: '' });
			for (const [call, [name, args, state, summary]] of (s.tools ?? []).entries()) {
				tell({ type: 'tool', id, call, name, arguments: args, state: 'running' });
				if (state !== 'running') tell({ type: 'tool', id, call, name, state, summary, ms: 12 });
			}
			if (s.delta) tell({ type: 'delta', id, text: s.delta });
			const item = i => ({
				emailId: `e${i}`,
				threadId: `t${i}`,
				from: {
					name: i % 2 ? 'Bob Hill' : 'Bartholomew Featherstonehaugh of the Hill',
					email: 'bob@example.test',
				},
				subject:
					i % 3 ? 'The fence' : 'Re: Fwd: A subject that goes on for longer than any pane of it is wide',
				receivedAt: new Date(Date.UTC(2026, 10, 20 - i * 9)).toISOString(),
				unread: i < 2,
				preview: i % 2 ? 'Hello, could you have a look at the fence before the winter?' : '',
			});
			if (s.list)
				tell({
					type: 'messages',
					id,
					items: [...Array(s.list).keys()].map(item),
					total: 30,
					query: 'from:bob',
				});
			if (s.question) tell({ type: 'question', id, text: s.question[0], choices: s.question[1] });
			if (s.approval) tell({ type: 'approval', id, approvalId, what: 'Dinner' });
			if (s.undoable) tell({ type: 'undoable', id, session: '0123456789abcdef', count: s.undoable });
			if (s.error) tell({ type: 'error', id, code: s.error, text: '' });
			if (s.end) tell({ type: 'done', id, usage: {} });
		});
	});

test('axe finds nothing in any state of the assistant, its cards and settings, however it is looked at', async () => {
	const asker = await as(b, suite, 1);
	await open(asker);
	await asker.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
	await ask(asker, 'Flag the mail from alice');
	await ask(
		asker,
		`Send an email to ${suite.user(0).address} saying the fence is mended, and so is the gate`,
	);
	await asker.locator('.approval-answer').waitFor();
	await asker.locator('.waiting-button').click();
	await asker.waitForURL(/#\/approve\/.+/);
	const id = asker.url().split('/').at(-1);
	await asker.context().close();

	const found = [];
	const ways = [
		['en 1440', {}],
		['fr 900 dark', { locale: 'fr-FR', colorScheme: 'dark', viewport: { width: 900, height: 900 } }],
		['fr 320', { locale: 'fr-FR', viewport: { width: 320, height: 640 }, hasTouch: true }],
		['en 200 %', { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }],
		['forced colours', { forcedColors: 'active' }],
	];
	for (const [name, options] of ways) {
		const page = await as(b, suite, 1, { before: scripted(id), ...options });
		const look = async what => {
			found.push(...(await axe(page, `${name} ${what}`)));
			found.push(...(await small(page)).map(s => `${name} ${what}: small ${s}`));
			assert.ok(
				await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
				`${name} ${what}: wider than the page`,
			);
			await shot(page, `assistant ${name} ${what}`.replace(/[ %]+/g, '-'));
		};
		await open(page);
		await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
		await look('welcome');
		for (const state of Object.keys(SAYS)) {
			await page.locator('.assistant-field textarea').fill(state);
			await page.keyboard.press('Enter');
			const turn = page.locator('.turn').last();
			await turn.locator('.turn-asked', { hasText: state }).waitFor();
			if (SAYS[state].approval) {
				await turn.locator('.approval-answer').waitFor();
				// It has grown since it was scrolled to: what is to be read first can be seen.
				await until(
					() =>
						page.evaluate(() => {
							const log = document.querySelector('.assistant-log').getBoundingClientRect();
							const card = [...document.querySelectorAll('.turn .approval-card')]
								.at(-1)
								.getBoundingClientRect();
							const whole = card.height <= log.height;
							return (
								card.top >= log.top && card.top < log.bottom - 40 && (!whole || card.bottom <= log.bottom)
							);
						}),
					'the card being in view',
				);
			}
			await look(state);
			if (!SAYS[state].end && !SAYS[state].error) await page.keyboard.press('Escape');
			await until(async () => (await turn.getAttribute('aria-busy')) === 'false', `the end of ${state}`);
		}
		await page.keyboard.press('Escape');
		await until(async () => !(await page.locator('.assistant').count()), 'leaving the pane');
		await page.goto(`${suite.base}/#/approve`);
		await page.locator('.approval-line').first().waitFor();
		await look('approvals');
		await page.goto(`${suite.base}/#/approve/${id}`);
		await page.locator('.approve-page .approval-answer').waitFor();
		await look('approve');
		await page.goto(`${suite.base}/#/settings/agents`);
		await page.locator('.agent-session').first().waitFor();
		await page.locator('.agent-rules.own summary').first().click();
		await look('agents');
		await page.context().close();
	}
	assert.deepEqual(found, []);
});
