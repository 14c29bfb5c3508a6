/** Enumerations of the schema in plain words. Generated types check that none is missing. */
import type {
  CallDifference,
  Divergence,
  Edges,
  EntryOutcomeStatus,
  LagCause,
  LossReason,
  NoticeCode,
  Ordering,
  OutcomeStatus,
  ReplayState,
  SkipReason,
  TransactionStatus,
  UnreplayableReason,
  Verdict,
} from '../../client/index.ts';

export const ORDERINGS: Readonly<Record<Ordering, { readonly title: string; readonly text: string }>> = {
  TIMESTAMP: {
    title: 'Timestamp',
    text: 'One statement after another in recorded order, each session on a connection of its own.',
  },
  COMMIT: {
    title: 'Commit',
    text: 'Whole committed transactions in commit order. The fastest way to the state that the source had.',
  },
  SESSION: {
    title: 'Session',
    text: 'Sessions side by side as they were recorded, each in its own order. For load.',
  },
};

export const EDGES: Readonly<Record<Edges, string>> = {
  INCLUDE: 'include them whole',
  CUT: 'cut them at the edge',
  EXCLUDE: 'leave them out',
};

export const STATES: Readonly<Record<ReplayState, { readonly label: string; readonly tone: Tone }>> = {
  PENDING: { label: 'Pending', tone: 'neutral' },
  CONNECTING: { label: 'Connecting', tone: 'info' },
  RUNNING: { label: 'Running', tone: 'info' },
  PAUSED: { label: 'Paused', tone: 'warn' },
  COMPLETED: { label: 'Completed', tone: 'good' },
  CANCELLED: { label: 'Cancelled', tone: 'neutral' },
  FAILED: { label: 'Failed', tone: 'bad' },
  INTERRUPTED: { label: 'Interrupted', tone: 'warn' },
};

/** How what is shown is coloured. */
export type Tone = 'good' | 'bad' | 'warn' | 'info' | 'neutral';

export const OUTCOMES: Readonly<Record<OutcomeStatus | 'CASCADE', { readonly label: string; readonly tone: Tone }>> = {
  SUCCEEDED: { label: 'Succeeded', tone: 'good' },
  FAILED: { label: 'Failed', tone: 'bad' },
  CASCADE: { label: 'Cascade', tone: 'warn' },
  SKIPPED: { label: 'Skipped', tone: 'neutral' },
  UNKNOWN: { label: 'Unknown', tone: 'warn' },
};

export const RECORDED: Readonly<Record<EntryOutcomeStatus, { readonly label: string; readonly tone: Tone }>> = {
  SUCCEEDED: { label: 'Succeeded', tone: 'good' },
  FAILED: { label: 'Failed', tone: 'bad' },
  UNKNOWN: { label: 'Unknown', tone: 'warn' },
};

export const VERDICTS: Readonly<Record<Verdict, string>> = {
  SAME: 'same as the record',
  DIVERGED: 'diverged from the record',
  UNVERIFIABLE: 'nothing to compare with',
};

export const DIVERGENCES: Readonly<Record<Divergence, { readonly label: string; readonly text: string }>> = {
  NEW_FAILURE: { label: 'New failure', text: 'succeeded in the record, failed on the target' },
  MISSING_FAILURE: { label: 'Missing failure', text: 'failed in the record, succeeded on the target' },
  DIFFERENT_FAILURE: { label: 'Different failure', text: 'failed in both, with different SQLSTATEs' },
  ROW_COUNT: { label: 'Row count', text: 'another number of rows' },
  CHECKSUM: { label: 'Checksum', text: 'other result rows' },
  SLOWER: { label: 'Slower', text: 'took longer than the request allows' },
};

/** How a call did in run B against the same call in run A. */
export const CALL_DIFFERENCES: Readonly<
  Record<CallDifference, { readonly label: string; readonly text: string; readonly tone: Tone }>
