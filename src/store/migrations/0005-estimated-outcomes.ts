import { type Kysely, sql } from 'kysely';

/**
 * What was recorded before chunks told how many outcomes they hold counts as outcomes throughout (0004). Readers of states
 * and notices would pass it over, so each such chunk counts one less: then it is looked into.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENT).execute(db);
}

// A run begins with a state: one whose first chunk is all outcomes has estimates.
const STATEMENT = `
  update reprise.replay_chunks c set outcomes = c.outcomes - 1
  from reprise.replay_chunks f
  where f.replay_id = c.replay_id and f.first_seq = 1 and f.outcomes = f.last_seq - f.first_seq + 1
    and c.outcomes = c.last_seq - c.first_seq + 1`;
