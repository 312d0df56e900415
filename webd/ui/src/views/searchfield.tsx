// The search field with its operators, offered as one types (the combobox pattern of WAI-ARIA).

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { goMailbox } from '../commands';
import { words } from '../i18n';
import { searchText } from '../store/list';
import { go } from '../store/route';
import { OPERATORS, type Operator } from '../store/search';
import { IconButton } from '../ui/basics';
import { Icon } from '../ui/icons';

export function SearchField() {
	const w = words.value;
	const text = useSignal(searchText.value);
	const offered = useSignal<Operator[]>([]);
	const chosen = useSignal(-1);
	const input = useRef<HTMLInputElement>(null);
	const current = searchText.value;
	useEffect(() => {
		text.value = current;
	}, [current]);

	const offer = () => {
		const last = /(?:^|\s)-?([a-z:]*)$/i.exec(text.value)?.[1]?.toLowerCase() ?? '';
		chosen.value = -1;
		offered.value =
			text.value === '' || (last.length > 0 && !OPERATORS.some(o => o === last))
				? OPERATORS.filter(o => o.startsWith(last)).slice(0, 8)
				: [];
	};
	const take = (operator: string) => {
		const done = operator.endsWith(':') ? operator : `${operator} `;
		text.value = text.value.replace(/[a-z:]*$/i, '') + done;
		offered.value = [];
		input.current!.value = text.value;
		input.current!.focus();
		if (!operator.endsWith(':')) offer();
	};
	const submit = () => {
		offered.value = [];
		const q = text.value.trim();
		if (q) {
			go({ at: 'search', query: q, thread: null });
			input.current?.blur();
		} else if (current) goMailbox('inbox');
	};
	const onKeyDown = (e: KeyboardEvent) => {
		const n = offered.value.length;
		if (e.key === 'ArrowDown' && n) {
			e.preventDefault();
			chosen.value = (chosen.value + 1) % n;
		} else if (e.key === 'ArrowUp' && n) {
			e.preventDefault();
			chosen.value = (chosen.value - 1 + n) % n;
		} else if ((e.key === 'Enter' || e.key === 'Tab') && chosen.value >= 0) {
			e.preventDefault();
			take(offered.value[chosen.value]!);
		} else if (e.key === 'Enter') {
			e.preventDefault();
			submit();
		} else if (e.key === 'Escape') {
			e.preventDefault();
			if (n) offered.value = [];
			else {
				text.value = current;
				input.current?.blur();
			}
		}
	};
	const open = offered.value.length > 0;
	return (
		<div class="search" role="search">
			<Icon name="search" />
			<input
				ref={input}
				id="search"
				type="text"
				role="combobox"
				enterkeyhint="search"
				autocomplete="off"
				spellcheck={false}
				aria-label={w.searchMail}
				aria-expanded={open}
				aria-controls="search-offers"
				aria-autocomplete="list"
				aria-activedescendant={chosen.value >= 0 ? `offer-${chosen.value}` : undefined}
				placeholder={w.searchMail}
				value={text.value}
				onInput={e => {
					text.value = e.currentTarget.value;
					offer();
				}}
				onFocus={offer}
				onBlur={() => (offered.value = [])}
				onKeyDown={onKeyDown}
			/>
			{(text.value || current) && (
				<IconButton
					icon="close"
					label={w.clearSearch}
					onClick={() => {
						text.value = '';
						if (current) goMailbox('inbox');
						else input.current?.focus();
					}}
				/>
			)}
			<ul id="search-offers" role="listbox" aria-label={w.search} hidden={!open}>
				{offered.value.map((o, i) => (
					<li
						key={o}
						id={`offer-${i}`}
						role="option"
						aria-selected={i === chosen.value}
						onPointerDown={e => {
							e.preventDefault();
							take(o);
						}}
					>
						<code>{o}</code> <span>{w.operators[o]}</span>
					</li>
				))}
			</ul>
		</div>
	);
}
