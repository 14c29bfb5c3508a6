import { type EventWaker, Pause, type RunWatch, type SelectedBatch } from './event-waker.ts';
import type { Selection } from './selected-tail.ts';

/** Reads how far a run has come, and some of its events (SUMMARY and FAILURES in `docs/events.md`). */
export interface SelectiveReader {
  /**
   * What there is later than the last read. Costs nothing where another reader has looked since the last hint.
   * @throws RepriseError REPLAY_NOT_FOUND; and the store's errors, after which the same read may be repeated.
   */
  read(): Promise<SelectedBatch>;
  /** Waits for a hint that something changed since the last read began, `ms` at most; false when none came. At once before the first. */
  wait(ms: number): Promise<boolean>;
  /**
   * Waits until the run has ended or is gone, `ms` at most; false when it goes on. Costs less than `wait`, which each hint
   * wakes: a run that is in a hurry gives twenty a second.
   */
  waitForEnd(ms: number): Promise<boolean>;
  /** Settles a pending wait at once. */
  close(): void;
}

/** A reader of what comes later than `after`, which holds no events. */
export function openSelectiveReader(
  waker: EventWaker,
  replayId: string,
  selection: Selection,
  after: number,
): SelectiveReader {
  return new Reader(waker.watch(replayId), selection, after);
}

class Reader implements SelectiveReader {
  readonly #watch: RunWatch;
  readonly #selection: Selection;
  readonly #pause: Pause;
  #lastSeq: number;
  #generation = -1;
  #closed = false;

  constructor(watch: RunWatch, selection: Selection, after: number) {
    this.#watch = watch;
    this.#pause = new Pause(watch);
    this.#selection = selection;
    this.#lastSeq = after;
  }

  async read(): Promise<SelectedBatch> {
    this.#generation = this.#watch.generation;
    const batch = await this.#watch.selected(this.#selection, this.#lastSeq);
    this.#lastSeq = batch.lastSeq;
    return batch;
  }

  wait(ms: number): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    if (this.#watch.generation !== this.#generation) return Promise.resolve(true);
    return this.#pause.wait(ms);
  }

  waitForEnd(ms: number): Promise<boolean> {
    return this.#closed ? Promise.resolve(false) : this.#pause.waitForEnd(ms);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pause.interrupt();
    this.#watch.release();
  }
}
