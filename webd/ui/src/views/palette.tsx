import { commands, folderCommands, keyName, sheet, type Command, type Group } from '../commands';
import { words } from '../i18n';
import { subject } from '../store/list';
import { go } from '../store/route';
import { Dialog } from '../ui/basics';
import { Picker } from '../ui/picker';

// First what can be done with what is open, or where nothing is, with everything.
function offered(): Command[] {
	const order: Group[] = subject().length ? ['act', 'write', 'move', 'app'] : ['write', 'move', 'app', 'act'];
	return order.flatMap(g => commands.filter(c => c.group === g && !c.bare && (c.when?.() ?? true)));
}

export function Palette() {
	const w = words.value;
	const close = () => (sheet.value = null);
	const choices = [...offered(), ...folderCommands()].map(c => ({
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