> = {
  NEW_FAILURE: { label: 'New failure', text: 'succeeded in A, failed in B', tone: 'bad' },
  DIFFERENT_FAILURE: { label: 'Different failure', text: 'failed in both, with different SQLSTATEs', tone: 'bad' },
  ROW_COUNT: { label: 'Row count', text: 'another number of rows', tone: 'bad' },
  CHECKSUM: { label: 'Checksum', text: 'other result rows', tone: 'bad' },
  UNKNOWN: { label: 'Unknown', text: 'it may or may not have run in one of them', tone: 'warn' },
  ONLY_IN_A: { label: 'Only in A', text: 'run B did not send it', tone: 'warn' },
  ONLY_IN_B: { label: 'Only in B', text: 'run A did not send it', tone: 'warn' },
  SLOWER: { label: 'Slower', text: 'took 1.25 times as long in B, and 1 ms more', tone: 'warn' },
  FIXED: { label: 'Fixed', text: 'failed in A, succeeded in B', tone: 'good' },
  FASTER: { label: 'Faster', text: 'took 1.25 times as long in A, and 1 ms more', tone: 'good' },
};

export const LAG_CAUSES: Readonly<Record<LagCause, string>> = {
  NONE: 'not late',
  DISPATCHER: 'the replay itself was late',
  SESSION_BUSY: 'a statement before it was still running',
  LOCK: 'a lock on the target',
  TARGET: 'the target was slow',
};

export const SKIPS: Readonly<Record<SkipReason, string>> = {
  COPY_DATA: 'COPY … FROM STDIN, whose data the record does not hold',
  FASTPATH: 'a fastpath function call',
  PARAMETERS_NOT_LOGGED: 'the record does not hold its parameters',
  TRUNCATED: 'its text or parameters were cut',
  TRANSACTION_LOST: 'its transaction was lost, or an earlier statement of it failed',
  RUN_ENDED: 'the run ended while it waited',
  FAILED_IN_RECORD: 'it failed in the record, and COMMIT ordering leaves out what the source undid',
  READ_ONLY: 'the run is read-only, and it would make its session writable',
  ROLLED_BACK_IN_RECORD:
    'it ends a prepared transaction that the record rolled back, which COMMIT ordering has left out',
};

export const UNREPLAYABLE: Readonly<Record<UnreplayableReason, string>> = {
  COPY_DATA: SKIPS.COPY_DATA,
  FASTPATH: SKIPS.FASTPATH,
  PARAMETERS_NOT_LOGGED: SKIPS.PARAMETERS_NOT_LOGGED,
  TRUNCATED: SKIPS.TRUNCATED,
};

export const LOSSES: Readonly<Record<LossReason, string>> = {
  COPY_DATA: 'COPY FROM STDIN without its data',
  FASTPATH: 'fastpath function calls, which have no SQL',
  PARAMETERS_NOT_LOGGED: 'statements whose parameters were not logged',
  TRUNCATED: 'statements whose text or parameters were cut',
  UNPARSABLE_LINE: 'lines of the log that are no records',
  STATEMENT_TEXT_MISSING: 'errors or durations without their statement',
  SESSION_UNKNOWN: 'records that no session can be found for',
  OUTCOME_UNKNOWN: 'statements that the log ends before',
  SESSION_JOINED_LATE: 'sessions whose beginning the log does not show',
  CLOCK_WENT_BACK: "times that the server's clock stepped back",
  EFFECT_UNCERTAIN: 'statements that left something else than their outcome says',
  REFUSED_TRANSACTION_TOO_LARGE: 'entries of transactions over the limit',
  EVICTED_BY_AGE: 'entries evicted by age',
  EVICTED_BY_SIZE: 'entries evicted by size',
};

export const NOTICES: Readonly<Record<NoticeCode, string>> = {
  CONNECTION_LOST: 'Connection lost',
  CONNECTION_REOPENED: 'Connection reopened',
  CONNECTIONS_LIMITED: 'Connections limited',
  DATABASE_LEFT_OUT: 'Database left out',
  IDS_UNSETTLED: 'Ids unsettled',
  NOTHING_REPLAYED: 'Nothing replayed',
  PLANNING: 'Reading the plan',
  PREPARED_LEFT: 'Prepared transactions left',
  SESSION_PREPARED: 'Session prepared',
  SPEED_CHANGED: 'Speed changed',
  STALL: 'Stall',
  STALL_ENDED: 'Stall ended',
  TARGET_NOTICE: 'Notice of the target',
  TRANSACTION_CLOSED: 'Transaction closed',
  TRANSACTION_CUT: 'Transaction cut',
};

export const TRANSACTIONS: Readonly<Record<TransactionStatus, { readonly label: string; readonly tone: Tone }>> = {
  COMMITTED: { label: 'Committed', tone: 'good' },
  ROLLED_BACK: { label: 'Rolled back', tone: 'warn' },
  OPEN: { label: 'Open', tone: 'neutral' },
};
