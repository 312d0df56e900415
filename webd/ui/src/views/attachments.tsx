import { words } from '../i18n';
import { size } from '../i18n/dates';
import { downloadUrl } from '../jmap/blobs';
import type { BodyPart, EmailBody } from '../jmap/types';
import { accountId, session } from '../store/session';
import { Icon } from '../ui/icons';
import { view } from './viewer';

// What a browser shows without running anything of it.
const SAFE = /^image\/(png|jpeg|gif|webp|avif)$/i;

export const partUrl = (p: BodyPart) =>
	downloadUrl(
		session.value!,
		accountId(),
		p.blobId!,
		p.type || 'application/octet-stream',
		p.name ?? words.value.untitled,
	);

const MAX_PICTURE = 8 * 1024 * 1024;
const isPicture = (p: BodyPart) => SAFE.test(p.type) && p.size < MAX_PICTURE;

export function Attachments({ b }: { b: EmailBody }) {
	const w = words.value;
	// A picture that stands in the text is not listed again.
	const text = Object.values(b.bodyValues)
		.map(v => v.value)
		.join('');
	const list = b.attachments.filter(
		p => p.blobId && !(p.cid && /^image\//i.test(p.type) && text.includes(`cid:${p.cid}`)),
	);
	if (!list.length) return null;
	const pictures = list.filter(isPicture);
	const shown = pictures.map(p => ({ name: p.name?.trim() || w.untitled, url: partUrl(p) }));
	return (
		<section class="attachments" aria-label={w.attachments}>
			<h2>{w.attachmentCount(list.length)}</h2>
			<ul>
				{list.map(p => {
					const name = p.name?.trim() || w.untitled;
					return (
						<li key={p.blobId}>
							<a
								class="attachment"
								href={partUrl(p)}
								download={name}
								title={`${isPicture(p) ? w.open : w.download}: ${name}`}
								onClick={x => {
									if (!isPicture(p) || x.ctrlKey || x.metaKey) return;
									x.preventDefault();
									view(shown, pictures.indexOf(p));
								}}
							>
								{isPicture(p) ? (
									<img src={partUrl(p)} alt="" loading="lazy" />
								) : (
									<span class="file-kind" aria-hidden="true">
										<Icon name="file" />
									</span>
								)}
								<span class="file-name">
									<bdi>{name}</bdi>
								</span>
								<span class="file-size">{size(p.size)}</span>
								<Icon name={isPicture(p) ? 'eye' : 'download'} />
							</a>
						</li>
					);
				})}
			</ul>
		</section>
	);
}
