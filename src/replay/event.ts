import type { EntryKey, Micros } from '../journal/entry.ts';
import type { RunState } from './run-state.ts';

/** What became of one statement on the target. UNKNOWN: it may or may not have run; never repeated. */
export const OUTCOME_STATUSES = ['SUCCEEDED', 'FAILED', 'SKIPPED', 'UNKNOWN'] as const;
export type OutcomeStatus = (typeof OUTCOME_STATUSES)[number];

/** Why a statement was not sent. */
export const SKIP_REASONS = [
  'COPY_DATA',
  'FASTPATH',
  'PARAMETERS_NOT_LOGGED',
  'TRUNCATED',
  /** Its transaction was lost with its connection, or an earlier statement of it failed (COMMIT). */
  'TRANSACTION_LOST',
  /** The run was cancelled, stopped or timed out while the statement waited. */
  'RUN_ENDED',
  /** It failed in the record, and the ordering leaves out what the source undid (COMMIT). */
  'FAILED_IN_RECORD',
  /** The run is read-only, and the statement would make its session writable. */
  'READ_ONLY',
  /** It ends a prepared transaction that the record rolled back, which the ordering has left out (COMMIT). */
  'ROLLED_BACK_IN_RECORD',
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/** A difference between what the journal recorded and what the target did. */
export const DIVERGENCES = [
  'NEW_FAILURE',
  'MISSING_FAILURE',
  'DIFFERENT_FAILURE',
  'ROW_COUNT',
  'CHECKSUM',
  'SLOWER',
] as const;
export type Divergence = (typeof DIVERGENCES)[number];

/** SAME and DIVERGED compare; UNVERIFIABLE: the journal holds nothing to compare with. */
export type Verdict = 'SAME' | 'DIVERGED' | 'UNVERIFIABLE';

/** Why a statement was sent later than its schedule (or, as fast as possible, than it could have been). */
export const LAG_CAUSES = ['NONE', 'DISPATCHER', 'SESSION_BUSY', 'LOCK', 'TARGET'] as const;
export type LagCause = (typeof LAG_CAUSES)[number];

interface EventBase {
  /** Gapless from 1 within the replay. */
  readonly seq: number;
  /** When it was reported, wall clock of the service. */
  readonly at: Micros;
}

/** The outcome of one statement: exactly one event for each planned statement. */
export interface OutcomeEvent extends EventBase {
  readonly kind: 'OUTCOME';
  /** Place of the statement in the run's plan, from 1; copies of a session (`scale`) have ordinals of their own. */
  readonly ordinal: number;
  readonly key: EntryKey;
  readonly transactionId: string;
  readonly sessionId: string;
  /** Which copy of the session ran it: 0, or up to `scale` - 1 (SESSION). */
  readonly copy: number;
  readonly status: OutcomeStatus;
  /** True for a failure that only follows from an earlier one of its transaction (25P02). */
  readonly cascade: boolean;
  readonly skipReason: SkipReason | null;
  readonly sqlstate: string | null;
  readonly message: string | null;
  /** Character position of the error in the statement, from 1. */
  readonly errorPosition: number | null;
  readonly rows: number | null;
  /** Digest of the result rows, lower-case hex, when it was asked for. */
  readonly digest: string | null;
  readonly durationMs: number | null;
  /** True when more than one statement was under way on the connection: `durationMs` is a share of a batch. */
  readonly durationApproximate: boolean;
  readonly lagMs: number | null;
  readonly lagCause: LagCause;
  readonly verdict: Verdict;
  readonly divergences: readonly Divergence[];
}

/** The run changed its state. The last event of a run that ended is one of these. */
export interface StateEvent extends EventBase {
  readonly kind: 'STATE';
  readonly state: RunState;
  /** Why: an error's message, or who asked. */
  readonly reason: string | null;
}

/** Something a reader of the run must know that is no statement's outcome. */
export const NOTICE_CODES = [
  'STALL',
  'STALL_ENDED',
  'CONNECTION_LOST',
  'CONNECTION_REOPENED',
  'TRANSACTION_CUT',
  'TRANSACTION_CLOSED',
  'SESSION_PREPARED',
  'SPEED_CHANGED',
  'IDS_UNSETTLED',
  'TARGET_NOTICE',
  'PREPARED_LEFT',
  'PLANNING',
  'DATABASE_LEFT_OUT',
  'NOTHING_REPLAYED',
  'CONNECTIONS_LIMITED',
] as const;
export type NoticeCode = (typeof NOTICE_CODES)[number];

/** Something that happened in a run and is no outcome. */
export interface NoticeEvent extends EventBase {
  readonly kind: 'NOTICE';
  readonly code: NoticeCode;
  readonly sessionId: string | null;
  readonly message: string;
}

/** One message of a run’s stream. */
export type ReplayEvent = OutcomeEvent | StateEvent | NoticeEvent;

/** An event before the feed has numbered it. */
export type NewReplayEvent =
  | Omit<OutcomeEvent, 'seq' | 'at'>
  | Omit<StateEvent, 'seq' | 'at'>
  | Omit<NoticeEvent, 'seq' | 'at'>;
