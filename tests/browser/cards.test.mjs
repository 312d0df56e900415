// What agents ask for, each kind on its card as it is; how it is answered, and what became of it meanwhile; what agents have
// changed, and taking that back.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { as, ask, axe, browser, message, open, row, shot, submit, Suite, until, visit } from './suite.mjs';

let suite, b;
before(async () => {
	suite = await new Suite().start('--users', '3');
	b = await browser();
});
after(async () => {
	await b?.close();
	await suite?.stop();
});

const [ALICE, BOB, CAROL] = [0, 1, 2];
const address = n => suite.user(n).address;

async function arrive(page, subject, n = 1) {
	for (let i = 0; i < n; i++)
		await submit(
			suite,
			BOB,
			[CAROL],
			message({
				from: `Bob Hill <${address(BOB)}>`,
				to: address(CAROL),
				subject: n > 1 ? `${subject} ${i}` : subject,
			}),
		);
	await until(async () => (await row(page, subject).count()) >= Math.min(n, 10), subject);
}

async function talk(page) {
	await open(page);
	await page.locator('.assistant-welcome .idea:not([disabled])').first().waitFor();
}

const card = page => page.locator('.assistant .approval-card').last();

// Of the page's session, by JMAP.
const jmap = (page, name, args) =>
	page.evaluate(
		async ([name, args]) => {
			const s = await (await fetch('/.well-known/jmap')).json();
			const A = 'urn:x-gkmail:approval';
			const r = await fetch(s.apiUrl, {
				method: 'POST',
				headers: { 'Content-Type': 'application/json' },
				body: JSON.stringify({
					using: ['urn:ietf:params:jmap:core', A, 'urn:ietf:params:jmap:vacationresponse'],
					methodCalls: [[name, { accountId: s.primaryAccounts[A], ...args }, 'm']],
				}),
			});
			return (await r.json()).methodResponses[0][1];
		},
		[name, args],
	);

const requested = async page =>
	(await jmap(page, 'Approval/get', { ids: null })).list.find(a => a.state === 'requested');

