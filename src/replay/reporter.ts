import type { Entry } from '../journal/entry.ts';
import { transactionEffect } from '../journal/transaction-effect.ts';
import { isCascade } from '../target/sqlstate.ts';
import type { TargetOutcome } from '../target/statement.ts';
import { compareOutcome, isNewFailure, isUnverifiableFailure } from './compare.ts';
import { cancelsFor, type RunControl } from './control.ts';
import type { LagCause, OutcomeEvent, SkipReason } from './event.ts';
import type { EventFeed } from './feed.ts';
import type { ReportBuilder } from './report-builder.ts';
import type { ReplayRequest } from './request.ts';
import type { Tally } from './tally.ts';

/** A planned entry and the (copy of a) session that it belongs to. */
export interface PlannedEntry {
  readonly ordinal: number;
  readonly entry: Entry;
  readonly copy: number;
}

/** The failure that rolled a transaction back. */
export type Undoing = Pick<TargetOutcome, 'sqlstate' | 'message'>;

/** How late a statement was sent, and why; null as fast as possible. */
export interface Lag {
  readonly ms: number;
  readonly cause: LagCause;
}

/** Turns what the target answered into the one outcome event of a statement, its counts and its report. */
export class Reporter {
  private readonly feed: EventFeed;
  private readonly tally: Tally;
  private readonly report: ReportBuilder;
  private readonly request: ReplayRequest;
  private readonly control: RunControl;
  private failures: number;

  /** `failures`: those of the same run before it was interrupted. */
  constructor(parts: {
    feed: EventFeed;
    tally: Tally;
    report: ReportBuilder;
    request: ReplayRequest;
    control: RunControl;
    failures: number;
  }) {
    this.feed = parts.feed;
    this.tally = parts.tally;
    this.report = parts.report;
    this.request = parts.request;
    this.control = parts.control;
    this.failures = parts.failures;
  }

  /**
   * The target answered, or its connection died with the statement under way. `recordedAborted`: in the
   * record, the statement's transaction had failed by then, so that its COMMIT rolled back there too.
   */
  answered(planned: PlannedEntry, outcome: TargetOutcome, lag: Lag | null, recordedAborted: boolean): void {
    const ending = this.control.endReason !== null;
    if (outcome.lost && !outcome.fatal) {
      this.unknown(planned, `${ending ? 'the run ended' : 'the connection was lost'} before the answer came`);
      return;
    }
    // The server accepts COMMIT in a failed transaction and rolls back: to whoever committed, that is a failure.
    const cancelled = cancelsFor(this.control.endReason, this.request);
    const rolledBack = outcome.ok && outcome.tag === 'ROLLBACK' && !recordedAborted && commits(planned.entry);
    const recorded = planned.entry.outcome;
    const asRecorded = recorded.status === 'FAILED' && recorded.sqlstate === outcome.sqlstate;
    // Cancelled by the end of the run, as were those behind it in its transaction: that says nothing of the target.
    if (cancelled && !asRecorded && (rolledBack || outcome.sqlstate === '57014' || isCascade(outcome.sqlstate))) {
      this.skipped(planned, 'RUN_ENDED');
      return;
    }
    if (rolledBack) {
      this.cascade(planned);
      return;
    }
    this.emit(planned, {
      status: outcome.ok ? 'SUCCEEDED' : 'FAILED',
      cascade: !outcome.ok && isCascade(outcome.sqlstate),
      skipReason: null,
      sqlstate: outcome.sqlstate,
      message: outcome.message,
      errorPosition: outcome.position,
      rows: outcome.rows,
      digest: outcome.digest,
      durationMs: outcome.serviceMs,
      durationApproximate: !outcome.alone,
      lagMs: lag?.ms ?? null,
      lagCause: lag?.cause ?? 'NONE',
    });
  }

  /**
   * Its transaction was rolled back by something that the walk itself put into it, as a mark, or COMMIT. What these failed
   * with is its failure.
   */
  undone(planned: PlannedEntry, why: Undoing): void {
    if (cancelsFor(this.control.endReason, this.request) && (why.sqlstate === '57014' || isCascade(why.sqlstate))) {
      this.skipped(planned, 'RUN_ENDED');
      return;
    }
    this.emit(planned, { ...NOTHING_KNOWN, status: 'FAILED', sqlstate: why.sqlstate, message: why.message });
  }

  /** What its transaction was to do did not happen, because an earlier statement of it failed. */
  cascade(planned: PlannedEntry): void {
    this.emit(planned, {
      ...NOTHING_KNOWN,
      status: 'FAILED',
      cascade: true,
      sqlstate: '25P02',
      message: 'an earlier statement of the transaction failed: it was rolled back',
    });
  }

  /** Not sent, for a reason that a reader can act on. */
  skipped(planned: PlannedEntry, reason: SkipReason): void {
    this.emit(planned, { ...NOTHING_KNOWN, status: 'SKIPPED', skipReason: reason });
  }

