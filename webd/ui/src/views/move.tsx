import { useSignal } from '@preact/signals';
import { sheet } from '../commands';
import { words } from '../i18n';
import { move } from '../store/actions';
import { currentMailbox, subject } from '../store/list';
import { mailboxes } from '../store/mailboxes';
import { Dialog } from '../ui/basics';
import { Picker } from '../ui/picker';
import { iconOf, titleOf } from './folders';

export function MoveSheet() {
	const w = words.value;
	const ids = useSignal(subject()).value;
	const close = () => (sheet.value = null);
	const choices = [...mailboxes.value.values()]
		.filter(m => m.id !== currentMailbox.value?.id && m.role !== 'drafts')
		.map(m => ({ key: m.id, text: path(m.id), icon: iconOf(m), run: () => move(ids, m) }));
	return (
		<Dialog title={w.moveToTitle} onClose={close} class="palette">
			<Picker label={w.filterFolders} choices={choices} onDone={close} none={w.emptyFolder} />
		</Dialog>
	);
}

function path(id: string): string {
	const m = mailboxes.value.get(id)!;
	const parent =
		m.parentId && mailboxes.value.has(m.parentId) && m.parentId !== id ? `${path(m.parentId)} / ` : '';
	return parent + titleOf(m);
}
