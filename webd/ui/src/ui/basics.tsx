// Small parts that every view uses.

import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { words } from '../i18n';
import { hue } from '../lib/address';
import { labels } from '../lib/labels';
import { Icon, type IconName } from './icons';

type ButtonProps = Omit<JSX.IntrinsicElements['button'], 'icon' | 'label'>;

// A button that is an icon; its name is said and shown, with its key.
export function IconButton({
	icon,
	label,
	shortcut,
	filled,
	class: more = '',
	...rest
}: { icon: IconName; label: string; shortcut?: string; filled?: boolean; class?: string } & ButtonProps) {
	return (
		<button
			type="button"
			class={`icon-button ${more}`}
			aria-label={label}
			title={shortcut ? `${label} (${shortcut})` : label}
			{...rest}
		>
			<Icon name={icon} filled={filled} />
		</button>
	);
}

export function Labels({ of }: { of: { keywords: Record<string, boolean> }[] }) {
	return (
		<>
			{labels(of).map(l => (
				<span class="label" key={l} style={{ '--hue': hue(l) } as never}>
					{l}
				</span>
			))}
		</>
	);
}

const FOCUSABLE =
	'a[href],button:not([disabled]),input:not([disabled]),select,textarea,[tabindex="0"],[contenteditable="true"]';

// A window over the page: takes the focus, keeps it, gives it back.
export function Dialog({
	title,
	onClose,
	children,
	class: more = '',
	hideTitle,
}: {
	title: string;
	onClose: () => void;
	children: ComponentChildren;
	class?: string;
	hideTitle?: boolean;
}) {
	const box = useRef<HTMLDivElement>(null);
	const id = useId();
	useLayoutEffect(() => {
		const before = document.activeElement as HTMLElement | null;
		const first = box.current!.querySelector<HTMLElement>('[data-autofocus]') ?? box.current!;
		first.focus();
		return () => before?.focus?.();
	}, []);
	const onKeyDown = (e: KeyboardEvent) => {
		e.stopPropagation();
		if (e.key === 'Escape') {
			e.preventDefault();
			onClose();
		}
		if (e.key !== 'Tab') return;
		const all = [...box.current!.querySelectorAll<HTMLElement>(FOCUSABLE)].filter(x => x.offsetParent);
		const at = all.indexOf(document.activeElement as HTMLElement);
		const next = e.shiftKey ? (at <= 0 ? all.length - 1 : at - 1) : at === all.length - 1 ? 0 : at + 1;
		e.preventDefault();
		all[next]?.focus();
	};
	return (
		<div class="veil" onMouseDown={e => e.target === e.currentTarget && onClose()}>
			<div
				ref={box}
				class={`dialog ${more}`}
				role="dialog"
				aria-modal="true"
				aria-labelledby={id}
				tabIndex={-1}
				onKeyDown={onKeyDown}
			>
				<h2 id={id} class={hideTitle ? 'unseen' : ''}>
					{title}
				</h2>
				{children}
			</div>
		</div>
	);
}

export interface Item {
	text: string;
	note?: string;
	icon?: IconName;
	shortcut?: string;
	run: () => void;
	danger?: boolean;
}

// A button with a list of things to do under it (the menu button pattern of WAI-ARIA).
export function Menu({
	icon,
	label,
	items,
	class: more = '',
	children,
}: {
	icon?: IconName;
	label: string;
	items: Item[];
	class?: string;
	children?: ComponentChildren;
}) {
	const [open, setOpen] = useState(false);
	const box = useRef<HTMLDivElement>(null);
	const button = useRef<HTMLButtonElement>(null);
	const close = (refocus: boolean) => {
		setOpen(false);
		if (refocus) button.current?.focus();
	};
	useEffect(() => {
		if (!open) return;
		box.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
		const away = (e: Event) => !box.current?.parentElement?.contains(e.target as Node) && close(false);
		document.addEventListener('pointerdown', away);
		return () => document.removeEventListener('pointerdown', away);
	}, [open]);
	const onKeyDown = (e: KeyboardEvent) => {
		if (!open) return;
		const all = [...(box.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
		const at = all.indexOf(document.activeElement as HTMLElement);
		const to: Record<string, number> = {
			ArrowDown: (at + 1) % all.length,
			ArrowUp: (at - 1 + all.length) % all.length,
			Home: 0,
			End: all.length - 1,
		};
		e.stopPropagation();
		if (e.key === 'Escape') close(true);
		else if (e.key === 'Tab') close(false);
		else if (e.key in to) {
			e.preventDefault();
			all[to[e.key]!]?.focus();
		}
	};
	return (
		<div class={`menu ${more}`} onKeyDown={onKeyDown}>
			<button
				ref={button}
				type="button"
				class={children ? 'menu-face' : 'icon-button'}
				aria-haspopup="menu"
				aria-expanded={open}
				aria-label={label}
				title={label}
				onClick={() => setOpen(!open)}
			>
				{children ?? <Icon name={icon ?? 'more'} />}
			</button>
			{open && (
				<div ref={box} class="menu-list" role="menu" aria-label={label}>
					{items.map(item => (
						<button
							key={item.text}
							type="button"
							role="menuitem"
							tabIndex={-1}
							class={item.danger ? 'danger' : ''}
							onClick={() => {
								close(true);
								item.run();
							}}
						>
							{item.icon && <Icon name={item.icon} />}
							<span>{item.text}</span>
							{item.note && <span class="menu-note">{item.note}</span>}
							{item.shortcut && <kbd>{item.shortcut}</kbd>}
						</button>
					))}
				</div>
			)}
		</div>
	);
}

// Nothing for a moment, then a sign that something is on its way.
export function Late({ children }: { children: ComponentChildren }) {
	const [shown, setShown] = useState(false);
	useEffect(() => {
		const t = setTimeout(() => setShown(true), 200);
		return () => clearTimeout(t);
	}, []);
	return <>{shown && children}</>;
}

export function Spinner() {
	return (
		<Late>
			<div class="spinner" role="status">
				<span class="unseen">{words.value.loading}</span>
			</div>
		</Late>
	);
}

// A bar between two panes, moved by pointer or arrow keys (the window splitter pattern).
export function Splitter({
	label,
	value,
	min,
	max,
	fromRight,
	onChange,
}: {
	label: string;
	value: number;
	min: number;
	max: number;
	// It is the width of what is to the right.
	fromRight?: boolean;
	onChange: (v: number) => void;
}) {
	const clamp = (v: number) => Math.max(min, Math.min(max, Math.round(v)));
	return (
		<div
			class="splitter"
			role="separator"
			tabIndex={0}
			aria-orientation="vertical"
			aria-label={label}
			aria-valuenow={value}
			aria-valuemin={min}
			aria-valuemax={max}
			onKeyDown={e => {
				const by = e.key === 'ArrowLeft' ? -16 : e.key === 'ArrowRight' ? 16 : 0;
				if (!by) return;
				e.preventDefault();
				e.stopPropagation();
				onChange(clamp(value + (fromRight ? -by : by)));
			}}
			onPointerDown={e => {
				const bar = e.currentTarget;
				const from = e.clientX;
				bar.setPointerCapture(e.pointerId);
				const moved = (m: PointerEvent) =>
					onChange(clamp(value + (fromRight ? from - m.clientX : m.clientX - from)));
				bar.addEventListener('pointermove', moved);
				bar.addEventListener('pointerup', () => bar.removeEventListener('pointermove', moved), {
					once: true,
				});
			}}
		/>
	);
}
