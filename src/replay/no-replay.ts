import { RepriseError } from '../errors.ts';
import type { ReplayStore } from './store.ts';

/** What a reader is told of a run that is not, or no longer, there. */
export function noReplay(id: string): RepriseError {
  return new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${id}: it was deleted, or never was`);
}

/**
 * What was read of a run in several steps, provided that the run is still there: a deletion between them leaves the beginning,
 * or nothing, which looks like a whole run. @throws RepriseError REPLAY_NOT_FOUND
 */
export async function ofPresent<T>(store: ReplayStore, id: string, reading: Promise<T>): Promise<T> {
  const read = await reading;
  if ((await store.get(id)) === null) throw noReplay(id);
  return read;
}
