import { type Kysely, sql } from 'kysely';

/**
 * The newest loss when a run was made: evictions behind it may have taken statements from the run. Of runs that are there
 * already it is not known, so that every eviction counts.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw('alter table reprise.replays add column loss_mark int8 not null default 0').execute(db);
}
