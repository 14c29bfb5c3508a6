import { type Kysely, sql } from 'kysely';
import type { Micros } from '../journal/entry.ts';
import type { Coverage, CoverageBucket, Loss, LossReason } from '../journal/store.ts';
import type { Window } from '../journal/window.ts';
import { outcomeCode, statementTypeCode, statusCode } from './codes.ts';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';

interface CountRow {
  readonly bucket: bigint;
  readonly type: number;
  readonly outcome: number;
  readonly count: bigint;
  readonly first: bigint;
  readonly last: bigint;
}

/** See `JournalStore.coverage`. Exact, from one snapshot; costs two scans of the window's entries. */
export async function readCoverage(database: Database, window: Window, buckets: number): Promise<Coverage> {
  const parts = splitWindow(window, buckets);
  const width = parts[0] === undefined ? window.to - window.from + 1 : parts[0].to - parts[0].from + 1;
  return database.scan(async (snapshot) => {
    const counts = await countEntries(snapshot, window, width);
    const transactions = await countTransactions(snapshot, window);
    const who = await countSessions(snapshot, window);
    return { window, ...summed(counts, parts), transactions, ...who, losses: await lossesOf(snapshot, window) };
  });
}

/** Equal parts that cover the window; the last may be shorter. */
function splitWindow(window: Window, buckets: number): Window[] {
  if (buckets < 1) return [];
  const width = Math.ceil((window.to - window.from + 1) / buckets);
  const parts: Window[] = [];
  for (let from = window.from; from <= window.to; from += width) {
    parts.push({ from, to: Math.min(from + width - 1, window.to) });
  }
  return parts;
}

async function countEntries(snapshot: Kysely<Tables>, window: Window, width: Micros): Promise<readonly CountRow[]> {
  const { rows } = await sql<CountRow>`
    select (ts - ${window.from}::int8) / ${width}::int8 as bucket, type, outcome, count(*) as count, min(ts) as first, max(ts) as last
    from reprise.entries where ts between ${window.from}::int8 and ${window.to}::int8
    group by 1, 2, 3`.execute(snapshot);
  return rows;
}

function summed(
  rows: readonly CountRow[],
  parts: readonly Window[],
): Pick<Coverage, 'entries' | 'failures' | 'unknownOutcomes' | 'first' | 'last' | 'byType' | 'buckets'> {
  const byType: Record<string, number> = {};
  const buckets = parts.map((part): { -readonly [K in keyof CoverageBucket]: CoverageBucket[K] } => ({
    ...part,
    entries: 0,
    failures: 0,
  }));
  let entries = 0;
  let failures = 0;
  let unknownOutcomes = 0;
  let first: Micros | null = null;
  let last: Micros | null = null;
  for (const row of rows) {
    const count = Number(row.count);
    const type = statementTypeCode.decode(row.type);
    const outcome = outcomeCode.decode(row.outcome);
    entries += count;
    byType[type] = (byType[type] ?? 0) + count;
    const bucket = buckets[Number(row.bucket)];
    if (bucket !== undefined) bucket.entries += count;
    if (outcome === 'FAILED') {
      failures += count;
      if (bucket !== undefined) bucket.failures += count;
    }
    if (outcome === 'UNKNOWN') unknownOutcomes += count;
    first = Math.min(first ?? Number(row.first), Number(row.first));
    last = Math.max(last ?? Number(row.last), Number(row.last));
  }
  return { entries, failures, unknownOutcomes, first, last, byType, buckets };
}

async function countSessions(
  snapshot: Kysely<Tables>,
  window: Window,
): Promise<Pick<Coverage, 'sessions' | 'databases'>> {
  const { rows } = await sql<{ sessions: bigint; databases: string[] | null }>`
    with seen as materialized (
      select distinct origin_id from reprise.entries where ts between ${window.from}::int8 and ${window.to}::int8
    )
    select count(distinct (node_id, session_id)) as sessions,
           array_agg(distinct database order by database) filter (where database is not null) as databases
    from reprise.origins where id in (select origin_id from seen)`.execute(snapshot);
  return { sessions: Number(rows[0]?.sessions ?? 0n), databases: rows[0]?.databases ?? [] };
}

/**
 * Transactions with entries in the window. Those that lie in it whole are known by their span; only the few at
 * its edges, or with entries that were evicted, have to be looked into.
 */
async function countTransactions(snapshot: Kysely<Tables>, window: Window): Promise<Coverage['transactions']> {
  const { rows } = await sql<{ status: number; count: bigint }>`
    select t.status, count(*) as count from reprise.transactions t
    where t.first_ts <= ${window.to}::int8 and t.last_ts >= ${window.from}::int8
      and ((t.first_ts >= ${window.from}::int8 and t.last_ts <= ${window.to}::int8
            and t.first_ts >= (select evicted_before from reprise.journal_clock))
           or exists (select from reprise.entries e
                      where e.position = t.position and e.ts between ${window.from}::int8 and ${window.to}::int8))
    group by t.status`.execute(snapshot);
  const counts = { committed: 0, rolledBack: 0, open: 0 };
  const fields = { COMMITTED: 'committed', ROLLED_BACK: 'rolledBack', OPEN: 'open' } as const;
  for (const { status, count } of rows) counts[fields[statusCode.decode(status)]] = Number(count);
  return counts;
}

/** See `JournalStore.losses`. */
export function readLosses(database: Database, window: Window): Promise<readonly Loss[]> {
  return database.scan((snapshot) => lossesOf(snapshot, window));
}

/** Losses that touch the window or whose time is not known, one for each reason. */
async function lossesOf(snapshot: Kysely<Tables>, window: Window): Promise<readonly Loss[]> {
  const { rows } = await sql<{
    reason: LossReason;
    count: bigint;
    from_ts: bigint | null;
    to_ts: bigint | null;
    source: string | null;
    detail: string | null;
  }>`
    select reason, sum(count)::int8 as count, min(from_ts) as from_ts, max(to_ts) as to_ts,
           (array_agg(source order by from_ts nulls last, id) filter (where source is not null))[1] as source,
           (array_agg(detail order by from_ts nulls last, id) filter (where detail is not null))[1] as detail
    from reprise.losses
    where count > 0 and coalesce(from_ts, to_ts, ${window.from}::int8) <= ${window.to}::int8
      and coalesce(to_ts, from_ts, ${window.to}::int8) >= ${window.from}::int8
    group by reason order by reason`.execute(snapshot);
  return rows.map((row) => ({
    reason: row.reason,
    count: Number(row.count),
    from: row.from_ts === null ? null : Number(row.from_ts),
    to: row.to_ts === null ? null : Number(row.to_ts),
    source: row.source,
    detail: row.detail,
  }));
}

/** See `JournalStore.lossMark`. */
export async function readLossMark({ query }: Database): Promise<number> {
  const newest = await query
    .selectFrom('losses')
    .select((eb) => eb.fn.max('id').as('id'))
    .executeTakeFirst();
  return Number(newest?.id ?? 0);
}

/** See `JournalStore.evictedSince`. */
export async function wasEvictedSince({ query }: Database, lossMark: number, from: Micros): Promise<boolean> {
  const eviction = await query
    .selectFrom('losses')
    .select('id')
    .where('id', '>', BigInt(lossMark))
    .where('reason', 'in', ['EVICTED_BY_AGE', 'EVICTED_BY_SIZE'])
    .where('to_ts', '>=', BigInt(from))
    .limit(1)
    .executeTakeFirst();
  return eviction !== undefined;
}
