// Mail through the page: T1, T2, T3, T5, attachments, search, drafts, undoing.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { as, browser, folder, Imap, message, row, shot, submit, Suite, until, write } from './suite.mjs';

let suite, b;
before(async () => {
	suite = await new Suite().start();
	b = await browser();
});
after(async () => {
	await b?.close();
	await suite?.stop();
});

test('T1: what is sent in the page is a file in the Maildir and seen by IMAP', async () => {
	const alice = await as(b, suite, 0);
	const c = await write(alice, {
		to: suite.user(1).address,
		subject: 'From the page',
		text: 'Hello Bob, this is T1.',
	});
	await shot(alice, 'compose');
	await c.getByRole('button', { name: 'Send', exact: true }).click();
	await alice.locator('.toast', { hasText: 'Sent.' }).waitFor();
	const file = await until(
		() => suite.files(1).find(f => readFileSync(f, 'utf8').includes('From the page')),
		'delivery',
	);
	assert.match(readFileSync(file, 'utf8'), /Hello Bob, this is T1/);
	const imap = await Imap.login(suite, 1);
	await imap.run('SELECT INBOX');
	assert.match((await imap.run('SEARCH SUBJECT "From the page"')).join(), /\* SEARCH \d+/);
	imap.close();
	await folder(alice, 'Sent');
	await row(alice, 'From the page').waitFor();
	assert.deepEqual(alice.said, []);
	await alice.context().close();
});

test('T2: mail that comes by SMTP is in the open page within a second', async () => {
	const alice = await as(b, suite, 0);
	const warm = message({ from: suite.user(1).address, to: suite.user(0).address, subject: 'T2 warm' });
	await submit(suite, 1, [0], warm);
	await row(alice, 'T2 warm').waitFor();
	await submit(
		suite,
		1,
		[0],
		message({ from: suite.user(1).address, to: suite.user(0).address, subject: 'T2 now' }),
	);
	const accepted = Date.now();
	await row(alice, 'T2 now').waitFor();
	const ms = Date.now() - accepted;
	console.log(`# T2: in the page ${ms} ms after 250`);
	await until(async () => /^\(\d+\)/.test(await alice.title()), 'the count in the title');
	await alice.context().close();
});

test('T3: send, receive, reply: one conversation, Seen and Answered alike in page and IMAP', async () => {
	const [alice, bob] = [await as(b, suite, 0), await as(b, suite, 1)];
	const c = await write(alice, { to: suite.user(1).address, subject: 'T3 talk', text: 'A question.' });
	await c.getByRole('button', { name: 'Send', exact: true }).click();
	await row(bob, 'T3 talk').click();
	await bob.locator('.message .plain, .message iframe').first().waitFor();
	await bob.keyboard.press('r');
	await bob.locator('.composer.in-place .editor').click();
	await bob.keyboard.type('An answer.');
	await bob.keyboard.press('Control+Enter');
	await row(alice, 'T3 talk').click();
	await until(
		async () => (await alice.locator('.message').count()) === 2,
		'both messages in one conversation',
	);
	const imap = await Imap.login(suite, 1);
	await until(async () => {
		await imap.run('SELECT INBOX');
		const [found] = await imap.run('SEARCH SUBJECT "T3 talk"');
		const flags = (await imap.run(`FETCH ${found.split(' ')[2]} (FLAGS)`)).join();
		return flags.includes('\\Seen') && flags.includes('\\Answered');
	}, 'Seen and Answered by IMAP');
	imap.close();
	await shot(alice, 'conversation');
	await alice.context().close();
	await bob.context().close();
});

test('T5: three users, mail crossing between all, each sees only their own', async () => {
	const pages = await Promise.all([0, 1, 2].map(n => as(b, suite, n)));
	for (let from = 0; from < 3; from++)
		for (let to = 0; to < 3; to++)
			if (from !== to) {
				const m = message({
					from: suite.user(from).address,
					to: suite.user(to).address,
					subject: `T5 ${from} to ${to}`,
				});
				await submit(suite, from, [to], m);
			}
	for (let to = 0; to < 3; to++)
		for (let from = 0; from < 3; from++)
			for (let other = 0; other < 3; other++) {
				if (from === other) continue;
				const r = row(pages[to], `T5 ${from} to ${other}`);
				if (other === to) await r.waitFor();
				else assert.equal(await r.count(), 0);
			}
	for (const p of pages) await p.context().close();
});

