import type { Micros } from '../journal/entry.ts';

/** Ranges that are remembered of one session: a log of gaps must not fill memory. */
const MOST_RANGES = 16;

/** Numbers without a gap. */
interface Range {
  readonly first: number;
  next: number;
  /** The latest of their records. */
  time: Micros;
}

/** The numbers of a session's records, as far as they are remembered: what comes again of them was read before, as where files overlap. */
export class RecordNumbers {
  /** Ascending; the oldest are forgotten. */
  readonly #ranges: Range[] = [];
  #expected = -1;
  /** True where the last record begins what was missing ahead of others that were read before it. */
  outOfPlace = false;

  /** Takes note of a record, the first or one that is none of these; `numbers`: how many it takes. False where it is not the next. */
  add(lineNumber: number, numbers: number, time: Micros): boolean {
    const ranges = this.#ranges;
    const last = ranges.at(-1);
    let at = ranges.length;
    while (at > 0 && (ranges[at - 1] as Range).first > lineNumber) at--;
    const before = ranges[at - 1];
    this.outOfPlace = false;
    // Later than those of its number: something on its way has given it that.
    if (before && lineNumber < before.next) return false;
    this.outOfPlace = at < ranges.length && lineNumber !== this.#expected;
    this.#expected = lineNumber + numbers;
    if (before && lineNumber === before.next) {
      before.next += numbers;
      before.time = Math.max(before.time, time);
      return before === last;
    }
    ranges.splice(at, 0, { first: lineNumber, next: lineNumber + numbers, time });
    if (ranges.length > MOST_RANGES) ranges.shift();
    return false;
  }

  /** Takes back the note of the last record: it was not read, and may come again. */
  forget(lineNumber: number, numbers: number): void {
    const at = this.#ranges.findIndex(({ next }) => next === lineNumber + numbers);
    const range = this.#ranges[at];
    if (range?.first === lineNumber) this.#ranges.splice(at, 1);
    else if (range) range.next = lineNumber;
    this.#expected = lineNumber;
  }

  /** A record that is later than all of these is none of them, whatever number something on its way has given it. */
  has(lineNumber: number, time: Micros): boolean {
    return this.#ranges.some((range) => lineNumber >= range.first && lineNumber < range.next && time <= range.time);
  }
}
