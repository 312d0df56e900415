// Where one is, in the address after '#', so that Back, reload and bookmarks do what people expect:
// #/in/<mailbox>[/<thread>], #/search/<words>[/<thread>], #/settings/<tab>, #/approve[/<id>].

import { effect, signal } from '@preact/signals';

export type Route =
	| { at: 'mailbox'; mailbox: string; thread: string | null }
	| { at: 'search'; query: string; thread: string | null }
	| { at: 'settings'; tab: string }
	// What agents ask for: one of it, or all that waits.
	| { at: 'approve'; id: string | null };

export const route = signal<Route>({ at: 'mailbox', mailbox: 'inbox', thread: null });

export function parse(hash: string): Route {
	const parts = hash.replace(/^#\/?/, '').split('/').map(decode);
	const [at, second, third] = parts;
	if (at === 'settings') return { at, tab: second || 'look' };
	if (at === 'approve') return { at, id: second || null };
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
	if (r.at === 'approve') return r.id ? `#/approve/${encodeURIComponent(r.id)}` : '#/approve';
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

// Where there are lists and conversations.
export const isMail = (r: Route): r is Extract<Route, { thread: string | null }> =>
	r.at === 'mailbox' || r.at === 'search';

export function openThread(thread: string | null, replace = false) {
	const r = route.value;
	if (isMail(r)) go({ ...r, thread }, replace);
}

let before: Route = route.value;

export const leavePage = () => go(before);

export function followAddress() {
	route.value = parse(location.hash);
	// Settings and the page of approvals are left for where one was before.
	effect(() => {
		if (isMail(route.value)) before = route.value;
	});
	const follow = () => (route.value = parse(location.hash));
	addEventListener('popstate', follow);
	addEventListener('hashchange', follow);
}
