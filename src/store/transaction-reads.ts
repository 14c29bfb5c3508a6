import { CompiledQuery, expressionBuilder, type Kysely, type SelectQueryBuilder, type SqlBool, sql } from 'kysely';
import type { Micros, StatementType, UnreplayableReason } from '../journal/entry.ts';
import type { CommittedEdges, CommittedProfile } from '../journal/store.ts';
import type { Transaction } from '../journal/transaction.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import { outcomeCode, statementTypeCode, statusCode, unreplayableCode } from './codes.ts';
import type { Database } from './database.ts';
import { isOf, statementConditions, uuidsOf } from './entry-filter.ts';
import { TRANSACTION_FIELDS, transactionsOf } from './entry-rows.ts';
import type { OriginMatch, Origins } from './origins.ts';
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

/** See `JournalStore.rolledBack`. By position: rows lie in its order, so that those of one time are read together. */
export async function readRolledBack(database: Database, positions: readonly bigint[]): Promise<ReadonlySet<bigint>> {
  if (positions.length === 0) return new Set();
  const status = statusCode.encode('ROLLED_BACK');
  const rows = await database.rows<[position: string]>(CompiledQuery.raw(ROLLED_BACK, [positions, status]));
  return new Set(rows.map(([position]) => BigInt(position)));
}

const ROLLED_BACK = 'select position from reprise.transactions where position = any($1::int8[]) and status = $2';

const MINUTE = 60_000_000;

/** See `JournalStore.committedCount`; entries that were evicted are not counted. */
export async function countCommitted(
  database: Database,
  origins: Origins,
  window: Window,
  filter: EntryFilter,
  edges: CommittedEdges,
): Promise<number> {
  const matching = await origins.matching(filter);
  const row = await database.scan(async (snapshot) => {
    const committed = await committedIn(snapshot, matching, window, filter, edges);
    // Looked at one by one, where what is known of whole transactions does not tell.
    if (edges === 'CUT' || statementConditions(expressionBuilder<Tables, 'entries'>(), filter).length > 0) {
      if (committed === null) return;
      const { among, held } = entriesHeld(committed, window, filter, edges);
      const counting = sql<{ entries: bigint }>`select count(*) as entries ${among}, lateral (select ${held}) e`;
      return (await counting.execute(snapshot)).rows[0];
    }
    return committed
      ?.select(
        sql<bigint>`coalesce(sum(case when first_ts >= (select evicted_before from reprise.journal_clock) then entry_count else
        (select count(*) from reprise.entries e
         where e.position = transactions.position and e.ts between transactions.first_ts and transactions.last_ts) end), 0)::int8`.as(
          'entries',
        ),
      )
      .executeTakeFirst();
  });
  return Number(row?.entries ?? 0n);
}

/** See `JournalStore.committedProfile`; entries that were evicted are not counted. */
export async function profileCommitted(
  database: Database,
  origins: Origins,
  window: Window,
  filter: EntryFilter,
  edges: CommittedEdges,
): Promise<CommittedProfile> {
  const matching = await origins.matching(filter);
  const { rows, transactions } = await database.scan(async (snapshot) => {
    const committed = await committedIn(snapshot, matching, window, filter, edges);
    if (committed === null) return { rows: [], transactions: 0 };
    const { among, held } = entriesHeld(committed, window, filter, edges);
    // Two statements, each with its own time limit: to count both at once would sort all of the window.
    const entries = sql<CommittedRow>`
      select type, outcome, unreplayable, count(*) as entries, count(duration_ms) as timed,
             coalesce(sum(duration_ms), 0)::float8 as ms, min(ts) as first, max(ts) as last
      ${among}, lateral (select type, outcome, unreplayable, duration_ms, ts ${held}) e
      group by 1, 2, 3`;
    const transactions = sql<{ count: bigint }>`select count(*) as count ${among} where exists (select ${held})`;
    return {
      rows: (await entries.execute(snapshot)).rows,
      transactions: Number((await transactions.execute(snapshot)).rows[0]?.count ?? 0n),
    };
  });
  return { ...summed(rows), transactions };
}

