import { commands, keyName, sheet, type Group } from '../commands';
import { words } from '../i18n';
import { Dialog, IconButton } from '../ui/basics';

const GROUPS: Group[] = ['move', 'act', 'write', 'app'];

export function Help() {
	const w = words.value;
	const close = () => (sheet.value = null);
	return (
		<Dialog title={w.help} onClose={close} class="help">
			<IconButton icon="close" label={w.close} class="corner" data-autofocus onClick={close} />
			<div class="help-groups">
				{GROUPS.map(g => (
					<section key={g} aria-label={w.helpGroups[g]}>
						<h3>{w.helpGroups[g]}</h3>
						<dl>
							{commands
								.filter(c => c.group === g && c.keys.length && (c.when?.() ?? true))
								.map(c => (
									<div key={c.id}>
										<dt>{c.title(w)}</dt>
										<dd>
											{c.keys.map((k, i) => (
												<span key={k} class="keys">
													{i > 0 && <i>{w.or}</i>}
													{k.split(' ').map(part => (
														<kbd key={part}>{keyName(part)}</kbd>
													))}
												</span>
											))}
										</dd>
									</div>
								))}
						</dl>
					</section>
				))}
			</div>
		</Dialog>
	);
}
