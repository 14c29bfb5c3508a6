import { ofPresent } from './no-replay.ts';
import { recordedEvents } from './recorded-events.ts';
import type { Replay, ReplayStore } from './store.ts';

/**
 * Statements of a run that a crash has INTERRUPTED which may have been sent and have no outcome: those up to its write-ahead mark
 * (docs/replay.md L3). When it is resumed they are settled or told as UNKNOWN; until then no event tells of them. 0 for any other run.
 * Reads every event of the run.
 * @throws RepriseError REPLAY_NOT_FOUND
 */
export async function countInDoubt(store: ReplayStore, { id, state, error, summary }: Replay): Promise<number> {
  // A run that was interrupted in order has no error: whatever it sent has its outcome.
  if (state !== 'INTERRUPTED' || error === null) return 0;
  const through = Math.min(await store.sentThrough(id), summary.planned ?? Number.POSITIVE_INFINITY);
  const counting = async () => {
    let known = 0;
    for await (const events of recordedEvents(store, id)) {
      // What is skipped without being sent may lie beyond the mark.
      for (const event of events) if (event.kind === 'OUTCOME' && event.ordinal <= through) known += 1;
    }
    return known;
  };
  return through - (await ofPresent(store, id, counting()));
}
