import type { ReplayEvent } from './event.ts';
import { decodeChunk } from './event-codec.ts';
import type { ReplayStore } from './store.ts';

const CHUNKS_AT_ONCE = 16;

/** Every event of a run that is durable by now, in order, a chunk at a time. Nothing for a run that there is not. */
export async function* recordedEvents(
  store: Pick<ReplayStore, 'chunks'>,
  replayId: string,
): AsyncGenerator<readonly ReplayEvent[]> {
  for (let after = 0; ; ) {
    const chunks = await store.chunks(replayId, after, CHUNKS_AT_ONCE);
    const last = chunks.at(-1);
    if (last === undefined) return;
    for (const chunk of chunks) yield decodeChunk(chunk);
    after = last.lastSeq;
  }
}
