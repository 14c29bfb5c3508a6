import type { AskFate, Doubt, LostStatement } from './commit-doubts.ts';
import { type Open, release, runsAgain, tell } from './open-transaction.ts';
import type { MarkReader, ProgressMarker } from './progress-marker.ts';
import type { PlannedEntry } from './reporter.ts';
import type { WalkContext } from './walk.ts';

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
    else this.add({ place, doubt: doubt ?? COMMITS_ITSELF, tellsItself: false, unknown, open, processId });
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

/** Each transaction that is there has left its mark, and is not in a gap between those of others. */
function markedFate(marker: ProgressMarker, reader: MarkReader, { mark }: Open): AskFate | null {
  if (mark === null || mark.mays?.beReadOnly === true) return null;
  return async (gone) => {
    await reader.read(mark.database);
    const says = marker.says(mark.ordinal, mark.database);
    if (says === 'BEHIND') return gone ? 'ROLLED_BACK' : null;
    return says === 'FORGOTTEN' ? null : says;
  };
}
