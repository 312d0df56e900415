// Hostile mail: nothing of it runs, nothing loads, nothing leaves its frame; headers and file names are text.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { as, browser, Imap, message, row, Suite } from './suite.mjs';

let suite, b;
before(async () => {
	suite = await new Suite().start('--users', '1');
	b = await browser();
});
after(async () => {
	await b?.close();
	await suite?.stop();
});

const OURS = [
	'<script>top.pwned=1</script><img src=x onerror="top.pwned=1"><svg onload="top.pwned=1"></svg>',
	'<a href="javascript:top.pwned=1">x</a><a href="data:text/html,<script>1</script>">y</a><a href="//evil.test">z</a>',
	'<iframe src="https://evil.test/"></iframe><object data="https://evil.test/"></object><embed src="https://evil.test/">',
	'<form action="https://evil.test/"><input name=a><button>go</button></form><input autofocus onfocus="top.pwned=1">',
	'<style>@import "https://evil.test/a.css";body{background:url(https://evil.test/b)}</style><div style="background:url(\'https://evil.test/c\')">x</div>',
	'<style>*{background:\\75\\72\\6c(https://evil.test/d)}</style><p style="background:u\\rl(https://evil.test/e)">x</p>',
	'<meta http-equiv=refresh content="0;url=https://evil.test/"><base href="https://evil.test/"><link rel=stylesheet href="https://evil.test/x.css">',
	'<video src="https://evil.test/v" autoplay poster="https://evil.test/p"></video><audio src="https://evil.test/a"></audio>',
	'<img srcset="https://evil.test/1x 1x"><picture><source srcset="https://evil.test/2"><img src="https://evil.test/3"></picture>',
	'<img name=body id=documentElement><form name=head></form><a id=defaultView></a>',
	'<div style="position:fixed;inset:0;z-index:99999;background:red">over everything</div>',
	'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=top.pwned=1&gt;">',
	'<table background="https://evil.test/bg"><tr><td background="https://evil.test/bg2">x</td></tr></table>',
	'<body onload="top.pwned=1" background="https://evil.test/f"><details ontoggle="top.pwned=1" open>x</details>',
];

function payloads() {
	const file = join(process.env.GKMAIL_SUITES ?? '', 'html/xss-payloads.json');
	const given = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).map(p => p.payload) : [];
	if (!given.length) console.log('# no folder of test suites (SUITES=…): our own payloads only');
	return [...OURS, ...given];
}

test('hostile HTML runs nothing, loads nothing, leaves no frame', async () => {
	const all = payloads();
	const imap = await Imap.login(suite, 0);
	for (const [i, html] of all.entries())
		await imap.append(
			'INBOX',
			message({ from: 'Mallory <m@evil.test>', to: 'a@b.test', subject: `Hostile ${i}.`, html, id: `h${i}` }),
			new Date(Date.UTC(2026, 0, 1, 10, i)),
		);
	imap.close();
	const page = await as(b, suite, 0);
	let dialogs = 0;
	page.on('dialog', d => (dialogs++, void d.dismiss()));
	const popups = [];
	page.context().on('page', p => popups.push(p.url()));
	const home = page.url();
	await row(page, `Hostile ${all.length - 1}.`)
		.first()
		.click();
	let frames = 0;
	for (let i = all.length - 1; i >= 0; i--) {
		await page.locator('.conversation-head h1', { hasText: `Hostile ${i}.` }).waitFor();
		const frame = page.locator('.message iframe');
		// A payload of which nothing is left may have no HTML to show.
		if (await frame.count()) {
			frames++;
			const inside = page.frameLocator('.message iframe');
			await inside
				.locator('head style')
				.first()
				.waitFor({ state: 'attached' })
				.catch(e => assert.fail(`${i}: ${all[i]}\n${page.said}\n${e}`));
			const bad = await inside
				.locator('html')
				.evaluate(html =>
					[...html.querySelectorAll('*')].flatMap(e => [
						...(/^(script|iframe|object|embed|form|input|button|base|meta|link|video|audio|source)$/i.test(
							e.tagName,
						) && !(e.tagName === 'META' && e.parentElement?.tagName === 'HEAD')
							? [e.tagName]
							: []),
						...[...e.attributes]
							.filter(
								a =>
									/^on/i.test(a.name) ||
									(/^(href|src|action|xlink:href)$/i.test(a.name) &&
										!/^(https?:|mailto:|tel:|data:image\/|blob:)/i.test(a.value.trim())),
							)
							.map(a => `${e.tagName} ${a.name}=${a.value}`),
					]),
				);
			assert.deepEqual(bad, [], all[i]);
			const box = await frame.boundingBox();
			const pane = await page.locator('.conversation').boundingBox();
			assert.ok(box.x >= pane.x && box.x + box.width <= pane.x + pane.width + 1);
		}
		assert.equal(await page.evaluate(() => globalThis.pwned), undefined, all[i]);
		if (i > 0) await page.keyboard.press('j');
	}
	assert.ok(frames > all.length / 2);
	assert.equal(dialogs, 0);
	assert.deepEqual(popups, []);
	assert.deepEqual(page.strangers, []);
	assert.equal(new URL(page.url()).origin, new URL(home).origin);
	await page.context().close();
});

