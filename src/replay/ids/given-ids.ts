import type { Sequence } from './catalog.ts';
import type { Draw, GivenId } from './draw.ts';

/** Ids that are remembered of each sequence. */
const MOST_GIVEN = 10_000;

/**
 * Remembers ids that clients gave to rows although their column draws: that such a row is there, whoever names it later, says
 * nothing of the sequence.
 */
export class GivenIds {
  private readonly bySequence = new WeakMap<Sequence, Map<bigint, GivenId>>();

  of(sequence: Sequence, value: bigint): GivenId | null {
    return this.bySequence.get(sequence)?.get(value) ?? null;
  }

  add(sequence: Sequence, value: bigint, given: GivenId): void {
    let values = this.bySequence.get(sequence);
    if (values === undefined) {
      values = new Map();
      this.bySequence.set(sequence, values);
    }
    const known = values.get(value);
    // ON CONFLICT may have met the row that is known.
    if (known !== undefined && given.column === null) return;
    values.delete(value);
    values.set(value, given);
    const [oldest] = values.keys();
    if (values.size > MOST_GIVEN && oldest !== undefined) values.delete(oldest);
  }
}

/**
 * Whether a draw cannot have given a value that a client gave to a row itself: it went into the same column, whose keys would
 * have refused one of the two. A draw behind it may, where that row is gone again.
 */
export function isTakenFrom(
  { into, order }: Pick<Draw, 'into' | 'order'>,
  given: GivenId | null,
): 'SURELY' | 'PERHAPS' | null {
  if (given === null || given.column === null || into !== given.column) return null;
  return order <= given.order ? 'SURELY' : 'PERHAPS';
}
