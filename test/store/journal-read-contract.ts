import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { compareEntryKeys, type Entry, type EntryKey, type EntryPlace } from '../../src/journal/entry.ts';
import type { JournalLimits, JournalStore } from '../../src/journal/store.ts';
import { type EntryFilter, matchesEntry } from '../../src/journal/window.ts';
import {
  ALL,
  appendTransaction,
  begin,
  DAY,
  entry,
  filters,
  histories,
  interleaved,
  LONG,
  ORIGIN,
  readAll,
  SECOND,
  START,
  type Subject,
} from './journal-fixtures.ts';

/** Order, windows, commit order, tail and coverage: J7 to J10, J15. */
export function readContract(subject: Subject): void {
  let store: JournalStore;
  beforeEach(() => {
    store = subject.store();
  });
  const reopen = async (limits: Partial<JournalLimits>) => {
    store = await subject.reopen(limits);
  };

  describe('windows', () => {
    it('takes both ends in, and pages of any size give the sorted list under any filter (J7, J8, J9)', async () => {
      await fc.assert(
        fc.asyncProperty(
          histories,
          filters,
          fc.integer({ min: 1, max: 7 }),
          fc.tuple(fc.nat(2), fc.nat(6), fc.nat(2), fc.nat(6)),
          async (history, filter, size, edges) => {
            await reopen({});
            const entries = interleaved(history);
            await store.append({ begun: history.transactions.map((transaction) => transaction.begin) });
            const appends = [];
            for (let at = 0; at < entries.length; at += history.batchSize) {
              appends.push(store.append({ entries: entries.slice(at, at + history.batchSize) }));
            }
            await Promise.all(appends);
            const found = await store.transactions(history.transactions.map((transaction) => transaction.begin.id));
            const positions = new Map(found.map((transaction) => [transaction?.id, transaction?.position as bigint]));
            const model = entries
              .map((one) => ({ ...one, position: positions.get(one.transactionId) as bigint }))
              .sort(compareEntryKeys);
            const strip = (list: readonly Entry[]) => list.map(({ arrival: _, ...rest }) => rest);

            expect(strip(await readAll(store, ALL, {}, size))).toEqual(model);
            const [a, b] = [START + edges[0] * DAY + edges[1], START + edges[2] * DAY + edges[3]];
            const window = { from: Math.min(a, b), to: Math.max(a, b) };
            const inWindow = model.filter((one) => one.timestamp >= window.from && one.timestamp <= window.to);
            expect(strip(await readAll(store, window, filter, size))).toEqual(
              inWindow.filter((one) => matchesEntry(filter, one)),
            );
            const ids = {
              ...filter,
              transactionIds: history.transactions.slice(0, 2).map((transaction) => transaction.begin.id),
            };
            expect(strip(await readAll(store, window, ids, size))).toEqual(
              inWindow.filter((one) => matchesEntry(ids, one)),
            );

            const tail: Entry[] = [];
            for (let after = { arrival: 0n, timestamp: 0, position: 0n, sequence: 0 }; ; ) {
              const more = await store.tail(after, filter, size);
              tail.push(...more);
              const last = more.at(-1);
              if (last === undefined) break;
              after = last;
            }
            const byArrival = (x: Entry, y: Entry) =>
              x.arrival === y.arrival ? compareEntryKeys(x, y) : x.arrival < y.arrival ? -1 : 1;
            expect(tail).toEqual([...tail].sort(byArrival));
            expect(strip(tail).sort(compareEntryKeys)).toEqual(model.filter((one) => matchesEntry(filter, one)));

            const spans = await store.sessionSpans(window, filter);
            const passing = inWindow.filter((one) => matchesEntry(filter, one));
            const sessions = new Map<string, typeof passing>();
            for (const one of passing) {
              const session = `${one.origin.nodeId} ${one.origin.sessionId}`;
              sessions.set(session, [...(sessions.get(session) ?? []), one]);
            }
            const starts = spans.map((span) => span.first);
            expect(starts).toEqual([...starts].sort((x, y) => x - y));
            expect(spans.length).toBe(sessions.size);
            for (const { user, database, ...span } of spans) {
              const list = sessions.get(`${span.nodeId} ${span.sessionId}`) ?? [];
              const first = list.filter((one) => one.timestamp === list[0]?.timestamp);
              expect(first.map((one) => one.origin.user)).toContain(user);
              expect(first.map((one) => one.origin.database)).toContain(database);
              expect(span).toEqual({
                nodeId: span.nodeId,
                sessionId: span.sessionId,
                first: first[0]?.timestamp,
                last: list.at(-1)?.timestamp,
                entries: list.length,
                ddl: list.filter((one) => one.statementType === 'DDL').length,
              });
            }

            const ofSessions = [...sessions.values()];
            const ofDatabase = ['shop', 'stock', null].map((database) => ({
              database,
              sessions: ofSessions.filter((own) => own.some(({ origin }) => origin.database === database)).length,
              entries: passing.filter(({ origin }) => origin.database === database).length,
            }));
            expect(await store.databaseCounts(window, filter)).toEqual(ofDatabase.filter(({ entries }) => entries > 0));

            const straddlers = await store.straddlers(window, { sessionIds: ['s1', 's2'] });
            const isInside = (one: EntryKey) => one.timestamp >= window.from && one.timestamp <= window.to;
            const straddling = history.transactions.filter(
              ({ begin: { origin }, entries: own }) =>
                origin.sessionId !== 's3' &&
                own.some((one) => isInside({ ...one, position: 0n })) &&
                !own.every((one) => isInside({ ...one, position: 0n })),
            );
            expect(straddlers.map((transaction) => transaction.id)).toEqual(
              straddling.map((transaction) => transaction.begin.id),
            );

            const coverage = await store.coverage(window, 3);
            expect(coverage).toMatchObject({
              entries: inWindow.length,
              failures: inWindow.filter((one) => one.outcome.status === 'FAILED').length,
              unknownOutcomes: inWindow.filter((one) => one.outcome.status === 'UNKNOWN').length,
              transactions: {
                committed: 0,
                rolledBack: 0,
                open: new Set(inWindow.map((one) => one.transactionId)).size,
              },
              first: inWindow[0]?.timestamp ?? null,
              last: inWindow.at(-1)?.timestamp ?? null,
            });
            const times = passing.flatMap((one) => (one.durationMs === null ? [] : [one.durationMs]));
            expect(await store.profile(window, filter)).toMatchObject({
              entries: passing.length,
              failed: passing.filter((one) => one.outcome.status === 'FAILED').length,
              timed: times.length,
              longestMs: Math.max(0, ...passing.map((one) => (one.unreplayable === null ? (one.durationMs ?? 0) : 0))),
              transactions: {
                committed: 0,
                rolledBack: 0,
                open: new Set(passing.map((one) => one.transactionId)).size,
              },
              first: passing[0]?.timestamp ?? null,
              last: passing.at(-1)?.timestamp ?? null,
              recordedMs: expect.closeTo(
                times.reduce((sum, ms) => sum + ms, 0),
                1,
              ),
            });
            expect(coverage.sessions).toBe(
              new Set(inWindow.map((one) => `${one.origin.nodeId} ${one.origin.sessionId}`)).size,
            );
            expect(coverage.buckets.reduce((sum, bucket) => sum + bucket.entries, 0)).toBe(inWindow.length);
          },
        ),
        { numRuns: 20 },
      );
    }, 240_000);

    it('neither repeats nor misses an entry when others are appended behind the cursor', async () => {
      await appendTransaction(store, 6);
      const first = await store.page(ALL, {}, null, 3);
      await appendTransaction(store, 2, { timestamp: START - SECOND });
      const rest = await store.page(ALL, {}, first.entries.at(-1) as Entry, 10);
      expect([...first.entries, ...rest.entries].map((one) => one.sequence)).toEqual([1, 2, 3, 4, 5, 6]);
    });

    it('pages over many days, most of them without entries that pass', async () => {
      const ids: string[] = [];
      for (let day = 0; day < 70; day += 1) {
        const statement = day % 35 === 1 ? 'SELECT rare' : 'SELECT 1';
        ids.push(await appendTransaction(store, 1, { timestamp: START + 3 * day * DAY, statement }));
      }
      expect((await readAll(store, ALL, {}, 9)).map((one) => one.transactionId)).toEqual(ids);
      const rare = await readAll(store, ALL, { text: 'RARE' }, 1);
      expect(rare.map((one) => one.transactionId)).toEqual([ids[1], ids[36]]);
    });

    it('gives nothing for an empty window, a limit of nothing and a filter that names nobody', async () => {
      await appendTransaction(store, 3);
      const nothing = { entries: [], hasMore: false };
      expect(await store.page({ from: 0, to: START - 1 }, {}, null, 10)).toEqual(nothing);
      expect(await store.page(ALL, {}, null, 0)).toEqual(nothing);
      expect(await store.page(ALL, { sessionIds: [] }, null, 10)).toEqual(nothing);
      expect(await store.page(ALL, { transactionIds: ['nope'] }, null, 10)).toEqual(nothing);
      expect(await store.coverage({ from: 0, to: START - 1 }, 2)).toMatchObject({
        entries: 0,
        first: null,
        last: null,
        sessions: 0,
        databases: [],
      });
    });
  });

  it('filters by names that are longer than an index holds, and alike at their beginning', async () => {
    const append = (end: string) =>
      appendTransaction(store, 1, {
        origin: { ...ORIGIN, sessionId: `${LONG}${end}`, application: `😀${LONG}${end}` },
      });
    const a = await append('a');
    const b = await append('b');
    const read = async (filter: EntryFilter) => (await readAll(store, ALL, filter, 10)).map((one) => one.transactionId);
    expect(await read({ sessionIds: [`${LONG}a`] })).toEqual([a]);
    expect(await read({ applications: [`😀${LONG}b`] })).toEqual([b]);
    expect(await read({ applications: [LONG] })).toEqual([]);
  });

  it.each([
    ['what more than a thousand sessions have in common', { users: ['many'], databases: ['shop', 'none'] }],
    [
      'more than a thousand sessions',
      { sessionIds: Array.from({ length: 3_000 }, (_, n) => `s${2 * n}`), databases: ['shop'] },
    ],
  ])('filters by %s', async (_, filter) => {
    const users = Array.from({ length: 2_400 }, (_, n) => (n % 2 === 0 ? 'many' : 'others'));
    const transactions = users.map((user, n) => ({
      id: randomUUID(),
      at: START + n,
      origin: { ...ORIGIN, sessionId: `s${n}`, user, database: n < 2_200 ? 'shop' : 'attic' },
    }));
    await store.append({
      begun: transactions.map(({ id, origin, at }) => ({ ...begin(id), origin, startedAt: at, autocommit: true })),
      entries: transactions.map(({ id, origin, at }) => ({ ...entry(id, 1), origin, timestamp: at })),
      ended: transactions.map(({ id, at }) => ({ transactionId: id, status: 'COMMITTED', at })),
    });
    const passing = transactions.filter((_, n) => n % 2 === 0 && n < 2_200).map(({ id }) => id);
    const idsOf = (entries: readonly Entry[]) => entries.map((one) => one.transactionId);
    expect(idsOf(await readAll(store, ALL, filter, 500))).toEqual(passing);
    expect(idsOf(await store.tail({ arrival: 0n, timestamp: 0, position: 0n, sequence: 0 }, filter, 5_000))).toEqual(
      passing,
    );
    const committed: string[] = [];
    for (let after = 0n; ; ) {
      const page = await store.committed(ALL, filter, after, 500);
      if (page.length === 0) break;
      committed.push(...page.map(({ transaction }) => transaction.id));
      after = page.at(-1)?.transaction.commitSeq as bigint;
    }
    expect(committed).toEqual(passing);
    expect(await store.committedCount(ALL, filter, 'INCLUDE')).toBe(passing.length);
    expect(await store.sessionSpans(ALL, filter)).toHaveLength(passing.length);
    expect((await store.profile(ALL, filter)).entries).toBe(passing.length);
    expect(await store.straddlers({ from: START, to: START + 10 }, filter)).toEqual([]);
    expect(await readAll(store, ALL, { users: ['nobody'] }, 500)).toEqual([]);
  });

  it('gives what sessions have set, under whatever names and however far apart, in the order of all (J8, J9)', async () => {
    const types = ['SET', 'SELECT', 'OTHER', 'INSERT'] as const;
    const sessions = ['s1', 's2', 's3'];
    // Many within a minute, then fewer and fewer: over forty days, of which most have none.
    const times = Array.from({ length: 600 }, (_, n) => START + (n < 400 ? n >> 1 : 2 ** ((n - 400) / 9.2) * SECOND));
    const transactions = times.map((time, n) => ({
      id: randomUUID(),
      timestamp: Math.floor(time),
      // An application that tells each of its requests apart: more origins than are named one by one.
      origin: { ...ORIGIN, sessionId: sessions[n % 3] as string, application: `request ${n}` },
      statementType: types[n % 4] as (typeof types)[number],
      outcome: n % 7 === 0 ? ({ status: 'UNKNOWN' } as const) : ({ status: 'SUCCEEDED' } as const),
    }));
    const others = Array.from({ length: 1_200 }, (_, n) => ({
      id: randomUUID(),
      timestamp: START - DAY + n,
      origin: { ...ORIGIN, sessionId: 's1', application: `earlier ${n}` },
      statementType: 'SELECT' as const,
      outcome: { status: 'SUCCEEDED' } as const,
    }));
    const all = [...transactions, ...others];
    await store.append({
      begun: all.map(({ id, origin, timestamp }) => begin(id, { origin, startedAt: timestamp })),
      entries: all.map(({ id, ...one }) => entry(id, 1, one)),
    });
    const read = async (filter: EntryFilter, size: number, window = ALL) =>
      (await readAll(store, window, filter, size)).map((one) => one.transactionId);
    const passing = (which: (one: (typeof transactions)[number]) => boolean) =>
      transactions.filter(which).map(({ id }) => id);
    const mine = { sessionIds: ['s1', 's2'], statementTypes: ['SET', 'OTHER'], outcome: 'SUCCEEDED' } as const;
    const isMine = ({ origin, statementType, outcome }: (typeof transactions)[number]) =>
      origin.sessionId !== 's3' &&
      (statementType === 'SET' || statementType === 'OTHER') &&
      outcome.status === 'SUCCEEDED';
    for (const size of [7, 100, 1_000]) expect(await read(mine, size)).toEqual(passing(isMine));
    const some = { ...mine, applications: ['request 4', 'request 6', 'request 598'] };
    expect(await read(some, 2)).toEqual(
      passing((one) => isMine(one) && some.applications.includes(one.origin.application)),
    );
    const window = { from: START + 50, to: START + 20 * DAY };
    expect(await read(mine, 30, window)).toEqual(
      passing((one) => isMine(one) && one.timestamp >= window.from && one.timestamp <= window.to),
    );
    expect(await read({ ...mine, statementTypes: ['SET'] }, 30)).toEqual(
      passing((one) => isMine(one) && one.statementType === 'SET'),
    );
  });

  it('tells by their positions which transactions were rolled back', async () => {
    const ids = Array.from({ length: 4 }, (): string => randomUUID());
    const [committed, rolledBack, , another] = ids as [string, string, string, string];
    await store.append({
      begun: ids.map((id) => begin(id)),
      entries: ids.map((id) => entry(id, 1)),
      ended: [
        { transactionId: rolledBack, status: 'ROLLED_BACK', at: START },
        { transactionId: committed, status: 'COMMITTED', at: START },
        { transactionId: another, status: 'ROLLED_BACK', at: START },
      ],
    });
    const positions = (await store.transactions(ids)).map((one) => one?.position as bigint);
    const [, second, , fourth] = positions as [bigint, bigint, bigint, bigint];
    expect(await store.rolledBack([...positions, 1_000_000n])).toEqual(new Set([second, fourth]));
    expect(await store.rolledBack(positions.slice(0, 3))).toEqual(new Set([second]));
    expect(await store.rolledBack([])).toEqual(new Set());
  });

  describe('long texts', () => {
    const MEGABYTE = 2 ** 20;
    const bytesOf = (entries: readonly Entry[]) =>
      entries.reduce((sum, { statement, parameters }) => sum + statement.length + JSON.stringify(parameters).length, 0);

    it('do not shorten a page of which one is many times longer than the others', async () => {
      const id = randomUUID();
      const statement = (n: number) => (n === 4 ? `SELECT '${'x'.repeat(MEGABYTE)}'` : `SELECT ${n}`);
      const entries = Array.from({ length: 9 }, (_, n) =>
        entry(id, n + 1, { timestamp: START + n, statement: statement(n) }),
      );
      await store.append({ begun: [begin(id)], entries });
      const page = await store.page(ALL, {}, null, 500);
      expect(page.entries.map((one) => one.statement)).toEqual(entries.map((one) => one.statement));
      expect(page.hasMore).toBe(false);
    });

    it('bound a page by their bytes, and pages still give every entry once', async () => {
      const ids = Array.from({ length: 12 }, (): string => randomUUID());
      const long = (index: number, sequence: number) =>
        entry(ids[index] as string, sequence, {
          timestamp: START + index * (index === 11 ? 40 * DAY : 1),
          statement: `SELECT ${index} /* ${(index % 2 ? 'é' : 'x').repeat(MEGABYTE / (1 + (index % 2)))} */`,
          parameters: [{ kind: 'text', value: 'y'.repeat(MEGABYTE), oid: null }],
          protocol: 'EXTENDED',
        });
      for (const [index, id] of ids.entries()) {
        const entries = index === 0 ? [1, 2, 3, 4, 5, 6].map((sequence) => long(0, sequence)) : [long(index, 1)];
        await store.append({
          begun: [begin(id)],
          entries,
          ended: [{ transactionId: id, status: 'COMMITTED', at: START }],
        });
      }
      const most = 11 * MEGABYTE;
      const read: Entry[] = [];
      for (let after: EntryKey | null = null; ; ) {
        const page = await store.page(ALL, {}, after, 500);
        expect(bytesOf(page.entries)).toBeLessThan(most);
        read.push(...page.entries);
        after = page.entries.at(-1) as EntryKey;
        if (!page.hasMore) break;
      }
      expect(read.map((one) => ids.indexOf(one.transactionId))).toEqual([
        0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
      ]);
      expect(read.map((one) => one.statement.length > MEGABYTE / 2)).not.toContain(false);

      const first = await store.transactionEntries(ids[0] as string, 0, 6);
      expect(first.hasMore).toBe(true);
      const rest = await store.transactionEntries(ids[0] as string, first.entries.length, 6);
      expect([...first.entries, ...rest.entries].map((one) => one.sequence)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(rest.hasMore).toBe(false);

      let tail = 0;
      for (let after = { arrival: 0n, timestamp: 0, position: 0n, sequence: 0 }; ; ) {
        const entries = await store.tail(after, {}, 500);
        if (entries.length === 0) break;
        expect(bytesOf(entries)).toBeLessThan(most);
        tail += entries.length;
        after = entries.at(-1) as Entry;
      }
      expect(tail).toBe(17);

      const nowhere = { transactionId: randomUUID(), sequence: 1 };
      const places: readonly EntryPlace[] = [...read, nowhere, ...read, nowhere];
      const placed: (Entry | null)[] = [];
      while (placed.length < places.length) {
        const page = await store.entriesByPlace(places.slice(placed.length));
        expect(bytesOf(page.filter((one) => one !== null))).toBeLessThan(most);
        placed.push(...page);
      }
      expect(placed).toEqual([...read, null, ...read, null]);

      const committed: string[] = [];
      for (let after = 0n; ; ) {
        const page = await store.committed(ALL, {}, after, 500);
        if (page.length === 0) break;
        // One transaction is never parted.
        if (page.length > 1) expect(bytesOf(page.flatMap(({ entries }) => entries))).toBeLessThan(most);
        committed.push(...page.map(({ transaction }) => transaction.id));
        after = page.at(-1)?.transaction.commitSeq as bigint;
      }
      expect(committed).toEqual(ids);
    });

    it.each([
      ['day by day', {}, DAY],
      ['with many days between', {}, 35 * DAY],
      ['of what sessions have set', { sessionIds: ['s1'], statementTypes: ['SET'] }, 600 * SECOND],
    ] as const)('bound a page by their bytes wherever they stand: %s', async (_, filter, apart) => {
      const id = randomUUID();
      await store.append({ begun: [begin(id)] });
      const lengths = Array.from({ length: 9 }, (_, n) => 3 * MEGABYTE + n);
      for (const [n, length] of lengths.entries()) {
        const [timestamp, statement] = [START + n * apart, 'x'.repeat(length)];
        await store.append({ entries: [entry(id, n + 1, { timestamp, statement, statementType: 'SET' })] });
      }
      const read: number[] = [];
      for (let after: EntryKey | null = null; ; ) {
        const page = await store.page({ from: START, to: ALL.to }, filter, after, 500);
        expect(bytesOf(page.entries)).toBeLessThan(11 * MEGABYTE + 100);
        read.push(...page.entries.map((one) => one.statement.length));
        after = page.entries.at(-1) as EntryKey;
        if (!page.hasMore) break;
      }
      expect(read).toEqual(lengths);
    });
  });

  describe('commit order', () => {
    it('gives the committed transactions of the window in commit order with all of their entries', async () => {
      const ids: string[] = [];
      for (let index = 0; index < 7; index += 1) {
        // Commit times run against the commit order here: only the positions may decide.
        ids.push(await appendTransaction(store, 3, { timestamp: START + (7 - index) * 60 * SECOND }));
      }
      const rolledBack = randomUUID();
      await store.append({
        begun: [begin(rolledBack)],
        entries: [entry(rolledBack, 1)],
        ended: [{ transactionId: rolledBack, status: 'ROLLED_BACK', at: START + 100 }],
      });
      const seen: string[] = [];
      for (let after = 0n; ; ) {
        const page = await store.committed(ALL, {}, after, 2);
        if (page.length === 0) break;
        expect(page.length).toBeLessThanOrEqual(2);
        for (const { transaction, entries } of page) {
          seen.push(transaction.id);
          expect(entries.map((one) => [one.transactionId, one.sequence])).toEqual(
            [1, 2, 3].map((sequence) => [transaction.id, sequence]),
          );
        }
        after = page.at(-1)?.transaction.commitSeq as bigint;
      }
      expect(seen).toEqual(ids);
      expect(await store.committedCount(ALL, {}, 'INCLUDE')).toBe(21);
      const window = { from: START + 2 * 60 * SECOND + 3_000, to: START + 4 * 60 * SECOND + 3_000 };
      const inside = await store.committed(window, {}, 0n, 10);
      expect(inside.map((one) => one.transaction.id)).toEqual([ids[3], ids[4], ids[5]]);
      expect(await store.committedCount(window, {}, 'INCLUDE')).toBe(9);
      expect(await store.committed({ from: window.from + 1, to: window.to - 1 }, {}, 0n, 10)).toHaveLength(1);
    });

    it('counts what a filter and the edges of the window leave of them as it profiles it', async () => {
      // Statements a millisecond apart: of the first transaction two lie before the window.
      await appendTransaction(store, 4, { timestamp: START });
      await appendTransaction(store, 3, { timestamp: START + 2_000 });
      const window = { from: START + 2_000, to: START + 60 * SECOND };
      const counts: unknown[] = [];
      for (const filter of [{}, { statementTypes: ['DDL'] }, { sessionIds: ['nobody'] }] satisfies EntryFilter[]) {
        for (const edges of ['INCLUDE', 'CUT', 'EXCLUDE'] as const) {
          const count = await store.committedCount(window, filter, edges);
          expect((await store.committedProfile(window, filter, edges)).entries).toBe(count);
          counts.push(count);
        }
      }
      expect(counts).toEqual([7, 5, 3, 0, 0, 0, 0, 0, 0]);
    });

    it('chooses whole transactions by origin and id, and leaves statement filters to the caller', async () => {
      const mine = await appendTransaction(store, 2, { origin: { ...ORIGIN, sessionId: 's2' } });
      const other = await appendTransaction(store, 2);
      const read = async (filter: EntryFilter) =>
        (await store.committed(ALL, filter, 0n, 10)).map((one) => one.transaction.id);
      expect(await read({ sessionIds: ['s2'] })).toEqual([mine]);
      expect(await read({ transactionIds: [other] })).toEqual([other]);
      expect(await read({ users: ['nobody'] })).toEqual([]);
      expect(await read({ text: 'nothing holds this', statementTypes: ['DDL'] })).toEqual([mine, other]);
      expect(await store.committedCount(ALL, { sessionIds: ['s2'] }, 'INCLUDE')).toBe(2);
      expect(await store.committedCount(ALL, { text: 'nothing holds this' }, 'INCLUDE')).toBe(0);
    });
  });

  describe('tail', () => {
    it('begins behind everything, gives what arrives, and wakes its listeners (J10)', async () => {
      await appendTransaction(store, 3);
      const end = await store.tailEnd();
      expect(await store.tail(end, {}, 10)).toEqual([]);
      const woken = new Promise<void>((resolve) => {
        const stop = store.onAppend(() => {
          stop();
          resolve();
        });
      });
      // The listening connection may still be opening: append until it heard of one.
      const made: string[] = [];
      let heard = false;
      void woken.then(() => {
        heard = true;
      });
      while (!heard) made.push(await appendTransaction(store, 1, { timestamp: START - DAY }));
      await woken;
      expect((await store.tail(end, {}, 1_000)).map((one) => one.transactionId)).toEqual(made);
    });
  });

  describe('coverage', () => {
    it('counts the window, in equal buckets that cover it', async () => {
      const failed = {
        outcome: { status: 'FAILED' as const, sqlstate: '23505', message: 'duplicate key' },
        statementType: 'INSERT' as const,
      };
      await appendTransaction(store, 4);
      await appendTransaction(store, 2, {
        ...failed,
        timestamp: START + 9 * SECOND,
        origin: { ...ORIGIN, sessionId: 's2', database: 'stock' },
      });
      const id = randomUUID();
      await store.append({ begun: [begin(id)], entries: [entry(id, 1)] });
      const window = { from: START, to: START + 10 * SECOND - 1 };
      expect(await store.coverage(window, 4)).toEqual({
        window,
        entries: 7,
        failures: 2,
        unknownOutcomes: 0,
        transactions: { committed: 2, rolledBack: 0, open: 1 },
        sessions: 2,
        databases: ['shop', 'stock'],
        first: START,
        last: START + 9 * SECOND + 1_000,
        byType: { SELECT: 5, INSERT: 2 },
        buckets: [5, 0, 0, 2].map((entries, index) => ({
          from: START + index * 2.5 * SECOND,
          to: START + (index + 1) * 2.5 * SECOND - 1,
          entries,
          failures: index === 3 ? 2 : 0,
        })),
        losses: [],
      });
      expect((await store.coverage({ from: START, to: START + 1 }, 10)).buckets).toHaveLength(2);
    });

    it('shows the losses that touch the window or have no time, one for each reason with the earliest source (J15)', async () => {
      const loss = (from: number | null, to: number | null, source: string | null) => ({
        reason: 'UNPARSABLE_LINE' as const,
        count: 2,
        from,
        to,
        source,
        detail: null,
      });
      await store.append({
        losses: [
          loss(START + 20, START + 20, 'b.log:7'),
          loss(START + 5, START + 12, 'a.log:3'),
          loss(null, null, null),
          loss(START + 99, START + 99, 'z.log:1'),
        ],
      });
      expect((await store.coverage({ from: START + 10, to: START + 20 }, 0)).losses).toEqual([
        { reason: 'UNPARSABLE_LINE', count: 6, from: START + 5, to: START + 20, source: 'a.log:3', detail: null },
      ]);
      expect((await store.coverage({ from: START + 13, to: START + 14 }, 0)).losses).toMatchObject([
        { count: 2, source: null },
      ]);
    });
  });
}
