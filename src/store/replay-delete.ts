import type { Micros } from '../journal/entry.ts';
import { hasEnded, RUN_STATES } from '../replay/run-state.ts';
import type { Database } from './database.ts';
import { REPLAY_CHANNEL } from './replay-write.ts';

const ENDED = RUN_STATES.filter(hasEnded);

/**
 * Deletes one run, see `ReplayStore.deleteEnded`. At once, so that no reader ever sees a part of it: gigabytes take a few seconds, and
 * nobody waits for the locks that this takes, as a run that has ended is not written to. One that is just being resumed, or
 * deleted by another process, is passed over.
 */
export function deleteEnded(database: Database, before: Micros): Promise<string | null> {
  return database.write(async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `with due as (
         select id from reprise.replays where state = any($1::text[]) and coalesce(ended_at, created_at) < $2
         order by number limit 1 for update skip locked
       ), gone as (
         delete from reprise.replays r using due where r.id = due.id returning r.id
       )
       select id, pg_notify('${REPLAY_CHANNEL}', id::text) from gone`,
      [ENDED, before],
    );
    return rows[0]?.id ?? null;
  });
}