test('what mail is laid out with stays', async () => {
	const html =
		'<table width="300" bgcolor="#eeeeee" cellpadding="4" align="center"><tr><td colspan="2" rowspan="1" valign="top"><font size="5" face="serif">A</font></td></tr></table><ol start="3" reversed><li>x</li></ol><p dir="rtl" lang="he">b</p>';
	const imap = await Imap.login(suite, 0);
	await imap.append('INBOX', message({ from: 'a@b.test', to: 'a@b.test', subject: 'Laid out', html }));
	imap.close();
	const page = await as(b, suite, 0);
	await row(page, 'Laid out').first().click();
	const inside = page.frameLocator('.message iframe');
	await inside.locator('table').waitFor();
	const of = (what, ...names) =>
		inside.locator(what).evaluate((e, names) => names.map(n => e.getAttribute(n)), names);
	assert.deepEqual(await of('table', 'width', 'bgcolor', 'cellpadding', 'align'), [
		'300',
		'#eeeeee',
		'4',
		'center',
	]);
	assert.deepEqual(await of('td', 'colspan', 'rowspan', 'valign'), ['2', '1', 'top']);
	assert.deepEqual(await of('font', 'size', 'face'), ['5', 'serif']);
	assert.deepEqual(await of('ol', 'start'), ['3']);
	assert.deepEqual(await of('p', 'dir', 'lang'), ['rtl', 'he']);
	await page.context().close();
});

test('headers and file names are text everywhere', async () => {
	const evil = '<img src=x onerror=top.pwned=1>';
	const imap = await Imap.login(suite, 0);
	const word = `=?utf-8?B?${Buffer.from(`${evil}\u202e`).toString('base64')}?=`;
	const m = [
		`From: ${word} <"<b>"@evil.test>`,
		`To: ${word} <x@y.test>`,
		`Subject: Texty ${word}`,
		'Date: Sun, 22 Nov 2026 10:00:00 +0000',
		`List-Unsubscribe: <javascript:top.pwned=1>, <https://evil.test/"onclick="top.pwned=1>`,
		`List-Id: ${evil}`,
		'MIME-Version: 1.0',
		'Content-Type: multipart/mixed; boundary=x',
		'',
		'--x',
		'Content-Type: text/plain',
		'',
		`${evil} javascript:top.pwned=1 https://x.test/"onmouseover="top.pwned=1`,
		'--x',
		`Content-Type: text/html; name="a.html"`,
		`Content-Disposition: attachment; filename*=utf-8''${encodeURIComponent(`../${evil}.html`)}`,
		'',
		'<script>top.pwned=1</script>',
		'--x--',
		'',
	].join('\n');
	await imap.append('INBOX', m);
	imap.close();
	const page = await as(b, suite, 0);
	await row(page, 'Texty').first().click();
	await page.locator('.attachment').waitFor();
	await page.getByRole('button', { name: 'Details' }).first().click();
	await page.locator('.details').waitFor();
	await page.keyboard.press('r');
	await page.locator('.composer .editor').waitFor();
	assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
	assert.equal(await page.locator('img[src="x"]').count(), 0);
	assert.ok((await page.locator('.conversation-head h1').innerText()).includes(evil));
	for (const href of await page.locator('a').evaluateAll(l => l.map(a => a.protocol)))
		assert.match(href, /^(https?|mailto):$/);
	assert.deepEqual(page.strangers, []);
	await page.context().close();
});
