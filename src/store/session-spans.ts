import { expressionBuilder, sql } from 'kysely';
import { compareEntryKeys, type EntryKey } from '../journal/entry.ts';
import type { SessionSpan } from '../journal/store.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import { statementTypeCode } from './codes.ts';
import type { Database } from './database.ts';
import { filterConditions, resolveFilter } from './entry-filter.ts';
import type { Origins } from './origins.ts';
import type { Tables } from './tables.ts';

interface SpanRow {
  readonly origin_id: number;
  readonly entries: bigint;
  readonly ddl: bigint;
  readonly first_ts: bigint;
  readonly first_position: bigint;
  readonly first_sequence: number;
  readonly last_ts: bigint;
  readonly last_position: bigint;
  readonly last_sequence: number;
}

const DDL = statementTypeCode.encode('DDL');

/** See `JournalStore.sessionSpans`. One scan of the window, then two look-ups for each origin. */
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
    select spans.*, first.position as first_position, first.sequence as first_sequence,
           last.position as last_position, last.sequence as last_sequence
    from spans
    cross join lateral (
      select position, sequence from reprise.entries
      where ts = spans.first_ts and origin_id = spans.origin_id and ${passes} order by position, sequence limit 1
    ) first
    cross join lateral (
      select position, sequence from reprise.entries
      where ts = spans.last_ts and origin_id = spans.origin_id and ${passes} order by position desc, sequence desc limit 1
    ) last`;
  const { rows } = await database.scan((snapshot) => select.execute(snapshot));
  const known = await origins.byId(rows.map((row) => row.origin_id));
  const spans = new Map<string, SessionSpan>();
  for (const row of rows) {
    const origin = known.get(row.origin_id);
    if (origin === undefined) throw new Error(`reprise.origins has lost row ${row.origin_id}`);
    const span: SessionSpan = {
      nodeId: origin.nodeId,
      sessionId: origin.sessionId,
      user: origin.user,
      database: origin.database,
      first: keyOf(row.first_ts, row.first_position, row.first_sequence),
      last: keyOf(row.last_ts, row.last_position, row.last_sequence),
      entries: Number(row.entries),
      ddl: Number(row.ddl),
    };
    const session = JSON.stringify([origin.nodeId, origin.sessionId]);
    const other = spans.get(session);
    spans.set(session, other === undefined ? span : merged(span, other));
  }
  return [...spans.values()].sort((a, b) => compareEntryKeys(a.first, b.first));
}

function keyOf(ts: bigint, position: bigint, sequence: number): EntryKey {
  return { timestamp: Number(ts), position, sequence };
}

/** A session whose origin changed on the way (`SET application_name`) is one span, named as it began. */
function merged(a: SessionSpan, b: SessionSpan): SessionSpan {
  const [earlier, later] = compareEntryKeys(a.first, b.first) < 0 ? [a, b] : [b, a];
  const last = compareEntryKeys(a.last, b.last) > 0 ? a.last : b.last;
  return { ...earlier, last, entries: earlier.entries + later.entries, ddl: earlier.ddl + later.ddl };
}
