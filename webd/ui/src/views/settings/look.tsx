import { words } from '../../i18n';
import { ACCENTS, prefs } from '../../store/prefs';
import { Choice } from './parts';

export function Look() {
	const w = words.value;
	return (
		<>
			<Choice
				label={w.theme}
				name="theme"
				value={prefs.theme}
				options={[
					['system', w.themeSystem],
					['light', w.themeLight],
					['dark', w.themeDark],
				]}
			/>
			<fieldset class="choice accents">
				<legend>{w.accent}</legend>
				{ACCENTS.map(a => (
					<label key={a} data-accent={a}>
						<input
							type="radio"
							name="accent"
							checked={prefs.accent.value === a}
							onChange={() => (prefs.accent.value = a)}
						/>
						<span>
							<i class="swatch" aria-hidden="true" />
							{w.accents[a]}
						</span>
					</label>
				))}
			</fieldset>
			<Choice
				label={w.density}
				name="density"
				value={prefs.density}
				options={[
					['comfortable', w.comfortable],
					['compact', w.compact],
				]}
			/>
			<Choice
				label={w.languageLabel}
				name="language"
				value={prefs.language}
				options={[
					['system', w.languageSystem],
					['en', 'English'],
					['fr', 'Français'],
				]}
			/>
		</>
	);
}
