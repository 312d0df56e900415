// A picture that came with a message, large; its neighbours by arrow keys.

import { signal } from '@preact/signals';
import { words } from '../i18n';
import { Dialog, IconButton } from '../ui/basics';
import { Icon } from '../ui/icons';

export interface Picture {
	name: string;
	url: string;
}

const shown = signal<{ list: Picture[]; at: number } | null>(null);

export const view = (list: Picture[], at: number) => (shown.value = { list, at });

export function Viewer() {
	const w = words.value;
	if (!shown.value) return null;
	const { list, at } = shown.value;
	const p = list[at]!;
	const step = (by: number) => (shown.value = { list, at: (at + by + list.length) % list.length });
	const close = () => (shown.value = null);
	return (
		<Dialog title={p.name} onClose={close} class="viewer" hideTitle>
			<div
				class="viewer-inner"
				onKeyDown={e => {
					if (e.key === 'ArrowLeft') step(-1);
					if (e.key === 'ArrowRight') step(1);
				}}
			>
				<div class="viewer-head">
					<span class="file-name" aria-live="polite">
						<bdi>{p.name}</bdi>
					</span>
					{list.length > 1 && (
						<>
							<IconButton icon="back" label={w.previous} onClick={() => step(-1)} />
							<span>{`${at + 1} / ${list.length}`}</span>
							<IconButton icon="forwardTo" label={w.next} onClick={() => step(1)} />
						</>
					)}
					<a class="icon-button" href={p.url} download={p.name} aria-label={w.download} title={w.download}>
						<Icon name="download" />
					</a>
					<IconButton icon="close" label={w.close} data-autofocus onClick={close} />
				</div>
				<img src={p.url} alt={p.name} />
			</div>
		</Dialog>
	);
}
