import type { Sequence } from './catalog.ts';
import type { Draw } from './draw.ts';

/** Where a sequence of the target stands, going by what was sent. */
export interface Place {
  /** What it gives next; null: unknown. */
  next: bigint | null;
  /** The furthest value that was meant to be given, and what follows it; null: none yet. */
  furthest: bigint | null;
  /** The last that was sent. */
  latest: Draw | null;
  /** Transaction whose statements `next` rests on; null: autocommit statements, or none. */
  transaction: string | null;
  /** Statements that drew from it and are not answered. */
  unanswered: number;
  /** Those of them that may fail, for all that is known, without having drawn. */
  unproven: number;
  /** Autocommit statements that rest on unanswered ones. */
  resting: number;
  /** It was set for a statement that may not have drawn. */
  untaken: boolean;
  /** Statements that may draw from any sequence, by the time that `next` was known. */
  looked: number;
  /** Values that such statements were given, from and up to the next: nobody else is. */
  given: readonly [from: bigint, to: bigint] | null;
}

/** One from which nothing was drawn yet; `next`: null where nobody knows it. */
export function newPlace(next: bigint | null): Place {
  return {
    next,
    latest: null,
    furthest: null,
    transaction: null,
    unanswered: 0,
    unproven: 0,
    resting: 0,
    untaken: false,
    looked: 0,
    given: null,
  };
}

/** A value outside is refused by setval, and the transaction with it. */
export function isWithin(sequence: Sequence, value: bigint): boolean {
  return value >= sequence.min && value <= sequence.max;
}

/** Whether a value lies from the first of two, which counts, towards the second, which does not; in either direction. */
export function isBetween(value: bigint, [one, other]: readonly [bigint, bigint]): boolean {
  return one < other ? value >= one && value < other : value <= one && value > other;
}

/** The one of two values that a sequence comes to later; where one is null, the other. */
export function furthest(sequence: Sequence, a: bigint | null, b: bigint | null): bigint | null {
  if (a === null || b === null) return a ?? b;
  return sequence.increment > 0n === a > b ? a : b;
}
