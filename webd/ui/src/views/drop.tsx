// Files dragged over the page: they go to the message under them, else to the one that is open, else to a new one.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { words } from '../i18n';
import { composers, compose, inPlace, type Composer } from '../store/composers';
import { openThreadId } from '../store/list';
import { Icon } from '../ui/icons';

// Where they would go; null: nothing is being dragged.
export const dropping = signal<Composer | 'new' | null>(null);

function targetOf(e: DragEvent): Composer | 'new' {
	const under = (e.target as Element | null)?.closest?.<HTMLElement>('[data-composer]')?.dataset.composer;
	const here = openThreadId.value ? inPlace(openThreadId.value) : [];
	const open = composers.value.filter(c => !c.minimised.value && (!c.threadId || here.includes(c)));
	return composers.value.find(c => String(c.key) === under) ?? here.at(-1) ?? open.at(-1) ?? 'new';
}

const hasFiles = (e: DragEvent) => e.dataTransfer?.types.includes('Files') ?? false;

async function take(to: Composer | 'new', files: File[]) {
	const c = to === 'new' ? await compose() : to;
	c.attach(files);
}

export function DropTarget() {
	useEffect(() => {
		const over = (e: DragEvent) => {
			if (!hasFiles(e)) return;
			// Else the browser leaves the page for the file.
			e.preventDefault();
			e.stopPropagation();
			if (e.dataTransfer) e.dataTransfer.dropEffect = 'copy';
			dropping.value = targetOf(e);
		};
		const leave = (e: DragEvent) => !e.relatedTarget && (dropping.value = null);
		const drop = (e: DragEvent) => {
			if (!hasFiles(e)) return;
			e.preventDefault();
			e.stopPropagation();
			const to = targetOf(e);
			dropping.value = null;
			const files = [...(e.dataTransfer?.files ?? [])];
			if (files.length) void take(to, files);
		};
		addEventListener('dragover', over, true);
		addEventListener('dragleave', leave, true);
		addEventListener('drop', drop, true);
		return () => {
			removeEventListener('dragover', over, true);
			removeEventListener('dragleave', leave, true);
			removeEventListener('drop', drop, true);
		};
	}, []);
	if (dropping.value === null) return null;
	return (
		<div class={`drop-page${dropping.value === 'new' ? '' : ' aimed'}`}>
			{dropping.value === 'new' && (
				<div class="drop-hint">
					<Icon name="clip" />
					{words.value.dropNew}
				</div>
			)}
		</div>
	);
}
