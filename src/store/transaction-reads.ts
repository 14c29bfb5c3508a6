import { type Kysely, sql } from 'kysely';
import type { Transaction } from '../journal/transaction.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import type { Database } from './database.ts';
import { uuidsOf } from './entry-filter.ts';
import { TRANSACTION_FIELDS, transactionsOf } from './entry-rows.ts';
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

const MINUTE = 60_000_000;

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
export async function committedIn(
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
