import type { Micros } from '../journal/entry.ts';

const SLOTS = 256;

/**
 * Gives the statements of one millisecond (or second, where the log is no finer) their order in the file as
 * microseconds. Records are not strictly sorted in a log: the last few hundred units are remembered.
 */
export class Ranks {
  readonly #unit = new Float64Array(SLOTS).fill(-1);
  readonly #count = new Int32Array(SLOTS);

  /** `time` plus the number of statements that this was called for in its unit before; stays within the unit. */
  next(time: Micros, unit: number): Micros {
    const number = Math.floor(time / unit);
    const slot = ((number % SLOTS) + SLOTS) % SLOTS;
    if (this.#unit[slot] !== number) {
      this.#unit[slot] = number;
      this.#count[slot] = 0;
    }
    const rank = this.#count[slot] as number;
    if (rank < unit - 1) this.#count[slot] = rank + 1;
    return time + rank;
  }
}
