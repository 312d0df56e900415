// A mailbox as people have one: newsletters, attachments, long threads, other scripts, senders to be wary of.

import { deflateSync } from 'node:zlib';
import { Imap } from './suite.mjs';

const HOUR = 3600 * 1000;
const b64 = s => Buffer.from(s).toString('base64').replace(/.{76}/g, '$&\n');
const word = s => (/^[\x20-\x7e]*$/.test(s) ? s : `=?utf-8?B?${Buffer.from(s).toString('base64')}?=`);
const who = (name, address) =>
	name ? `${name === word(name) ? `"${name}"` : word(name)} <${address}>` : address;

const part = (type, content, ...more) =>
	[`Content-Type: ${type}`, 'Content-Transfer-Encoding: base64', ...more, '', b64(content)].join('\n');

// A message with the day it is of; `files` are attachments, `html` stands beside the text.
export function letter({ from, to, subject, at, text = '', html, files = [], headers = [], id, re = [] }) {
	const edge = `edge-${Math.random().toString(36).slice(2)}`;
	const parts = [
		html ? part('text/html; charset=utf-8', html) : part('text/plain; charset=utf-8', text),
		...files.map(f =>
			part(
				`${f.type}; name="${word(f.name)}"`,
				f.data ?? 'x'.repeat(f.size ?? 2000),
				`Content-Disposition: ${f.cid ? 'inline' : 'attachment'}; filename="${word(f.name)}"`,
				...(f.cid ? [`Content-ID: <${f.cid}>`] : []),
			),
		),
	];
	return [
		...headers,
		`From: ${from}`,
		`To: ${to}`,
		`Subject: ${word(subject)}`,
		`Date: ${at.toUTCString().replace('GMT', '+0000')}`,
		`Message-ID: <${id ?? Math.random().toString(36).slice(2)}@gallery.test>`,
		...(re.length
			? [
					`In-Reply-To: <${re.at(-1)}@gallery.test>`,
					`References: ${re.map(r => `<${r}@gallery.test>`).join(' ')}`,
				]
			: []),
		'MIME-Version: 1.0',
		...(parts.length > 1
			? [
					`Content-Type: multipart/mixed; boundary="${edge}"`,
					'',
					...parts.flatMap(p => [`--${edge}`, p]),
					`--${edge}--`,
					'',
				]
			: [parts[0]]),
	].join('\n');
}

const NEWSLETTER = `<html><body style="margin:0;background:#eef1ee"><table width="100%" cellpadding="0" cellspacing="0" bgcolor="#eef1ee"><tr><td align="center" style="padding:24px 8px"><table width="600" cellpadding="0" cellspacing="0" style="background:#ffffff;border-radius:8px"><tr><td style="background:#274c3a;padding:20px 32px;border-radius:8px 8px 0 0;color:#ffffff;font:600 20px Georgia,serif">The Garden Letter</td></tr><tr><td style="padding:32px;font:16px/1.6 Georgia,serif;color:#24332b"><img src="https://pictures.garden.test/november.jpg" width="536" height="180" alt="A garden in autumn"><h1 style="font-size:26px;color:#274c3a;margin:24px 0 8px">What to do in November</h1><p>Now that the leaves are down: <b>prune</b> the apple trees, <b>mulch</b> the roses, and plan what comes in spring.</p><p><a href="https://garden.test/read" style="display:inline-block;padding:12px 24px;background:#274c3a;color:#ffffff;text-decoration:none;border-radius:6px">Read the whole letter</a></p><p style="color:#7a877f;font-size:13px">You get this as you asked for it.</p></td></tr></table></td></tr></table></body></html>`;

