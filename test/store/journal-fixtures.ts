import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';

import type { Entry, EntryKey, NewEntry, Origin } from '../../src/journal/entry.ts';
import type { JournalLimits, JournalStore } from '../../src/journal/store.ts';
import type { NewTransaction, TransactionEnd } from '../../src/journal/transaction.ts';
import type { EntryFilter, Window } from '../../src/journal/window.ts';

/** 2026-11-23 10:00 UTC. */
export const START = Date.UTC(2026, 10, 23, 10) * 1000;
export const SECOND = 1_000_000;
export const DAY = 86_400 * SECOND;
/** Everything that the fixtures can make. */
export const ALL: Window = { from: 0, to: START + 1_000 * DAY };

export const NO_LIMITS: JournalLimits = {
  entriesPerTransaction: 1_000_000,
  bytesPerTransaction: 1_000_000_000,
  retentionMs: null,
  retentionBytes: null,
};

/** What a part of the contract runs on. */
export interface Subject {
  /** The empty store of the running test. */
  store(): JournalStore;
  /** Another empty one in its place, with these limits. */
  reopen(limits: Partial<JournalLimits>): Promise<JournalStore>;
}

export const ORIGIN: Origin = { nodeId: 'db-1', sessionId: 's1', user: 'app', database: 'shop', application: 'web' };

/** A name of 5,336 characters that no compression makes fit into an index. */
export const LONG = randomBytes(4_000).toString('base64');

export function begin(id: string, over: Partial<NewTransaction> = {}): NewTransaction {
  return { id, origin: ORIGIN, startedAt: START, autocommit: false, ...over };
}

export function entry(transactionId: string, sequence: number, over: Partial<NewEntry> = {}): NewEntry {
  return {
    transactionId,
    sequence,
    origin: ORIGIN,
    timestamp: START + sequence,
    statement: `SELECT ${sequence}`,
    protocol: 'SIMPLE',
    preparedName: null,
    parameters: [],
    statementType: 'SELECT',
    durationMs: null,
    rows: null,
    checksum: null,
    outcome: { status: 'SUCCEEDED' },
    unreplayable: null,
    ...over,
  };
}

export function commit(transactionId: string, at = START): TransactionEnd {
  return { transactionId, status: 'COMMITTED', at };
}

/** Appends one committed transaction with `count` entries a millisecond apart; returns its id. */
export async function appendTransaction(
  store: JournalStore,
  count: number,
  over: Partial<NewEntry> = {},
  begun: Partial<NewTransaction> = {},
): Promise<string> {
  const id = randomUUID();
  const first = over.timestamp ?? START;
  const origin = over.origin ?? ORIGIN;
  await store.append({
    begun: [begin(id, { origin, startedAt: first, ...begun })],
    entries: Array.from({ length: count }, (_, index) =>
      entry(id, index + 1, { ...over, timestamp: first + index * 1_000 }),
    ),
    ended: [commit(id, first + count * 1_000)],
  });
  return id;
}

const origins = fc.record<Origin>({
  nodeId: fc.constantFrom('db-1', 'db-2'),
  sessionId: fc.constantFrom('s1', 's2', 's3'),
  user: fc.constantFrom('app', 'admin', null),
  database: fc.constantFrom('shop', 'stock', null),
  application: fc.constantFrom('web', 'cron', null),
});

const outcomes = fc.oneof(
  fc.constant({ status: 'SUCCEEDED' as const }),
  fc.constant({ status: 'UNKNOWN' as const }),
  fc.record({
    status: fc.constant('FAILED' as const),
    sqlstate: fc.constantFrom('23505', '42P01'),
    message: fc.string({ unit: 'grapheme' }),
  }),
);

const statements = fc.oneof(
  fc.constantFrom('SELECT 100%', 'select a_b', 'UPDATE t SET x = 1', 'BEGIN', 'a\\b\tc\nd\re', '\\.', '\\N'),
  // What may stand around a word that a filter looks for, and other words.
  fc
    .array(
      fc.constantFrom(' ', '\n', ';', '-', '/', '*', '--', '/* a */', 'Prepare', 'dealLocate', 'p', '"p"', "';'"),
      { maxLength: 6 },
    )
    .map((parts) => parts.join('')),
  fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !text.includes('\0')),
);

