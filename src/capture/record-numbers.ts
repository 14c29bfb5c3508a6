import type { Micros } from '../journal/entry.ts';

/**
 * The numbers of a session's records, as far as they followed each other up to the last: what comes again of them was read before, as
 * where files overlap.
 */
export class RecordNumbers {
  #first = -1;
  #next = -1;
  #time: Micros = Number.NEGATIVE_INFINITY;

  /** Takes note of a record, the first or one that is none of these; `numbers`: how many it takes. False where it is not the next. */
  add(lineNumber: number, numbers: number, time: Micros): boolean {
    const follows = lineNumber === this.#next;
    if (follows || lineNumber > this.#next) {
      if (!follows) this.#first = lineNumber;
      this.#next = lineNumber + numbers;
      this.#time = Math.max(this.#time, time);
    }
    return follows;
  }

  /** A record that is later than all of these is none of them, whatever number something on its way has given it. */
  has(lineNumber: number, time: Micros): boolean {
    return lineNumber >= this.#first && lineNumber < this.#next && time <= this.#time;
  }
}