// A picture: a sky over a hill.
function picture(width, height) {
	const lines = Buffer.alloc((width * 3 + 1) * height);
	for (let y = 0; y < height; y++)
		for (let x = 0; x < width; x++) {
			const hill = y > height * (0.7 - 0.2 * Math.sin((x / width) * 5));
			const c = hill
				? [60, 110 - (y * 40) / height, 80]
				: [250 - (y * 90) / height, 190, 120 + (y * 90) / height];
			lines.set(c.map(Math.round), y * (width * 3 + 1) + 1 + x * 3);
		}
	const chunk = (type, data) => {
		const body = Buffer.concat([Buffer.from(type), data]);
		const out = Buffer.alloc(body.length + 8);
		out.writeUInt32BE(data.length);
		body.copy(out, 4);
		out.writeUInt32BE(crc(body), body.length + 4);
		return out;
	};
	const head = Buffer.alloc(13);
	head.writeUInt32BE(width);
	head.writeUInt32BE(height, 4);
	head.set([8, 2, 0, 0, 0], 8);
	return Buffer.concat([
		Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
		chunk('IHDR', head),
		chunk('IDAT', deflateSync(lines)),
		chunk('IEND', Buffer.alloc(0)),
	]);
}

function crc(data) {
	let c = ~0;
	for (const byte of data) {
		c ^= byte;
		for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
	}
	return ~c >>> 0;
}

