// Where one is, in the address after '#', so that Back, reload and bookmarks do what people expect:
// #/in/<mailbox>[/<thread>], #/search/<words>[/<thread>], #/settings/<tab>.

import { effect, signal } from '@preact/signals';

export type Route =
	| { at: 'mailbox'; mailbox: string; thread: string | null }
	| { at: 'search'; query: string; thread: string | null }
	| { at: 'settings'; tab: string };

export const route = signal<Route>({ at: 'mailbox', mailbox: 'inbox', thread: null });

export function parse(hash: string): Route {
	const parts = hash.replace(/^#\/?/, '').split('/').map(decode);
	const [at, second, third] = parts;
	if (at === 'settings') return { at, tab: second || 'look' };
	if (at === 'search' && second) return { at, query: second, thread: third || null };
	if (at === 'in' && second) return { at: 'mailbox', mailbox: second, thread: third || null };
	return { at: 'mailbox', mailbox: 'inbox', thread: null };
}

function decode(part: string): string {
	try {
		return decodeURIComponent(part);
	} catch {
		return '';
	}
}

export function format(r: Route): string {
	if (r.at === 'settings') return `#/settings/${encodeURIComponent(r.tab)}`;
	const place = r.at === 'search' ? ['search', r.query] : ['in', r.mailbox];
	return '#/' + [...place, ...(r.thread ? [r.thread] : [])].map(encodeURIComponent).join('/');
}

export function go(r: Route, replace = false) {
	const hash = format(r);
	route.value = r;
	if (hash === location.hash) return;
	if (replace) history.replaceState(null, '', hash);
	else history.pushState(null, '', hash);
}

export function openThread(thread: string | null, replace = false) {
	const r = route.value;
	if (r.at !== 'settings') go({ ...r, thread }, replace);
}

let before: Route = route.value;

export const leaveSettings = () => go(before);

export function followAddress() {
	route.value = parse(location.hash);
	// Settings are left for where one was before.
	effect(() => {
		if (route.value.at !== 'settings') before = route.value;
	});
	const follow = () => (route.value = parse(location.hash));
	addEventListener('popstate', follow);
	addEventListener('hashchange', follow);
}
