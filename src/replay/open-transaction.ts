import type { AskFate, Doubt, LostStatement } from './commit-doubts.ts';
import type { ProgressMarker } from './progress-marker.ts';
import type { PlannedEntry } from './reporter.ts';
import type { TargetSession } from './sessions.ts';
import type { WalkContext } from './walk.ts';

/** The transaction that a COMMIT walk is sending. */
export interface Open {
  readonly id: string;
  readonly autocommit: boolean;
  /** A statement failed that succeeded in the record: what follows is a cascade. */
  failed: boolean;
  /** Its connection died: what follows is skipped. */
  lost: boolean;
  /**
   * With marks: its outcomes, told when it has ended on the target. Told earlier, a crash could leave outcomes
   * of a transaction that is not there and that a resumed run has to run again.
   */
  readonly held: (() => void)[] | null;
  /** With marks: the mark that is there when the transaction is; null for one that cannot be marked. */
  readonly mark: { readonly ordinal: number; readonly database: string | null } | null;
}

/** Reports an outcome: at once, or with marks when its transaction has ended. */
export function tell(open: Open, report: () => void, ended: boolean): void {
  if (open.held === null) {
    report();
    return;
  }
  open.held.push(report);
  if (ended) release(open);
}

/** Reports what is held back. */
export function release(open: Open): void {
  for (const report of open.held?.splice(0) ?? []) report();
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
    this.lost.push(autocommit && mark !== null ? { ...lost, doubt: COMMITS_ITSELF } : lost);
  }

  /** The answer to the COMMIT was lost that was put behind an autocommit statement. */
  addWrapped(place: PlannedEntry, open: Open, processId: number): void {
    const unknown = () => this.context.reporter.unknown(place, 'the connection was lost before the answer came');
    // Nothing is held of one whose own answer was lost: it is among the lost already.
    if (open.held?.splice(0).length === 0) return;
    this.add({ place, doubt: null, unknown, open, processId });
  }

  /** The connection went between an autocommit statement and the COMMIT that was to be put behind it. */
  async neverCommitted(place: PlannedEntry, open: Open): Promise<void> {
    if (this.settling !== null) await this.settling;
    // Nothing is held of one whose own answer was lost: it has been told of.
    if (open.held?.splice(0).length !== 0) this.context.reporter.rolledBack(place, true);
  }

  /** A connection went: reports what was under way on it. */
  settle(): void {
    const { doubts, marker } = this.context;
    const lost = this.lost;
    const [first] = lost;
    if (first === undefined) return;
    this.lost = [];
    for (const { open } of lost) release(open);
    const fateOf = marker === null ? null : (one: LostStatement) => markedFate(marker, (one as Lost).open);
    const settling = doubts.settle(lost, first.processId, fateOf);
    if (settling === null) return;
    this.settling = settling.finally(() => {
      this.settling = null;
    });
  }
}

/** An autocommit statement is its transaction's COMMIT, too. */
const COMMITS_ITSELF: Doubt = Object.freeze({ xid: null });

/** Each transaction that is there has left its mark. */
function markedFate(marker: ProgressMarker, { mark }: Open): AskFate | null {
  if (mark === null) return null;
  return async (gone) => {
    await marker.read(mark.database);
    if (marker.had(mark.ordinal, mark.database)) return 'COMMITTED';
    return gone ? 'ROLLED_BACK' : null;
  };
}
