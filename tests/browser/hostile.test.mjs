// Hostile mail: nothing of it runs, nothing loads, nothing leaves its frame; headers and file names are text.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { as, browser, Imap, message, row, Suite, until } from './suite.mjs';

let suite, b, listener, evil;
// Who listens where hostile mail points to.
const asked = [];
before(async () => {
	listener = createServer((q, r) => (asked.push(q.url), r.end())).listen(0, '127.0.0.1');
	await once(listener, 'listening');
	evil = `http://127.0.0.1:${listener.address().port}`;
	suite = await new Suite().start('--users', '1');
	b = await browser();
});
after(async () => {
	await b?.close();
	await suite?.stop();
	listener?.close();
});

const told = { told: /^(style-src|script-src-attr|base-uri)/ };
const ours = () => OURS.map(p => p.replaceAll('https://evil.test', evil));

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
	'<style>@font-face{font-family:f;src:url(https://evil.test/g)}p[title^=s]{background:url(https://evil.test/h)}</style><p title=secret style="font-family:f">x</p>',
	'<style>p{background:image-set("https://evil.test/i" 1x);list-style-image:url(https://evil.test/j);content:url(https://evil.test/k);cursor:url(https://evil.test/l),auto}</style><p>x</p>',
	'<img src="cid:../../auth/logout"><img src="cid:part1@evil"><a href="cid:part1@evil">x</a><img src="/auth/logout"><img src="//evil.test/m">',
	'<svg><a xlink:href="javascript:top.pwned=1"><text>x</text></a><image href="https://evil.test/n"/><use href="https://evil.test/o#x"/></svg><p>y</p>',
	'<link rel=prefetch href="https://evil.test/p"><link rel=dns-prefetch href="https://evil.test"><script src="https://evil.test/q"></script><a href="https://evil.test/r" ping="https://evil.test/s">x</a>',
	'<template><img src=x onerror="top.pwned=1"></template><noscript><p title="</noscript><img src=x onerror=top.pwned=1>"></noscript><p>z</p>',
	'<div popover id=p>x</div><button popovertarget=p>y</button><a href="https://x.test" target=_top onclick="top.pwned=1">z</a>',
	// Time that grows with the square of the length stops the page here.
	`<style>p{background:url( ${'a'.repeat(300000)}</style><style>${'image-set('.repeat(30000)}</style><p>x</p>`,
	`<pre>${' '.repeat(300000)}x</pre>`,
];

// What would run, load or leave, of everything under an element.
const harm = root =>
	[...root.querySelectorAll('*')].flatMap(e => [
		...(/^(script|iframe|object|embed|form|input|button|base|meta|link|video|audio|source|svg|template)$/i.test(
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
	]);

function payloads() {
	const file = join(process.env.GKMAIL_SUITES ?? '', 'html/xss-payloads.json');
	const given = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).map(p => p.payload) : [];
	if (!given.length) console.log('# no folder of test suites (SUITES=…): our own payloads only');
	return [...ours(), ...given];
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
	const page = await as(b, suite, 0, told);
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
			const bad = await inside.locator('html').evaluate(harm);
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
	assert.deepEqual(asked, []);
	await page.context().close();
});

test('hostile HTML quoted in a reply is harmless in the editor, in the draft and when it is read again', async () => {
	const imap = await Imap.login(suite, 0);
	// One message of it all, and the original of each by itself was read above.
	const html = ours()
		.filter(p => p.length < 1000)
		.map(p => `<div>${p}</div>`)
		.join('');
	await imap.append(
		'INBOX',
		message({ from: 'Mallory <m@evil.test>', to: 'a@b.test', subject: 'Answer me', html, id: 'quoted' }),
	);
	imap.close();
	const page = await as(b, suite, 0, told);
	const popups = [];
	page.context().on('page', p => popups.push(p.url()));
	await row(page, 'Answer me').first().click();
	await page.locator('.message iframe').waitFor();
	await page.emulateMedia({ media: 'print' });
	await page.emulateMedia({ media: null });
	await page.keyboard.press('r');
	const editor = page.locator('.composer .editor');
	await editor.waitFor();
	await page.getByRole('button', { name: 'Show quoted text' }).click();
	await until(async () => (await editor.innerText()).includes('over everything'), 'the quote');
	assert.deepEqual(await editor.evaluate(harm), []);
	// As pasted from elsewhere.
	await editor.evaluate((e, html) => {
		const t = new DataTransfer();
		t.setData('text/html', html);
		e.focus();
		e.dispatchEvent(new ClipboardEvent('paste', { clipboardData: t, bubbles: true, cancelable: true }));
	}, html);
	assert.deepEqual(await editor.evaluate(harm), []);
	await page.keyboard.type('x');
	await page.locator('.save-state', { hasText: /^Saved/ }).waitFor();
	await page.getByRole('button', { name: 'Close', exact: true }).last().click();
	const again = await as(b, suite, 0, told);
	await again.goto(`${suite.base}/#/in/drafts`);
	await row(again, 'Answer me').first().click();
	await again.locator('.editor, .message').first().waitFor();
	for (const p of [page, again]) {
		assert.equal(await p.evaluate(() => globalThis.pwned), undefined);
		assert.deepEqual(p.strangers, []);
	}
	assert.deepEqual(popups, []);
	assert.deepEqual(asked, []);
	for (const p of [page, again]) await p.context().close();
});

