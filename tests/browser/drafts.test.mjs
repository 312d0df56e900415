// What is written is not lost, and sent once: connections that break, refusals, two devices, sessions that end.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { as, browser, folder, Imap, login, message, row, submit, Suite, until, write } from './suite.mjs';

let suite, b;
before(async () => {
	suite = await new Suite().start('--users', '2');
	b = await browser();
});
after(async () => {
	await b?.close();
	await suite?.stop();
});

const bob = () => suite.user(1).address;
const has = (n, subject, folder) =>
	suite.files(n, folder).filter(f => readFileSync(f, 'utf8').includes(`Subject: ${subject}`)).length;
const send = c => c.getByRole('button', { name: 'Send', exact: true }).click();

// A page between whose WebSocket and the server `hook` stands: on(request) may answer in the server's place, or say 'lose':
// it is done, and the connection breaks before the answer.
const between = hook => async page =>
	page.routeWebSocket(/\/jmap\/ws/, ws => {
		const server = ws.connectToServer();
		const lost = new Set();
		ws.onMessage(text => {
			const m = JSON.parse(text);
			const said = m['@type'] === 'Request' ? hook(m) : undefined;
			if (said === 'lose') lost.add(m.id);
			if (said === undefined || said === 'lose') server.send(text);
			else ws.send(JSON.stringify({ '@type': 'Response', requestId: m.id, ...said }));
		});
		server.onMessage(text => {
			if (lost.delete(JSON.parse(text).requestId)) void ws.close();
			else ws.send(text);
		});
	});
const calls = (m, name) => m.methodCalls.some(([n, a]) => n === name && a.create);

test('an answer that is lost sends nothing twice', async () => {
	let lose = 1;
	const alice = await as(b, suite, 0, {
		before: between(m => (calls(m, 'EmailSubmission/set') && lose-- > 0 ? 'lose' : undefined)),
	});
	await send(await write(alice, { to: bob(), subject: 'Only once', text: 'x' }));
	await until(() => has(1, 'Only once'), 'delivery');
	await folder(alice, 'Sent');
	await row(alice, 'Only once').waitFor();
	await send(await write(alice, { to: bob(), subject: 'And then', text: 'x' }));
	await until(() => has(1, 'And then'), 'delivery of the next');
	assert.equal(lose, -1);
	assert.equal(has(1, 'Only once'), 1);
	assert.equal(await alice.locator('.toast.error').count(), 0);
	assert.equal(await alice.locator('.dock-window').count(), 0);
	await folder(alice, 'Drafts');
	await alice.locator('.list-pane .empty').waitFor();
	await alice.context().close();
});

test('a draft whose answer was lost is one draft', async () => {
	let lose = 1;
	const alice = await as(b, suite, 0, {
		before: between(m => (calls(m, 'Email/set') && lose-- > 0 ? 'lose' : undefined)),
	});
	const c = await write(alice, { to: bob(), subject: 'One draft', text: 'first' });
	await until(() => lose < 0 && has(0, 'One draft', '.Drafts'), 'the first try');
	await c.locator('.editor').click();
	await alice.keyboard.type(' and more');
	await c.locator('.save-state', { hasText: /^Saved/ }).waitFor();
	await until(() => has(0, 'One draft', '.Drafts') === 1, 'one draft');
	await c.getByRole('button', { name: 'Discard draft' }).click();
	await until(() => has(0, 'One draft', '.Drafts') === 0, 'no draft');
	await alice.context().close();
});

test('a draft that is refused leaves the one before where it is', async () => {
	let refuse = false;
	const alice = await as(b, suite, 0, {
		before: between(m =>
			refuse && calls(m, 'Email/set')
				? {
						methodResponses: m.methodCalls.map(([name, , id]) => [
							name,
							{ notCreated: { d: { type: 'overQuota' } }, destroyed: [] },
							id,
						]),
					}
				: undefined,
		),
	});
	const c = await write(alice, { to: bob(), subject: 'Too large', text: 'small' });
	await c.locator('.save-state', { hasText: /^Saved/ }).waitFor();
	refuse = true;
	await c.locator('.editor').click();
	await alice.keyboard.type('larger');
	await c.locator('.save-state', { hasText: 'Could not be saved' }).waitFor();
	assert.equal(has(0, 'Too large', '.Drafts'), 1);
	// What could not be saved is not thrown away by closing the window.
	await c.locator('xpath=..').getByRole('button', { name: 'Close' }).first().click();
	await alice.locator('.toast.error').waitFor();
	refuse = false;
	await alice.locator('.dock-window .save-state', { hasText: /^Saved/ }).waitFor();
	await until(() => has(0, 'Too large', '.Drafts') === 1, 'one draft');
	await alice.context().close();
});

