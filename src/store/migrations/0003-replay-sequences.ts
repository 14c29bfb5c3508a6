import { type Kysely, sql } from 'kysely';

/** Where the target's sequences stood when a run began. Apart from the run's row, which is read far more often. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(
      `create table reprise.replay_sequences (
        replay_id uuid primary key references reprise.replays on delete cascade,
        starts text not null
      )`,
    )
    .execute(db);
}
