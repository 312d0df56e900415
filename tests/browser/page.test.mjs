// The page itself: logging in, keyboard, languages, themes, sizes, what axe finds, and screenshots of it all.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
	as,
	axe,
	browser,
	folder,
	login,
	message,
	prefer,
	row,
	shot,
	submit,
	Suite,
	until,
	visit,
	write,
} from './suite.mjs';

let suite, b;
before(async () => {
	suite = await new Suite().start();
	b = await browser();
	const [alice, bob, carol] = [0, 1, 2].map(n => suite.user(n).address);
	const mails = [
		[
			1,
			bob,
			'Dinner on Friday?',
			'We found the little place by the river. They have a table at eight, shall I take it?',
		],
		[
			2,
			carol,
			'Minutes of Tuesday',
			'Here is what we agreed on. Please look at points three and five.\n\n> quoted\n> lines\n',
		],
		[1, bob, 'Photos from the walk', 'They came out better than I thought: https://example.test/walk'],
		[2, carol, 'Train tickets', 'Coach 7, seats 41 and 42.'],
	];
	for (const [n, from, subject, text] of mails)
		await submit(suite, n, [0], message({ from, to: alice, subject, text }));
	const html =
		'<div style="background:#f4f6f8;padding:24px"><h1 style="color:#8a1c3b">The garden in November</h1><p>What to do now: <b>prune</b>, mulch and plan. <a href="https://example.test/">Read on</a></p><img src="https://tracker.example.test/x.gif" width="600" height="120" alt="A garden"></div>';
	await submit(
		suite,
		2,
		[0],
		message({ from: `Garden Letter <${carol}>`, to: alice, subject: 'The garden in November', html }),
	);
});
after(async () => {
	await b?.close();
	await suite?.stop();
});

test('logging in: a wrong password is said in words, a right one opens the inbox, logging out closes it', async () => {
	const page = await visit(b, suite);
	await shot(page, 'login');
	assert.deepEqual(await axe(page, 'login'), []);
	await page.fill('[name=user]', suite.user(0).address);
	await page.fill('[name=password]', 'not it');
	await page.keyboard.press('Enter');
	await page.locator('.error', { hasText: 'do not go together' }).waitFor();
	await page.fill('[name=password]', suite.user(0).password);
	await page.keyboard.press('Enter');
	await row(page, 'Train tickets').waitFor();
	await page.reload();
	await row(page, 'Train tickets').waitFor();
	await page.getByRole('button', { name: 'Account' }).click();
	await page.getByRole('menuitem', { name: 'Log out' }).click();
	await page.waitForSelector('.login form');
	assert.equal((await page.request.get(`${suite.base}/.well-known/jmap`)).status(), 401);
	await page.context().close();
});

test('remote pictures wait until they are asked for, and links are safe', async () => {
	const page = await as(b, suite, 0);
	await row(page, 'garden in November').click();
	const frame = page.frameLocator('.frame');
	await frame.locator('h1').waitFor();
	await shot(page, 'html-mail');
	assert.deepEqual(page.strangers, []);
	const a = frame.locator('a');
	assert.equal(await a.getAttribute('target'), '_blank');
	assert.match(await a.getAttribute('rel'), /noopener/);
	await page.getByRole('button', { name: 'Show them' }).click();
	await until(() => page.strangers.length === 1, 'asking for the picture');
	await page.context().close();
});

