import { sql } from 'kysely';
import type { JournalSize } from '../journal/append-statistics.ts';
import type { Database } from './database.ts';
import { guarded } from './failures.ts';

/**
 * Measures without reading entries: a row for each day, and the sizes of files.
 * @throws RepriseError STORE_UNAVAILABLE
 */
export function readJournalSize(database: Database): Promise<JournalSize> {
  return guarded('measure the journal', async () => {
    const { rows } = await sql<{ entries: bigint; journal: bigint; replays: bigint }>`
      select
        (select coalesce(sum(entries), 0)::int8 from reprise.journal_days) as entries,
        coalesce(sum(size) filter (where not is_replay), 0)::int8 as journal,
        coalesce(sum(size) filter (where is_replay), 0)::int8 as replays
      from (
        select pg_total_relation_size(oid) as size, relname like 'replay%' as is_replay
        from pg_class
        where relnamespace = 'reprise'::regnamespace and relkind = 'r'
      ) as relation`.execute(database.query);
    const [row] = rows;
    return {
      entries: Number(row?.entries),
      journalBytes: Number(row?.journal),
      replayBytes: Number(row?.replays),
    };
  });
}
