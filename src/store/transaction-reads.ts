import { type Kysely, sql } from 'kysely';
import type { Entry } from '../journal/entry.ts';
import type { TransactionWithEntries } from '../journal/store.ts';
import type { Transaction } from '../journal/transaction.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import type { Database } from './database.ts';
import { uuidsOf } from './entry-filter.ts';
import {
  ENTRY_FIELDS,
  type EntryRow,
  entryOf,
  ORIGIN_ID,
  originAt,
  TRANSACTION_FIELDS,
  transactionsOf,
} from './entry-rows.ts';
import type { Origins } from './origins.ts';
import type { Tables } from './tables.ts';

/** Transactions by id, in the order asked; null where there is none. */
export async function readTransactions(
  { query }: Database,
  origins: Origins,
  ids: readonly string[],
): Promise<readonly (Transaction | null)[]> {
  const wanted = uuidsOf(ids);
  if (wanted.length === 0) return ids.map(() => null);
  const rows = await query
    .selectFrom('transactions')
    .select(TRANSACTION_FIELDS)
    .where((eb) => eb('id', '=', eb.fn.any(eb.val(wanted))))
    .execute();
  const byId = new Map((await transactionsOf(rows, origins)).map((transaction) => [transaction.id, transaction]));
  return ids.map((id) => byId.get(id.toLowerCase()) ?? null);
}

/** A page ends when its transactions hold this many entries. */
const PAGE_ENTRIES = 5_000;

const MINUTE = 60_000_000;

/**
 * Committed transactions in commit order, see `JournalStore.committed`. The filter's sessions, users,
 * databases, applications and transactions choose whole transactions by their own origin; what it says about
 * single statements (types, text, outcome, duration) is left to the caller, who gets all entries.
 */
export async function readCommitted(
  database: Database,
  origins: Origins,
  window: Window,
  filter: EntryFilter,
  afterCommitSeq: bigint,
  limit: number,
): Promise<readonly TransactionWithEntries[]> {
  if (limit < 1) return [];
  const { query } = database;
  const originIds = await origins.matching(filter);
  const chosen = await committedIn(query, originIds, window, filter, afterCommitSeq);
  if (chosen === null) return [];
  const running = sql<bigint>`sum(entry_count) over (order by commit_seq)`;
  const counted = chosen
    .select(['commit_seq', 'first_ts', 'last_ts', 'entry_count', running.as('running')])
    .orderBy('commit_seq')
    .limit(limit);
  const page = await query
    .selectFrom(counted.as('counted'))
    .select((eb) => [
      eb.fn.max('commit_seq').as('last'),
      eb.fn.min('first_ts').as('from'),
      eb.fn.max('last_ts').as('to'),
    ])
    // As many as fit, one at least.
    .where(sql<boolean>`running <= ${PAGE_ENTRIES} or running = entry_count`)
    .executeTakeFirstOrThrow();
  if (page.last === null) return [];
  // The bounds of all leave out partitions when the statement is planned, those of each when it runs. Entries that were
  // evicted leave an empty transaction.
  const entries = sql<EntryRow>`
    left join lateral (
      select * from reprise.entries
      where position = t.position and ts between t.first_ts and t.last_ts
        and ts between ${page.from ?? 0n}::int8 and ${page.to ?? 0n}::int8
    ) e on true`;
  const transactions = chosen
    .select(['id', 'position', 'started_at', 'autocommit', 'commit_seq', 'origin_id', 'first_ts', 'last_ts'])
    .where('commit_seq', '<=', page.last);
  const select = sql`
    select ${sql.join(ENTRY_FIELDS.map((field) => sql.ref(`e.${field}`)))}, t.id, t.started_at, t.autocommit, t.commit_seq
    from (${transactions}) t ${entries}
    order by t.commit_seq, e.sequence`;
  return transactionsWithEntries(await database.rows<CommittedRow>(select.compile(query)), origins);
}

/** An entry, all null where there is none any more, and behind it its transaction. */
type CommittedRow = readonly [
  ...entry: EntryRow,
  id: string,
  startedAt: string,
  autocommit: boolean,
  commitSeq: string,
];

