// A list of conversations as a window on the server's Email/query: known where one has looked, empty elsewhere, so that
// 100,000 cost as much as 100. Kept true by Email/queryChanges (RFC 8620 5.6).

import { signal } from '@preact/signals';
import { MethodError } from '../jmap/errors';
import type {
	Email,
	GetResponse,
	Id,
	QueryChangesResponse,
	QueryResponse,
	SearchSnippet,
	Thread,
} from '../jmap/types';
import { getEmails, knownEmail, knownThread, LIST_PROPERTIES, receiveEmails, receiveThreads } from './emails';
import { call } from './session';

export type Filter = Record<string, unknown>;

const CHUNK = 50;
const SORT = [{ property: 'receivedAt', isAscending: false }];

export class EmailList {
	// Grows with each change; whoever reads `ids` or `total` in a view reads this too.
	readonly version = signal(0);
	readonly failed = signal<Error | null>(null);
	readonly snippets = new Map<Id, SearchSnippet>();
	ids: (Id | undefined)[] = [];
	total: number | null = null;
	private state = '';
	private loading = new Set<number>();
	private gone = false;
	// Counts syncs: an answer for an older layout of the list is not put in.
	private epoch = 0;
	private syncing: Promise<void> | null = null;
	private again = false;
	// Changes that are shown ahead of the server.
	private held = 0;
	// The server gives the first rows of a large home before it knows how many conversations there are.
	private counted = false;
	private counting = false;

	constructor(
		readonly key: string,
		readonly filter: Filter,
		readonly searching: boolean,
	) {}

	drop() {
		this.gone = true;
	}

	// The conversation of a row, if it is known.
	threadAt(i: number): Id | undefined {
		const id = this.ids[i];
		return id === undefined ? undefined : knownEmail(id)?.threadId;
	}

	indexOfThread(threadId: Id): number {
		return this.ids.findIndex(id => id !== undefined && knownEmail(id)?.threadId === threadId);
	}

	// Makes sure that rows from..to are there or on their way.
	want(from: number, to: number) {
		const last = Math.max(0, Math.min(to, (this.total ?? CHUNK) - 1));
		for (let c = Math.floor(Math.max(0, from) / CHUNK); c <= Math.floor(last / CHUNK); c++) {
			if (this.loading.has(c) || this.has(c)) continue;
			void this.load(c);
		}
	}

	private has(chunk: number): boolean {
		if (this.total === null) return false;
		const end = Math.min((chunk + 1) * CHUNK, this.total);
		for (let i = chunk * CHUNK; i < end; i++) {
			// Known once, and let go since.
			const e = this.ids[i] === undefined ? undefined : knownEmail(this.ids[i]!);
			if (!e || !knownThread(e.threadId)) return false;
		}
		return true;
	}

	private async load(chunk: number, retried = false): Promise<void> {
		const epoch = this.epoch;
		this.loading.add(chunk);
		try {
			const r = await this.ask(chunk * CHUNK);
			if (this.gone) return;
			if (epoch !== this.epoch && !retried) {
				this.loading.delete(chunk);
				await this.load(chunk, true);
				return;
			}
			this.failed.value = null;
			this.setTotal(r.total ?? Math.max(this.total ?? 0, r.position + r.ids.length));
			r.ids.forEach((id, i) => (this.ids[r.position + i] = id));
			if (r.total !== undefined || r.ids.length < CHUNK) this.counted = true;
			else void this.count();
			if (this.state && r.queryState !== this.state) this.sync();
			else this.state = r.queryState;
			this.version.value++;
			if (this.searching) void this.getSnippets(r.ids);
		} catch (e) {
			if (!this.gone) this.failed.value = e as Error;
		} finally {
			this.loading.delete(chunk);
		}
	}

	private async count(): Promise<void> {
		if (this.counting || this.counted) return;
		const epoch = this.epoch;
		this.counting = true;
		try {
			const r = await call<QueryResponse>('Email/query', {
				filter: this.filter,
				sort: SORT,
				collapseThreads: true,
				limit: 0,
				calculateTotal: true,
			});
			if (this.gone || r.total === undefined || epoch !== this.epoch) return;
			this.counted = true;
			this.setTotal(r.total);
			this.version.value++;
		} catch {
			// With the next rows, then.
		} finally {
			this.counting = false;
		}
		if (!this.gone && epoch !== this.epoch) await this.count();
	}

	private async ask(position: number): Promise<QueryResponse> {
		const q = call<QueryResponse>('Email/query', {
			filter: this.filter,
			sort: SORT,
			collapseThreads: true,
			position,
			limit: CHUNK,
			calculateTotal: this.counted,
		});
		const ofThreads = call<GetResponse<Email>>('Email/get', {
			'#ids': q.ref('/ids'),
			properties: ['threadId'],
		});
		const threads = call<GetResponse<Thread>>('Thread/get', { '#ids': ofThreads.ref('/list/*/threadId') });
		const members = call<GetResponse<Email>>('Email/get', {
			'#ids': threads.ref('/list/*/emailIds'),
			properties: LIST_PROPERTIES,
		});
		const r = await q;
		if (!r.ids.length) return r;
		try {
			receiveEmails((await members).list);
			receiveThreads((await threads).list);
		} catch (e) {
			// Long conversations: more messages than one Email/get may ask for.
			if (!(e instanceof MethodError) || e.type !== 'requestTooLarge') throw e;
			const list = (await threads).list;
			await getEmails([...new Set([...r.ids, ...list.flatMap(t => t.emailIds.slice(-20))])]);
			receiveThreads(list);
		}
		return r;
	}

