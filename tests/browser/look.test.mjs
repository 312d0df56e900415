// What a mailbox of all sorts looks like, and what the page says of senders to be wary of.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { furnish } from './gallery.mjs';
import { as, axe, browser, row, shot, Suite, until } from './suite.mjs';

let suite, b;
before(async () => {
	suite = await new Suite().start();
	b = await browser();
	await furnish(suite, 0);
});
after(async () => {
	await b?.close();
	await suite?.stop();
});

const open = async (page, text) => {
	await row(page, text).click();
	await page.locator('.conversation-head h1', { hasText: text }).waitFor();
	await page.locator('.message-body .plain, .message-body iframe').first().waitFor();
};

test('senders who are not who they seem are said to be so', async () => {
	const page = await as(b, suite, 0);
	const banner = page.locator('.banner.danger');
	await open(page, 'Can you pay this for me?');
	await banner.filter({ hasText: 'bernàrd.test is not bernard.test' }).waitFor();
	await open(page, 'My new address');
	await banner.filter({ hasText: 'You know this name with the address claire@dubois.test' }).waitFor();
	await open(page, 'Your account is limited');
	await banner.filter({ hasText: 'says that this message is not from there' }).waitFor();
	assert.deepEqual(await axe(page, 'banner'), []);
	await shot(page, 'banner');
	await open(page, 'Dîner vendredi ?');
	assert.equal(await banner.count(), 0);
	await page.context().close();
});

test('a list is left by a message one sends oneself, or on a page one opens oneself', async () => {
	const page = await as(b, suite, 0);
	await open(page, 'What to do in November');
	const banner = page.locator('.banner', { hasText: 'The Garden Letter' });
	const link = banner.getByRole('link', { name: 'On their page' });
	assert.equal(await link.getAttribute('href'), 'https://garden.test/leave?u=123');
	assert.match(await link.getAttribute('rel'), /noopener/);
	await banner.getByRole('button', { name: 'Unsubscribe by mail' }).click();
	const c = page.locator('.dock-window');
	await c.locator('.recipient', { hasText: 'leave@garden.test' }).waitFor();
	assert.equal(await c.locator('.subject').inputValue(), 'leave 123');
	assert.deepEqual(page.strangers, []);
	await page.context().close();
});

test('pictures from elsewhere load for one sender always, once that is wished', async () => {
	const page = await as(b, suite, 0);
	await open(page, 'What to do in November');
	// What is held back keeps its place.
	const held = page.frameLocator('.frame').locator('img');
	assert.ok((await held.boundingBox()).height > 50);
	await page.getByRole('button', { name: 'Always for letter@garden.test' }).click();
	await until(() => page.strangers.length === 1, 'asking for the picture');
	await page.goto(`${suite.base}/#/settings/mail`);
	await page.locator('.plain-list', { hasText: 'letter@garden.test' }).waitFor();
	await page.context().close();
});

test('a picture that came with a message opens large', async () => {
	const page = await as(b, suite, 0);
	await open(page, 'Quote for the roof');
	await page.locator('.label', { hasText: 'urgent' }).first().waitFor();
	await page.locator('.attachment', { hasText: 'Le toit' }).click();
	await page.locator('.dialog.viewer img').waitFor();
	assert.deepEqual(await axe(page, 'viewer'), []);
	await page.keyboard.press('Escape');
	await until(async () => !(await page.locator('.dialog').count()), 'closing it');
	await page.context().close();
});