// Puts it all into one user's mailbox; `now` may be moved so that the days are as wanted.
export async function furnish(suite, n, now = Date.now()) {
	const me = suite.user(n).address;
	const domain = me.split('@')[1];
	const to = who('', me);
	const ago = hours => new Date(now - hours * HOUR);
	const imap = await Imap.login(suite, n);
	for (const f of ['Projects', 'Projects/Garden', 'Travel', 'Receipts 2026']) await imap.run(`CREATE "${f}"`);
	const put = async (m, { folder = 'INBOX', flags = '\\Seen' } = {}) =>
		imap.append(folder, letter({ to, ...m }), m.at, flags);

	const hugo = who('Hugo Bernard', 'hugo@bernard.test');
	const priya = who('Priya Raman', 'priya@orchard.test');
	const thread = ['t1', 't2', 't3', 't4', 't5', 't6', 't7'];
	const said = [
		[hugo, 'The cupboard is too warm in summer. What about the cellar? It has a line already.'],
		[priya, 'The cellar was flooded in 2019. I would rather have it under the roof, with a fan.'],
		[hugo, 'Under the roof it is 45 °C in July. I measured.'],
		[to, 'And the old larder? North side, a window, a socket.'],
		[priya, 'The larder! Of course. I can lay the cable on Saturday.'],
		[hugo, 'Saturday is fine with me. I bring the drill and the long ladder.'],
		[
			priya,
			'Perfect. Ten o’clock, then coffee. Shall I bring anything else? A list is at https://orchard.test/list',
		],
	];
	for (const [i, [from, text]] of said.entries())
		await put(
			{
				from,
				subject: `${i ? 'Re: ' : ''}Where to put the server`,
				at: ago(60 - i * 8),
				id: thread[i],
				re: thread.slice(0, i),
				text: `${text}\n\nOn Tuesday, somebody wrote:\n> ${said[Math.max(0, i - 1)][1]}\n> Well.\n`,
			},
			{ flags: i === 6 ? '' : '\\Seen' },
		);
	await put(
		{
			from: who('Claire Dubois', 'claire@dubois.test'),
			subject: 'Dîner vendredi ?',
			at: ago(1),
			text: 'Salut !\n\nNous avons trouvé le petit restaurant au bord de la rivière dont tu parlais. Il reste une table à 20 h, je la prends ?\n\nClaire',
		},
		{ flags: '' },
	);
	await put(
		{
			from: who('The Garden Letter', 'letter@garden.test'),
			subject: 'What to do in November',
			at: ago(3),
			html: NEWSLETTER,
			headers: [
				`Authentication-Results: mx.${domain}; spf=pass; dkim=pass; dmarc=pass`,
				'List-Id: The Garden Letter <letter.garden.test>',
				'List-Unsubscribe: <mailto:leave@garden.test?subject=leave%20123>, <https://garden.test/leave?u=123>',
				'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
			],
		},
		{ flags: '' },
	);
	await put({
		from: who('Martin & Sons, Roofers', 'office@roofers.test'),
		subject: 'Quote for the roof',
		at: ago(26),
		text: 'Dear Alice,\n\nattached is the offer as discussed. It holds until the end of next month.\n\nYours\nA. Martin',
		files: [
			{ name: 'Quote 2026-114.pdf', type: 'application/pdf', size: 184320 },
			{
				name: 'Le toit vu du côté nord, après la tempête de novembre.png',
				type: 'image/png',
				data: picture(640, 360),
			},
			{
				name: 'calcul.xlsx',
				type: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
				size: 24320,
			},
		],
	});
	await put(
		{
			from: who('PayPal', 'service@paypa1-security.test'),
			subject: 'Your account is limited: act now!',
			at: ago(30),
			headers: [`Authentication-Results: mx.${domain}; spf=softfail; dkim=none; dmarc=fail (p=NONE)`],
			html: '<p>Dear customer,</p><p>Your account is limited. <a href="https://paypa1-security.test/login">https://www.paypal.com/login</a></p>',
		},
		{ flags: '' },
	);
	await put(
		{
			from: who('Hugo Bernard', 'hugo@bernàrd.test'),
			subject: 'Can you pay this for me?',
			at: ago(31),
			text: 'Hi, it is Hugo. I am stuck at the airport, can you pay the invoice for me today?',
		},
		{ flags: '' },
	);
	await put(
		{
			from: who('Claire Dubois', 'claire.dubois.1987@freemail.test'),
			subject: 'My new address',
			at: ago(33),
			text: 'Hello, I lost my phone. Write to me here from now on.',
		},
		{ flags: '' },
	);
	await put({
		from: who('عائشة الفاسي', 'aicha@maktaba.test'),
		subject: 'موعد الاجتماع يوم الخميس',
		at: ago(50),
		text: 'مرحبا أليس،\n\nموعدنا يوم الخميس في الساعة العاشرة صباحا في المكتبة. هل يناسبك ذلك؟\n\nعائشة',
	});
	await put(
		{
			from: who('Tomás 🚲 Ortega', 'tomas@bici.test'),
			subject: '🎉🎉 We made it! 🏔️ 2 413 m, 6 h, and one very tired dog 🐕',
			at: ago(74),
			text: 'What a day 🌄\n\nPhotos tomorrow!',
			headers: [],
		},
		{ flags: '\\Seen \\Flagged' },
	);
	await put({
		from: '',
		subject: '',
		at: ago(98),
		text: 'A message of which nothing is said.',
	});
	await put({
		from: 'x0931847752@bulk-relay-eu-west-3.a-very-long-domain-name-that-goes-on-and-on.example-hosting.test',
		subject:
			'Notification of the confirmation of your request concerning the renewal of the subscription to the service whose number is 8830-4471-220-BX and which ends on the thirtieth of November',
		at: ago(120),
		text: 'Averylongwordwithoutanyspacesatallthatnobodywouldeverwritebutthatcomesinmailallthesame'.repeat(3),
	});
	await put({
		from: who('Tanaka Mei 田中芽衣', 'mei@tanaka.test'),
		subject: '来週の読書会について',
		at: ago(24 * 9),
		text: 'アリスさん、\n\n来週の読書会は第九章です。\n\n芽衣',
	});
	await put({
		from: who('Library of Lyon', 'news@library.test'),
		subject: 'Your books are due soon',
		at: ago(24 * 40),
		text: 'Two of the books you borrowed are due back on the 28th.',
	});
	await put({
		from: who('SNCF Connect', 'billets@train.test'),
		subject: 'Votre voyage Paris – Lyon',
		at: ago(24 * 400),
		text: 'Voiture 7, places 41 et 42.',
	});
	for (const [name, address, subject] of [
		['Hugo Bernard', 'hugo@bernard.test', 'The ladder'],
		['Claire Dubois', 'claire@dubois.test', 'Anniversaire'],
	])
		await put(
			{ from: to, to: who(name, address), subject, at: ago(90), text: 'See you then.' },
			{ folder: 'Sent' },
		);
	await imap.run('SELECT INBOX');
	const found = async what => (await imap.run(`SEARCH ${what}`))[0].split(' ')[2];
	await imap.run(`STORE ${await found('SUBJECT "Quote for the roof"')} +FLAGS (House Urgent)`);
	imap.close();
}
