import { words } from '../i18n';
import { announcement, dismiss, toasts } from '../store/toasts';
import { IconButton } from './basics';

export function Toasts() {
	const w = words.value;
	return (
		<>
			<div class="toasts">
				{toasts.value.map(t => (
					<div key={t.id} class={`toast ${t.kind}`} role={t.kind === 'error' ? 'alert' : 'status'}>
						<span>{t.text}</span>
						{t.action && (
							<button
								type="button"
								class="toast-act"
								onClick={() => {
									dismiss(t.id);
									t.action!.run();
								}}
							>
								{t.action.text}
							</button>
						)}
						{t.undo && (
							<button
								type="button"
								class="toast-act"
								onClick={() => {
									dismiss(t.id);
									t.undo!();
								}}
							>
								{w.undo}
							</button>
						)}
						<IconButton icon="close" label={w.close} onClick={() => dismiss(t.id)} />
					</div>
				))}
			</div>
			<div class="unseen" aria-live="polite">
				{announcement.value}
			</div>
		</>
	);
}
