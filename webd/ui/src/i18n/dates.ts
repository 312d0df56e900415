// Dates as people say them.

import { computed } from '@preact/signals';
import { language, words } from './index';

const formats = computed(() => {
	const tag = language.value === 'fr' ? 'fr' : 'en';
	const of = (o: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(tag, o);
	return {
		time: of({ hour: 'numeric', minute: '2-digit' }),
		weekday: of({ weekday: 'short' }),
		day: of({ day: 'numeric', month: 'short' }),
		dayYear: of({ day: 'numeric', month: 'short', year: 'numeric' }),
		full: of({
			weekday: 'long',
			day: 'numeric',
			month: 'long',
			year: 'numeric',
			hour: 'numeric',
			minute: '2-digit',
		}),
		month: of({ month: 'long' }),
		monthYear: of({ month: 'long', year: 'numeric' }),
	};
});

const midnight = (d: Date) => new Date(d.getFullYear(), d.getMonth(), d.getDate());
const daysAgo = (d: Date, now: Date) =>
	Math.round((midnight(now).getTime() - midnight(d).getTime()) / 86400000);

// For a row: the time today, the weekday this week, then the date.
export function brief(at: string, now = new Date()): string {
	const d = new Date(at);
	const f = formats.value;
	if (Number.isNaN(d.getTime())) return '';
	const ago = daysAgo(d, now);
	if (ago === 0) return f.time.format(d);
	if (ago === 1) return words.value.yesterday;
	if (ago > 1 && ago < 7) return f.weekday.format(d);
	return d.getFullYear() === now.getFullYear() ? f.day.format(d) : f.dayYear.format(d);
}

// For a message: day and time.
export function spoken(at: string, now = new Date()): string {
	const d = new Date(at);
	const f = formats.value;
	if (Number.isNaN(d.getTime())) return '';
	const time = f.time.format(d);
	const ago = daysAgo(d, now);
	if (ago === 0) return time;
	if (ago === 1) return words.value.at(words.value.yesterday, time);
	const day = d.getFullYear() === now.getFullYear() ? f.day : f.dayYear;
	return words.value.at(day.format(d), time);
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
	if (ago < 7 && ago <= (now.getDay() + 6) % 7) return w.thisWeek;
	const f = d.getFullYear() === now.getFullYear() ? formats.value.month : formats.value.monthYear;
	const name = f.format(d);
	return name.charAt(0).toUpperCase() + name.slice(1);
}

export function size(bytes: number): string {
	const tag = language.value === 'fr' ? 'fr' : 'en';
	const units = language.value === 'fr' ? ['o', 'Ko', 'Mo', 'Go'] : ['B', 'KB', 'MB', 'GB'];
	let i = 0;
	let n = bytes;
	while (n >= 1000 && i < units.length - 1) {
		n /= 1024;
		i++;
	}
	return `${n.toLocaleString(tag, { maximumFractionDigits: n < 10 && i > 0 ? 1 : 0 })} ${units[i]}`;
}
