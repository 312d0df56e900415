// What a mailbox of all sorts looks like, and what the page says of senders to be wary of.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { furnish } from './gallery.mjs';
import { as, axe, browser, message, row, shot, submit, Suite, until } from './suite.mjs';

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
	await until(async () => !(await banner.count()), 'the banner going');
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
	const box = await held.boundingBox();
	assert.ok(Math.abs(box.width / box.height - 536 / 180) < 0.1, `${box.width} by ${box.height}`);
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

// Files as the system hands them to a page.
const dragFiles = (page, selector, type) =>
	page.locator(selector).evaluate((at, type) => {
		const data = new DataTransfer();
		data.items.add(new File(['x'.repeat(20000)], 'plan du jardin.txt', { type: 'text/plain' }));
		at.dispatchEvent(
			new DragEvent(type, { bubbles: true, cancelable: true, composed: true, dataTransfer: data }),
		);
	}, type);

test('files dropped anywhere go into the open message, or into a new one', async () => {
	const page = await as(b, suite, 1);
	await dragFiles(page, '.list-pane', 'dragover');
	await page.locator('.drop-page .drop-hint').waitFor();
	await shot(page, 'drop');
	await dragFiles(page, '.list-pane', 'drop');
	const c = page.locator('.dock-window');
	const chip = c.locator('.attached li', { hasText: 'plan du jardin.txt' });
	await chip.filter({ hasText: '20 KB' }).waitFor();
	assert.equal(await page.locator('.drop-page').count(), 0);
	await dragFiles(page, '.folders', 'dragover');
	await c.locator('.drop-hint').waitFor();
	await dragFiles(page, '.folders', 'drop');
	await until(async () => (await chip.count()) === 2, 'the second file in the same message');
	assert.equal(await c.count(), 1);
	await page.context().close();
});

test('conversations are dragged onto folders', async () => {
	const page = await as(b, suite, 0);
	await row(page, 'Your books are due soon').dragTo(page.locator('.folder', { hasText: 'Receipts 2026' }));
	await page.locator('.toast', { hasText: 'moved to Receipts 2026' }).waitFor();
	await until(async () => !(await row(page, 'Your books are due soon').count()), 'leaving the list');
	await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
	await row(page, 'Your books are due soon').waitFor();
	await page.context().close();
});

// A finger, as the browser tells of it.
async function swipe(page, text, by) {
	const box = await row(page, text).boundingBox();
	const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
	const cdp = await page.context().newCDPSession(page);
	const tell = (type, x) =>
		cdp.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : [{ x, y: at.y }] });
	await tell('touchStart', at.x);
	for (let i = 1; i <= 5; i++) await tell('touchMove', at.x + (by * i) / 5);
	await tell('touchEnd');
}

test('on a phone a swipe archives or deletes, a short one does nothing', async () => {
	const page = await as(b, suite, 0, { viewport: { width: 390, height: 844 }, hasTouch: true });
	const text = 'Quote for the roof';
	await row(page, text).waitFor();
	await swipe(page, text, 50);
	await swipe(page, text, 150);
	await page.locator('.toast', { hasText: 'Conversation archived.' }).waitFor();
	await until(async () => !(await row(page, text).count()), 'archiving');
	await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
	await row(page, text).waitFor();
	await swipe(page, text, -150);
	await page.locator('.toast', { hasText: 'moved to the trash' }).waitFor();
	await page
		.locator('.toast', { hasText: 'moved to the trash' })
		.getByRole('button', { name: 'Undo' })
		.click();
	await row(page, text).waitFor();
	await page.context().close();
});

