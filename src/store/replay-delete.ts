import type { PoolClient } from 'pg';
import { RepriseError } from '../errors.ts';
import type { Micros } from '../journal/entry.ts';
import { hasEnded, RUN_STATES } from '../replay/run-state.ts';
import type { Database } from './database.ts';
import { lockReplay, REPLAY_CHANNEL } from './replay-write.ts';

/*
 * A run is deleted in one transaction, so that no reader ever sees a part of it: gigabytes take a few seconds, and nobody waits
 * for the locks that this takes, as a run that has ended is not written to.
 */

const ENDED = RUN_STATES.filter(hasEnded);

/** See `ReplayStore.delete`. */
export function deleteReplay(database: Database, id: string): Promise<void> {
  return database.write(async (client) => {
    const { state } = await lockReplay(client, id);
    if (!hasEnded(state)) {
      throw new RepriseError('REPLAY_STATE', `cannot delete a replay that is ${state}: cancel it first`);
    }
    await deleteLocked(client, id);
  });
}

/** See `ReplayStore.deleteEnded`. One that is just being resumed, or deleted by another process, is passed over. */
export function deleteEnded(database: Database, before: Micros): Promise<string | null> {
  return database.write(async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `select id from reprise.replays where state = any($1::text[]) and coalesce(ended_at, created_at) < $2
       order by number limit 1 for update skip locked`,
      [ENDED, before],
    );
    const id = rows[0]?.id ?? null;
    if (id !== null) await deleteLocked(client, id);
    return id;
  });
}

/** What belongs to a run refers to its row and goes with it. */
async function deleteLocked(client: PoolClient, id: string): Promise<void> {
  await client.query('delete from reprise.replays where id = $1', [id]);
  await client.query('select pg_notify($1, $2)', [REPLAY_CHANNEL, id]);
}
