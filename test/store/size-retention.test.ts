import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createTestDatabase } from '../support/database.ts';
import { ALL, begin, commit, DAY, entry, NO_LIMITS, SECOND, START } from './journal-fixtures.ts';

const HOUR = 3_600 * SECOND;

async function open(): Promise<Database> {
  const created = await createTestDatabase('journal');
  const database = await openDatabase(created.url, { poolSize: 2 });
  onTestFinished(async () => {
    await database.close();
    await created.drop();
  });
  return database;
}

/** So many transactions of one statement each. */
async function autocommit(database: Database, count: number, timestamp: number): Promise<void> {
  const ids = Array.from({ length: count }, () => randomUUID());
  await createJournalStore(database, NO_LIMITS).append({
    begun: ids.map((id) => begin(id, { startedAt: timestamp, autocommit: true })),
    entries: ids.map((id) => entry(id, 1, { timestamp })),
    ended: ids.map((id) => commit(id, timestamp)),
  });
}

/** What entries and transactions take on disk. */
async function onDisk({ query }: Database): Promise<number> {
  const { rows } = await sql<{ bytes: bigint }>`
    select sum(pg_total_relation_size(oid))::int8 as bytes from pg_class
    where relnamespace = 'reprise'::regnamespace and relkind = 'r' and relname ~ '^(entries_|transactions$)'`.execute(
    query,
  );
  return Number(rows[0]?.bytes);
}

const evict = (database: Database, retentionBytes: number, now: number) =>
  createJournalStore(database, { ...NO_LIMITS, retentionBytes }).evict(now);

it('transactions count for the size that is kept, and no more than their share once days are gone', async () => {
  const database = await open();
  for (let day = 0; day < 8; day += 1) await autocommit(database, 1_000, START + day * DAY);
  const whole = await onDisk(database);
  const now = START + 8 * DAY;
  expect(await evict(database, whole, now)).toBe(0);
  expect(await evict(database, whole * 0.9, now)).toBe(1_000);
  // The table of transactions has kept its size.
  expect(await evict(database, whole * 0.9, now)).toBe(0);
  expect(await evict(database, whole * 0.65, now)).toBe(2_000);
  // It has grown since, so that all of it is in use.
  await autocommit(database, 8_000, START + 8 * DAY);
  expect(await evict(database, (await onDisk(database)) * 0.99, now + DAY)).toBe(1_000);
});

it('an entry of a day to come costs the present day no more than its oldest hours', async () => {
  const database = await open();
  const now = START + 2 * HOUR;
  for (const at of [START - DAY, START, START + HOUR, now]) await autocommit(database, 1_000, at);
  const presentDay = (await onDisk(database)) * 0.75;
  await autocommit(database, 1, START + DAY);
  expect(await evict(database, presentDay * 0.9, now)).toBe(2_000);
  const left = await createJournalStore(database, NO_LIMITS).coverage(ALL, 0);
  expect(left).toMatchObject({ entries: 2_001, first: START + HOUR, last: START + DAY });
});

it('what another process has trimmed since the days were measured is not trimmed once more', async () => {
  const database = await open();
  for (let hour = 0; hour < 8; hour += 1) await autocommit(database, 1_000, START + hour * HOUR);
  const limit = (await onDisk(database)) * 0.7;
  const now = START + 8 * HOUR;
  let others = 0;
  const measured: Database = {
    ...database,
    async write(work, settings) {
      const result = await database.write(work, settings);
      const isSize = typeof result === 'object' && result !== null && 'size' in result;
      if (isSize && others === 0) others = await evict(database, limit, now);
      return result;
    },
  };
  expect(await evict(measured, limit, now)).toBe(0);
  expect(others).toBe(3_000);
});
