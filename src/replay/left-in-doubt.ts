import { messageOf, RepriseError } from '../errors.ts';
import type { JournalStore } from '../journal/store.ts';
import type { RunControl } from './control.ts';
import { hasEvicted } from './evicted-plan.ts';
import { persistentJournal } from './persistent-reads.ts';
import { openPlan, pageSizeOf, planFilter, plannedOf, readSessions } from './plan.ts';
import type { PlannedEntry, Reporter } from './reporter.ts';
import type { ReplayRequest } from './request.ts';
import type { SettledOutcomes } from './settled-outcomes.ts';
import type { Replay } from './store.ts';

/** What is told of a statement that a process may have sent before it died. */
export const MAY_HAVE_RUN = 'the service stopped while the statement may have been under way';

/** A run that ends for good before its walk has passed over all that an earlier process of it may have sent. */
export interface EndingInDoubt {
  readonly journal: JournalStore;
  readonly replay: Pick<Replay, 'lossMark'>;
  readonly request: ReplayRequest;
  readonly settled: SettledOutcomes;
  readonly reporter: Reporter;
  /** Its end cuts the reading of the plan off: a run that is being cancelled has come to its own. */
  readonly control: RunControl;
}

/**
 * Tells as UNKNOWN of the statements that an earlier process may have sent and that nothing was told of: which they are, the plan
 * knows. Gives a sentence about those that it does not hold any more; null: all are told.
 * @throws RepriseError STORE_UNAVAILABLE; REPLAY_STATE when `control` has ended: they stay in doubt
 */
export async function tellLeftInDoubt(run: EndingInDoubt): Promise<string | null> {
  const { settled, reporter, control } = run;
  const { asked, doubtfulThrough } = settled;
  if (settled.untold(asked) === 0) return null;
  let reached = asked;
  try {
    for await (const places of placesOf(run)) {
      for (const place of places) {
        if (place.ordinal > doubtfulThrough) return null;
        if (place.ordinal <= asked) continue;
        if (!settled.has(place)) reporter.unknown(place, MAY_HAVE_RUN);
        reached = place.ordinal;
      }
    }
    // The mark may also reach beyond the end of the plan.
    const isEvicted = settled.untold(reached) > 0 && (await hasEvicted(run));
    return isEvicted ? notListed(settled.untold(reached), 'retention took them out of the journal') : null;
  } catch (error) {
    const isAway = error instanceof RepriseError && error.code === 'STORE_UNAVAILABLE';
    if (isAway || control.endReason !== null) throw error;
    return notListed(settled.untold(reached), messageOf(error));
  }
}

function notListed(count: number, why: string): string {
  const are = count === 1 ? 'statement that may have been sent is' : 'statements that may have been sent are';
  return `${count} ${are} not listed as UNKNOWN: ${why}`;
}

/** The plan with its ordinals, as the walks of the orderings number it. */
async function* placesOf({ journal, request, control }: EndingInDoubt): AsyncGenerator<readonly PlannedEntry[]> {
  const reading = persistentJournal(journal, control);
  const filter = planFilter(request);
  let ordinal = 0;
  if (request.ordering === 'COMMIT') {
    for (let after = 0n; ; ) {
      const page = await reading.committed(request.window, filter, after, pageSizeOf(request));
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.transaction.commitSeq;
      for (const whole of page) {
        const places = plannedOf(request, filter, whole, ordinal);
        ordinal += places.length;
        yield places;
      }
    }
  }
  const { arrival } = await reading.tailEnd();
  const { sessions } = await readSessions(reading, request);
  const straddlers = await reading.straddlers(request.window, filter);
  const plan = await openPlan(reading, request, sessions, arrival, straddlers);
  const copies = Array.from({ length: request.scale }, (_, copy) => copy);
  for (let page = await plan.nextPage(); page !== null; page = await plan.nextPage()) {
    yield page.flatMap((entry) =>
      copies.map((copy) => {
        ordinal += 1;
        return { ordinal, entry, copy };
      }),
    );
  }
}