async function transactionsWithEntries(
  rows: readonly CommittedRow[],
  origins: Origins,
): Promise<readonly TransactionWithEntries[]> {
  const present = rows.filter((row) => row[ORIGIN_ID] !== null);
  const known = await origins.byId(present.map((row) => row[ORIGIN_ID]));
  const found: TransactionWithEntries[] = [];
  let entries: Entry[] = [];
  let current: string | null = null;
  for (const row of rows) {
    const id = row[18];
    const entry = row[ORIGIN_ID] === null ? null : entryOf(row as unknown as EntryRow, originAt(known, row[ORIGIN_ID]));
    if (id === current) {
      if (entry !== null) entries.push(entry);
      continue;
    }
    current = id;
    entries = entry === null ? [] : [entry];
    const transaction = { id, startedAt: Number(row[19]), autocommit: row[20], commitSeq: BigInt(row[21]) };
    found.push({ transaction, entries });
  }
  return found;
}

/** How much `readCommitted` would give in all; entries that were evicted are not counted. */
export async function countCommitted(
  database: Database,
  origins: Origins,
  window: Window,
  filter: EntryFilter,
): Promise<{ readonly transactions: number; readonly entries: number }> {
  const originIds = await origins.matching(filter);
  const row = await database.scan(async (snapshot) => {
    const committed = await committedIn(snapshot, originIds, window, filter, 0n);
    return committed
      ?.select([
        sql<bigint>`count(*)`.as('transactions'),
        sql<bigint>`coalesce(sum(case when first_ts >= (select evicted_before from reprise.journal_clock) then entry_count else
        (select count(*) from reprise.entries e
         where e.position = transactions.position and e.ts between transactions.first_ts and transactions.last_ts) end), 0)::int8`.as(
          'entries',
        ),
      ])
      .executeTakeFirst();
  });
  return { transactions: Number(row?.transactions ?? 0n), entries: Number(row?.entries ?? 0n) };
}

/** The transactions that committed in the window and pass the filter; null where there can be none. */
async function committedIn(
  query: Kysely<Tables>,
  originIds: readonly number[] | null,
  window: Window,
  filter: EntryFilter,
  afterCommitSeq: bigint,
) {
  const bounds = await query
    .selectFrom('commit_minutes')
    .select((eb) => [eb.fn.min('first_seq').as('first'), eb.fn.max('last_seq').as('last')])
    .where('minute', '>', BigInt(window.from - MINUTE))
    .where('minute', '<=', BigInt(window.to))
    .executeTakeFirst();
  if (!bounds || bounds.first === null || bounds.last === null) return null;
  const chosen = transactionsOfFilter(query, originIds, filter);
  if (chosen === null) return null;
  return chosen
    .where('commit_seq', '>', afterCommitSeq >= bounds.first ? afterCommitSeq : bounds.first - 1n)
    .where('commit_seq', '<=', bounds.last)
    .where('ended_at', '>=', BigInt(window.from))
    .where('ended_at', '<=', BigInt(window.to));
}

/**
 * The transactions of the origins and of the filter's `transactionIds`; null where it can be none. The origins
 * are looked up before: within `Database.scan` that would hold one connection and wait for another.
 */
function transactionsOfFilter(query: Kysely<Tables>, originIds: readonly number[] | null, filter: EntryFilter) {
  const ids = filter.transactionIds === undefined ? null : uuidsOf(filter.transactionIds);
  if (originIds?.length === 0 || ids?.length === 0) return null;
  let select = query.selectFrom('transactions');
  if (originIds !== null) select = select.where(sql<boolean>`origin_id = any(${originIds}::int4[])`);
  if (ids !== null) select = select.where((eb) => eb('id', '=', eb.fn.any(eb.val(ids))));
  return select;
}

/** Transactions with entries on both sides of an edge of the window, see `JournalStore.straddlers`. */
export async function readStraddlers(
  database: Database,
  origins: Origins,
  window: Window,
  filter: EntryFilter,
): Promise<readonly Transaction[]> {
  const from = BigInt(window.from);
  const to = BigInt(window.to);
  const originIds = await origins.matching(filter);
  const rows = await database.scan(async (snapshot) => {
    const chosen = transactionsOfFilter(snapshot, originIds, filter);
    return chosen
      ?.select(TRANSACTION_FIELDS)
      .where('autocommit', '=', false)
      .where((eb) =>
        eb.or([
          eb.and([eb('first_ts', '<', from), eb('last_ts', '>=', from)]),
          eb.and([eb('first_ts', '<=', to), eb('last_ts', '>', to)]),
        ]),
      )
      .where(
        sql<boolean>`exists (select from reprise.entries e where e.position = transactions.position and e.ts between ${from}::int8 and ${to}::int8)`,
      )
      .orderBy('position')
      .execute();
  });
  return transactionsOf(rows ?? [], origins);
}
