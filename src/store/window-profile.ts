import { expressionBuilder, type Kysely, sql } from 'kysely';
import type { Micros, StatementType, UnreplayableReason } from '../journal/entry.ts';
import type { WindowProfile } from '../journal/store.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import { outcomeCode, statementTypeCode, statusCode, unreplayableCode } from './codes.ts';
import type { Database } from './database.ts';
import { filterConditions, type ResolvedFilter, resolveFilter } from './entry-filter.ts';
import type { Origins } from './origins.ts';
import type { Tables } from './tables.ts';

interface ProfileRow {
  readonly origin_id: number;
  readonly type: number;
  readonly outcome: number;
  readonly unreplayable: number | null;
  readonly count: bigint;
  readonly timed: bigint;
  readonly ms: number;
  readonly longest: number;
  readonly first: bigint;
  readonly last: bigint;
}

/** See `JournalStore.profile`. Exact, from one snapshot; costs two scans of the window's entries. */
export async function readProfile(
  database: Database,
  origins: Origins,
  window: Window,
  filter: EntryFilter,
): Promise<WindowProfile> {
  const resolved = await resolveFilter(database.query, origins, filter, window);
  if (resolved === null) return summed([], new Map(), { committed: 0, rolledBack: 0, open: 0 });
  const { rows, transactions } = await database.scan(async (snapshot) => ({
    rows: await countEntries(snapshot, resolved),
    transactions: await countTransactions(snapshot, resolved),
  }));
  const known = await origins.byId([...new Set(rows.map((row) => row.origin_id))]);
  const sessions = new Map(
    [...known].map(([id, origin]) => [id, JSON.stringify([origin.nodeId, origin.sessionId])] as const),
  );
  return summed(rows, sessions, transactions);
}

function conditionsOf(resolved: ResolvedFilter) {
  const eb = expressionBuilder<Tables, 'entries'>();
  return eb.and(filterConditions(eb, resolved));
}

async function countEntries(snapshot: Kysely<Tables>, resolved: ResolvedFilter): Promise<readonly ProfileRow[]> {
  const { rows } = await sql<ProfileRow>`
    select origin_id, type, outcome, unreplayable, count(*) as count, count(duration_ms) as timed,
           coalesce(sum(duration_ms), 0)::float8 as ms, coalesce(max(duration_ms), 0)::float8 as longest,
           min(ts) as first, max(ts) as last
    from reprise.entries where ${conditionsOf(resolved)}
    group by 1, 2, 3, 4`.execute(snapshot);
  return rows;
}

async function countTransactions(
  snapshot: Kysely<Tables>,
  resolved: ResolvedFilter,
): Promise<WindowProfile['transactions']> {
  const { rows } = await sql<{ status: number; count: bigint }>`
    with seen as materialized (select distinct position from reprise.entries where ${conditionsOf(resolved)})
    select status, count(*) as count from reprise.transactions join seen using (position) group by 1`.execute(snapshot);
  const counts = { committed: 0, rolledBack: 0, open: 0 };
  const fields = { COMMITTED: 'committed', ROLLED_BACK: 'rolledBack', OPEN: 'open' } as const;
  for (const { status, count } of rows) counts[fields[statusCode.decode(status)]] = Number(count);
  return counts;
}

function summed(
  rows: readonly ProfileRow[],
  sessions: ReadonlyMap<number, string>,
  transactions: WindowProfile['transactions'],
): WindowProfile {
  const byType: Partial<Record<StatementType, number>> = {};
  const unreplayable: Partial<Record<UnreplayableReason, number>> = {};
  const bySession = new Map<string, number>();
  let entries = 0;
  let failed = 0;
  let timed = 0;
  let recordedMs = 0;
  let longestMs = 0;
  let first: Micros | null = null;
  let last: Micros | null = null;
  for (const row of rows) {
    const count = Number(row.count);
    const type = statementTypeCode.decode(row.type);
    entries += count;
    timed += Number(row.timed);
    recordedMs += row.ms;
    byType[type] = (byType[type] ?? 0) + count;
    if (outcomeCode.decode(row.outcome) === 'FAILED') failed += count;
    if (row.unreplayable === null) longestMs = Math.max(longestMs, row.longest);
    else {
      const reason = unreplayableCode.decode(row.unreplayable);
      unreplayable[reason] = (unreplayable[reason] ?? 0) + count;
    }
    const session = sessions.get(row.origin_id) ?? '';
    bySession.set(session, (bySession.get(session) ?? 0) + row.ms);
    first = Math.min(first ?? Number(row.first), Number(row.first));
    last = Math.max(last ?? Number(row.last), Number(row.last));
  }
  const longestSessionMs = [...bySession.values()].reduce((most, ms) => Math.max(most, ms), 0);
  const counts = { entries, failed, timed, recordedMs, longestSessionMs, longestMs };
  return { ...counts, byType, unreplayable, transactions, first, last };
}
