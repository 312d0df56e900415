import { words } from '../../i18n';
import { askPermission, canNotify, permission } from '../../store/notify';
import { prefs } from '../../store/prefs';
import { Choice, Section } from './parts';

export function MailSettings() {
	const w = words.value;
	return (
		<>
			<Choice
				label={w.undoSend}
				name="undo"
				value={prefs.undoSeconds}
				options={[0, 5, 10, 20, 30].map(n => [n, w.seconds(n)])}
			/>
			<label class="check">
				<input
					type="checkbox"
					checked={prefs.notify.value && permission.value === 'granted'}
					disabled={!canNotify() || permission.value === 'denied'}
					onChange={e => (e.currentTarget.checked ? void askPermission() : (prefs.notify.value = false))}
				/>
				<span>{w.notifications}</span>
			</label>
			{permission.value === 'denied' && <p class="hint">{w.notificationsDenied}</p>}
			<Section title={w.imagesFrom}>
				{!prefs.imagesFrom.value.length && <p class="hint">{w.nobodyYet}</p>}
				<ul class="plain-list">
					{prefs.imagesFrom.value.map(a => (
						<li key={a}>
							<bdi>{a}</bdi>
							<button
								type="button"
								class="text-button"
								aria-label={`${w.remove} ${a}`}
								onClick={() => (prefs.imagesFrom.value = prefs.imagesFrom.value.filter(x => x !== a))}
							>
								{w.remove}
							</button>
						</li>
					))}
				</ul>
			</Section>
		</>
	);
}
