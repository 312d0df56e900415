import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

export function Choice<T extends string | number>({
	label,
	name,
	value,
	options,
}: {
	label: string;
	name: string;
	value: Signal<T>;
	options: [T, string][];
}) {
	return (
		<fieldset class="choice">
			<legend>{label}</legend>
			{options.map(([v, text]) => (
				<label key={v}>
					<input type="radio" name={name} checked={value.value === v} onChange={() => (value.value = v)} />
					<span>{text}</span>
				</label>
			))}
		</fieldset>
	);
}

export function Section({
	title,
	hint,
	children,
}: {
	title: string;
	hint?: string;
	children: ComponentChildren;
}) {
	return (
		<section class="block" aria-label={title}>
			<h3>{title}</h3>
			{hint && <p class="hint">{hint}</p>}
			{children}
		</section>
	);
}