/** An entry without its place: transaction and sequence come from where it stands. */
const bodies = fc.record({
  // Few instants, so that many entries share one and the position has to decide; three days.
  timestamp: fc.tuple(fc.nat(2), fc.nat(6)).map(([day, step]) => START + day * DAY + step),
  statement: statements,
  statementType: fc.constantFrom(
    'SELECT' as const,
    'INSERT' as const,
    'TRANSACTION' as const,
    'DDL' as const,
    'SET' as const,
    'OTHER' as const,
  ),
  protocol: fc.constantFrom('SIMPLE' as const, 'EXTENDED' as const),
  preparedName: fc.option(fc.constantFrom('q1', 'ü')),
  parameters: fc.array(
    fc.oneof(
      fc.constant({ kind: 'null' as const }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({ kind: 'int64' as const, value })),
      fc.string({ unit: 'binary' }).map((value) => ({ kind: 'text' as const, value, oid: null })),
    ),
    { maxLength: 3 },
  ),
  durationMs: fc.option(fc.constantFrom(0, 0.125, 7.5, 1234.567)),
  rows: fc.option(fc.constantFrom(0, 1, 2 ** 40)),
  checksum: fc.option(fc.constant('00ff')),
  outcome: outcomes,
});

/** Some transactions with their entries, and in which order and batches they are appended. */
export const histories = fc
  .array(fc.record({ origin: origins, bodies: fc.array(bodies, { minLength: 1, maxLength: 6 }) }), {
    minLength: 1,
    maxLength: 8,
  })
  .chain((transactions) =>
    fc.record({
      transactions: fc.constant(
        transactions.map(({ origin, bodies: list }) => {
          const id = randomUUID();
          return {
            begin: begin(id, { origin }),
            entries: list.map((body, index) => entry(id, index + 1, { ...body, origin })),
          };
        }),
      ),
      picks: fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
      batchSize: fc.integer({ min: 1, max: 9 }),
    }),
  );

/** The entries of a history in the order in which they are appended: any that keeps each transaction's own. */
export function interleaved(history: {
  transactions: readonly { entries: readonly NewEntry[] }[];
  picks: readonly number[];
}): NewEntry[] {
  const queues = history.transactions.map(({ entries }) => [...entries]);
  const order: NewEntry[] = [];
  for (let turn = 0; queues.some((queue) => queue.length > 0); turn += 1) {
    const waiting = queues.filter((queue) => queue.length > 0);
    const queue = waiting[(history.picks[turn % history.picks.length] as number) % waiting.length] as NewEntry[];
    order.push(queue.shift() as NewEntry);
  }
  return order;
}

const some = <T>(...values: T[]) => fc.option(fc.subarray(values), { nil: undefined });

/** Filters over what `histories` makes; transactions are added by the test. */
export const filters: fc.Arbitrary<EntryFilter> = fc
  .record({
    sessionIds: some('s1', 's2', 's9'),
    users: some('app', 'admin'),
    databases: some('shop', 'stock'),
    applications: some('web', 'cron'),
    statementTypes: fc.oneof(
      some('SELECT' as const, 'INSERT' as const, 'OTHER' as const),
      some('SET' as const, 'OTHER' as const),
    ),
    text: fc.option(fc.constantFrom('select', '%', '_', '\\', 'E', ''), { nil: undefined }),
    textExcludes: fc.option(fc.constantFrom('update', '100%'), { nil: undefined }),
    outcome: fc.option(fc.constantFrom('SUCCEEDED' as const, 'FAILED' as const, 'UNKNOWN' as const), {
      nil: undefined,
    }),
    minDurationMs: fc.option(fc.constantFrom(0, 1, 1234.567), { nil: undefined }),
    keepControl: fc.option(fc.boolean(), { nil: undefined }),
  })
  .map(
    (filter) => Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as EntryFilter,
  );

/** Everything in a window by pages of `size`. */
export async function readAll(
  store: JournalStore,
  window: Window,
  filter: EntryFilter,
  size: number,
): Promise<Entry[]> {
  const all: Entry[] = [];
  let after: EntryKey | null = null;
  for (;;) {
    const page = await store.page(window, filter, after, size);
    all.push(...page.entries);
    after = page.entries.at(-1) ?? after;
    if (!page.hasMore) return all;
    if (page.entries.length !== size) throw new Error('a page that is not the last one must be full');
  }
}