test('new mail is told to who looks elsewhere, and counted on the tab', async t => {
	const whole = await browser({ whole: true });
	t.after(() => whole.close());
	const page = await as(whole, suite, 2);
	await page.context().grantPermissions(['notifications'], { origin: suite.base });
	await page.addInitScript(() => {
		const Real = globalThis.Notification;
		globalThis.told = [];
		globalThis.Notification = class extends Real {
			constructor(title, options) {
				super(title, options);
				globalThis.told.push([title, options.body]);
			}
		};
		document.hasFocus = () => false;
	});
	await page.goto(`${suite.base}/#/settings/mail`);
	await page.reload();
	await page.getByLabel('Tell me of new mail').check();
	await page.goto(`${suite.base}/#/in/inbox`);
	await page.locator('.list-pane .empty').waitFor();
	const icon = () => page.locator('link[rel=icon]').getAttribute('href');
	assert.match(await icon(), /^\/assets\//);
	const from = `Bob the Builder <${suite.user(1).address}>`;
	const m = message({ from, to: suite.user(2).address, subject: 'Can we fix it?', text: 'Yes we can.' });
	await submit(suite, 1, [2], m);
	await until(() => page.evaluate(() => globalThis.told.length), 'the notification');
	assert.deepEqual(await page.evaluate(() => globalThis.told), [
		['Bob the Builder', 'Can we fix it?\nYes we can.'],
	]);
	await until(async () => /^data:image\/svg/.test(await icon()), 'the count on the icon');
	assert.match(await page.title(), /^\(1\)/);
	await row(page, 'Can we fix it?').click();
	await until(async () => /^\/assets\//.test(await icon()), 'nothing unread');
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('a message is printed alone', async () => {
	const page = await as(b, suite, 0);
	await open(page, 'Where to put the server');
	// What paper would show while the browser prints.
	await page.evaluate(() => {
		globalThis.print = () => (globalThis.printed = document.querySelectorAll('.message.printed').length);
	});
	await page.locator('.message.open').last().getByRole('button', { name: 'More' }).click();
	await page.getByRole('menuitem', { name: 'Print' }).click();
	assert.equal(await page.evaluate(() => globalThis.printed), 1);
	await page.emulateMedia({ media: 'print' });
	assert.equal(await page.locator('.folders').isVisible(), false);
	assert.equal(await page.locator('.toolbar').isVisible(), false);
	assert.equal(await page.locator('.message-body .plain').last().isVisible(), true);
	await shot(page, 'print');
	await page.context().close();
});

// Nothing is wider than the page, whatever comes in mail.
const fits = page => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

test('three widths, two themes, two languages: screenshots', async () => {
	for (const [name, width, height] of [
		['wide', 1440, 900],
		['medium', 900, 800],
		['phone', 390, 844],
	])
		for (const colorScheme of ['light', 'dark'])
			for (const locale of ['en-GB', 'fr-FR']) {
				const page = await as(b, suite, 0, {
					viewport: { width, height },
					colorScheme,
					locale,
					hasTouch: width < 700,
				});
				const named = what => `${name}-${colorScheme}-${locale.slice(0, 2)}-${what}`;
				await row(page, 'Dîner vendredi ?').waitFor();
				await shot(page, named('list'));
				for (const [what, subject] of [
					['thread', 'Where to put the server'],
					['newsletter', 'What to do in November'],
					['files', 'Quote for the roof'],
				]) {
					await open(page, subject);
					await shot(page, named(what));
					assert.ok(await fits(page), named(what));
					if (width < 700) await page.goBack();
				}
				await page.context().close();
			}
});

test('at twice the size and on the narrowest phone everything is within reach', async () => {
	for (const [name, width, height, deviceScaleFactor] of [
		['twice', 720, 450, 2],
		['narrow', 320, 568, 1],
	]) {
		const page = await as(b, suite, 0, { viewport: { width, height }, deviceScaleFactor, locale: 'fr-FR' });
		await row(page, 'Quote for the roof').click();
		await page.locator('.attachment').first().waitFor();
		await shot(page, `${name}-files`);
		assert.ok(await fits(page));
		for (const button of await page.locator('.toolbar .icon-button:visible').all()) {
			const box = await button.boundingBox();
			assert.ok(
				box.x >= 0 && box.x + box.width <= width,
				`${await button.getAttribute('aria-label')}: ${name}`,
			);
		}
		for (const tab of ['look', 'security']) {
			await page.goto(`${suite.base}/#/settings/${tab}`);
			await page.locator('.panel h2').waitFor();
			await shot(page, `${name}-${tab}`);
			assert.ok(await fits(page));
			assert.ok(await page.locator('[role=tab][aria-selected=true]').isVisible());
		}
		await page.context().close();
	}
});
