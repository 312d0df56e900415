// Type to filter, arrows to choose, Enter to take (the combobox pattern with a list that is always open).

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Icon, type IconName } from './icons';

export interface Choice {
	key: string;
	text: string;
	icon?: IconName;
	shortcut?: string;
	run: () => void;
}

const fold = (s: string) => s.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

// All the letters in order; better the closer together and the earlier they stand.
export function score(text: string, wanted: string): number {
	const t = fold(text);
	const q = fold(wanted.trim());
	const at = t.indexOf(q);
	if (at >= 0) return 1000 - at + (at === 0 || t[at - 1] === ' ' ? 500 : 0);
	let i = -1;
	let gaps = 0;
	for (const c of q.replace(/\s/g, '')) {
		const next = t.indexOf(c, i + 1);
		if (next < 0) return 0;
		gaps += next - i - 1;
		i = next;
	}
	return Math.max(1, 400 - gaps * 10);
}

export function Picker({
	label,
	choices,
	onDone,
	none,
	extra,
}: {
	label: string;
	choices: Choice[];
	onDone: () => void;
	none: string;
	extra?: (text: string) => Choice[];
}) {
	const text = useSignal('');
	const at = useSignal(0);
	const list = useRef<HTMLUListElement>(null);
	const found = [
		...choices
			.map(c => ({ c, s: text.value ? score(c.text, text.value) : 1 }))
			.filter(x => x.s > 0)
			.sort((a, b) => b.s - a.s)
			.map(x => x.c),
		...(text.value.trim() ? (extra?.(text.value.trim()) ?? []) : []),
	];
	const chosen = Math.min(at.value, found.length - 1);
	useEffect(() => {
		list.current?.children[chosen]?.scrollIntoView({ block: 'nearest' });
	}, [chosen]);
	const take = (c: Choice | undefined) => {
		if (!c) return;
		onDone();
		// After the dialog has given the focus back.
		setTimeout(c.run, 0);
	};
	return (
		<>
			<input
				class="picker-input"
				type="text"
				role="combobox"
				data-autofocus
				autocomplete="off"
				spellcheck={false}
				aria-label={label}
				placeholder={label}
				aria-expanded="true"
				aria-controls="picker-list"
				aria-activedescendant={chosen >= 0 ? `pick-${chosen}` : undefined}
				value={text.value}
				onInput={e => {
					text.value = e.currentTarget.value;
					at.value = 0;
				}}
				onKeyDown={e => {
					if (e.key === 'ArrowDown') at.value = (chosen + 1) % Math.max(1, found.length);
					else if (e.key === 'ArrowUp') at.value = (chosen - 1 + found.length) % Math.max(1, found.length);
					else if (e.key === 'Enter') take(found[chosen]);
					else return;
					e.preventDefault();
				}}
			/>
			<ul ref={list} id="picker-list" class="picker" role="listbox" aria-label={label}>
				{found.map((c, i) => (
					<li
						key={c.key}
						id={`pick-${i}`}
						role="option"
						aria-selected={i === chosen}
						onClick={() => take(c)}
						onPointerMove={() => (at.value = i)}
					>
						{c.icon && <Icon name={c.icon} />}
						<span>{c.text}</span>
						{c.shortcut && <kbd>{c.shortcut}</kbd>}
					</li>
				))}
			</ul>
			{!found.length && (
				<p class="picker-none" role="status">
					{none}
				</p>
			)}
		</>
	);
}
