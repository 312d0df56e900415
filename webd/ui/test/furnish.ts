// A mailbox as people have one, for looking at the page and measuring it.

import type { Double } from './double';

const PEOPLE = [
	['Claire Dubois', 'claire@example.test'],
	['Hugo Bernard', 'hugo@example.test'],
	['Priya Raman', 'priya@example.test'],
	['Tomás Ortega', 'tomas@example.test'],
	['Library of Lyon', 'news@library.example.test'],
	['Mei Tanaka', 'mei@example.test'],
	['Sam O’Neill', 'sam@example.test'],
] as const;

const SUBJECTS = [
	[
		'Dinner on Friday?',
		'We found the little place by the river you spoke of. They have a table at eight, shall I take it?',
	],
	[
		'Minutes of Tuesday’s meeting',
		'Here is what we agreed on. Please look at points three and five before I send them round.',
	],
	[
		'Your books are due soon',
		'Two of the books you borrowed are due back on the 28th. You can renew them once more.',
	],
	['Photos from the walk', 'They came out better than I thought, the light in the valley was wonderful.'],
	['Quote for the roof', 'Attached is the offer as discussed. It holds until the end of next month.'],
	[
		'Re: Where to put the server',
		'The cupboard is too warm in summer. What about the cellar, it has a line already.',
	],
	['Train tickets', 'Your journey Paris – Lyon is confirmed. Coach 7, seats 41 and 42.'],
	[
		'A question about the reading list',
		'Is chapter nine needed for the exam, or is it only for those who like it?',
	],
] as const;

export function furnish(d: Double, amount: number) {
	const now = Date.now();
	const project = d.addMailbox('Projects');
	d.addMailbox('Garden', null, project);
	d.addMailbox('Travel');
	for (let i = 0; i < amount; i++) {
		const [name, email] = PEOPLE[i % PEOPLE.length]!;
		const [subject, text] = SUBJECTS[i % SUBJECTS.length]!;
		const at = new Date(now - (i < 12 ? i * i * 1.7 + 0.2 : 200 + i * 0.9) * 3600 * 1000).toISOString();
		const first = d.addEmail({
			from: [{ name, email }],
			subject,
			text: `Hello Alice,\n\n${text}\n\nSee https://example.test/more for the rest.\n\n${name.split(' ')[0]}\n`,
			preview: text,
			receivedAt: at,
			sentAt: at,
			keywords: { ...(i % 3 ? { $seen: true } : {}), ...(i % 7 === 3 ? { $flagged: true } : {}) },
			hasAttachment: i % 8 === 4,
			attachments:
				i % 8 === 4
					? [
							{
								partId: '2',
								blobId: 'bx',
								size: 184320,
								name: 'Quote 2026-114.pdf',
								type: 'application/pdf',
								disposition: 'attachment',
								cid: null,
							},
							{
								partId: '3',
								blobId: 'by',
								size: 24320,
								name: 'plan.txt',
								type: 'text/plain',
								disposition: 'attachment',
								cid: null,
							},
						]
					: [],
		});
		if (i % 5 === 1 && i < 400) {
			const later = new Date(Date.parse(at) + 20 * 60000).toISOString();
			d.addEmail({
				threadId: first.threadId,
				from: [{ name: d.name, email: d.user }],
				to: [{ name, email }],
				subject: `Re: ${subject}`,
				text: `Yes, gladly!\n\nOn Monday, ${name} wrote:\n> ${text}\n> See you.\n`,
				preview: 'Yes, gladly!',
				receivedAt: later,
				sentAt: later,
				mailboxIds: { [d.role('sent')]: true },
				keywords: { $seen: true },
				inReplyTo: first.messageId,
			});
		}
	}
	if (!amount) return;
	const html = `<div style="background:#f4f6f8;padding:24px"><table width="100%"><tr><td style="background:#ffffff;padding:24px;border-radius:6px;font-family:Georgia,serif;color:#223"><h1 style="color:#8a1c3b">The garden in November</h1><p>What to do now that the leaves are down: <b>prune</b>, mulch and plan. <a href="https://example.test/garden">Read on</a></p><img src="https://tracker.example.test/open.gif" width="600" height="200" alt="A garden"></td></tr></table></div>`;
	const at = new Date(now - 50 * 60000).toISOString();
	d.addEmail({
		from: [{ name: 'Garden Letter', email: 'letter@garden.example.test' }],
		subject: 'The garden in November',
		html,
		preview: 'What to do now that the leaves are down: prune, mulch and plan.',
		receivedAt: at,
		sentAt: at,
		'header:List-Id:asText': 'Garden Letter <letter.garden.example.test>',
		'header:List-Unsubscribe:asURLs': ['https://garden.example.test/leave'],
		'header:Authentication-Results:asText:all': ['mx.example.test; dmarc=pass; dkim=pass; spf=pass'],
	});
	d.addEmail({
		from: [{ name: d.name, email: d.user }],
		to: [{ name: 'Hugo Bernard', email: 'hugo@example.test' }],
		subject: 'About the fence',
		text: 'Hugo,\n\nI had a look at the fence this morning and',
		preview: 'I had a look at the fence this morning and',
		mailboxIds: { [d.role('drafts')]: true },
		keywords: { $draft: true, $seen: true },
	});
}
