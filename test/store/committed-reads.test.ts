import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NewEntry, Origin } from '../../src/journal/entry.ts';
import type { JournalStore, TransactionWithEntries } from '../../src/journal/store.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ALL, begin, commit, DAY, entry, NO_LIMITS, ORIGIN, SECOND, START } from './journal-fixtures.ts';

let created: TestDatabase;
let database: Database;
let store: JournalStore;
/** The statements that were read with. */
let statements: string[];

beforeEach(async () => {
  created = await createTestDatabase('journal');
  database = await openDatabase(created.url, { poolSize: 4 });
  statements = [];
  const heard: Database = {
    ...database,
    rows(compiled) {
      statements.push(compiled.sql);
      return database.rows(compiled);
    },
  };
  store = createJournalStore(heard, NO_LIMITS);
});

afterEach(async () => {
  await database.close();
  await created.drop();
});

/** A transaction with an entry at each of the times; it commits at the last one. */
async function append(times: readonly number[], over: Partial<NewEntry> = {}, end = commit): Promise<string> {
  const id = randomUUID();
  const origin = over.origin ?? ORIGIN;
  await store.append({
    begun: [begin(id, { origin, startedAt: times[0] ?? START, autocommit: times.length === 1 })],
    entries: times.map((timestamp, at) => entry(id, at + 1, { ...over, timestamp })),
    ended: [end(id, times.at(-1) ?? START)],
  });
  return id;
}

const times = (count: number, from: number, step: number) =>
  Array.from({ length: count }, (_, at) => Math.round(from + at * step));

async function readAll(limit: number, filter = {}): Promise<TransactionWithEntries[]> {
  const all: TransactionWithEntries[] = [];
  for (;;) {
    const page = await store.committed(ALL, filter, all.at(-1)?.transaction.commitSeq ?? 0n, limit);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

/** Each with its entries as `transactionEntries` gives them. */
async function expectWhole(read: readonly TransactionWithEntries[], ids: readonly string[]): Promise<void> {
  expect(read.map(({ transaction }) => transaction.id)).toEqual(ids);
  for (const { transaction, entries } of read) {
    expect(entries).toEqual((await store.transactionEntries(transaction.id, 0, 10_000)).entries);
    const whole = await store.transaction(transaction.id);
    expect(whole).toMatchObject(transaction);
  }
}

const together = () => statements.filter((text) => text.includes('limit $3') && text.includes('$1 and $2')).length;
const each = () => statements.filter((text) => text.includes('unnest')).length;

it('transactions that ran at about the same time are read in one go', async () => {
  const ids: string[] = [];
  for (let at = 0; at < 40; at += 1) ids.push(await append(times(1 + (at % 4), START + at * SECOND, 1_500)));
  const page = await store.committed(ALL, {}, 0n, 100);
  expect([together(), each()]).toEqual([1, 0]);
  await expectWhole(page, ids);
});

it('a transaction that lasts is read apart, whatever the pages', async () => {
  const ids: string[] = [];
  for (let at = 0; at < 20; at += 1) ids.push(await append(times(2, START + at * SECOND, 700)));
  ids.push(await append(times(30, START - 2 * DAY, (2 * DAY) / 29)));
  // A statement that ran for an hour.
  ids.push(await append([START - 3_600 * SECOND], {}, (id) => commit(id, START + 20 * SECOND)));
  for (let at = 21; at < 40; at += 1) ids.push(await append(times(2, START + at * SECOND, 700)));
  for (const limit of [1, 2, 7, 100]) await expectWhole(await readAll(limit), ids);
});

it('many entries of others in between end the common read early, and nothing is missed or read twice', async () => {
  const ids: string[] = [];
  for (let at = 0; at < 15; at += 1) ids.push(await append(times(2, START + at * SECOND, 700)));
  await append(times(600, START + 5 * SECOND + 200, 3_000), {}, (transactionId, at = START) => ({
    transactionId,
    status: 'ROLLED_BACK',
    at,
  }));
  for (let at = 15; at < 30; at += 1) ids.push(await append(times(2, START + at * SECOND, 700)));
  const page = await store.committed(ALL, {}, 0n, 100);
  expect([together(), each()]).toEqual([1, 1]);
  await expectWhole(page, ids);
});

it('entries stand by their sequence, also where their times run against it', async () => {
  const ids = [await append([START + 3, START + 1, START + 2]), await append([START + 4, START + 1])];
  await expectWhole(await store.committed(ALL, {}, 0n, 10), ids);
});

it('the transactions of one session among others are looked for one by one', async () => {
  const mine: Origin = { ...ORIGIN, sessionId: 's2' };
  const ids: string[] = [];
  for (let at = 0; at < 30; at += 1) {
    const id = await append(times(2, START + at * SECOND, 700), at % 3 === 0 ? { origin: mine } : {});
    if (at % 3 === 0) ids.push(id);
  }
  const page = await store.committed(ALL, { sessionIds: ['s2'] }, 0n, 100);
  expect([together(), each()]).toEqual([0, 1]);
  await expectWhole(page, ids);
});

it('a page ends with the transaction before the one that would bring it over 5,000 entries', async () => {
  const ids: string[] = [];
  for (const count of [3_000, 1_999, 2, 6_000, 1]) ids.push(await append(times(count, START + ids.length, 10)));
  const sizes: number[] = [];
  for (let after = 0n; ; ) {
    const page = await store.committed(ALL, {}, after, 100);
    if (page.length === 0) break;
    sizes.push(page.length);
    after = page.at(-1)?.transaction.commitSeq as bigint;
  }
  expect(sizes).toEqual([2, 1, 1, 1]);
  await expectWhole(await readAll(100), ids);
});
