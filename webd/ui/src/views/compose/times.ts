// When people want something to leave, if not now.

import { words } from '../../i18n';

export function times(now = new Date()): { text: string; at: Date }[] {
	const w = words.value;
	const hour = new Date(now.getTime() + 3600 * 1000);
	const tomorrow = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, 8);
	const toMonday = (8 - now.getDay()) % 7 || 7;
	const monday = new Date(now.getFullYear(), now.getMonth(), now.getDate() + toMonday, 8);
	return [
		{ text: w.inOneHour, at: hour },
		{ text: w.tomorrowMorning, at: tomorrow },
		...(monday.getTime() === tomorrow.getTime() ? [] : [{ text: w.mondayMorning, at: monday }]),
	];
}
