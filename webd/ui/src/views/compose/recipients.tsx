// A field of recipients: chips, with completion from those one has written to (the combobox pattern).

import { useSignal, type Signal } from '@preact/signals';
import { useId, useRef } from 'preact/hooks';
import { words } from '../../i18n';
import type { EmailAddress } from '../../jmap/types';
import { name, parseList, plausible, same } from '../../lib/address';
import { complete, type Contact } from '../../store/contacts';
import { toast } from '../../store/toasts';
import { Icon } from '../../ui/icons';

interface Props {
	label: string;
	value: Signal<EmailAddress[]>;
	onChange: () => void;
	autofocus?: boolean;
}

export function Recipients({ label, value, onChange, autofocus }: Props) {
	const w = words.value;
	const text = useSignal('');
	const offers = useSignal<Contact[]>([]);
	const at = useSignal(0);
	const id = useId();
	const input = useRef<HTMLInputElement>(null);
	const box = useRef<HTMLDivElement>(null);

	const add = (list: EmailAddress[]) => {
		const fresh = list.filter(a => !value.value.some(b => same(a.email, b.email)));
		if (fresh.length) {
			value.value = [...value.value, ...fresh];
			onChange();
		}
		text.value = '';
		offers.value = [];
	};
	const remove = (i: number) => {
		value.value = value.value.filter((_, j) => j !== i);
		onChange();
		input.current?.focus();
	};
	// What was typed becomes chips when the field is left or a separator is typed.
	const settle = () => {
		if (text.value.trim()) add(parseList(text.value));
	};
	const onInput = (e: { currentTarget: HTMLInputElement }) => {
		text.value = e.currentTarget.value;
		if (/[,;\n]/.test(text.value) && plausible(parseList(text.value)[0]?.email ?? '')) {
			settle();
			return;
		}
		offers.value = complete(text.value, new Set(value.value.map(a => a.email.toLowerCase())));
		at.value = 0;
	};
	const take = (c: Contact) => add([{ name: c.name || null, email: c.email }]);
	const onKeyDown = (e: KeyboardEvent) => {
		const n = offers.value.length;
		if (n && (e.key === 'ArrowDown' || e.key === 'ArrowUp')) {
			e.preventDefault();
			at.value = (at.value + (e.key === 'ArrowDown' ? 1 : n - 1)) % n;
		} else if (n && (e.key === 'Enter' || e.key === 'Tab')) {
			e.preventDefault();
			take(offers.value[at.value]!);
		} else if (e.key === 'Enter' && !e.ctrlKey && !e.metaKey) {
			e.preventDefault();
			settle();
		} else if (e.key === 'Escape' && n) {
			e.preventDefault();
			e.stopPropagation();
			offers.value = [];
		} else if (e.key === 'Backspace' && !text.value && value.value.length) {
			e.preventDefault();
			remove(value.value.length - 1);
		}
	};
	const open = offers.value.length > 0;
	return (
		<div class="recipients" ref={box} onClick={() => input.current?.focus()}>
			<label for={id}>{label}</label>
			<div class="recipient-chips">
				{value.value.map((a, i) => (
					<span class={`recipient${plausible(a.email) ? '' : ' bad'}`} key={a.email} title={a.email}>
						<bdi>{name(a)}</bdi>
						{!plausible(a.email) && <span class="unseen">{w.badAddress(a.email)}</span>}
						<button
							type="button"
							aria-label={w.removeRecipient(name(a))}
							onClick={e => {
								e.stopPropagation();
								remove(i);
							}}
						>
							<Icon name="close" />
						</button>
					</span>
				))}
				<input
					ref={input}
					id={id}
					type="text"
					inputMode="email"
					role="combobox"
					autocomplete="off"
					autocapitalize="none"
					spellcheck={false}
					aria-expanded={open}
					aria-controls={`${id}-list`}
					aria-autocomplete="list"
					aria-activedescendant={open ? `${id}-${at.value}` : undefined}
					data-autofocus={autofocus || undefined}
					value={text.value}
					onInput={onInput}
					onKeyDown={onKeyDown}
					onPaste={e => {
						const pasted = e.clipboardData?.getData('text/plain') ?? '';
						const list = parseList(pasted);
						if (list.length > 1 && list.every(a => plausible(a.email))) {
							e.preventDefault();
							add(list);
						}
					}}
					onBlur={() => {
						const bad = parseList(text.value).find(a => !plausible(a.email));
						settle();
						if (bad) toast(w.badAddress(bad.email), { kind: 'error' });
					}}
				/>
			</div>
			<ul id={`${id}-list`} class="offers" role="listbox" aria-label={label} hidden={!open}>
				{offers.value.map((c, i) => (
					<li
						key={c.email}
						id={`${id}-${i}`}
						role="option"
						aria-selected={i === at.value}
						onPointerDown={e => {
							e.preventDefault();
							take(c);
						}}
					>
						{c.name && <bdi class="offer-name">{c.name}</bdi>}
						<bdi class="offer-email">{c.email}</bdi>
					</li>
				))}
			</ul>
		</div>
	);
}
