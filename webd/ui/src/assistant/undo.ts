// Takes back what an agent session has changed (docs/adr/0035-undo-audit-trace.md).

import type { GetResponse, Id } from '../jmap/types';
import { call } from '../store/session';
import type { AssistantWords } from './words';

interface Undone {
	restored: Record<string, number>;
	conflictsTotal?: number;
	lostTotal?: number;
}

export interface Undoing {
	restored: number;
	conflicts: number;
	lost: number;
}

export async function undoSession(session: Id): Promise<Undoing> {
	const r = await call<Undone>('AgentSession/undo', { session });
	return {
		restored: Object.values(r.restored ?? {}).reduce((sum, n) => sum + n, 0),
		conflicts: r.conflictsTotal ?? 0,
		lost: r.lostTotal ?? 0,
	};
}

// All that it has changed, and nothing was changed since.
export async function wasUndone(session: Id): Promise<boolean> {
	const r = await call<GetResponse<{ id: Id; last: string; undoneAt: string | null }>>('AgentSession/get', {
		ids: [session],
		properties: ['id', 'last', 'undoneAt'],
	});
	const s = r.list[0];
	return s !== undefined && s.undoneAt !== null && s.undoneAt >= s.last;
}

// What came of it, for people.
export const undoneWords = (r: Undoing, s: AssistantWords): string =>
	[
		r.restored ? s.undone(r.restored) : s.undoneNothing,
		r.conflicts ? s.undoConflicts(r.conflicts) : '',
		r.lost ? s.undoLost(r.lost) : '',
	]
		.filter(Boolean)
		.join(' ');
