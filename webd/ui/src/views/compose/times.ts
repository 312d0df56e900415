// When people want something to leave, if not now.

import { words } from '../../i18n';

const MORNING = 8;
const EVENING = 18;

export function times(now = new Date()): { text: string; at: Date }[] {
	const w = words.value;
	const on = (day: number, hour: number) =>
		new Date(now.getFullYear(), now.getMonth(), now.getDate() + day, hour);
	const hour = now.getHours();
	const toMonday = (8 - now.getDay()) % 7 || 7;
	return [
		{ text: w.inOneHour, at: new Date(now.getTime() + 3600 * 1000) },
		...(hour < MORNING - 1 ? [{ text: w.thisMorning, at: on(0, MORNING) }] : []),
		...(hour < EVENING - 1 ? [{ text: w.thisEvening, at: on(0, EVENING) }] : []),
		{ text: w.tomorrowMorning, at: on(1, MORNING) },
		...(toMonday > 1 ? [{ text: w.mondayMorning, at: on(toMonday, MORNING) }] : []),
	];
}
