import type { Deferred } from './deferred.ts';

/** How far ahead of the walk a mark reaches, in statements: what a crash turns UNKNOWN at least and at most. */
const AHEAD = { least: 8, most: 16_384 } as const;
/** What is left, at the next flush, of the most that was asked for between two: a burst may come again, behind a slow statement. */
const LEFT = 0.75;
/** What lasts until the flush after the next: as much as was asked for before this one, and half of that to be sure. */
const LASTS = 1.5;

/**
 * The write-ahead mark of a run (L3 of `docs/replay.md`): statements are sent only up to a durable mark. A mark
 * reaches about twice as far ahead as was asked for between two of the last flushes, and the next is due when half
 * of it is used. A flush that happens before takes it along when what is left might not last until the one after it: a
 * steady walk does not wait for a mark.
 */
export class SendMark {
  /** Highest ordinal that was asked for, and the same at the last flush. */
  #reserved: number;
  #reservedBefore: number;
  /** The most that was asked for between two flushes, less and less of it. */
  #burst = 0;
  /** The durable mark, and the ordinal beyond which the next is due. */
  #durable: number;
  #half: number;
  #waiting: { readonly ordinal: number; readonly done: Deferred<void> }[] = [];

  constructor(durable: number) {
    this.#reserved = durable;
    this.#reservedBefore = durable;
    this.#durable = durable;
    this.#half = durable;
  }

  /** True when the statement may be sent and nothing else has to be done: the usual case. */
  isFree(ordinal: number): boolean {
    if (ordinal > this.#reserved) this.#reserved = ordinal;
    return ordinal <= this.#half;
  }

  /** True when the durable mark covers the statement. */
  covers(ordinal: number): boolean {
    return ordinal <= this.#durable;
  }

  /** True when the next mark is to be written with the next flush. */
  get isDue(): boolean {
    return this.#reserved > this.#half;
  }

  /** True while a statement waits for a mark. */
  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  /** Settles `done` when a durable mark covers the statement. */
  wait(ordinal: number, done: Deferred<void>): void {
    this.#waiting.push({ ordinal, done });
  }

  /** The mark to write with this flush; null while it is not due. */
  next(): number | null {
    const sent = this.#reserved - this.#reservedBefore;
    this.#reservedBefore = this.#reserved;
    this.#burst = Math.max(sent, this.#burst * LEFT);
    if (!this.isDue && this.#durable - this.#reserved >= LASTS * sent) return null;
    const mark = this.#reserved + Math.min(AHEAD.most, Math.max(AHEAD.least, Math.ceil(2 * this.#burst)));
    if (mark > this.#durable) return mark;
    // The walk has become slower: what it was granted still reaches far enough.
    this.#halve();
    return null;
  }

  /** The mark that `next` gave is durable. */
  granted(mark: number): void {
    this.#durable = mark;
    this.#halve();
    this.#waiting = this.#waiting.filter(({ ordinal, done }) => {
      if (ordinal > mark) return true;
      done.resolve();
      return false;
    });
  }

  #halve(): void {
    this.#half = this.#durable - Math.ceil((this.#durable - this.#reservedBefore) / 2);
  }

  /** The run has ended: no mark is due until a statement is asked for again. Rejects everything that waits. */
  end(reason: unknown): void {
    this.reject(reason);
    this.#reserved = Math.min(this.#reserved, this.#half);
    this.#reservedBefore = this.#reserved;
  }

  /** Rejects everything that waits. */
  reject(reason: unknown): void {
    for (const { done } of this.#waiting.splice(0)) done.reject(reason);
  }
}
