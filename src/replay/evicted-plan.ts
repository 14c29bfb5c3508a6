import { RepriseError } from '../errors.ts';
import type { JournalStore } from '../journal/store.ts';
import { counted } from './counted.ts';
import type { ReportBuilder } from './report-builder.ts';
import type { ReplayRequest } from './request.ts';
import type { SettledOutcomes } from './settled-outcomes.ts';
import type { Replay } from './store.ts';

/** The run whose plan retention may have taken entries out of. */
export interface PlanUnderRetention {
  readonly journal: Pick<JournalStore, 'evictedSince'>;
  readonly request: ReplayRequest;
  /** As it was when the run was made: its mark tells what was taken since. */
  readonly replay: Pick<Replay, 'lossMark'>;
  /** Not null for an interrupted run that is resumed. */
  readonly settled: SettledOutcomes | null;
  /** Remarks on what was lost. */
  readonly report: ReportBuilder;
}

/**
 * What is left of a plan that lost some of it while the run was interrupted has other places in it than those by which
 * the run knows what it has done: nothing of it is sent. Where nothing is left, the run comes to its end. `planned`
 * before it was interrupted, `reached` now.
 * @throws RepriseError ENTRIES_EVICTED
 */
export async function refuseShifted(run: PlanUnderRetention, planned: number, reached: number): Promise<void> {
  const { settled } = run;
  if (settled === null || reached === 0) return;
  const hasBegun = settled.sentThrough > 0 || settled.summary.skipped > 0;
  if (!hasBegun || reached >= planned || !(await hasEvicted(run))) return;
  throw evicted(
    run,
    `retention took ${planned - reached} of ${planned} statements out of the journal while the run was interrupted, and what is left cannot be told from what was replayed: start a new replay`,
  );
}

/**
 * At the end of a walk: a plan that holds `missing` less than was counted has lost it to retention, if that has taken
 * anything since.
 * @throws RepriseError ENTRIES_EVICTED
 */
export async function refuseEvicted(run: PlanUnderRetention, missing: number): Promise<void> {
  if (missing <= 0 || !(await hasEvicted(run))) return;
  const [were, them] = missing === 1 ? ['was', 'it'] : ['were', 'them'];
  throw evicted(
    run,
    `${counted(missing, 'statement')} ${were} not replayed: retention took ${them} out of the journal before the run came to ${them}`,
  );
}

/** Whether retention has taken anything that the plan reaches back to since the run was made. */
export function hasEvicted({
  journal,
  request,
  replay,
}: Pick<PlanUnderRetention, 'journal' | 'request' | 'replay'>): Promise<boolean> {
  return journal.evictedSince(replay.lossMark, request.edges === 'INCLUDE' ? 0 : request.window.from);
}

function evicted({ report }: PlanUnderRetention, message: string): RepriseError {
  report.remark(message);
  return new RepriseError('ENTRIES_EVICTED', message);
}
