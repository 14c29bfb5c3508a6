import type { JournalStore } from '../journal/store.ts';
import type { ResolvedTarget } from '../target/spec.ts';
import { ON_REQUEST, type RunControl } from './control.ts';
import { endLeftBehind, notEnded } from './end-others.ts';
import { EventFeed } from './feed.ts';
import { tellLeftInDoubt } from './left-in-doubt.ts';
import { ReportBuilder } from './report-builder.ts';
import { Reporter } from './reporter.ts';
import type { ReplayRequest } from './request.ts';
import { marksOf } from './run-key.ts';
import { readSettled, type SettledOutcomes } from './settled-outcomes.ts';
import type { Replay, ReplayPatch, ReplayStore } from './store.ts';
import { Tally } from './tally.ts';

/** An INTERRUPTED run that is to be cancelled. */
export interface CancelledRun {
  readonly journal: JournalStore;
  readonly store: ReplayStore;
  readonly replay: Replay;
  /** Who cancels it. */
  readonly ownerId: string;
  /** Its target as policy has it now; rejects where that has none. */
  resolve(): Promise<ResolvedTarget>;
  /** Ends when the service stops. */
  readonly control: RunControl;
}

/**
 * Cancels a run that nobody works on. One whose process has died is taken on for that: what this has left running on the target is
 * ended, as far as that can be had at once, and what it has left in doubt is told as UNKNOWN.
 * @throws RepriseError REPLAY_STATE where another process was faster, or the service stops; REPLAY_NOT_FOUND, STORE_UNAVAILABLE
 */
export async function cancelInterrupted(run: CancelledRun): Promise<void> {
  const { store, replay, ownerId } = run;
  const { id, lastSeq, error } = replay;
  // One that was interrupted in order has its outcomes, except for those that marks on the target are to tell of.
  const mayHoldDoubts = error !== null || replay.request.markProgress;
  const settled = mayHoldDoubts && (await store.sentThrough(id)) > 0 ? await readSettled(store, replay) : null;
  const taken = settled !== null && (error !== null || settled.untold(0) > 0);
  const options = { lastSeq, sentThrough: settled?.sentThrough ?? 0, onError: () => {} };
  const feed = new EventFeed(store, id, taken ? { ...options, ownerId } : options);
  try {
    if (taken) await feed.transition('RESUME', { ownerId }, 'taken on to be cancelled');
    const { patch, reason } = taken ? await tellOf(run, settled, feed) : { patch: {}, reason: ON_REQUEST };
    await feed.transition('CANCEL', { endedAt: Date.now() * 1000, ...patch }, reason);
  } finally {
    await feed.close();
  }
}

/** What is told of the run's end, and of what it has left in doubt before that. */
async function tellOf(
  { journal, store, replay, resolve, control }: CancelledRun,
  settled: SettledOutcomes,
  feed: EventFeed,
): Promise<{ readonly patch: ReplayPatch; readonly reason: string }> {
  const { withheld: _, ...request } = replay.request;
  const tally = Tally.restore(settled.summary, settled.figures);
  const report = new ReportBuilder(request);
  const reporter = new Reporter({ feed, tally, report, request, control, failures: settled.failures });
  const left = replay.error === null ? null : await endLeft(resolve, request, replay.id);
  const untold = await tellLeftInDoubt({ journal, store, replay, request, settled, reporter, control });
  const reason = [ON_REQUEST, ...(left === null ? [] : [left]), ...(untold === null ? [] : [untold])].join('; ');
  tally.end(performance.now());
  // Of these the tally knows only what the walk of a resumed run comes past again; what is UNKNOWN adds nothing to them.
  const { recordedDuration, unverifiableFailures = 0, rate } = replay.summary;
  const summary = { ...tally.summary(performance.now()), recordedDuration, unverifiableFailures, rate };
  return { patch: { summary }, reason };
}

function endLeft(resolve: CancelledRun['resolve'], request: ReplayRequest, id: string): Promise<string | null> {
  return resolve().then((target) => endLeftBehind(target, request, marksOf(id)), notEnded);
}
