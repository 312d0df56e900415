import { commands, folderCommands, keyName, sheet } from '../commands';
import { words } from '../i18n';
import { go } from '../store/route';
import { Dialog } from '../ui/basics';
import { Picker } from '../ui/picker';

export function Palette() {
	const w = words.value;
	const close = () => (sheet.value = null);
	const choices = [...commands.filter(c => !c.bare), ...folderCommands()].map(c => ({
		key: c.id,
		text: c.title(w),
		shortcut: c.keys[0] && keyName(c.keys[0]),
		run: c.run,
	}));
	return (
		<Dialog title={w.palette} onClose={close} class="palette" hideTitle>
			<Picker
				label={w.paletteHint}
				choices={choices}
				onDone={close}
				none={w.paletteNone}
				extra={q => [
					{
						key: 'search',
						text: w.searchFor(q),
						icon: 'search',
						run: () => go({ at: 'search', query: q, thread: null }),
					},
				]}
			/>
		</Dialog>
	);
}
