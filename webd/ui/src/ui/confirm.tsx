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
	secret: boolean;
	answer: (t: string | null) => void;
} | null>(null);

export function askLine(title: string, label: string, initial = ''): Promise<string | null> {
	return new Promise(resolve => {
		line.value = {
			title,
			label,
			initial,
			secret: false,
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
			secret: true,
			answer: t => {
				line.value = null;
				resolve(t || null);
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
								type={l.secret ? 'password' : 'text'}
								defaultValue={l.initial}
								autocomplete={l.secret ? 'current-password' : 'off'}
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
								{words.value.save}
							</button>
						</div>
					</form>
				</Dialog>
			)}
		</>
	);
}
