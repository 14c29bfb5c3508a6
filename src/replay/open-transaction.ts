import { isCascade } from '../target/sqlstate.ts';
import type { TargetOutcome } from '../target/statement.ts';
import type { AskFate, Doubt, LostStatement } from './commit-doubts.ts';
import type { RunControl } from './control.ts';
import type { Mark, MarkReader, ProgressMarker } from './progress-marker.ts';
import type { PlannedEntry, Reporter, Undoing } from './reporter.ts';
import type { Mays } from './session-roles.ts';
import type { TargetSession } from './target-session.ts';
import type { WalkContext } from './walk.ts';

/** The transaction that a COMMIT walk is sending. */
export interface Open {
  readonly id: string;
  readonly autocommit: boolean;
  readonly control: RunControl;
  /** An autocommit statement that the walk puts into a transaction with its mark. */
  readonly wrapped: boolean;
  readonly last: PlannedEntry;
  /** A statement failed that succeeded in the record: what follows is a cascade. */
  failed: boolean;
  /** Its connection died: what follows is skipped. */
  lost: boolean;
  /** What of the walk's own failed in it while no statement of the record had: its mark, or what restores ids. */
  trouble: Undoing | null;
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

/** Reports an outcome: at once, or with marks when its transaction has ended. */
export function tell(open: Open, report: () => void, ended: boolean, committed = false): void {
  if (open.held === null) {
    report();
    return;
  }
  open.held.push(report);
  if (ended || open.abandoned) release(open, committed);
}

/**
 * Reports what is held back. A run that is being interrupted tells nothing of a marked transaction that it does not
 * know to be there: by the mark the resumed run sees whether it is, and repeats it whole where it is not. An outcome
 * would keep it from that.
 */
export function release(open: Open, committed = false): void {
  const held = open.held?.splice(0) ?? [];
  if (!committed && runsAgain(open)) return;
  for (const report of held) report();
}

function runsAgain({ mark, control }: Open): boolean {
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
export function toTell({ failed, trouble }: Open, outcome: TargetOutcome): TargetOutcome {
  if (failed || trouble === null || !isCascade(outcome.sqlstate)) return outcome;
  return { ...outcome, sqlstate: trouble.sqlstate, message: trouble.message };
}

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

/** What was under way when its connection was lost. */
interface Lost extends LostStatement {
  readonly open: Open;
  readonly processId: number;
}

/** The statements of a COMMIT walk whose answers were lost, until it is known what became of them. */
export class LostAnswers {
  /** Not null while that is being found out: nothing is sent or reported before it resolves. */
  settling: Promise<void> | null = null;
  private readonly context: WalkContext;
  private lost: Lost[] = [];

  constructor(context: WalkContext) {
    this.context = context;
  }

  add(lost: Lost): void {
    const { autocommit, mark } = lost.open;
    this.lost.push({
      ...lost,
      doubt: autocommit && mark !== null ? COMMITS_ITSELF : lost.doubt,
      mayTell: (fate) => {
        release(lost.open, fate === 'COMMITTED');
        return fate === 'COMMITTED' || !runsAgain(lost.open);
      },
    });
  }

  /** The answer to the COMMIT was lost that the walk put behind a transaction: told of the last statement that ran. */
  addCommit(open: Open, processId: number, doubt: Doubt | null): void {
    const { reporter, control } = this.context;
    const ending = control.endReason !== null;
    const place = takeNewest(open);
    if (place === null) {
      // Its own answer was lost, too: it is told of as that, or nothing of the transaction ran.
      if (!this.lost.some((lost) => lost.open === open)) release(open);
      return;
    }
    const unknown = () =>
      reporter.unknown(
        place,
        `${ending ? 'the run ended' : 'the connection was lost'} before the COMMIT behind it was answered`,
      );
    if (ending) tell(open, unknown, true);
    else this.add({ place, doubt: doubt ?? COMMITS_ITSELF, unknown, open, processId });
  }

  /** The connection went between the last statement of a transaction and the COMMIT that was to be put behind it. */
  async neverCommitted(open: Open): Promise<void> {
    if (this.settling !== null) await this.settling;
    const place = open.failed ? null : takeNewest(open);
    if (place === null) release(open);
    else tell(open, () => this.context.reporter.rolledBack(place, true), true);
  }

  /** A connection went: reports what was under way on it. */
  settle(): void {
    const { doubts, marker } = this.context;
    const lost = this.lost;
    const [first] = lost;
    if (first === undefined) return;
    this.lost = [];
    const reader = marker?.reader() ?? null;
    const fateOf =
      marker === null || reader === null
        ? null
        : (one: LostStatement) => markedFate(marker, reader, (one as Lost).open);
    const settling = doubts.settle(lost, first.processId, fateOf);
    if (settling === null) return;
    this.settling = settling.finally(async () => {
      await reader?.close();
      this.settling = null;
    });
  }
}

/** Takes the newest outcome of a statement that ran out of what is held; null when there is none. */
function takeNewest({ held, newest }: Open): PlannedEntry | null {
  const at = held === null || newest === null ? -1 : held.indexOf(newest.report);
  if (held === null || newest === null || at < 0) return null;
  held.splice(at, 1);
  return newest.place;
}

/** What is in doubt is the statement's transaction: its COMMIT is told of it, too. */
const COMMITS_ITSELF: Doubt = Object.freeze({ xid: null });

/** Each transaction that is there has left its mark. */
function markedFate(marker: ProgressMarker, reader: MarkReader, { mark }: Open): AskFate | null {
  if (mark === null || mark.mays?.beReadOnly === true) return null;
  return async (gone) => {
    await reader.read(mark.database);
    if (marker.had(mark.ordinal, mark.database)) return 'COMMITTED';
    return gone ? 'ROLLED_BACK' : null;
  };
}