test('a hostile attachment is octets to keep, whatever it says it is', async () => {
	const svg =
		'<svg xmlns="http://www.w3.org/2000/svg" onload="top.pwned=1"><script>top.pwned=1</script></svg>';
	const part = (type, name, body, cid) =>
		[
			'--x',
			`Content-Type: ${type}; name="${name}"`,
			`Content-Disposition: ${cid ? 'inline' : 'attachment'}; filename="${name}"`,
			...(cid ? [`Content-ID: <${cid}>`] : []),
			'',
			body,
		].join('\n');
	const m = [
		'From: m@evil.test',
		'To: a@b.test',
		'Subject: Take this',
		'Date: Sun, 22 Nov 2026 10:00:00 +0000',
		'List-Unsubscribe: <javascript:top.pwned=1>',
		'MIME-Version: 1.0',
		'Content-Type: multipart/related; boundary=x',
		'',
		'--x',
		'Content-Type: text/html',
		'',
		'<p>look <img src="cid:svg"> <img src="cid:page"> <a href="mailto:x@y.test?subject=hi&body=%3Cscript%3Etop.pwned=1%3C/script%3E">write</a></p>',
		part('image/svg+xml', 'a.svg', svg, 'svg'),
		part('image/png', 'b.png', '<script>top.pwned=1</script>', 'page'),
		part('text/html', 'c.html', '<script>top.pwned=1</script>'),
		part('image/svg+xml', 'd.svg', svg),
		part(
			'application/xhtml+xml',
			'e.xhtml',
			'<html xmlns="http://www.w3.org/1999/xhtml"><script>top.pwned=1</script></html>',
		),
		'--x--',
		'',
	].join('\n');
	const imap = await Imap.login(suite, 0);
	await imap.append('INBOX', m);
	imap.close();
	const page = await as(b, suite, 0);
	await row(page, 'Take this').first().click();
	await page.locator('.attachment', { hasText: 'd.svg' }).waitFor();
	assert.equal(await page.locator('.attachment img').count(), 0);
	const urls = await page.locator('a.attachment').evaluateAll(l => l.map(a => a.href));
	assert.ok(urls.length >= 3);
	for (const url of urls)
		for (const type of ['text/html', 'image/svg+xml', 'application/javascript', 'text/css', '*/*']) {
			const u = new URL(url);
			u.searchParams.set('accept', type);
			const r = await page.request.get(String(u));
			const h = r.headers();
			assert.match(h['content-disposition'] ?? '', /^attachment/, `${type} ${url}`);
			assert.match(h['content-security-policy'] ?? '', /sandbox/);
			assert.equal(h['x-content-type-options'], 'nosniff');
		}
	// A link to write to somebody opens the composer, and its words are words.
	await page.frameLocator('.message iframe').getByText('write').click();
	const c = page.locator('.dock-window');
	await until(async () => (await c.locator('.editor').innerText()).includes('<script>'), 'the text');
	assert.equal(await page.locator('a', { hasText: 'Unsubscribe' }).count(), 0);
	assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
	assert.deepEqual(page.strangers, []);
	assert.deepEqual(asked, []);
	await page.context().close();
});

test('what a search marks, and what a notice says, is text', async () => {
	const page = await as(b, suite, 0, {
		permissions: ['notifications'],
		before: p =>
			p.addInitScript(() => {
				globalThis.notices = [];
				const said = (title, o) => globalThis.notices.push([title, o.body]);
				globalThis.Notification = class {
					static permission = 'granted';
					constructor(title, o) {
						said(title, o);
					}
				};
				document.hasFocus = () => false;
				localStorage['gkmail.notify'] = 'true';
			}),
	});
	const subject = 'Quince </mark><img src=x onerror=top.pwned=1><mark>';
	const imap = await Imap.login(suite, 0);
	await imap.append(
		'INBOX',
		message({ from: 'm@evil.test', to: 'a@b.test', subject, text: `quince &lt;mark&gt; ${subject}` }),
	);
	imap.close();
	await row(page, 'Quince').waitFor();
	await until(async () => (await page.evaluate(() => globalThis.notices)).length, 'the notice');
	assert.ok((await page.evaluate(() => globalThis.notices))[0][1].includes(subject));
	await page.goto(`${suite.base}/#/search/quince`);
	const found = row(page, 'Quince').first();
	await found.locator('mark').first().waitFor();
	assert.ok((await found.innerText()).includes('<img src=x onerror=top.pwned=1>'));
	assert.equal(await page.locator('img[src=x]').count(), 0);
	assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
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