test('the keyboard alone reads, writes and acts', async () => {
	const page = await as(b, suite, 0);
	const key = k => page.keyboard.press(k);
	await row(page, 'Train tickets').waitFor();
	await key('j');
	await key('k');
	await key('Enter');
	await page.locator('.message').first().waitFor();
	const first = await page.locator('.conversation-head h1').innerText();
	await key('j');
	await until(
		async () => (await page.locator('.conversation-head h1').innerText()) !== first,
		'the next conversation',
	);
	await key('u');
	await page.locator('.nothing').waitFor();
	await key('x');
	await page.locator('.list-head.bulk').waitFor();
	await key('Escape');
	await until(async () => !(await page.locator('.list-head.bulk').count()), 'nothing ticked');
	await key('g');
	await key('d');
	await page.locator('.list-head h1', { hasText: 'Drafts' }).waitFor();
	await key('g');
	await key('i');
	await key('?');
	await page.locator('.dialog.help').waitFor();
	await shot(page, 'help');
	assert.deepEqual(await axe(page, 'help'), []);
	await key('Escape');
	await key('Control+k');
	await page.locator('.picker-input').waitFor();
	await shot(page, 'palette');
	assert.deepEqual(await axe(page, 'palette'), []);
	await page.keyboard.type('setting');
	await key('Enter');
	await page.locator('.settings').waitFor();
	await key('Escape');
	await page.locator('.list-pane').waitFor();
	await key('c');
	await page.locator('.dock-window .recipients input:focus').waitFor();
	await key('Escape');
	await until(async () => !(await page.locator('.dock-window').count()), 'the window closed');
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('axe finds nothing on any page, light or dark, wide or phone', async () => {
	const found = [];
	for (const colorScheme of ['light', 'dark'])
		for (const width of [1440, 390]) {
			const page = await as(b, suite, 0, { colorScheme, viewport: { width, height: 844 } });
			const at = `${colorScheme} ${width}`;
			await row(page, 'Train tickets').waitFor();
			found.push(...(await axe(page, `${at} list`)));
			await row(page, 'Minutes of Tuesday').click();
			await page.locator('.message .plain').waitFor();
			found.push(...(await axe(page, `${at} conversation`)));
			await page.goto(`${suite.base}/#/in/inbox`);
			await row(page, 'Train tickets').waitFor();
			if (width > 700) {
				await write(page, { to: suite.user(1).address, subject: 'S', text: 'T' });
				found.push(...(await axe(page, `${at} compose`)));
			}
			for (const tab of ['look', 'mail', 'identities', 'away', 'security', 'about']) {
				await page.goto(`${suite.base}/#/settings/${tab}`);
				await page.locator('.panel h2').waitFor();
				if (tab === 'identities') await page.locator('.panel form').first().waitFor();
				found.push(...(await axe(page, `${at} ${tab}`)));
				if (width > 700 && colorScheme === 'light') await shot(page, `settings-${tab}`);
			}
			await page.context().close();
		}
	assert.deepEqual(found, []);
});

test('French is French: no English word is left in what is seen', async () => {
	const page = await as(b, suite, 0, { locale: 'fr-FR' });
	await row(page, 'Train tickets').waitFor();
	assert.equal(await page.locator('html').getAttribute('lang'), 'fr');
	const text = await page.locator('.folders').innerText();
	assert.match(text, /Réception[\s\S]*Brouillons[\s\S]*Envoyés[\s\S]*Corbeille/);
	assert.doesNotMatch(text, /Inbox|Drafts|Sent|Trash|New message/);
	await page.goto(`${suite.base}/#/settings/look`);
	await page.getByText('Anglais').or(page.getByText('English')).first().waitFor();
	await page.locator('label', { hasText: 'English' }).click();
	await page.locator('.settings h1', { hasText: 'Settings' }).waitFor();
	await page.context().close();
});

test('on a phone one pane at a time, and Back goes back', async () => {
	const page = await as(b, suite, 0, { viewport: { width: 390, height: 844 }, hasTouch: true });
	await row(page, 'Train tickets').tap();
	await page.locator('.message').first().waitFor();
	assert.equal(await page.locator('.list-pane').isVisible(), false);
	await page.goBack();
	await row(page, 'Train tickets').waitFor();
	assert.equal(await page.locator('.conversation').isVisible(), false);
	await page.getByRole('button', { name: 'New message' }).last().tap();
	await page.locator('.dock-window').waitFor();
	await shot(page, 'phone-compose');
	await page.context().close();
});

test('settings: password, sessions, app passwords, identity, vacation', async () => {
	const page = await as(b, suite, 2);
	await page.goto(`${suite.base}/#/settings/security`);
	await page.locator('.plain-list .chip', { hasText: 'This one' }).waitFor();
	await page.getByRole('button', { name: 'New password', exact: true }).click();
	await page.locator('.dialog input').fill('Phone');
	await page.keyboard.press('Enter');
	await page.locator('.secret').waitFor();
	const phone = page.locator('.plain-list li', { hasText: 'Phone' });
	await phone.filter({ hasText: 'never used' }).waitFor();
	await phone.getByRole('button', { name: 'Take back: Phone' }).click();
	await page.locator('.dialog').getByRole('button', { name: 'Take back' }).click();
	await until(async () => !(await phone.count()), 'the password taken back');
	await page.goto(`${suite.base}/#/settings/identities`);
	await page.locator('.panel [name=name]').first().fill('Carol Jones');
	await page.locator('.panel [name=signature]').first().fill('Carol\nat the orchard');
	await page.locator('.panel button[type=submit]').first().click();
	await page.locator('.save-state', { hasText: /^Saved/ }).waitFor();
	await page.locator('.folders .compose').click();
	await until(async () => /at the orchard/.test(await page.locator('.editor').innerText()), 'the signature');
	await page.keyboard.press('Escape');
	await page.goto(`${suite.base}/#/settings/away`);
	await page.locator('.panel [name=on]').check();
	await page.locator('.panel [name=text]').fill('I am in the mountains.');
	await page.locator('.panel button[type=submit]').click();
	await page.locator('.save-state', { hasText: /^Saved/ }).waitFor();
	await page.reload();
	await until(
		async () => (await page.locator('.panel [name=text]').inputValue()) === 'I am in the mountains.',
		'the answer kept',
	);
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('what one prefers is found on every device, at once and after', async () => {
	const [one, other] = [await as(b, suite, 1), await as(b, suite, 1)];
	await one.goto(`${suite.base}/#/settings/look`);
	await one.locator('input[name=theme]').nth(2).check();
	await other.locator('html[data-theme=dark]').waitFor({ state: 'attached' });
	const third = await as(b, suite, 1);
	await third.locator('html[data-theme=dark]').waitFor({ state: 'attached' });
	await prefer(third, { theme: null });
	await one.locator('html[data-theme=system]').waitFor({ state: 'attached' });
	for (const p of [one, other, third]) await p.context().close();
});

test('an empty folder says something kind', async () => {
	const page = await as(b, suite, 1);
	await folder(page, 'Junk');
	await page.locator('.empty', { hasText: 'No junk' }).waitFor();
	await shot(page, 'empty');
	await page.context().close();
});

test('a session ended elsewhere asks for the password, and goes on where one was', async () => {
	const [one, other] = [await as(b, suite, 1), await as(b, suite, 1)];
	await folder(one, 'Archive');
	await one.locator('.list-head h1', { hasText: 'Archive' }).waitFor();
	await other.goto(`${suite.base}/#/settings/security`);
	await other.getByRole('button', { name: 'Log out everywhere else' }).click();
	await one.locator('.login .note').waitFor();
	await login(one, suite.user(1));
	await one.locator('.list-head h1', { hasText: 'Archive' }).waitFor();
	await one.context().close();
	await other.context().close();
});
