import { isCascade } from '../target/sqlstate.ts';
import type { TargetOutcome } from '../target/statement.ts';
import type { RunControl } from './control.ts';
import type { Mark } from './progress-marker.ts';
import type { PlannedEntry, Reporter, Undoing } from './reporter.ts';
import type { Mays } from './session-roles.ts';
import type { TargetSession } from './target-session.ts';

/** The transaction that a COMMIT walk is sending. */
export interface Open {
  readonly id: string;
  readonly autocommit: boolean;
  /** What the chain goes back to that has begun it; null where nothing has chained it. */
  readonly begin: string | null;
  readonly control: RunControl;
  /** An autocommit statement that the walk puts into a transaction with its mark. */
  readonly wrapped: boolean;
  /** Its session has a connection of its own. */
  readonly own: boolean;
  readonly last: PlannedEntry;
  /** A statement failed that succeeded in the record: what follows is a cascade. */
  failed: boolean;
  /** Its connection died: what follows is skipped. */
  lost: boolean;
  /** What of the walk's own failed in it while no statement of the record had: its mark, or what restores ids. */
  trouble: Undoing | null;
  /** A PREPARE of the walk's own failed outside of the transaction: whatever executes it fails with that. */
  unprepared: Undoing | null;
  /** Why what the walk put behind its last statement did not commit. */
  undone: Undoing | null;
  /** The run is being ended, and no more of it is sent. */
  abandoned: boolean;
  /**
   * With marks: its outcomes, told when it has ended on the target. Told earlier, a crash could leave outcomes
   * of a transaction that is not there and that a resumed run has to run again. Without marks only that of the last
   * statement to be sent, where the walk puts a COMMIT behind it: what becomes of that is told of the statement.
   */
  held: (() => void)[] | null;
  /** Of what is held: the newest outcome of a statement that ran. */
  newest: { readonly place: PlannedEntry; readonly report: () => void } | null;
  /** With marks: the mark that is there when the transaction is; null for one that cannot be marked. */
  readonly mark: Mark | null;
  /** How the walk has to put statements of its own into it; null: plainly. */
  readonly mays: Mays | null;
}

/** Reports an outcome: at once, or with marks when its transaction has ended. `known`: the target has said so. */
export function tell(open: Open, report: () => void, ended: boolean, known = false): void {
  if (open.held === null) {
    report();
    return;
  }
  open.held.push(report);
  if (ended || open.abandoned) release(open, known);
}

/**
 * Reports what is held back. A run that is being interrupted tells nothing of a marked transaction whose end it does not
 * know: by the mark the resumed run sees whether it is there, and repeats it whole where it is not. An outcome would keep it
 * from that. Of one that has failed it does tell: the marks of those behind it would speak for it.
 */
export function release(open: Open, known = false): void {
  const held = open.held?.splice(0) ?? [];
  if (!known && runsAgain(open)) return;
  for (const report of held) report();
}

/** True for a marked transaction of a run that is being interrupted: the resumed run repeats it where its mark is not there. */
export function runsAgain({ mark, control }: Open): boolean {
  return mark !== null && control.endReason?.kind === 'INTERRUPTED';
}

/** The run is being ended: tells what is known of a transaction that goes no further, now and as it becomes known. */
export function abandon(open: Open): void {
  open.abandoned = true;
  release(open);
}

/** Notes what became of a statement of the walk's own, unless it failed outside of the transaction, which goes on then. */
export function noteOwn(open: Open, outcome: TargetOutcome): void {
  if (outcome.lost) open.lost = true;
  else if (!outcome.ok && !open.failed && outcome.transactionStatus === 'E') open.trouble ??= outcome;
}

/**
 * What is told of a statement's outcome: one that is refused because something of the walk's own had failed is the first of its
 * transaction to fail, with that; it follows from no other.
 */
export function toTell({ failed, trouble, unprepared }: Open, outcome: TargetOutcome): TargetOutcome {
  const why = isCascade(outcome.sqlstate) ? trouble : outcome.sqlstate === NOT_PREPARED ? unprepared : null;
  if (failed || why === null) return outcome;
  return { ...outcome, sqlstate: why.sqlstate, message: why.message };
}

/** invalid_sql_statement_name */
const NOT_PREPARED = '26000';

/** Tells of a statement that is not sent because its transaction has failed, by a statement of the record or of the walk's own. */
export function tellFailed(open: Open, place: PlannedEntry, reporter: Reporter): void {
  const why = open.failed ? null : open.trouble;
  open.failed = true;
  tell(open, () => (why === null ? reporter.cascade(place) : reporter.undone(place, why)), false);
}

/** True when an outcome is that of a transaction which is there. */
export function hasCommitted({ ok, tag }: TargetOutcome): boolean {
  return ok && tag !== 'ROLLBACK';
}

/** What rolled a statement's transaction back though the statement itself ran: the walk's own COMMIT, or the mark. */
export function undoingOf(open: Open, place: PlannedEntry, outcome: TargetOutcome): Undoing | null {
  if (!outcome.ok || place !== (open.newest?.place ?? open.last)) return null;
  return open.undone ?? (outcome.tag === 'ROLLBACK' && !open.failed ? open.trouble : null);
}

/** True when the transaction cannot be carried on. */
export function isLost(session: TargetSession, open: Open): boolean {
  return open.lost || session.lostTransaction === open.id;
}
