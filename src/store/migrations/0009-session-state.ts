import { type Kysely, sql } from 'kysely';

/**
 * Finds what sessions have set and prepared long before a window without a look at all that ran since. It holds entries of
 * type SET and OTHER alone: appends pay nothing for others.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw('create index entries_session_state on reprise.entries (origin_id, ts) where type in (6, 7)')
    .execute(db);
}
