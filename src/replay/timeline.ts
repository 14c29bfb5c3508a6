import type { Micros } from '../journal/entry.ts';
import { decodeChunk } from './event-codec.ts';
import { ofPresent } from './no-replay.ts';
import type { Replay, ReplayStore, TimelinePart } from './store.ts';

/** Outcomes of a run over its time, in equal intervals. */
export interface Timeline {
  /** Begin of the first interval: when the run began. */
  readonly from: Micros;
  readonly intervalMs: number;
  readonly parts: readonly TimelinePart[];
}

/** Runs of up to this many events are told event by event, longer ones chunk by chunk. */
const EXACT_EVENTS = 5_000;
const CHUNKS_AT_ONCE = 64;
/**
 * Shortest interval in milliseconds. Events are told apart by less than this, chunks of a fast run are not; and what is
 * drawn of a run under way goes on with a summary four times a second.
 */
const SHORTEST_MS = { exact: 10, other: 250 } as const;

/**
 * The timeline of a run so far, in at most `most` intervals; null before the run began. Costs one look at the counts of
 * its chunks, whatever its length. @throws RepriseError REPLAY_NOT_FOUND where it is deleted meanwhile
 */
export async function readTimeline(store: ReplayStore, replay: Replay, most: number): Promise<Timeline | null> {
  const { id, startedAt: from, endedAt, lastSeq } = replay;
  if (from === null) return null;
  const to = Math.max(endedAt ?? Date.now() * 1000, from + 1000);
  const exact = lastSeq <= EXACT_EVENTS;
  const spanMs = (to - from) / 1000;
  const count = Math.max(
    1,
    Math.min(most, Math.floor(spanMs / SHORTEST_MS[exact && endedAt !== null ? 'exact' : 'other'])),
  );
  const counting = exact ? countEvents(store, id, lastSeq, from, to, count) : store.timeline(id, from, to, count);
  const parts = await ofPresent(store, id, counting);
  return { from, intervalMs: spanMs / count, parts };
}

async function countEvents(
  store: ReplayStore,
  id: string,
  lastSeq: number,
  from: Micros,
  to: Micros,
  count: number,
): Promise<readonly TimelinePart[]> {
  const parts = Array.from({ length: count }, () => ({
    outcomes: 0,
    failures: 0,
    skipped: 0,
    unknown: 0,
    diverged: 0,
  }));
  let after = 0;
  for (;;) {
    const chunks = await store.chunks(id, after, CHUNKS_AT_ONCE);
    const last = chunks.at(-1);
    if (last === undefined) return parts;
    for (const event of chunks.flatMap(decodeChunk)) {
      if (event.kind !== 'OUTCOME') continue;
      const place = Math.floor(((event.at - from) / (to - from)) * count);
      const part = parts[Math.min(Math.max(place, 0), count - 1)]!;
      part.outcomes += 1;
      if (event.status === 'FAILED') part.failures += 1;
      else if (event.status === 'SKIPPED') part.skipped += 1;
      else if (event.status === 'UNKNOWN') part.unknown += 1;
      if (event.verdict === 'DIVERGED') part.diverged += 1;
    }
    after = last.lastSeq;
    // A fast run goes on meanwhile: what it has since told is of the next look.
    if (after >= lastSeq) return parts;
  }
}