test('archive, undo, star, trash by keys; IMAP sees the same', async () => {
	const alice = await as(b, suite, 0);
	await submit(
		suite,
		1,
		[0],
		message({ from: suite.user(1).address, to: suite.user(0).address, subject: 'Act on me' }),
	);
	await row(alice, 'Act on me').click();
	await alice.locator('.message').waitFor();
	await alice.keyboard.press('s');
	await alice.locator('.mail-row .star.on').first().waitFor();
	await alice.keyboard.press('e');
	await until(async () => !(await row(alice, 'Act on me').count()), 'archiving');
	await alice.keyboard.press('z');
	await row(alice, 'Act on me').waitFor();
	const imap = await Imap.login(suite, 0);
	await until(async () => {
		await imap.run('SELECT INBOX');
		const [found] = await imap.run('SEARCH SUBJECT "Act on me" FLAGGED');
		return /\d/.test(found ?? '');
	}, 'the star by IMAP');
	await row(alice, 'Act on me').click();
	await alice.keyboard.press('#');
	await until(async () => !(await row(alice, 'Act on me').count()), 'deleting');
	await folder(alice, 'Trash');
	await row(alice, 'Act on me').waitFor();
	imap.close();
	assert.deepEqual(alice.said, []);
	await alice.context().close();
});

test('what another client does is seen in the page', async () => {
	const alice = await as(b, suite, 0);
	const imap = await Imap.login(suite, 0);
	await imap.append('INBOX', message({ from: 'x@y.test', to: suite.user(0).address, subject: 'By IMAP' }));
	await row(alice, 'By IMAP').waitFor();
	await alice.locator('.mail-row.unread', { hasText: 'By IMAP' }).waitFor();
	await imap.run('SELECT INBOX');
	const [found] = await imap.run('SEARCH SUBJECT "By IMAP"');
	await imap.run(`STORE ${found.split(' ')[2]} +FLAGS (\\Seen)`);
	await alice.locator('.mail-row:not(.unread)', { hasText: 'By IMAP' }).waitFor();
	imap.close();
	await alice.context().close();
});

test('attachments go up and come down as they were', async () => {
	const [alice, bob] = [await as(b, suite, 0), await as(b, suite, 1, { acceptDownloads: true })];
	const data = Buffer.from(Array.from({ length: 300000 }, (_, i) => (i * 7919) & 255));
	const c = await write(alice, { to: suite.user(1).address, subject: 'With a file', text: 'Here it is.' });
	await c
		.locator('input[type=file]')
		.setInputFiles({ name: 'données & <b>.bin', mimeType: 'application/octet-stream', buffer: data });
	await c.locator('.attached li', { hasText: 'données' }).waitFor();
	await until(async () => !(await c.locator('.attached progress').count()), 'the upload');
	await c.getByRole('button', { name: 'Send', exact: true }).click();
	await row(bob, 'With a file').click();
	const a = bob.locator('.attachment', { hasText: 'données & <b>.bin' });
	await a.waitFor();
	await shot(bob, 'attachment');
	const [download] = await Promise.all([bob.waitForEvent('download'), a.click()]);
	assert.deepEqual(readFileSync(await download.path()), data);
	await bob.locator('.message').getByRole('button', { name: 'More' }).click();
	const item = bob.getByRole('menuitem', { name: 'Download original' });
	const [original] = await Promise.all([bob.waitForEvent('download'), item.click()]);
	assert.equal(original.suggestedFilename(), 'With a file.eml');
	assert.match(readFileSync(await original.path(), 'utf8'), /^Subject: With a file/m);
	await alice.context().close();
	await bob.context().close();
});

