import { type Kysely, sql } from 'kysely';

/** When each chunk of events ends and how many outcomes it holds, for the timeline of a run. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  'alter table reprise.replay_chunks add column at int8, add column outcomes int',
  // The time of chunks that are there already is inside of their payload: they are spread evenly over their run.
  `update reprise.replay_chunks c set
    outcomes = c.last_seq - c.first_seq + 1,
    at = coalesce(r.started_at, r.created_at)
      + ((coalesce(r.ended_at, r.created_at) - coalesce(r.started_at, r.created_at))::numeric * c.last_seq / greatest(r.last_seq, 1))::int8
    from reprise.replays r where r.id = c.replay_id`,
  'alter table reprise.replay_chunks alter column at set not null, alter column outcomes set not null',
];
