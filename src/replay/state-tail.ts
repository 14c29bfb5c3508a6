import type { ReplayEvent } from './event.ts';
import { decodeChunk } from './event-codec.ts';
import type { ReplayStore } from './store.ts';

/** Chunks of one read: each may be a megabyte. */
const CHUNKS = 16;
/** Events that `trim` keeps for those who have not had them: of more than `most`, the newest `least`. */
const KEPT = { most: 2_000, least: 1_000 } as const;

/**
 * The states and notices of a run from a place on, without its outcomes: most chunks hold nothing else and are neither
 * sent by the store nor taken apart.
 */
export class StateTail {
  readonly #store: ReplayStore;
  readonly #id: string;
  #events: ReplayEvent[] = [];
  #from: number;
  #through: number;

  constructor(store: ReplayStore, replayId: string, after: number) {
    this.#store = store;
    this.#id = replayId;
    this.#from = after;
    this.#through = after;
  }

  /** What is later than this event is here. */
  get from(): number {
    return this.#from;
  }

  /** `seq` of the last event, outcomes included, up to which everything was read. */
  get through(): number {
    return this.#through;
  }

  since(after: number): readonly ReplayEvent[] {
    return this.#events.filter((event) => event.seq > after);
  }

  /** Drops the older events where there are many. Before a read, so that what it brings is there for whoever asked for it. */
  trim(): void {
    if (this.#events.length <= KEPT.most) return;
    const dropped = this.#events.splice(0, this.#events.length - KEPT.least);
    this.#from = dropped.at(-1)!.seq;
  }

  /**
   * Reads on. `lastSeq`: a durable event, by a look at the run before this call. False when there is more to read. Two calls
   * may overlap.
   */
  async advance(lastSeq: number): Promise<boolean> {
    const chunks = await this.#store.chunks(this.#id, this.#through, CHUNKS, 'OTHER');
    for (const chunk of chunks) {
      if (chunk.lastSeq <= this.#through) continue;
      for (const event of decodeChunk(chunk)) {
        if (event.kind !== 'OUTCOME' && event.seq > this.#through) this.#events.push(event);
      }
      this.#through = chunk.lastSeq;
    }
    if (chunks.length === CHUNKS) return false;
    this.#through = Math.max(this.#through, lastSeq);
    return true;
  }
}
