import type { EntryFilter, Window } from '../journal/window.ts';
import type { TargetSpec } from '../target/spec.ts';

/** How recorded statements are arranged on the target. Semantics in `docs/replay.md`. */
export const ORDERINGS = ['TIMESTAMP', 'COMMIT', 'SESSION'] as const;
export type Ordering = (typeof ORDERINGS)[number];

/** What happens to a transaction that straddles an edge of the window. */
export const EDGES = ['INCLUDE', 'CUT', 'EXCLUDE'] as const;
export type Edges = (typeof EDGES)[number];

/** When statements are sent. `speed` 2 replays an hour in half an hour; `maxIdleMs` caps recorded gaps. */
export type Pace =
  | { readonly mode: 'AS_FAST_AS_POSSIBLE' }
  | { readonly mode: 'RECORDED'; readonly speed: number; readonly maxIdleMs: number | null };

/** Slowest and fastest replay of a recorded schedule. */
export const SPEED_RANGE = { min: 0.1, max: 100 } as const;

/** One run, as a caller asks for it: what, where, how. Defaults are filled in by `completeRequest`. */
export interface ReplayRequest {
  readonly window: Window;
  readonly target: TargetSpec;
  readonly ordering: Ordering;
  readonly pace: Pace;
  readonly edges: Edges;
  readonly filter: EntryFilter;
  /**
   * Recorded database → database of the target. Null: the window must hold one database only
   * (else DATABASES_AMBIGUOUS) and it goes to the target's.
   */
  readonly databases: readonly { readonly recorded: string; readonly target: string }[] | null;
  /** Recorded user → login of the target, with its own credentials. Unmapped: the target's user. */
  readonly users: readonly { readonly recorded: string; readonly user: string; readonly password: string | null }[];
  /** Stop when this many statements have failed that did not fail alike in the record (cascades not counted); null: go on to the end. */
  readonly stopAfterFailures: number | null;
  readonly statementTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** The whole run, from CONNECTING on, over all its resumptions, while it is under way or paused; null: no limit. */
  readonly runTimeoutMs: number | null;
  /** Target connections open at once, the monitor connection included. */
  readonly maxConnections: number;
  /** Statements under way on one connection (COMMIT, SESSION; C5 of `docs/replay.md`). With 1, durations are faithful. */
  readonly inFlight: number;
  /** Sessions of the target are set read-only, so that the server refuses writes. */
  readonly readOnly: boolean;
  /** Digest result rows while they stream, to compare with the record's checksum. */
  readonly digestRows: boolean;
  /** A statement is SLOWER when it took `ratio` × its recorded time and `minMs` more than it. */
  readonly slower: { readonly ratio: number; readonly minMs: number };
  /** Conditions on the ended run (`docs/reports.md`), held against it at its end and kept in its report. */
  readonly thresholds: readonly string[];
  /** COMMIT: set sequences so that each statement draws the value that it drew in the record. */
  readonly restoreIds: boolean;
  /** COMMIT: keep a row in `reprise_marker` on the target, so that a resumed run repeats no transaction. */
  readonly markProgress: boolean;
  /**
   * Ask the target ahead of each COMMIT that may have something to commit which transaction it ends, so that a lost
   * answer can be settled. `markProgress` settles them without. Absent in runs of earlier versions.
   */
  readonly settleCommits: boolean;
  /** SESSION: a statement waits for the transactions that had committed before it started. */
  readonly syncCommits: boolean;
  /** SESSION: every recorded session is run this many times at once. */
  readonly scale: number;
}

/** What a caller must give; the rest has defaults. */
export type ReplayInput = Pick<ReplayRequest, 'window' | 'target'> & Partial<ReplayRequest>;

/**
 * Statements under way at which a connection is filled up again, of so many at most. Half of them: the server never runs
 * dry, and a write to a socket, which costs more than all the rest of a statement here, carries half a window.
 */
export function refillMark(inFlight: number): number {
  return inFlight >> 1;
}

/**
 * How long an answer to a question of the run's own may be overdue before the path counts as dead, milliseconds: who waits for such
 * a one does not wait for a statement of the record.
 */
export function answerGraceMs({ connectTimeoutMs }: Pick<ReplayRequest, 'connectTimeoutMs'>): number {
  return Math.min(30_000, connectTimeoutMs);
}

/** What counts as slower than in the record, unless the request says otherwise. */
export const RECORD_SLOWER: ReplayRequest['slower'] = { ratio: 2, minMs: 10 };
