import type { TargetOutcome } from '../target/statement.ts';
import type { AskFate, Doubt, LostStatement } from './commit-doubts.ts';
import type { RunControl } from './control.ts';
import type { MarkReader, ProgressMarker } from './progress-marker.ts';
import type { PlannedEntry, Undoing } from './reporter.ts';
import type { TargetSession } from './sessions.ts';
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
  /** What of the walk's own failed in it while no statement of the record had: its mark, as a rule. */
  trouble: Undoing | null;
  /** Why what the walk put behind its last statement did not commit. */
  undone: Undoing | null;
  /** The run is being ended, and no more of it is sent. */
  abandoned: boolean;
  /**
   * With marks: its outcomes, told when it has ended on the target. Told earlier, a crash could leave outcomes
   * of a transaction that is not there and that a resumed run has to run again.
   */
  readonly held: (() => void)[] | null;
  /** With marks: the mark that is there when the transaction is; null for one that cannot be marked. */
  readonly mark: { readonly ordinal: number; readonly database: string | null } | null;
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

/** True when an outcome is that of a transaction which is there. */
export function hasCommitted({ ok, tag }: TargetOutcome): boolean {
  return ok && tag !== 'ROLLBACK';
}

/** What rolled a statement's transaction back though the statement itself ran: the walk's own COMMIT, or the mark. */
export function undoingOf(open: Open, place: PlannedEntry, outcome: TargetOutcome): Undoing | null {
  if (!outcome.ok || place !== open.last) return null;
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

  /** The answer to the COMMIT was lost that was put behind an autocommit statement. */
  addWrapped(place: PlannedEntry, open: Open, processId: number): void {
    const { reporter, control } = this.context;
    const ending = control.endReason !== null;
    const unknown = () =>
      reporter.unknown(place, `${ending ? 'the run ended' : 'the connection was lost'} before the answer came`);
    // Nothing is held of one whose own answer was lost: it is among the lost already.
    if (open.held?.splice(0).length === 0) return;
    if (ending) tell(open, unknown, true);
    else this.add({ place, doubt: null, unknown, open, processId });
  }

  /** The connection went between an autocommit statement and the COMMIT that was to be put behind it. */
  async neverCommitted(place: PlannedEntry, open: Open): Promise<void> {
    if (this.settling !== null) await this.settling;
    // Nothing is held of one whose own answer was lost: it has been told of.
    if (open.held?.splice(0).length !== 0) tell(open, () => this.context.reporter.rolledBack(place, true), true);
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

/** An autocommit statement is its transaction's COMMIT, too. */
const COMMITS_ITSELF: Doubt = Object.freeze({ xid: null });

/** Each transaction that is there has left its mark. */
function markedFate(marker: ProgressMarker, reader: MarkReader, { mark }: Open): AskFate | null {
  if (mark === null) return null;
  return async (gone) => {
    await reader.read(mark.database);
    if (marker.had(mark.ordinal, mark.database)) return 'COMMITTED';
    return gone ? 'ROLLED_BACK' : null;
  };
}