/** What to select from to look at each entry of transactions: `among` them `t`, and for each of these the entries `held`. */
function entriesHeld(committed: Committed, window: Window, filter: EntryFilter, edges: CommittedEdges) {
  const eb = expressionBuilder<Tables, 'entries'>();
  const wanted = [sql<SqlBool>`true`, ...statementConditions(eb, filter)];
  if (edges === 'CUT') wanted.push(eb('ts', '>=', BigInt(window.from)), eb('ts', '<=', BigInt(window.to)));
  return {
    among: sql`from (${committed.select(['position', 'first_ts', 'last_ts'])}) t`,
    held: sql`from reprise.entries where entries.position = t.position and ts between first_ts and last_ts and ${eb.and(wanted)}`,
  };
}

function summed(rows: readonly CommittedRow[]): Omit<CommittedProfile, 'transactions'> {
  const byType: Partial<Record<StatementType, number>> = {};
  const unreplayable: Partial<Record<UnreplayableReason, number>> = {};
  let [entries, failed, timed, recordedMs] = [0, 0, 0, 0];
  let [first, last]: [Micros | null, Micros | null] = [null, null];
  for (const row of rows) {
    const count = Number(row.entries);
    entries += count;
    if (outcomeCode.decode(row.outcome) === 'FAILED') {
      failed += count;
      continue;
    }
    timed += Number(row.timed);
    recordedMs += row.ms;
    const type = statementTypeCode.decode(row.type);
    byType[type] = (byType[type] ?? 0) + count;
    if (row.unreplayable !== null) {
      const reason = unreplayableCode.decode(row.unreplayable);
      unreplayable[reason] = (unreplayable[reason] ?? 0) + count;
    }
    first = Math.min(first ?? Number(row.first), Number(row.first));
    last = Math.max(last ?? Number(row.last), Number(row.last));
  }
  return { entries, failed, timed, recordedMs, byType, unreplayable, first, last };
}

interface CommittedRow {
  readonly type: number;
  readonly outcome: number;
  readonly unreplayable: number | null;
  readonly entries: bigint;
  readonly timed: bigint;
  readonly ms: number;
  readonly first: bigint;
  readonly last: bigint;
}

/** Keys of `commit_minutes` that hold all commits of the window: those after the first, up to the second. */
export function minutesOf(window: Window): readonly [after: bigint, last: bigint] {
  return [BigInt(window.from - MINUTE), BigInt(window.to)];
}

/** The transactions that committed in the window, pass the filter, and count; null where there can be none. */
async function committedIn(
  query: Kysely<Tables>,
  matching: OriginMatch | null,
  window: Window,
  filter: EntryFilter,
  edges: CommittedEdges,
): Promise<Committed | null> {
  const [after, last] = minutesOf(window);
  const bounds = await query
    .selectFrom('commit_minutes')
    .select((eb) => [eb.fn.min('first_seq').as('first'), eb.fn.max('last_seq').as('last')])
    .where('minute', '>', after)
    .where('minute', '<=', last)
    .executeTakeFirst();
  if (!bounds || bounds.first === null || bounds.last === null) return null;
  const chosen = transactionsOfFilter(query, matching, filter);
  if (chosen === null) return null;
  const committed = chosen
    .where('commit_seq', '>=', bounds.first)
    .where('commit_seq', '<=', bounds.last)
    .where('ended_at', '>=', BigInt(window.from))
    .where('ended_at', '<=', BigInt(window.to));
  return edges === 'EXCLUDE' ? committed.where('started_at', '>=', BigInt(window.from)) : committed;
}

type Committed = SelectQueryBuilder<Tables, 'transactions', object>;

/**
 * The transactions of the origins and of the filter's `transactionIds`; null where it can be none. The origins
 * are looked up before: within `Database.scan` that would hold one connection and wait for another.
 */
function transactionsOfFilter(query: Kysely<Tables>, matching: OriginMatch | null, filter: EntryFilter) {
  const ids = filter.transactionIds === undefined ? null : uuidsOf(filter.transactionIds);
  if (matching?.ids?.length === 0 || ids?.length === 0) return null;
  let select = query.selectFrom('transactions');
  if (matching !== null) select = select.where(isOf(matching));
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
  const matching = await origins.matching(filter);
  const rows = await database.scan(async (snapshot) => {
    const chosen = transactionsOfFilter(snapshot, matching, filter);
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