test('a move of many, a deletion and an automatic reply stand on cards as they are, and happen when allowed', async () => {
	const page = await as(b, suite, CAROL);
	await arrive(page, 'Newsletter', 22);
	await arrive(page, 'Old bill');
	await talk(page);
	await ask(page, 'Archive the mails about newsletter');
	await card(page).locator('h3', { hasText: 'Move these messages?' }).waitFor();
	assert.match(await card(page).locator('.action-what').textContent(), /^22 messages go to “Archive”\.$/);
	assert.equal(await card(page).locator('.action-emails li').count(), 22);
	assert.equal(await card(page).locator('.action-emails li', { hasText: 'Newsletter' }).count(), 22);
	assert.deepEqual(await axe(page, 'move'), []);
	assert.ok(await row(page, 'Newsletter').count());
	await card(page).getByRole('button', { name: 'Allow' }).click();
	await card(page).locator('.approval-result', { hasText: 'Done.' }).waitFor();
	await until(async () => !(await row(page, 'Newsletter').count()), 'moving');

	await ask(page, 'Delete the mail about old bill');
	await card(page).locator('h3', { hasText: 'Delete these messages?' }).waitFor();
	assert.match(await card(page).locator('.action-what').textContent(), /^One message goes to “Trash”\.$/);
	await card(page).locator('.action-emails li', { hasText: 'Old bill' }).waitFor();
	await card(page).getByRole('button', { name: 'Refuse' }).click();
	await card(page).locator('.approval-result', { hasText: 'Refused. Nothing was done.' }).waitFor();
	await row(page, 'Old bill').waitFor();

	await ask(page, 'I am on vacation until 2030-05-31: back in June, ask Bob');
	await card(page).locator('h3', { hasText: 'Change the automatic reply?' }).waitFor();
	await card(page).locator('.approval-text', { hasText: 'back in June, ask Bob' }).waitFor();
	await card(page).locator('.approval-fields', { hasText: '2030' }).waitFor();
	await shot(page, 'card-vacation');
	assert.deepEqual(await axe(page, 'vacation'), []);
	await card(page).getByRole('button', { name: 'Allow' }).click();
	await card(page).locator('.approval-result', { hasText: 'Done.' }).waitFor();
	const away = (await jmap(page, 'VacationResponse/get', { ids: null })).list[0];
	assert.equal(away.isEnabled, true);
	assert.match(away.textBody, /back in June, ask Bob/);
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('a forward shows what goes along; Edit makes it a draft of one’s own and the request is refused', async () => {
	const page = await as(b, suite, CAROL);
	await arrive(page, 'Plan of the house');
	await talk(page);
	await ask(page, `Forward the last mail from bob to ${address(ALICE)}`);
	await card(page).locator('h3', { hasText: 'Forward this message?' }).waitFor();
	await card(page)
		.locator('.approval-fields', { hasText: address(ALICE) })
		.waitFor();
	await card(page).locator('.approval-answer').waitFor();
	await card(page).locator('.approval-files', { hasText: 'Plan of the house.eml' }).waitFor();
	await card(page).getByText('What it says').click();
	const inside = card(page).locator('.approval-files pre');
	await inside.filter({ hasText: 'Subject: Plan of the house' }).filter({ hasText: 'Hello.' }).waitFor();
	await shot(page, 'card-forward');
	assert.deepEqual(await axe(page, 'forward'), []);
	await card(page).getByRole('button', { name: 'Refuse' }).click();
	await card(page).locator('.approval-result', { hasText: 'Nothing was sent' }).waitFor();

	for (const gone of [false, true]) {
		await ask(page, `Send an email to ${address(ALICE)} saying the ${gone ? 'second' : 'first'} text`);
		await card(page).locator('.approval-answer').waitFor();
		const { id, emailId } = await requested(page);
		if (gone)
			await page.evaluate(async emailId => {
				const s = await (await fetch('/.well-known/jmap')).json();
				const M = 'urn:ietf:params:jmap:mail';
				await fetch(s.apiUrl, {
					method: 'POST',
					headers: { 'Content-Type': 'application/json' },
					body: JSON.stringify({
						using: ['urn:ietf:params:jmap:core', M],
						methodCalls: [['Email/set', { accountId: s.primaryAccounts[M], destroy: [emailId] }, 'd']],
					}),
				});
			}, emailId);
		await card(page).getByRole('button', { name: 'Edit' }).click();
		const composer = page.locator('.dock-window').last();
		await composer.locator('.editor', { hasText: `the ${gone ? 'second' : 'first'} text` }).waitFor();
		await composer
			.locator('.recipients', { hasText: address(ALICE) })
			.first()
			.waitFor();
		await card(page).locator('.approval-result', { hasText: 'Refused. Nothing was sent.' }).waitFor();
		assert.equal((await jmap(page, 'Approval/get', { ids: [id] })).list[0].state, 'refused');
		if (gone) break;
		await composer.locator('.editor').click();
		await page.keyboard.press('Control+End');
		await page.keyboard.type(' and my own words');
		await page.keyboard.press('Control+Enter');
		await until(
			() => suite.files(ALICE).some(f => /and my own words/.test(readFileSync(f, 'utf8'))),
			'delivery of what was edited',
		);
	}
	assert.deepEqual(page.said, []);
	await page.context().close();
});

test('one that was answered elsewhere, has expired, or is not what it shows, says so', async () => {
	const page = await as(b, suite, CAROL);
	await talk(page);
	await ask(page, `Send an email to ${address(ALICE)} saying never mind`);
	await card(page).locator('.approval-answer').waitFor();
	const { id } = await requested(page);
	// A page that hears no news, and what it is told of approvals.
	let change = a => a;
	const other = await visit(b, suite, {
		before: p =>
			p.routeWebSocket(/\/jmap\//, ws => {
				const server = ws.connectToServer();
				server.onMessage(text => {
					const m = JSON.parse(text);
					if (m['@type'] === 'StateChange') return;
					for (const [name, r] of m.methodResponses ?? [])
						if (name === 'Approval/get') r.list = r.list.map(change);
					ws.send(JSON.stringify(m));
				});
			}),
	});
	await other.goto(`${suite.base}/#/approve/${id}`);
	await other.reload();
	await other.fill('[name=user]', address(CAROL));
	await other.fill('[name=password]', suite.user(CAROL).password);
	await other.click('button[type=submit]');
	const alone = other.locator('.approve-page .approval-card');
	await alone.locator('.approval-answer').waitFor();
	// Not what it shows.
	change = a =>
		a.envelope ? { ...a, envelope: { ...a.envelope, rcptTo: [{ email: 'eve@evil.test' }] } } : a;
	const again = async () => {
		await other.goto(`${suite.base}/#/in/inbox`);
		await other.goto(`${suite.base}/#/approve/${id}`);
	};
	await again();
	await alone.locator('.banner.danger', { hasText: 'is not what would be sent' }).waitFor();
	assert.ok(await alone.getByRole('button', { name: 'Send', exact: true }).isDisabled());
	assert.deepEqual(await axe(other, 'tampered'), []);
	// Expired.
	change = a => ({ ...a, state: 'expired' });
	await again();
	await alone
		.locator('.approval-result', { hasText: 'Nobody answered in time. Nothing was sent.' })
		.waitFor();
	assert.equal(await alone.locator('.approval-answer').count(), 0);
	assert.deepEqual(await axe(other, 'expired'), []);
	// Answered on the other page while this one heard nothing.
	change = a => a;
	await again();
	await alone.locator('.approval-answer').waitFor();
	await card(page).getByRole('button', { name: 'Refuse' }).click();
	await card(page).locator('.approval-result').waitFor();
	await alone.getByRole('button', { name: 'Send', exact: true }).click();
	await other.locator('.toast', { hasText: 'answered already' }).waitFor();
	await alone.locator('.approval-result', { hasText: 'Refused. Nothing was sent.' }).waitFor();
	// One that there is not.
	await other.goto(`${suite.base}/#/approve/nothing`);
	await alone.filter({ hasText: 'no longer there' }).waitFor();
	await other.context().close();
	await page.context().close();
});

test('what agents have changed stands in the settings, and each is taken back there', async () => {
	const page = await as(b, suite, CAROL);
	await arrive(page, 'Hay for the goats');
	await talk(page);
	const turn = await ask(page, 'Star the mail about goats');
	await turn.locator('.undoable button').waitFor();
	await ask(page, 'Archive the mail about goats');
	await until(async () => !(await row(page, 'Hay for the goats').count()), 'archiving');
	await page.goto(`${suite.base}/#/settings/agents`);
	const line = page.locator('.agent-session').first();
	await line.filter({ hasText: 'The assistant' }).filter({ hasText: '1 mark changed, 1 moved' }).waitFor();
	assert.deepEqual(await axe(page, 'sessions'), []);
	await shot(page, 'agent-sessions');
	await line.getByRole('button', { name: /^Undo: The assistant/ }).click();
	await page
		.locator('.dialog', { hasText: 'Undo all 2 changes' })
		.getByRole('button', { name: 'Undo' })
		.click();
	await line.locator('.session-undone', { hasText: '2 changes undone.' }).waitFor();
	assert.equal(await line.locator('button').count(), 0);
	// The conversation knows.
	await page.locator('.undoable', { hasText: '2 changes undone.' }).waitFor();
	assert.equal(await page.locator('.undoable button').count(), 0);
	await page.goto(`${suite.base}/#/in/inbox`);
	await row(page, 'Hay for the goats').waitFor();
	await until(
		async () => !(await row(page, 'Hay for the goats').locator('.star.on').count()),
		'the star going',
	);
	await page.goto(`${suite.base}/#/settings/agents`);
	await line.locator('.session-undone', { hasText: /^ ?Undone/ }).waitFor();
	assert.deepEqual(page.said, []);
	await page.context().close();
});