	private async getSnippets(emailIds: Id[]) {
		if (!emailIds.length) return;
		const r = await call<{ list: SearchSnippet[] }>('SearchSnippet/get', {
			filter: this.filter,
			emailIds,
		}).catch(() => null);
		for (const s of r?.list ?? []) this.snippets.set(s.emailId, s);
		if (r) this.version.value++;
	}

	private setTotal(total: number) {
		this.total = total;
		// Without holes, which engines keep in tables that are slow to move about.
		if (this.ids.length > total) this.ids.length = total;
		else if (this.ids.length < total)
			this.ids = this.ids.concat(Array(total - this.ids.length).fill(undefined));
	}

	// Conversations that leave are taken out at once; the return value puts them back.
	remove(threadIds: Set<Id>): () => void {
		const taken: { index: number; id: Id }[] = [];
		for (let i = this.ids.length - 1; i >= 0; i--) {
			const id = this.ids[i];
			const t = id === undefined ? undefined : knownEmail(id)?.threadId;
			if (t !== undefined && threadIds.has(t)) {
				taken.unshift({ index: i, id: id! });
				this.ids.splice(i, 1);
			}
		}
		if (this.total !== null) this.total -= taken.length;
		this.epoch++;
		this.version.value++;
		return () => {
			if (this.gone) return;
			for (const { index, id } of taken) {
				if (this.ids.includes(id)) continue;
				this.ids.splice(Math.min(index, this.ids.length), 0, id);
				if (this.total !== null) this.total++;
			}
			this.epoch++;
			this.version.value++;
		};
	}

	// Until the function that it returns is called the list is as it is shown: what the server says of the time before a change
	// that is on its way to it would take that back for a moment.
	hold(): () => void {
		this.held++;
		return () => {
			if (--this.held === 0 && this.again && !this.syncing && !this.gone) void this.sync();
		};
	}

	// Something changed at the server. Calls that come while one runs are one more run.
	sync(): Promise<void> {
		if (this.held) {
			this.again = true;
			return this.syncing ?? Promise.resolve();
		}
		if (this.syncing) {
			this.again = true;
			return this.syncing;
		}
		this.again = false;
		this.syncing = this.changes().finally(() => {
			this.syncing = null;
			if (this.again && !this.gone) void this.sync();
		});
		return this.syncing;
	}

	private async changes(): Promise<void> {
		if (!this.state) return;
		const epoch = this.epoch;
		try {
			const q = call<QueryChangesResponse>('Email/queryChanges', {
				filter: this.filter,
				sort: SORT,
				collapseThreads: true,
				sinceQueryState: this.state,
				calculateTotal: this.counted,
			});
			const added = call<GetResponse<Email>>('Email/get', {
				'#ids': q.ref('/added/*/id'),
				properties: LIST_PROPERTIES,
			});
			const threads = call<GetResponse<Thread>>('Thread/get', { '#ids': added.ref('/list/*/threadId') });
			const r = await q;
			if (this.gone) return;
			if (r.added.length) {
				const [a, t] = await Promise.all([added, threads]);
				receiveEmails(a.list);
				await getEmails(t.list.flatMap(x => x.emailIds).filter(id => !knownEmail(id)));
				receiveThreads(t.list);
			}
			if (this.gone) return;
			// Rows were taken out or put back meanwhile: the places that are told are not those of this list.
			if (epoch !== this.epoch || this.held) this.again = true;
			else this.apply(r);
		} catch (e) {
			if (!(e instanceof MethodError) || this.gone) return;
			// cannotCalculateChanges, tooManyChanges: ask for what is seen anew, keeping it in view meanwhile.
			await this.reload();
		}
	}

	// RFC 8620 5.6: what was removed goes, then what was added comes to its place, the lowest first. Where something went that
	// was not known here, everything below the first gap has moved by an unknown number of rows.
	private apply(r: QueryChangesResponse) {
		const gone = new Set(r.removed);
		for (const { id } of r.added) gone.add(id);
		let next = this.ids;
		if (gone.size) {
			const before = next.length;
			next = next.filter(id => id === undefined || !gone.has(id));
			// An added one need not have been there.
			const found = before - next.length;
			const expected =
				r.total !== undefined && this.total !== null ? this.total + r.added.length - r.total : -1;
			if (found !== expected) {
				const gap = next.indexOf(undefined);
				if (gap >= 0) next.length = gap;
			}
			this.epoch++;
		}
		for (const { id, index } of r.added) if (index <= next.length) next.splice(index, 0, id);
		this.ids = next;
		if (r.total !== undefined) this.setTotal(r.total);
		else {
			this.total = next.length;
			void this.count();
		}
		this.state = r.newQueryState;
		this.version.value++;
	}

	async reload(): Promise<void> {
		this.epoch++;
		const epoch = this.epoch;
		const r = await this.ask(0).catch(() => null);
		if (!r || this.gone || epoch !== this.epoch) return;
		this.ids = [...r.ids];
		this.state = r.queryState;
		this.setTotal(r.total ?? Math.max(this.total ?? 0, r.ids.length));
		void this.count();
		this.version.value++;
	}
}
