// Where new messages stand: windows along the foot of the page; on a phone, the whole of it.

import { words } from '../../i18n';
import { docked } from '../../store/composers';
import { IconButton } from '../../ui/basics';
import { Composer } from './composer';

export function Dock() {
	const w = words.value;
	if (!docked.value.length) return null;
	return (
		<div class="dock">
			{docked.value.map(c => {
				const title = c.subject.value.trim() || w.newMessage;
				const small = c.minimised.value;
				return (
					<div
						key={c.key}
						class={`dock-window${small ? ' small' : ''}${c.large.value ? ' large' : ''}`}
						role="dialog"
						aria-label={title}
					>
						<div class="dock-head">
							<button
								type="button"
								class="dock-title"
								aria-expanded={!small}
								onClick={() => (c.minimised.value = !small)}
							>
								{title}
							</button>
							<IconButton
								icon="minimise"
								class="only-desk"
								label={small ? w.restore : w.minimise}
								onClick={() => (c.minimised.value = !small)}
							/>
							<IconButton
								icon={c.large.value ? 'restore' : 'maximise'}
								class="only-desk"
								label={c.large.value ? w.restore : w.maximise}
								onClick={() => (c.large.value = !c.large.value)}
							/>
							<IconButton icon="close" label={w.close} onClick={() => c.close()} />
						</div>
						{!small && <Composer c={c} />}
					</div>
				);
			})}
		</div>
	);
}