test('two devices with one draft: nothing is lost, and it is said', async () => {
	const [one, other] = [await as(b, suite, 0), await as(b, suite, 0)];
	const c = await write(one, { to: bob(), subject: 'Both hands', text: 'left' });
	await c.locator('.save-state', { hasText: /^Saved/ }).waitFor();
	await folder(other, 'Drafts');
	await row(other, 'Both hands').click();
	const d = other.locator('.dock-window');
	await until(async () => /left/.test(await d.locator('.editor').innerText()), 'the text');
	await d.locator('.editor').click();
	await other.keyboard.type('right ');
	await d.locator('.save-state', { hasText: /^Saved/ }).waitFor();
	// The one that had nothing of its own steps back.
	await one.locator('.toast', { hasText: 'another device' }).waitFor();
	assert.equal(await one.locator('.dock-window').count(), 0);
	await until(() => has(0, 'Both hands', '.Drafts') === 1, 'one draft');
	await send(d);
	await until(() => has(1, 'Both hands') === 1, 'delivery');
	for (const p of [one, other]) await p.context().close();
});

test('a session that ends while one writes takes nothing along', async () => {
	const [one, other] = [await as(b, suite, 0), await as(b, suite, 0)];
	await write(one, { to: bob(), subject: 'Interrupted', text: 'in the middle of' });
	await other.goto(`${suite.base}/#/settings/security`);
	await other.getByRole('button', { name: 'Log out everywhere else' }).click();
	await one.locator('.login .note').waitFor();
	await login(one, suite.user(0));
	const c = one.locator('.dock-window');
	await until(async () => /in the middle of/.test(await c.locator('.editor').innerText()), 'the text');
	await c.locator('.save-state', { hasText: /^Saved/ }).waitFor();
	await until(() => has(0, 'Interrupted', '.Drafts') === 1, 'the draft');
	for (const p of [one, other]) await p.context().close();
});

test('who logs out has saved, and who comes next finds nothing', async () => {
	const page = await as(b, suite, 0);
	await write(page, { to: bob(), subject: 'Just before', text: 'leaving' });
	await page.getByRole('button', { name: 'Account' }).click();
	await page.getByRole('menuitem', { name: 'Log out' }).click();
	await page.waitForSelector('.login form');
	assert.equal(has(0, 'Just before', '.Drafts'), 1);
	await login(page, suite.user(1));
	assert.equal(await page.locator('.dock-window').count(), 0);
	await page.context().close();
});

test('without a network reading goes on, and what is sent leaves when it is back', async () => {
	const imap = await Imap.login(suite, 0);
	await imap.append(
		'INBOX',
		message({ from: 'x@y.test', to: 'a@b.test', subject: 'Read me', text: 'Words.' }),
	);
	imap.close();
	const page = await as(b, suite, 0);
	await row(page, 'Read me').click();
	await page.locator('.message .plain', { hasText: 'Words.' }).waitFor();
	await page.keyboard.press('u');
	await page.context().setOffline(true);
	await page.locator('.offline').waitFor();
	await row(page, 'Read me').click();
	await page.locator('.message .plain', { hasText: 'Words.' }).waitFor();
	await page.keyboard.press('s');
	await page.locator('.mail-row .star.on').first().waitFor();
	await send(await write(page, { to: bob(), subject: 'From the train', text: 'x' }));
	await page.locator('.toast', { hasText: 'connection' }).waitFor();
	// Closing the page now would lose it: the browser asks.
	let asked = false;
	page.once('dialog', d => ((asked = d.type() === 'beforeunload'), void d.dismiss()));
	await page.close({ runBeforeUnload: true });
	await until(() => asked, 'the question');
	await page.context().setOffline(false);
	await until(() => has(1, 'From the train') === 1, 'delivery');
	await until(async () => !(await page.locator('.offline').count()), 'being back');
	await page.context().close();
});

test('pictures in a draft are shown again, and sent with it', async () => {
	const png = Buffer.from(
		'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
		'base64',
	);
	const page = await as(b, suite, 0);
	const c = await write(page, { to: bob(), subject: 'Pictured', text: 'Look: ' });
	await c.locator('.editor').evaluate((e, data) => {
		const t = new DataTransfer();
		t.items.add(
			new File([Uint8Array.from(atob(data), x => x.charCodeAt(0))], 'dot.png', { type: 'image/png' }),
		);
		e.dispatchEvent(new ClipboardEvent('paste', { clipboardData: t, bubbles: true, cancelable: true }));
	}, png.toString('base64'));
	await c.locator('.editor img').waitFor();
	await c.locator('.save-state', { hasText: /^Saved/ }).waitFor();
	await until(
		() => suite.files(0, '.Drafts').some(f => /Pictured[\s\S]*image\/png/.test(readFileSync(f, 'utf8'))),
		'the picture saved',
	);
	const again = await as(b, suite, 0);
	await folder(again, 'Drafts');
	await row(again, 'Pictured').click();
	const img = again.locator('.dock-window .editor img');
	await until(async () => (await img.evaluate(i => i.naturalWidth)) === 1, 'the picture');
	await send(again.locator('.dock-window'));
	await until(
		() =>
			suite
				.files(1)
				.some(f =>
					/Pictured[\s\S]*cid:[\s\S]*Content-ID:/i.test(readFileSync(f, 'utf8').replace(/=\r?\n/g, '')),
				),
		'delivery with its picture',
	);
	assert.deepEqual(again.said, []);
	for (const p of [page, again]) await p.context().close();
});
