// The table that gk-mcpd's search (mcpd/search_test.c) reads too: both understand the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import table from '../../../tests/data/search_operators.json';
import { receiveMailboxes } from '../src/store/mailboxes';
import { toFilter } from '../src/store/search';

process.env.TZ = 'UTC';

const boxes = (list: { id: string; role: string | null; name: string }[]) =>
	list.map(b => ({ ...b, parentId: null, sortOrder: 0 })) as never[];

test('the table of operators', () => {
	const now = new Date(table.now);
	for (const { mailboxes, cases } of [table, table.hidden]) {
		receiveMailboxes(boxes(mailboxes), true);
		for (const c of cases) assert.deepEqual(toFilter(c.typed, now), c.filter, c.typed);
	}
	receiveMailboxes([], true);
});
