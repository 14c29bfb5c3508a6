import { compareEntryKeys } from '../journal/entry.ts';
import type { OutcomeEvent } from './event.ts';
import { decodeChunk } from './event-codec.ts';
import type { ChunkPlace, EventChunk, ReplayStore } from './store.ts';

/** A call: an entry of the journal, and which copy of its session makes it (`scale`). */
export type Call = Pick<OutcomeEvent, 'key' | 'copy'>;

/** Negative, zero or positive as `a` stands before, at or after `b`: by the journal's total order, then by copy. */
export function compareCallOrder(a: Call, b: Call): number {
  return compareEntryKeys(a.key, b.key) || a.copy - b.copy;
}

const CHUNKS_AT_ONCE = 8;
/** What a chunk counts for at least in `looked`: many short ones, as at a slow pace, cost their round trips. */
const CHUNK_COST = 100;

/**
 * The durable outcomes of a run in recorded order, whatever the order in which they were reported: each chunk says which part
 * of the record it is about, so that an outcome is the next once no chunk that has not been read may hold an earlier one.
 *
 * Where much overlaps (long transactions in COMMIT ordering, sessions behind locks), memory stays bounded: the latest of
 * what waits is let go and read again when its turn has come.
 */
export class RecordedOutcomes {
  /** Events looked at so far, chunks at their cost. */
  looked = 0;
  readonly #store: Pick<ReplayStore, 'chunksByRecord'>;
  readonly #id: string;
  readonly #mostHeld: number;
  /** Everything up to here has been given. */
  #after: Call | null;
  /** Read and later than that; complete up to `#horizon` as far as chunks have been read. */
  #held: OutcomeEvent[] = [];
  /** Outcomes later than this one were let go; null: none were. */
  #horizon: Call | null = null;
  #chunks: EventChunk[] = [];
  #behind: ChunkPlace | null = null;
  #allListed = false;

  /** @param mostHeld outcomes in memory, beside those of one chunk and those given last */
  constructor(store: Pick<ReplayStore, 'chunksByRecord'>, id: string, after: Call | null, mostHeld = 20_000) {
    this.#store = store;
    this.#id = id;
    this.#after = after;
    this.#mostHeld = mostHeld;
  }

  /** The next ones, at least one; empty: there are no more. */
  async next(): Promise<readonly OutcomeEvent[]> {
    for (;;) {
      const chunk = await this.#nextChunk();
      const settled = this.#settledBefore(chunk?.recordedFrom ?? Number.POSITIVE_INFINITY);
      if (settled.length > 0) return settled;
      if (this.#horizon !== null && this.#held.length === 0) this.#readAgain();
      else if (chunk === null) return [];
      else this.#hold(chunk);
    }
  }

  async #nextChunk(): Promise<EventChunk | null> {
    if (this.#chunks.length === 0 && !this.#allListed) {
      const from = this.#after?.key.timestamp ?? Number.MIN_SAFE_INTEGER;
      this.#chunks = [...(await this.#store.chunksByRecord(this.#id, from, this.#behind, CHUNKS_AT_ONCE))];
      this.#behind = this.#chunks.at(-1) ?? this.#behind;
      this.#allListed = this.#chunks.length < CHUNKS_AT_ONCE;
    }
    return this.#chunks[0] ?? null;
  }

  /** Takes out what was held of before a recorded time, in order. */
  #settledBefore(time: number): OutcomeEvent[] {
    const settled = this.#held.filter(({ key }) => key.timestamp < time).sort(compareCallOrder);
    if (settled.length > 0) {
      this.#held = settled.length === this.#held.length ? [] : this.#held.filter(({ key }) => key.timestamp >= time);
      this.#after = settled.at(-1)!;
    }
    return settled;
  }

  #hold(chunk: EventChunk): void {
    this.#chunks.shift();
    const events = decodeChunk(chunk);
    this.looked += Math.max(events.length, CHUNK_COST);
    for (const event of events) {
      if (event.kind !== 'OUTCOME') continue;
      if (this.#after !== null && compareCallOrder(event, this.#after) <= 0) continue;
      if (this.#horizon !== null && compareCallOrder(event, this.#horizon) > 0) continue;
      this.#held.push(event);
    }
    if (this.#held.length <= this.#mostHeld) return;
    this.#held.sort(compareCallOrder);
    this.#held.length = Math.ceil(this.#mostHeld / 2);
    this.#horizon = this.#held.at(-1)!;
  }

  #readAgain(): void {
    this.#horizon = null;
    this.#chunks = [];
    this.#behind = null;
    this.#allListed = false;
  }
}