test('search with operators finds, and marks what it found', async () => {
	const alice = await as(b, suite, 0);
	const from = suite.user(1).address;
	await submit(
		suite,
		1,
		[0],
		message({
			from,
			to: suite.user(0).address,
			subject: 'Orchard plans',
			text: 'The quince and the medlar.',
		}),
	);
	await row(alice, 'Orchard plans').waitFor();
	const search = async q => {
		await alice.keyboard.press('/');
		await alice.locator('#search').fill(q);
		await alice.keyboard.press('Enter');
	};
	await search('medlar');
	await row(alice, 'Orchard plans').locator('mark', { hasText: 'medlar' }).waitFor();
	await shot(alice, 'search');
	await search('from:bob subject:orchard is:unread');
	await row(alice, 'Orchard plans').waitFor();
	await search('from:carol subject:orchard');
	await alice.locator('.list-pane .empty').waitFor();
	await alice.context().close();
});

test('a draft is kept as one types, and goes on elsewhere', async () => {
	const alice = await as(b, suite, 0);
	const c = await write(alice, {
		to: suite.user(1).address,
		subject: 'Half a thought',
		text: 'I wanted to say',
	});
	await c.locator('.save-state', { hasText: /^Saved/ }).waitFor();
	const again = await as(b, suite, 0);
	await folder(again, 'Drafts');
	await row(again, 'Half a thought').click();
	const other = again.locator('.dock-window');
	await until(async () => /I wanted to say/.test(await other.locator('.editor').innerText()), 'the text');
	assert.match(await other.locator('.recipient').innerText(), /bob/);
	await alice.context().close();
	await again.context().close();
});

test('sending can be undone', async () => {
	const [alice, bob] = [await as(b, suite, 0, { undoSeconds: 30 }), await as(b, suite, 1)];
	const c = await write(alice, { to: suite.user(1).address, subject: 'Too soon', text: 'Oh no.' });
	await c.getByRole('button', { name: 'Send', exact: true }).click();
	await alice.locator('.toast', { hasText: 'Sent.' }).getByRole('button', { name: 'Undo' }).click();
	await alice.locator('.toast', { hasText: 'Not sent' }).waitFor();
	assert.match(await alice.locator('.dock-window .editor').innerText(), /Oh no/);
	const marker = message({ from: suite.user(2).address, to: suite.user(1).address, subject: 'Later one' });
	await submit(suite, 2, [1], marker);
	await row(bob, 'Later one').waitFor();
	assert.equal(await row(bob, 'Too soon').count(), 0);
	await alice.context().close();
	await bob.context().close();
});

test('folders are made, renamed, filled and deleted', async () => {
	const alice = await as(b, suite, 0);
	await submit(
		suite,
		1,
		[0],
		message({ from: suite.user(1).address, to: suite.user(0).address, subject: 'File me' }),
	);
	await alice.getByRole('button', { name: 'New folder' }).first().click();
	await alice.locator('.dialog input').fill('Récoltes & <i>');
	await alice.keyboard.press('Enter');
	await alice.locator('.folder-name', { hasText: 'Récoltes & <i>' }).waitFor();
	await folder(alice, 'Inbox');
	await row(alice, 'File me').click();
	await alice.locator('.message').waitFor();
	await alice.keyboard.press('v');
	await alice.locator('.picker-input').fill('recol');
	await alice.keyboard.press('Enter');
	await until(async () => !(await row(alice, 'File me').count()), 'moving');
	await alice.locator('.folder a', { hasText: 'Récoltes' }).click();
	await row(alice, 'File me').waitFor();
	await alice.context().close();
});

test('lost connection is said, and mended', async () => {
	const alice = await as(b, suite, 0);
	await row(alice, 'T2 now').waitFor();
	const webd = suite.info.processes.find(p => p.name === 'webd').pid;
	await Promise.all([
		alice.locator('.offline', { hasText: 'No connection' }).waitFor(),
		process.kill(webd, 'SIGKILL'),
	]);
	await submit(
		suite,
		1,
		[0],
		message({ from: suite.user(1).address, to: suite.user(0).address, subject: 'While away' }),
	);
	await row(alice, 'While away').waitFor();
	await until(async () => !(await alice.locator('.offline').count()), 'being back');
	await alice.context().close();
});
