import type { Entry } from '../../journal/entry.ts';
import type { Column } from './catalog.ts';
import { type Draw, drawnWhenFailed } from './draw.ts';
import type { LedgerSession } from './ledger-sessions.ts';
import type { DrawPart } from './parts.ts';
import type { Mark } from './segment.ts';
import type { Track } from './track.ts';

/** Draws of one group, and values remembered that were shown behind the groups before it. */
const MOST_DRAWS = 1_000;
const MOST_BEFORE = 100;
/** Each group of a transaction keeps those that deferrable keys named before it: unbounded, that grows with the square of its length. */
const MOST_AHEAD = 32;
/** Groups of a session that are remembered when others follow. */
const MOST_EARLIER = 8;
const NO_VALUES: ReadonlySet<bigint> = new Set();

/** A draw that the walk will make again. */
export interface LedgerDraw {
  readonly track: Track;
  readonly draw: Draw;
  /** What the sequence was called by then. */
  readonly regclass: string;
  /** True when the statement's row count on the target tells how many values it took. */
  readonly rowsTell: boolean;
  /** Values a row. */
  readonly perRow: number;
  /** Nothing tells that it draws from this sequence at all: SQL that a routine puts together may. */
  readonly maybe: boolean;
}

/** A sequence that an entry itself sets. */
export interface Moved extends Pick<LedgerDraw, 'track' | 'regclass'> {
  /** The target has to tell where to; null: the record does, or nothing. */
  readonly asked: Mark | null;
}

/** The draws of one entry; `moves`: it also sets sequences itself. */
export interface EntryDraws {
  readonly draws: readonly LedgerDraw[];
  readonly moves: readonly Moved[];
  /** Sequences that it makes, or makes again, with the first value of each. */
  readonly renewed: readonly { readonly track: Track; readonly start: bigint }[];
  /** Draws of earlier transactions of the session that its currval and lastval speak of. */
  readonly recalls: readonly Pick<LedgerDraw, 'track' | 'draw' | 'regclass'>[];
  /** Sequences of which it draws from some, and nobody knows which. */
  readonly unsure: readonly Track[];
  /** Routines that are to blame for draws that may be none, and what each runs. */
  readonly untold: ReadonlyMap<string, string>;
  /** It may draw from any sequence. */
  readonly strays: boolean;
}

/** A sequence that a statement makes, or makes again. */
export type Renewed = EntryDraws['renewed'][number];

/** What an entry's text says of its draws from one sequence, added up. */
export interface Counts {
  readonly fixed: number;
  readonly perRow: number;
  readonly exact: boolean;
  readonly rowsTell: boolean;
  readonly into: Column | null;
}

/** Of a statement that may draw, for all that is known. */
export const NOT_SEEN: Counts = { fixed: 0, perRow: 0, exact: false, rowsTell: false, into: null };

/** Adds up what one more place of a text draws from a sequence. */
export function countedWith(part: DrawPart, others: Counts | undefined): Counts {
  const into = part.into ?? null;
  const { fixed, perRow, exact, rowsTell } = others ?? { fixed: 0, perRow: 0, exact: true, rowsTell: true };
  return {
    fixed: part.rows === 'FIXED' ? fixed + part.count : fixed,
    perRow: part.rows === 'FIXED' ? perRow : perRow + part.count,
    exact: exact && part.exact,
    rowsTell: rowsTell && part.rows !== 'UNKNOWN',
    into: others === undefined || others.into === into ? into : null,
  };
}

/** An entry's draws from one sequence, with what its outcome and row count say of their number. */
export function newDraw(order: number, entry: Entry, step: bigint, counts: Counts): Draw {
  const rows = counts.rowsTell && entry.rows !== null ? entry.rows : null;
  const full = counts.fixed + counts.perRow * (rows ?? 1);
  const exact = counts.exact && (counts.perRow === 0 || rows !== null);
  let range = exact ? { count: full, min: full, max: full } : { count: full, min: 0, max: Number.POSITIVE_INFINITY };
  if (entry.outcome.status === 'FAILED') {
    range = drawnWhenFailed(entry.outcome.sqlstate, exact ? full : Math.max(full, 1));
    range = { ...range, count: Math.min(range.count, full) };
    if (!exact && range.max > 0) range = { ...range, min: 0, max: Number.POSITIVE_INFINITY };
  } else if (entry.outcome.status === 'UNKNOWN') range = { ...range, min: 0 };
  const end =
    entry.durationMs === null ? Number.POSITIVE_INFINITY : entry.timestamp + Math.ceil(entry.durationMs * 1000) + STAMP;
  return {
    order,
    start: entry.timestamp,
    step,
    end,
    guess: range.count,
    ...range,
    maybe: counts === NOT_SEEN,
    into: counts.into,
    group: {
      transaction: null,
      draws: [],
      stretch: 0,
      shown: new Map(),
      shownLater: new Map(),
      given: new Map(),
      deferred: new Map(),
      ahead: new Map(),
      perhaps: new Set(),
      before: NO_VALUES,
      blind: false,
    },
    slot: null,
    origin: null,
    certainty: 'UNSETTLED',
    isLost: false,
    weighed: 0,
    isUnproven: false,
  };
}

/** Server logs stamp starts in milliseconds: a statement may have ended so much later than it seems, in microseconds. */
const STAMP = 1_000;

/** BEGIN is the first entry of a transaction: an entry at 1 may be one of several autocommit statements. */
export function isInBlock({ sequence }: Entry): boolean {
  return sequence > 1;
}

/**
 * Draws between which nothing was shown belong together: what is shown behind them may be any one's. But what a
 * transaction shows is taken for its own draws', and what is shown behind a setval for draws behind it.
 */
export function joinGroup(
  { groups, earlier }: Pick<LedgerSession, 'groups' | 'earlier'>,
  track: Track,
  draw: Draw,
  entry: Entry,
): void {
  const group = groups.get(track);
  const transaction = isInBlock(entry) ? entry.transactionId : null;
  const goesOn =
    group !== undefined &&
    group.shown.size === 0 &&
    group.transaction === transaction &&
    group.stretch === track.stretch;
  if (!goesOn || group.draws.length >= MOST_DRAWS) {
    draw.group.blind = goesOn && transaction !== null;
    draw.group.transaction = transaction;
    draw.group.stretch = track.stretch;
    draw.group.draws.push(draw);
    if (group !== undefined) {
      const { deferred } = group;
      const mayBeAhead = [...deferred].filter(([, key]) => key.held && key.transactionId === transaction);
      const carried = mayBeAhead.slice(-MOST_AHEAD);
      for (const [value, key] of carried) {
        draw.group.deferred.set(value, key);
        draw.group.ahead.set(value, key.strong);
      }
      const dropped = mayBeAhead.slice(0, mayBeAhead.length - carried.length).map(([value]) => value);
      const isOver = (value: bigint) => {
        const key = deferred.get(value);
        return key === undefined || (key.held && key.transactionId !== transaction);
      };
      const over = [...group.before, ...dropped, ...[...group.shown.keys()].filter(isOver)];
      draw.group.before = new Set(over.slice(-MOST_BEFORE));
      earlier.set(track, [...(earlier.get(track) ?? []), group].slice(-MOST_EARLIER));
    }
    groups.set(track, draw.group);
    return;
  }
  group.draws.push(draw);
  draw.group = group;
}
