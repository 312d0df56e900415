// A question with two answers, for what cannot be undone.

import { signal } from '@preact/signals';
import { words } from '../i18n';
import { Dialog } from './basics';

interface Question {
	text: string;
	yes: string;
	no: string;
	danger: boolean;
	answer: (yes: boolean) => void;
}

const question = signal<Question | null>(null);

export function ask(
	text: string,
	yes: string,
	{ danger = true, no = words.value.cancel } = {},
): Promise<boolean> {
	return new Promise(resolve => {
		question.value = {
			text,
			yes,
			no,
			danger,
			answer: a => {
				question.value = null;
				resolve(a);
			},
		};
	});
}

const line = signal<{
	title: string;
	label: string;
	initial: string;
	type: 'text' | 'password' | 'datetime-local';
	yes: string;
	min?: string;
	max?: string;
	answer: (t: string | null) => void;
} | null>(null);

export function askLine(title: string, label: string, initial = ''): Promise<string | null> {
	return new Promise(resolve => {
		line.value = {
			title,
			label,
			initial,
			type: 'text',
			yes: words.value.save,
			answer: t => {
				line.value = null;
				resolve(t?.trim() || null);
			},
		};
	});
}

export function askPassword(title: string, label: string): Promise<string | null> {
	return new Promise(resolve => {
		line.value = {
			title,
			label,
			initial: '',
			type: 'password',
			yes: words.value.goOn,
			answer: t => {
				line.value = null;
				resolve(t || null);
			},
		};
	});
}

// As a field for moments writes it: the clock of this place, no zone.
const local = (d: Date) => new Date(d.getTime() - d.getTimezoneOffset() * 60000).toISOString().slice(0, 16);

// A moment to come.
export function askMoment(title: string, label: string, yes: string, latest: Date): Promise<Date | null> {
	const now = Date.now();
	return new Promise(resolve => {
		line.value = {
			title,
			label,
			initial: local(new Date(now + 3600 * 1000)),
			type: 'datetime-local',
			yes,
			min: local(new Date(now + 60 * 1000)),
			max: local(latest),
			answer: t => {
				line.value = null;
				resolve(t ? new Date(t) : null);
			},
		};
	});
}

export function Questions() {
	const q = question.value;
	const l = line.value;
	return (
		<>
			{q && (
				<Dialog title={q.text} onClose={() => q.answer(false)} class="question">
					<div class="row-end">
						<button
							type="button"
							class="button"
							data-autofocus={q.danger || undefined}
							onClick={() => q.answer(false)}
						>
							{q.no}
						</button>
						<button
							type="button"
							class={`button ${q.danger ? 'danger' : 'primary'}`}
							data-autofocus={!q.danger || undefined}
							onClick={() => q.answer(true)}
						>
							{q.yes}
						</button>
					</div>
				</Dialog>
			)}
			{l && (
				<Dialog title={l.title} onClose={() => l.answer(null)} class="question">
					<form
						onSubmit={e => {
							e.preventDefault();
							l.answer(String(new FormData(e.currentTarget).get('line')));
						}}
					>
						<label class="field">
							<span>{l.label}</span>
							<input
								name="line"
								type={l.type}
								min={l.min}
								max={l.max}
								defaultValue={l.initial}
								autocomplete={l.type === 'password' ? 'current-password' : 'off'}
								data-autofocus
								required
								maxLength={255}
							/>
						</label>
						<div class="row-end">
							<button type="button" class="button" onClick={() => l.answer(null)}>
								{words.value.cancel}
							</button>
							<button type="submit" class="button primary">
								{l.yes}
							</button>
						</div>
					</form>
				</Dialog>
			)}
		</>
	);
}
