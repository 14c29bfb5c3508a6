import type { Micros } from '../../journal/entry.ts';
import type { Column } from './catalog.ts';

/**
 * How sure the value of a draw is.
 * CONFIRMED, CORRECTED: later statements show it, as counted or otherwise. BETWEEN: so many draws lie between
 * two of these as there are values. COUNTED: by counting on from the draw before. UNSETTLED: counting and what
 * later statements show disagree, or nothing is known.
 */
export type Certainty = 'CONFIRMED' | 'CORRECTED' | 'BETWEEN' | 'COUNTED' | 'UNSETTLED';

/** An id that a statement gave to a row itself. */
export interface GivenId {
  /** Whose default draws, but did not; null: the row may have been there before (ON CONFLICT). */
  readonly column: Column | null;
  /** Of the last draw, anyone's, by then. */
  readonly order: number;
}

/** A value that a deferrable key showed. */
export interface Deferred {
  readonly transactionId: string;
  /** Whether it vouches. */
  readonly strong: boolean;
  /** It held at COMMIT. */
  readonly held: boolean;
}

/** Draws of one session between which no later statement showed a value, and the values shown behind them. */
export interface Group {
  /** Their transaction; null: autocommit statements. */
  transaction: string | null;
  readonly draws: Draw[];
  /** How often the record had moved the sequence before. */
  stretch: number;
  /** Shown value → whether a foreign key vouches for it, which held. */
  readonly shown: Map<bigint, boolean>;
  /**
   * Those of them that no statement of the transaction itself showed → the order of the last draw, anyone's, by then: they may as
   * well be of rows that others had made.
   */
  readonly shownLater: Map<bigint, number>;
  /** Those of them that clients had given to rows themselves before anyone showed them otherwise. */
  readonly given: Map<bigint, GivenId>;
  /** Those of them that nothing but a deferrable key showed: their rows may have come only behind that, or never. */
  readonly deferred: Map<bigint, Deferred>;
  /** Values that such a key, or their own string of statements, showed before these draws, and whether it vouches: they may be theirs. */
  readonly ahead: Map<bigint, boolean>;
  /** Values that the session showed behind later groups: theirs where counting says the same. */
  readonly perhaps: Set<bigint>;
  /** Values that the session had shown before these draws: not theirs. */
  before: ReadonlySet<bigint>;
  /** What is shown behind them may as well be of a full group of the transaction before: nothing is concluded from it. */
  blind: boolean;
}

/** One statement's draws from one sequence, in the record. */
export interface Draw {
  /** Running number in the order in which statements started. */
  readonly order: number;
  readonly start: Micros;
  /** From one value to the next. */
  readonly step: bigint;
  /** The statement had ended by then; Infinity while unknown. Only draws whose spans meet can have changed places. */
  end: Micros;
  /** Values drawn: as the text and the record's row count tell, as settled, at least and at most. */
  guess: number;
  count: number;
  min: number;
  max: number;
  /** Nothing tells that it drew at all. */
  readonly maybe: boolean;
  /** The column that took all of its values as its default; null: they went elsewhere, too. */
  readonly into: Column | null;
  group: Group;
  /** Values from the origin to the draw's first; null: unknown. */
  slot: number | null;
  /** What slots count from; null until it is settled. */
  origin: bigint | null;
  certainty: Certainty;
  /** Its transaction did not commit: nobody else has seen its rows. */
  isLost: boolean;
  /** Values that were shown behind its group by the time that it was settled. */
  weighed: number;
  /** What shows it, or the one that it is counted on from, may as well be another's, and nothing behind bears it out. */
  isUnproven: boolean;
}

/** Where a stretch of draws begins and ends, in values from the origin. */
export interface Stretch {
  /** What the first draw would give by counting; null: unknown. */
  readonly from: number | null;
  /**
   * What no draw can be below, as the record has shown; null: it has shown nothing yet, and `from` is the
   * target's own place, which may not be the record's.
   */
  readonly floor: number | null;
  /** What `from` rests on may as well have been another's (`isUnproven`). */
  readonly isOpen: boolean;
  /** What the sequence gave next behind the last draw, where that is known. */
  readonly to: number | null;
  /** Place of a shown value; null: it cannot come from this sequence. */
  toSlot(value: bigint): number | null;
}

/** True for a draw whose value later statements have shown. */
export function isShown(draw: Draw): boolean {
  return draw.certainty === 'CONFIRMED' || draw.certainty === 'CORRECTED';
}

/** True for one of which nobody knows how many values it drew. */
export function isUncertain(draw: Draw): boolean {
  return draw.min < draw.max;
}

/**
 * What a failed statement had drawn when it failed, of `full` values that it would have drawn.
 * A statement that the server refused to plan drew nothing; a constraint is checked on a row whose defaults
 * were computed, so the row had drawn; a foreign key is checked when all rows are in.
 */
export function drawnWhenFailed(
  sqlstate: string,
  full: number,
): { readonly count: number; readonly min: number; readonly max: number } {
  const exactly = (count: number) => ({ count, min: count, max: count });
  switch (sqlstate) {
    case '23503': // foreign key
      return exactly(full);
    case '23502': // not null, unique, check, exclusion: row by row
    case '23505':
    case '23514':
    case '23P01':
      return full <= 1 ? exactly(full) : { count: 1, min: 1, max: full };
    case '40P01': // waited for a lock, usually that of a row that was in the way
    case '40001':
    case '55P03':
    case '57014':
    case '21000':
    case 'P0001':
      return { count: Math.min(full, 1), min: 0, max: full };
    case '25P02':
    case '25006':
    case '26000':
    case '08P01':
    case '2200H': // the sequence's own limit
      return exactly(0);
  }
  if (sqlstate.startsWith('42') || sqlstate.startsWith('0A') || sqlstate.startsWith('3') || sqlstate.startsWith('28'))
    return exactly(0);
  if (sqlstate.startsWith('57')) return { count: Math.min(full, 1), min: 0, max: full };
  return { count: 0, min: 0, max: full };
}
