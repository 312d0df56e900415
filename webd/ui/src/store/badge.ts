// How much is unread, on the icon of the tab and of the installed page.

import { effect } from '@preact/signals';
import { byRole } from './mailboxes';

export function followUnread() {
	const link = document.querySelector<HTMLLinkElement>('link[rel=icon]');
	const plain = link?.getAttribute('href') ?? '';
	effect(() => {
		const n = byRole.value.get('inbox')?.unreadThreads ?? 0;
		link?.setAttribute('href', n ? counted(n) : plain);
		const told = n ? navigator.setAppBadge?.(n) : navigator.clearAppBadge?.();
		void told?.catch(() => {});
	});
}

// As static/icon.svg, with a number in its corner.
function counted(n: number): string {
	const text = n > 99 ? '99+' : String(n);
	const wide = 22 + 12 * text.length;
	return `data:image/svg+xml,${encodeURIComponent(
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="14" fill="#0f766e"/><path d="M14 21l18 14 18-14v23a3 3 0 0 1-3 3H17a3 3 0 0 1-3-3z" fill="none" stroke="#fff" stroke-width="4" stroke-linejoin="round"/><rect x="${64 - wide}" y="30" width="${wide}" height="34" rx="17" fill="#b3261e"/><text x="${64 - wide / 2}" y="56" fill="#fff" font-family="sans-serif" font-size="25" font-weight="700" text-anchor="middle">${text}</text></svg>`,
	)}`;
}
