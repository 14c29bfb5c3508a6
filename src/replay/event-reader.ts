import type { ReplayEvent } from './event.ts';
import { type EventWaker, Pause, type RunWatch } from './event-waker.ts';
import { noReplay } from './no-replay.ts';
import { hasEnded } from './run-state.ts';
import type { Replay } from './store.ts';

export { EventWaker, type EventWakerOptions } from './event-waker.ts';

/** What one read gave. */
export interface EventBatch {
  /** In order of `seq`, gapless from the place that the reader began at. Shared with other readers: not to be changed. */
  readonly events: readonly ReplayEvent[];
  /** `seq` of the newest event returned so far: the cursor to go on from. */
  readonly lastSeq: number;
  /** True when the run has ended and all of its events were returned, or the reader was closed. */
  readonly ended: boolean;
}

/** Reads the events of one run as they are asked for (E2–E5, E7 of `docs/events.md`). */
export interface EventReader {
  /**
   * Waits for the first event after the last one returned, then up to `maxWaitMs` for as many as `maxEvents`,
   * and returns what there is. Returns without events only when the run has ended or the reader was closed. One
   * read at a time.
   * @throws RepriseError REPLAY_NOT_FOUND; and the store's errors, after which the same read may be repeated.
   */
  read(maxEvents: number, maxWaitMs: number): Promise<EventBatch>;
  /** Settles a pending read at once, with no events and `ended`. What it had gathered is read again by cursor. */
  close(): void;
}

/**
 * A reader of a run's events later than `after` (0: from the start). It holds the remainder of at most one read
 * of the store, a few thousand events at most, which readers at the same place share.
 */
export function openEventReader(waker: EventWaker, replayId: string, after: number): EventReader {
  return new Reader(waker, replayId, after);
}

/** Chunks of one read of the store: more where they are small, as those of a slow run are. */
const CHUNKS = { least: 1, most: 64, aimEvents: 500 } as const;

class Reader implements EventReader {
  readonly #id: string;
  readonly #watch: RunWatch;
  readonly #pause: Pause;
  #lastSeq: number;
  /** Events read from the store, and the place of the first not yet returned. */
  #rest: readonly ReplayEvent[] = [];
  #at = 0;
  #chunks: number = CHUNKS.least;
  /** The generation in which a read last found nothing: there is no use in reading again in the same. */
  #exhausted = -1;
  #closed = false;
  /** Settles the pending read. */
  #abort: (() => void) | null = null;

  constructor(waker: EventWaker, replayId: string, after: number) {
    this.#id = replayId;
    this.#watch = waker.watch(replayId);
    this.#pause = new Pause(this.#watch);
    this.#lastSeq = after;
  }

  read(maxEvents: number, maxWaitMs: number): Promise<EventBatch> {
    if (this.#closed) return Promise.resolve(this.#batch([], true));
    if (this.#abort !== null) return Promise.reject(new Error('one read at a time'));
    if (this.#rest.length - this.#at >= maxEvents) return Promise.resolve(this.#batch(this.#take(maxEvents), false));
    return new Promise((resolve, reject) => {
      this.#abort = () => resolve(this.#batch([], true));
      // Cleared before the caller goes on, which may read again at once.
      this.#gather(maxEvents, maxWaitMs).then(
        (batch) => {
          this.#abort = null;
          resolve(batch);
        },
        (reason) => {
          this.#abort = null;
          reject(reason);
        },
      );
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rest = [];
    this.#at = 0;
    this.#abort?.();
    this.#pause.interrupt();
    this.#watch.release();
  }

  /** Up to `most` of the events at hand. */
  #take(most: number): readonly ReplayEvent[] {
    const events =
      this.#at === 0 && this.#rest.length <= most ? this.#rest : this.#rest.slice(this.#at, this.#at + most);
    this.#at += events.length;
    if (this.#at >= this.#rest.length) {
      this.#rest = [];
      this.#at = 0;
    }
    return events;
  }

  #batch(events: readonly ReplayEvent[], ended: boolean): EventBatch {
    this.#lastSeq = events.at(-1)?.seq ?? this.#lastSeq;
    return { events, lastSeq: this.#lastSeq, ended };
  }

  async #gather(maxEvents: number, maxWaitMs: number): Promise<EventBatch> {
    let events = this.#take(maxEvents);
    let until = events.length > 0 ? performance.now() + maxWaitMs : null;
    let loaded = false;
    let behind = false;
    while (events.length < maxEvents && !this.#closed) {
      const isDue = until !== null && performance.now() >= until;
      const generation = this.#watch.generation;
      if (isDue && (loaded || this.#exhausted === generation)) break;
      try {
        if (this.#exhausted !== generation) {
          loaded = true;
          if (await this.#load(this.#lastSeq + events.length)) {
            until ??= performance.now() + maxWaitMs;
            const more = this.#take(maxEvents - events.length);
            events = events.length === 0 ? more : [...events, ...more];
            continue;
          }
          this.#exhausted = generation;
          if (isDue || this.#closed) break;
        }
        const row = await this.#row(this.#lastSeq + events.length);
        if (row.lastSeq <= this.#lastSeq + events.length) {
          // State and last event are one row, so an end that is seen here vouches for the number beside it.
          if (hasEnded(row.state)) return this.#batch(events, true);
        } else if (!behind) {
          // The row is newer than the chunks that were read: look again at once, but only once.
          behind = true;
          this.#exhausted = -1;
          continue;
        }
      } catch (thrown) {
        // What was gathered is given first; the next read meets the error again, or not.
        if (events.length === 0) throw thrown;
        break;
      }
      behind = false;
      if (this.#watch.generation === generation && !this.#closed) {
        await this.#pause.wait(until === null ? null : until - performance.now());
      }
    }
    return this.#batch(events, this.#closed);
  }

  /** Reads on from the store; false when there is nothing yet. */
  async #load(after: number): Promise<boolean> {
    const events = await this.#watch.read(after, this.#chunks);
    if (this.#closed || events.length === 0) return false;
    this.#rest = events;
    this.#at = 0;
    this.#chunks =
      events.length < CHUNKS.aimEvents
        ? Math.min(CHUNKS.most, this.#chunks * 2)
        : Math.max(CHUNKS.least, this.#chunks >> 1);
    return true;
  }

  /** The run's row; read again when it is older than event `seq`, as after a resumption. */
  async #row(seq: number): Promise<Replay> {
    let row = await this.#watch.row(false);
    if (row !== null && row.lastSeq < seq) row = await this.#watch.row(true);
    if (row === null) throw noReplay(this.#id);
    return row;
  }
}
