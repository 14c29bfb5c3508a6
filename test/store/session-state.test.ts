import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import type { NewEntry } from '../../src/journal/entry.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createTestDatabase } from '../support/database.ts';
import { ALL, begin, commit, DAY, entry, NO_LIMITS, ORIGIN, readAll, SECOND, START } from './journal-fixtures.ts';

/** On one connection, whose server process then has counted all that was read. */
async function openOne() {
  const created = await createTestDatabase('journal');
  const database = await openDatabase(created.url, { poolSize: 1 });
  onTestFinished(async () => {
    await database.close();
    await created.drop();
  });
  return { database, store: createJournalStore(database, NO_LIMITS) };
}

/** Entries that the server has read so far. */
async function entriesRead({ query }: Database): Promise<number> {
  await sql`select pg_stat_force_next_flush()`.execute(query);
  const { rows } = await sql<{ read: string }>`
    select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::text as read
    from pg_stat_user_tables where relname like 'entries_2%'`.execute(query);
  return Number(rows[0]?.read);
}

/** Looks into indexes of entries so far. */
async function looks({ query }: Database): Promise<number> {
  await sql`select pg_stat_force_next_flush()`.execute(query);
  const { rows } = await sql<{ scans: string }>`
    select sum(idx_scan)::text as scans from pg_stat_user_indexes where relname like 'entries_2%'`.execute(query);
  return Number(rows[0]?.scans);
}

for (const origins of [1, 2_500]) {
  it(`reads what sessions have set without a look at what else ran, where they have ${origins} origins`, async () => {
    const { database, store } = await openOne();
    const sets = 20;
    const entries = Array.from({ length: 6_000 }, (_, n): NewEntry => {
      const isSet = n % (6_000 / sets) === 0;
      const origin = isSet
        ? { ...ORIGIN, sessionId: 'wanted', application: `request ${n % origins}` }
        : { ...ORIGIN, sessionId: n % 2 === 0 ? 'wanted' : 'other', application: `request ${n % origins}` };
      const statementType = isSet || origin.sessionId === 'other' ? 'SET' : 'UPDATE';
      return entry(randomUUID(), 1, { timestamp: START + n * 100 * SECOND, origin, statementType });
    });
    await store.append({
      begun: entries.map(({ transactionId, origin }) => begin(transactionId, { origin })),
      entries,
      ended: entries.map(({ transactionId }) => commit(transactionId)),
    });
    const before = await entriesRead(database);
    const filter = { sessionIds: ['wanted'], statementTypes: ['SET', 'OTHER'] } as const;
    const found = await readAll(store, { from: START - DAY, to: ALL.to }, filter, 100);
    expect(found).toHaveLength(sets);
    expect((await entriesRead(database)) - before).toBeLessThan(2 * sets);
  });
}

it('does not look for each of more than 10,000 origins, page by page', async () => {
  const { database, store } = await openOne();
  const entries = Array.from({ length: 10_100 }, (_, n): NewEntry => {
    const origin = { ...ORIGIN, application: `request ${n}` };
    return entry(randomUUID(), 1, {
      timestamp: START + n * SECOND,
      origin,
      statementType: n % 20 === 0 ? 'SET' : 'UPDATE',
    });
  });
  await store.append({ begun: entries.map(({ transactionId, origin }) => begin(transactionId, { origin })), entries });
  const before = await looks(database);
  const filter = { sessionIds: [ORIGIN.sessionId], statementTypes: ['SET', 'OTHER'] } as const;
  const found = await readAll(store, { from: START - DAY, to: ALL.to }, filter, 100);
  const sets = entries.filter(({ statementType }) => statementType === 'SET');
  expect(found.map((one) => one.transactionId)).toEqual(sets.map((one) => one.transactionId));
  expect((await looks(database)) - before).toBeLessThan(100);
});