  /** Sent, or perhaps sent, and nobody can tell what became of it. Never repeated. */
  unknown(planned: PlannedEntry, why: string): void {
    this.emit(planned, { ...NOTHING_KNOWN, status: 'UNKNOWN', message: why });
  }

  /** Its answer was lost, and the target told afterwards that its transaction committed. */
  settled(planned: PlannedEntry): void {
    this.emit(planned, {
      ...NOTHING_KNOWN,
      status: 'SUCCEEDED',
      message: 'the connection was lost before the answer came; the target says that the transaction committed',
    });
  }

  /**
   * Its answer was lost, and the target told afterwards that its transaction is not there. `commits`: it was to
   * end the transaction, and failed to; what was to happen before it just did not happen.
   */
  rolledBack(planned: PlannedEntry, commits: boolean): void {
    if (!commits) {
      this.skipped(planned, 'TRANSACTION_LOST');
      return;
    }
    this.emit(planned, {
      ...NOTHING_KNOWN,
      status: 'FAILED',
      sqlstate: CONNECTION_FAILURE,
      message: 'the connection was lost before the answer came; the target says that the transaction was rolled back',
    });
  }

  /**
   * `begin` was sent ahead of a transaction's first entry: that is not its first, or what had chained it is not replayed, has failed or
   * has gone with its connection.
   */
  cut({ transactionId, sequence }: Entry, sessionId: string, begin: string): void {
    const why =
      sequence > 1
        ? `began before the replayed entries: replayed from its statement ${sequence} on`
        : 'has no BEGIN of its own, and the one before has left none open: replayed';
    this.feed.emit({
      kind: 'NOTICE',
      code: 'TRANSACTION_CUT',
      sessionId,
      message: `transaction ${transactionId} ${why}, behind ${begin.trim().slice(0, 60)}`,
    });
  }

  /** The COMMIT that the walk put behind a transaction's last planned entry did not commit. */
  uncommitted(entry: Entry, why: string): void {
    this.feed.emit({
      kind: 'NOTICE',
      code: 'TRANSACTION_CLOSED',
      sessionId: entry.origin.sessionId,
      message: `transaction ${entry.transactionId} was replayed up to its statement ${entry.sequence}; the COMMIT put behind that ${why}`,
    });
  }

  /** A session waits for something that it may wait for in vain; `then`: what the walk does about that. */
  stalled(sessionId: string, held: string, then: string): void {
    this.tally.stall();
    this.feed.emit({
      kind: 'NOTICE',
      code: 'STALL',
      sessionId,
      message: `session ${sessionId} waits for ${held}: ${then}`,
    });
  }

  private emit(planned: PlannedEntry, result: Result): void {
    const { entry, ordinal, copy } = planned;
    const { verdict, divergences } = compareOutcome(entry, result, this.request.slower);
    const event: Omit<OutcomeEvent, 'seq' | 'at'> = {
      kind: 'OUTCOME',
      ordinal,
      key: entry,
      transactionId: entry.transactionId,
      sessionId: entry.origin.sessionId,
      copy,
      status: result.status,
      cascade: result.cascade,
      skipReason: result.skipReason,
      sqlstate: result.sqlstate,
      message: result.message,
      errorPosition: result.errorPosition,
      rows: result.rows,
      digest: result.digest,
      durationMs: result.durationMs,
      durationApproximate: result.durationApproximate,
      lagMs: result.lagMs,
      lagCause: result.lagCause,
      verdict,
      divergences,
    };
    const seq = this.feed.emit(event);
    this.tally.add(event, entry.durationMs, isUnverifiableFailure(entry, event));
    this.report.add(entry, event, seq);
    if (isNewFailure(event)) {
      this.failures += 1;
      const most = this.request.stopAfterFailures;
      if (most !== null && this.failures >= most) {
        this.control.end({
          kind: 'FAILED',
          code: 'REPLAY_STOPPED',
          message: `stopped after ${this.failures} failed statement${this.failures === 1 ? '' : 's'}, as asked; the last: ${result.message}`,
        });
      }
    }
  }
}

function commits(entry: Entry): boolean {
  if (entry.statementType !== 'TRANSACTION') return false;
  const last = transactionEffect(entry.statement).at(-1)?.kind;
  return last === 'COMMIT' || last === 'PREPARE_TRANSACTION';
}

type Result = Pick<
  OutcomeEvent,
  | 'status'
  | 'cascade'
  | 'skipReason'
  | 'sqlstate'
  | 'message'
  | 'errorPosition'
  | 'rows'
  | 'digest'
  | 'durationMs'
  | 'durationApproximate'
  | 'lagMs'
  | 'lagCause'
>;

/** connection_failure. */
const CONNECTION_FAILURE = '08006';

const NOTHING_KNOWN = {
  cascade: false,
  skipReason: null,
  sqlstate: null,
  message: null,
  errorPosition: null,
  rows: null,
  digest: null,
  durationMs: null,
  durationApproximate: false,
  lagMs: null,
  lagCause: 'NONE',
} as const;
