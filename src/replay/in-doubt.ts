import { decodeChunk } from './event-codec.ts';
import { ofPresent } from './no-replay.ts';
import type { Replay, ReplayStore } from './store.ts';

const CHUNKS_AT_ONCE = 16;

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
    for (let after = 0; ; ) {
      const chunks = await store.chunks(id, after, CHUNKS_AT_ONCE);
      const last = chunks.at(-1);
      if (last === undefined) return known;
      for (const event of chunks.flatMap(decodeChunk)) {
        // What is skipped without being sent may lie beyond the mark.
        if (event.kind === 'OUTCOME' && event.ordinal <= through) known += 1;
      }
      after = last.lastSeq;
    }
  };
  return through - (await ofPresent(store, id, counting()));
}
