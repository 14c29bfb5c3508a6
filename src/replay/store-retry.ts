import { RepriseError } from '../errors.ts';
import type { EventChunk, ReplayStore } from './store.ts';

/** Waits between attempts while the store fails, in milliseconds: doubling from the first to the last. */
export const BACKOFF_MS = { first: 100, last: 5_000 } as const;
/** How long a failing store is tried again, in milliseconds. */
export const RETRY_FOR_MS = 30_000;

/** Somebody else wrote to the log of this run. */
class ForeignEventsError extends Error {}

/**
 * Tries again what a failing store was to make durable of one run, since it may be restarting. A chunk whose attempt
 * failed is looked up before it is repeated, so that none is written twice (E1). One attempt is under way at a time.
 */
export class StoreRetry {
  readonly #store: ReplayStore;
  readonly #id: string;
  readonly #retryForMs: number;
  /** An attempt failed, so its chunk may or may not be stored. */
  #uncertain = false;

  /** @param retryForMs how long after its first failure an attempt is repeated, in milliseconds */
  constructor(store: ReplayStore, replayId: string, retryForMs: number) {
    this.#store = store;
    this.#id = replayId;
    this.#retryForMs = retryForMs;
  }

  /**
   * Repeats an attempt while the store fails. It is given the chunk, or null when that is stored already.
   * @throws RepriseError REPLAY_STATE, REPLAY_NOT_FOUND at once; an error when another process wrote to the log; and
   * the store's own when it failed for good
   */
  async persist(chunk: EventChunk | null, attempt: (unstored: EventChunk | null) => Promise<void>): Promise<void> {
    let until: number | null = null;
    for (let waitMs: number = BACKOFF_MS.first; ; waitMs = Math.min(2 * waitMs, BACKOFF_MS.last)) {
      let stored = false;
      try {
        stored = chunk !== null && this.#uncertain && (await this.#holds(chunk));
        await attempt(stored ? null : chunk);
        if (chunk !== null) this.#uncertain = false;
        return;
      } catch (thrown) {
        // What is refused though its chunk is there is not refused for the chunk.
        if (isFinal(thrown) && (stored || !isRefused(thrown) || !(await this.#wasLate(chunk)))) throw thrown;
        if (chunk !== null) this.#uncertain = true;
        until ??= performance.now() + this.#retryForMs;
        const leftMs = until - performance.now();
        if (leftMs <= 0) throw thrown;
        await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, leftMs)));
      }
    }
  }

  /**
   * True unless the store tells otherwise, where an attempt was taken for lost: it may have gone through only now, and left the
   * next one no place.
   */
  async #wasLate(chunk: EventChunk | null): Promise<boolean> {
    if (chunk === null || !this.#uncertain) return false;
    return this.#holds(chunk).catch((error: unknown) => {
      if (error instanceof ForeignEventsError) throw error;
      return true;
    });
  }

  /** True when the store holds this very chunk. */
  async #holds(chunk: EventChunk): Promise<boolean> {
    const [stored] = await this.#store.chunks(this.#id, chunk.firstSeq - 1, 1);
    if (stored === undefined) return false;
    if (stored.firstSeq === chunk.firstSeq && stored.payload.equals(chunk.payload)) return true;
    throw new ForeignEventsError(`another process wrote event ${chunk.firstSeq} of replay ${this.#id}`);
  }
}

function isFinal(thrown: unknown): boolean {
  if (thrown instanceof ForeignEventsError || isRefused(thrown)) return true;
  return thrown instanceof RepriseError && thrown.code === 'REPLAY_NOT_FOUND';
}

/** The run stands elsewhere in the store than was expected. */
function isRefused(thrown: unknown): boolean {
  return thrown instanceof RepriseError && thrown.code === 'REPLAY_STATE';
}
