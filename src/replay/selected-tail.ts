import type { ReplayEvent } from './event.ts';
import { decodeChunk } from './event-codec.ts';
import type { ChunkKind, ReplayStore } from './store.ts';

/** What is read of a run: what is no outcome (OTHER), or also outcomes that failed, diverged or are unknown (TROUBLE). */
export type Selection = Extract<ChunkKind, 'OTHER' | 'TROUBLE'>;

/** Chunks of one read, of up to a megabyte each: more where little is in them. */
const CHUNKS = { least: 2, first: 4, most: 16, aimEvents: 1_000 } as const;
/** A read takes no further chunk apart when it has taken so many events apart: others wait for the event loop. */
const READ_EVENTS = 4_000;
/** Events that `trim` keeps for those who have not had them: of more than `most`, the newest `least`. */
const KEPT = { most: 2_000, least: 1_000 } as const;

/**
 * Selected events of a run from a place on. Most chunks hold nothing but outcomes like the record's, and are neither sent by
 * the store nor taken apart.
 */
export class SelectedTail {
  readonly #store: ReplayStore;
  readonly #id: string;
  readonly #selection: Selection;
  #events: ReplayEvent[] = [];
  #chunks: number = CHUNKS.first;
  #from: number;
  #through: number;

  constructor(store: ReplayStore, replayId: string, selection: Selection, after: number) {
    this.#store = store;
    this.#id = replayId;
    this.#selection = selection;
    this.#from = after;
    this.#through = after;
  }

  /** What is later than this event is here. */
  get from(): number {
    return this.#from;
  }

  /** `seq` of the last event, selected or not, up to which everything was read. */
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
   * Reads on. `lastSeq`: a durable event, by a look at the run before this call. False when there may be more to read. Two
   * calls may overlap.
   */
  async advance(lastSeq: number): Promise<boolean> {
    const limit = this.#chunks;
    const chunks = await this.#store.chunks(this.#id, this.#through, limit, this.#selection);
    let complete = chunks.length < limit;
    let read = 0;
    for (const chunk of chunks) {
      if (read >= READ_EVENTS) {
        complete = false;
        break;
      }
      if (chunk.lastSeq <= this.#through) continue;
      const events = decodeChunk(chunk);
      read += events.length;
      for (const event of events) if (event.seq > this.#through && this.#selects(event)) this.#events.push(event);
      this.#through = chunk.lastSeq;
    }
    this.#chunks = read < CHUNKS.aimEvents ? Math.min(CHUNKS.most, limit * 2) : Math.max(CHUNKS.least, limit >> 1);
    if (complete) this.#through = Math.max(this.#through, lastSeq);
    return complete;
  }

  #selects(event: ReplayEvent): boolean {
    if (event.kind !== 'OUTCOME') return true;
    if (this.#selection === 'OTHER') return false;
    return event.status === 'FAILED' || event.status === 'UNKNOWN' || event.verdict === 'DIVERGED';
  }
}
