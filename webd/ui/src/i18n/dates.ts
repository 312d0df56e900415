// Dates as people say them.

import { computed } from '@preact/signals';
import { language, locale, words } from './index';

const formats = computed(() => {
	// French has twenty-four hours everywhere.
	const french = language.value === 'fr';
	const twelve =
		!french && new Intl.DateTimeFormat(locale.value, { hour: 'numeric' }).resolvedOptions().hour12 === true;
	const clock: Intl.DateTimeFormatOptions = {
		hour: twelve ? 'numeric' : '2-digit',
		minute: '2-digit',
		hourCycle: twelve ? 'h12' : 'h23',
	};
	const of = (o: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale.value, o);
	return {
		time: of(clock),
		weekday: of({ weekday: 'short' }),
		weekdayLong: of({ weekday: 'long' }),
		day: of({ day: 'numeric', month: 'short' }),
		dayYear: of({ day: 'numeric', month: 'short', year: 'numeric' }),
		full: of({
			weekday: 'long',
			day: 'numeric',
			month: 'long',
			year: 'numeric',
			...clock,
		}),
		month: of({ month: 'long' }),
		monthYear: of({ month: 'long', year: 'numeric' }),
	};
});

const midnight = (d: Date) => new Date(d.getFullYear(), d.getMonth(), d.getDate());
const daysAgo = (d: Date, now: Date) =>
	Math.round((midnight(now).getTime() - midnight(d).getTime()) / 86400000);

// For a row: the time today, the weekday this week, then the date. Under a heading that says "Yesterday" the time is enough.
export function brief(at: string, headed = false, now = new Date()): string {
	const d = new Date(at);
	const f = formats.value;
	if (Number.isNaN(d.getTime())) return '';
	const ago = daysAgo(d, now);
	if (ago === 0 || (ago === 1 && headed)) return f.time.format(d);
	if (ago === 1) return words.value.yesterday;
	if (ago > 1 && ago < 7) return f.weekday.format(d);
	return d.getFullYear() === now.getFullYear() ? f.day.format(d) : f.dayYear.format(d);
}

const capital = (s: string) => s.charAt(0).toLocaleUpperCase(locale.value) + s.slice(1);

// Day and time as they stand in a sentence: "yesterday at 10:04".
export function said(at: string, now = new Date()): string {
	const d = new Date(at);
	const f = formats.value;
	const w = words.value;
	if (Number.isNaN(d.getTime())) return '';
	const time = f.time.format(d);
	const ago = daysAgo(d, now);
	if (ago === 0) return w.atTime(time);
	if (ago === 1) return w.at(w.yesterday.toLowerCase(), time);
	if (ago === -1) return w.at(w.tomorrow.toLowerCase(), time);
	const day = Math.abs(ago) < 7 ? f.weekdayLong : d.getFullYear() === now.getFullYear() ? f.day : f.dayYear;
	return w.at(day.format(d), time);
}

// The same standing alone, for a message.
export function spoken(at: string, now = new Date()): string {
	const d = new Date(at);
	if (daysAgo(d, now) === 0) return formats.value.time.format(d);
	return capital(said(at, now));
}

export const full = (at: string): string => {
	const d = new Date(at);
	return Number.isNaN(d.getTime()) ? '' : formats.value.full.format(d);
};

// The heading a row stands under.
export function group(at: string, now = new Date()): string {
	const d = new Date(at);
	const w = words.value;
	const ago = daysAgo(d, now);
	if (!(ago > 0)) return w.today;
	if (ago === 1) return w.yesterday;
	// Weeks begin on Monday.
	const monday = (now.getDay() + 6) % 7;
	if (ago <= monday) return w.thisWeek;
	if (ago <= monday + 7) return w.lastWeek;
	const f = d.getFullYear() === now.getFullYear() ? formats.value.month : formats.value.monthYear;
	return capital(f.format(d));
}

export function size(bytes: number): string {
	const units = language.value === 'fr' ? ['o', 'Ko', 'Mo', 'Go'] : ['B', 'KB', 'MB', 'GB'];
	let i = 0;
	let n = bytes;
	while (n >= 1000 && i < units.length - 1) {
		n /= 1024;
		i++;
	}
	return `${n.toLocaleString(locale.value, { maximumFractionDigits: n < 10 && i > 0 ? 1 : 0 })} ${units[i]}`;
}
