import { type Kysely, sql } from 'kysely';

/** Which evicted entry arrived last (arrival, time, position, sequence), for tails that go on from before it. Of earlier evictions it is not known. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(`alter table reprise.journal_clock add column evicted_place int8[] not null default '{}'`).execute(db);
}
