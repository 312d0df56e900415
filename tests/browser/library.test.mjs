// A JMAP client that others wrote (jmap-jam, from npm), as it is, on the real suite.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { modules, message, submit, Suite, until } from './suite.mjs';

let suite, token;
before(async () => {
	// The suite's certificate is its own; this process talks to nobody else.
	process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
	suite = await new Suite().start();
	const user = suite.user(0);
	const r = await fetch(`${suite.base}/auth/login`, {
		method: 'POST',
		headers: { 'Content-Type': 'application/json', Origin: suite.base },
		body: JSON.stringify({ user: user.address, password: user.password }),
	});
	assert.equal(r.status, 204);
	token = /__Host-gk=([^;]+)/.exec(r.headers.get('set-cookie'))[1];
});
after(() => suite?.stop());

test('jmap-jam: session, mailboxes, queries with references, drafts, sending, blobs', async () => {
	const { JamClient } = await import(pathToFileURL(modules.resolve('jmap-jam')));
	const jam = new JamClient({ sessionUrl: `${suite.base}/.well-known/jmap`, bearerToken: token });
	const accountId = await jam.getPrimaryAccount();
	const [{ list: mailboxes }] = await jam.api.Mailbox.get({ accountId });
	const of = role => mailboxes.find(m => m.role === role).id;
	assert.ok(of('inbox') && of('drafts') && of('sent'));

	const m = message({
		from: suite.user(1).address,
		to: suite.user(0).address,
		subject: 'For the library',
		text: 'Pears.',
	});
	await submit(suite, 1, [0], m);
	await until(
		async () => (await jam.api.Email.query({ accountId, filter: { subject: 'library' } }))[0].ids.length,
		'delivery',
	);
	const [results] = await jam.requestMany(t => {
		const found = t.Email.query({ accountId, filter: { inMailbox: of('inbox') } });
		const emails = t.Email.get({
			accountId,
			ids: found.$ref('/ids'),
			properties: ['id', 'subject', 'from', 'preview'],
		});
		return { found, emails };
	});
	assert.equal(results.emails.list[0].subject, 'For the library');
	assert.equal(results.emails.list[0].preview, 'Pears.');

	const [{ list: identities }] = await jam.api.Identity.get({ accountId });
	const [made] = await jam.api.Email.set({
		accountId,
		create: {
			d: {
				mailboxIds: { [of('drafts')]: true },
				keywords: { $draft: true },
				from: [{ email: suite.user(0).address }],
				to: [{ email: suite.user(1).address }],
				subject: 'By the library',
				textBody: [{ partId: 't', type: 'text/plain' }],
				bodyValues: { t: { value: 'Quinces.' } },
			},
		},
	});
	assert.ok(made.created.d.id);
	const [sent] = await jam.api.EmailSubmission.set({
		accountId,
		create: { s: { identityId: identities[0].id, emailId: made.created.d.id } },
		onSuccessUpdateEmail: {
			'#s': {
				[`mailboxIds/${of('drafts')}`]: null,
				[`mailboxIds/${of('sent')}`]: true,
				'keywords/$draft': null,
			},
		},
	});
	assert.ok(sent.created.s.id);
	await until(() => suite.files(1).length, 'delivery to Bob');

	const up = await jam.uploadBlob(accountId, new Blob(['some octets'], { type: 'text/plain' }));
	const down = await jam.downloadBlob({
		accountId,
		blobId: up.blobId,
		mimeType: 'text/plain',
		fileName: 'x.txt',
	});
	assert.equal(await down.text(), 'some octets');
});
