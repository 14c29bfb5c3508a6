import { expressionBuilder, sql } from 'kysely';
import type { DatabaseCount, SessionSpan } from '../journal/store.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import { statementTypeCode } from './codes.ts';
import type { Database } from './database.ts';
import { filterConditions, resolveFilter } from './entry-filter.ts';
import type { Origins } from './origins.ts';
import type { Tables } from './tables.ts';

interface SpanRow {
  readonly node_id: string;
  readonly session_id: string;
  readonly user_name: string | null;
  readonly database: string | null;
  readonly first_ts: bigint;
  readonly last_ts: bigint;
  readonly entries: string;
  readonly ddl: string;
}

const DDL = statementTypeCode.encode('DDL');

/**
 * See `JournalStore.sessionSpans`. One scan of the window. A session whose origin changed on the way
 * (`SET application_name`) is one span, named as it began.
 */
export async function readSessionSpans(
  database: Database,
  origins: Origins,
  window: Window,
  filter: EntryFilter,
): Promise<readonly SessionSpan[]> {
  const resolved = await resolveFilter(database.query, origins, filter, window);
  if (resolved === null) return [];
  const eb = expressionBuilder<Tables, 'entries'>();
  const passes = eb.and(filterConditions(eb, resolved));
  const select = sql<SpanRow>`
    with spans as materialized (
      select origin_id, count(*) as entries, count(*) filter (where type = ${DDL}) as ddl, min(ts) as first_ts, max(ts) as last_ts
      from reprise.entries where ${passes} group by origin_id
    )
    select node_id, session_id,
           (array_agg(user_name order by first_ts, origin_id))[1] as user_name,
           (array_agg(database order by first_ts, origin_id))[1] as database,
           min(first_ts) as first_ts, max(last_ts) as last_ts, sum(entries)::text as entries, sum(ddl)::text as ddl
    from spans join reprise.origins on origins.id = spans.origin_id
    group by node_id, session_id
    order by min(first_ts), node_id, session_id`;
  const { rows } = await database.scan((snapshot) => select.execute(snapshot));
  const shared = sharing();
  return rows.map((row) => ({
    nodeId: shared(row.node_id),
    sessionId: row.session_id,
    user: row.user_name === null ? null : shared(row.user_name),
    database: row.database === null ? null : shared(row.database),
    first: Number(row.first_ts),
    last: Number(row.last_ts),
    entries: Number(row.entries),
    ddl: Number(row.ddl),
  }));
}

/** See `JournalStore.databaseCounts`. One scan of the window. */
export async function readDatabaseCounts(
  database: Database,
  origins: Origins,
  window: Window,
  filter: EntryFilter,
): Promise<readonly DatabaseCount[]> {
  const resolved = await resolveFilter(database.query, origins, filter, window);
  if (resolved === null) return [];
  const eb = expressionBuilder<Tables, 'entries'>();
  const select = sql<{ database: string | null; sessions: bigint; entries: bigint }>`
    with counts as materialized (
      select origin_id, count(*) as entries from reprise.entries where ${eb.and(filterConditions(eb, resolved))} group by origin_id
    )
    select database, count(distinct (node_id, session_id)) as sessions, sum(entries)::int8 as entries
    from counts join reprise.origins on origins.id = counts.origin_id
    group by database order by database collate "C"`;
  const { rows } = await database.scan((snapshot) => select.execute(snapshot));
  return rows.map(({ database: name, sessions, entries }) => ({
    database: name,
    sessions: Number(sessions),
    entries: Number(entries),
  }));
}

/** Gives equal texts as one: a window may hold a hundred thousand sessions of a few users. */
function sharing(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const shared = known.get(text);
    if (shared === undefined) known.set(text, text);
    return shared ?? text;
  };
}
