import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { expect, it, onTestFinished, vi } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { appendTransaction, begin, commit, DAY, entry, NO_LIMITS, START } from './journal-fixtures.ts';

/** One connection for everything, so that its statistics tell of everything. */
async function open(): Promise<{ readonly created: TestDatabase; readonly database: Database }> {
  const created = await createTestDatabase('journal');
  const database = await openDatabase(created.url, { poolSize: 1 });
  onTestFinished(async () => {
    await database.close();
    await created.drop();
  });
  return { created, database };
}

const KEEPING_A_DAY = { ...NO_LIMITS, retentionMs: 86_400_000 };

it('a pass of retention that has nothing to forget does not read the transactions', async () => {
  const { created, database } = await open();
  const store = createJournalStore(database, KEEPING_A_DAY);
  await appendTransaction(store, 1, { timestamp: START - 9 * DAY });
  const ids = Array.from({ length: 500 }, () => randomUUID());
  await store.append({
    begun: ids.map((id) => begin(id)),
    entries: ids.map((id) => entry(id, 1)),
    ended: ids.map((id) => commit(id)),
  });
  expect(await store.evict(START)).toBe(1);
  expect(await store.evict(START)).toBe(0);
  await database.close();
  const client = new Client({ connectionString: created.url });
  await client.connect();
  // A backend adds what it read to the statistics when it ends.
  const read = await vi.waitFor(async () => {
    const others = await client.query(
      'select from pg_stat_activity, pg_stat_clear_snapshot() where datname = current_database() and pid <> pg_backend_pid()',
    );
    expect(others.rowCount).toBe(0);
    const { rows } = await client.query(
      `select n_tup_del::int as deleted, seq_tup_read::int as scanned from pg_stat_user_tables where relname = 'transactions'`,
    );
    return rows[0];
  });
  await client.end();
  expect(read).toEqual({ deleted: 1, scanned: 0 });
});

it('forgets more transactions than it deletes at once, those that began at the same time included', async () => {
  const { database } = await open();
  const store = createJournalStore(database, KEEPING_A_DAY);
  const ids = Array.from({ length: 45_000 }, () => randomUUID());
  for (let at = 0; at < ids.length; at += 9_000) {
    const some = ids.slice(at, at + 9_000);
    await store.append({
      begun: some.map((id, index) => begin(id, { startedAt: START + (at < 27_000 ? 0 : at + index) })),
      entries: some.map((id) => entry(id, 1)),
      ended: some.map((id) => commit(id)),
    });
  }
  const kept = await appendTransaction(store, 1, { timestamp: START + 2 * DAY });
  expect(await store.evict(START + 3 * DAY)).toBe(45_000);
  const left = await database.query.selectFrom('transactions').select('id').execute();
  expect(left).toEqual([{ id: kept }]);
  expect(await database.query.selectFrom('commit_minutes').selectAll().execute()).toHaveLength(1);
});

it('forgets a transaction that is said to begin behind its entries once eviction has come to that start', async () => {
  const { database } = await open();
  const store = createJournalStore(database, KEEPING_A_DAY);
  const id = await appendTransaction(store, 1, {}, { startedAt: START + 10 * DAY });
  await store.evict(START + 3 * DAY);
  expect(await store.transaction(id)).toMatchObject({ id });
  await appendTransaction(store, 1, { timestamp: START + 11 * DAY });
  await store.evict(START + 14 * DAY);
  expect(await store.transaction(id)).toBeNull();
});

it('a transaction that an append revives while it is being forgotten is kept', async () => {
  const { database } = await open();
  const plain = createJournalStore(database, KEEPING_A_DAY);
  const id = randomUUID();
  await plain.append({ begun: [begin(id)], entries: [entry(id, 1)] });
  let revived = false;
  const reviving: Database = {
    ...database,
    async write(work, settings) {
      const result = await database.write(work, settings);
      if (!revived && Array.isArray(result) && result.some((row) => row?.id === id)) {
        revived = true;
        await plain.append({ entries: [entry(id, 2, { timestamp: START + 3 * DAY })] });
      }
      return result;
    },
  };
  expect(await createJournalStore(reviving, KEEPING_A_DAY).evict(START + 3 * DAY)).toBe(1);
  expect(revived).toBe(true);
  expect(await plain.transaction(id)).toMatchObject({ entryCount: 2 });
});
