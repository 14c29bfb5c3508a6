import { type Kysely, sql } from 'kysely';

/** Which part of the record each chunk of events is about, for the outcomes of a run in recorded order. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // Of chunks that are there already only their payload tells: they may be about any part. ±(2^53 - 1): numbers of JavaScript.
  `alter table reprise.replay_chunks
    add column recorded_from int8 default -9007199254740991,
    add column recorded_to int8 default 9007199254740991`,
  `alter table reprise.replay_chunks
    alter column recorded_from drop default,
    alter column recorded_to drop default`,
  // With the end of the span, so that chunks that lie before a place are passed over in the index.
  `create index replay_chunks_recorded on reprise.replay_chunks (replay_id, recorded_from, last_seq, recorded_to)
    where recorded_to is not null`,
];
