import type { JournalStore } from '../journal/store.ts';
import type { CommitDoubts } from './commit-doubts.ts';
import type { RunControl } from './control.ts';
import type { EventFeed } from './feed.ts';
import type { IdRestorer } from './ids/id-restorer.ts';
import { MAY_HAVE_RUN } from './left-in-doubt.ts';
import { isMarked } from './marked-statements.ts';
import type { Pacer } from './pacer.ts';
import type { PreparedTransactions } from './prepared-transactions.ts';
import type { ProgressMarker } from './progress-marker.ts';
import type { PlannedEntry, Reporter } from './reporter.ts';
import type { ReplayRequest } from './request.ts';
import type { NotedStatement } from './session-memory.ts';
import type { SessionRoles } from './session-roles.ts';
import type { SessionPool } from './sessions.ts';
import type { SettledOutcomes } from './settled-outcomes.ts';
import type { Tally } from './tally.ts';
import type { TargetMonitor } from './target-monitor.ts';
import type { TargetSession } from './target-session.ts';

/** What an ordering's walk works with. A walk resolves when the plan has ended or `control` ended the run. */
export interface WalkContext {
  readonly journal: JournalStore;
  readonly request: ReplayRequest;
  readonly control: RunControl;
  readonly pacer: Pacer;
  readonly feed: EventFeed;
  readonly tally: Tally;
  readonly reporter: Reporter;
  readonly pool: SessionPool;
  readonly monitor: TargetMonitor;
  readonly prepared: PreparedTransactions;
  /** Statements that an interrupted run has settled already; null in a run that begins. */
  readonly settled: SettledOutcomes | null;
  /** Sets sequences so that statements draw what they drew in the record; null where that is not asked for. */
  readonly ids: IdRestorer | null;
  /** Settles COMMITs whose answer was lost. */
  readonly doubts: CommitDoubts;
  /** Marks each transaction on the target (COMMIT); null where that is not asked for. */
  readonly marker: ProgressMarker | null;
  /** Which transactions may run under another role than their login. */
  readonly roles: SessionRoles;
  /** By session key: statements before the window that made state which lasted into it. */
  readonly earlier: ReadonlyMap<string, readonly NotedStatement[]>;
}

/**
 * Waits until the walk may send its next statement: not paused, feed not behind, and the write-ahead mark
 * beyond it (docs/replay.md L3). Null, the usual answer, costs three comparisons.
 */
export function mayProceed(context: WalkContext, ordinal: number): Promise<void> | null {
  const { control, feed } = context;
  const gate = control.gate();
  const ready = feed.ready();
  const reserved = feed.reserve(ordinal);
  if (gate === null && ready === null && reserved === null) return null;
  const wait = proceedWhen(context, [gate, ready, reserved]);
  // Who only asks whether there is something to wait for asks again where it waits.
  wait.catch(() => {});
  return wait;
}

/** Waits until the walk may send, or the run is being ended. Asks again behind each wait: it may have been paused once more. */
export async function untilMayProceed(context: WalkContext, ordinal: number): Promise<void> {
  for (
    let wait = mayProceed(context, ordinal);
    wait !== null && context.control.endReason === null;
    wait = mayProceed(context, ordinal)
  )
    await wait;
}

async function proceedWhen({ control, pacer }: WalkContext, waits: readonly (Promise<void> | null)[]): Promise<void> {
  try {
    await control.unlessEnded(Promise.all(waits));
  } catch (error) {
    // Whoever waited sees the end for itself.
    if (control.endReason === null) throw error;
  }
  pacer.shift(control.takePausedMs());
}

/** Waits for the end of a pause; what is due comes that much later. */
export async function resumed({ control, pacer }: WalkContext): Promise<void> {
  await control.gate();
  pacer.shift(control.takePausedMs());
}

/**
 * In a resumed run: true when the entry was, or may have been, sent before, so that it must not be sent again.
 * For walks that send statement by statement; COMMIT settles whole transactions.
 */
export function passSettled(context: WalkContext, session: TargetSession, place: PlannedEntry): boolean {
  const { settled, reporter } = context;
  if (settled === null) return false;
  const known = settled.has(place);
  if (!known && place.ordinal > settled.unknownThrough) return false;
  session.remaining -= 1;
  if (!known) reporter.unknown(place, MAY_HAVE_RUN);
  // What the session did before died with its connections: settings are made again, an open transaction was
  // rolled back by the server and its rest cannot be replayed.
  session.memory.noteRecorded(place.entry);
  session.follow(place.entry, null);
  context.prepared.noteUncertain(place.entry);
  session.lostTransaction = place.entry.transactionId;
  return true;
}

/**
 * In a resumed run of COMMIT ordering: true when the transaction was, or may have been, begun before, so that it must
 * not be begun again; its entries without an outcome have got one then. `database`: the target database that it runs in.
 */
export function passSettledTransaction(
  context: WalkContext,
  planned: readonly PlannedEntry[],
  database: string | null,
): boolean {
  const { settled, reporter, marker, prepared } = context;
  const first = planned[0];
  const last = planned.at(-1);
  if (settled === null || first === undefined || last === undefined) return false;
  const known = planned.map((place) => settled.has(place));
  const says = marker?.says(last.ordinal, database) ?? 'BEHIND';
  const had = says !== 'BEHIND';
  const marked = isMarked(planned);
  if (!had && first.ordinal > settled.unknownThrough && !known.includes(true)) return false;
  // The target itself says that the transaction is not there: it is replayed now.
  if (marker !== null && !had && !known.includes(true) && marked) return false;
  planned.forEach((place, index) => {
    prepared.noteUncertain(place.entry);
    if (known[index] === true) return;
    if (marked && says === 'COMMITTED')
      reporter.unknown(place, 'its transaction committed before the service stopped; the answer was not recorded');
    else if (marked && says === 'ROLLED_BACK')
      reporter.unknown(
        place,
        'its transaction left no mark before the service stopped, though later ones did: it failed, or wrote nothing; the answer was not recorded',
      );
    else if (had || place.ordinal <= settled.unknownThrough) {
      reporter.unknown(place, MAY_HAVE_RUN);
    } else reporter.skipped(place, 'TRANSACTION_LOST');
  });
  return true;
}
