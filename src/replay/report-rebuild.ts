import { readPlaces } from '../journal/entry-places.ts';
import type { JournalStore } from '../journal/store.ts';
import { counted } from './counted.ts';
import type { OutcomeEvent } from './event.ts';
import { recordedEvents } from './recorded-events.ts';
import { ReportBuilder } from './report-builder.ts';
import type { ReplayRequest } from './request.ts';
import type { ReplayReport, ReplayStore } from './store.ts';

/**
 * Makes a run's report anew from its durable events and the journal: for runs that were interrupted, whose
 * report in memory died with their process. Reads every event once; memory and `slower` as for `ReportBuilder`.
 * @throws what `signal` was aborted with
 */
export async function rebuildReport(
  journal: JournalStore,
  store: ReplayStore,
  { id, request }: { readonly id: string; readonly request: ReplayRequest },
  slower: ReplayRequest['slower'] | null,
  signal?: AbortSignal,
): Promise<Omit<ReplayReport, 'thresholds'>> {
  const report = new ReportBuilder(request);
  let evicted = 0;
  for await (const events of recordedEvents(store, id)) {
    const outcomes = events.filter((event): event is OutcomeEvent => event.kind === 'OUTCOME');
    const places = outcomes.map(({ transactionId, key }) => ({ transactionId, sequence: key.sequence }));
    await readPlaces(journal, places, (entry, index) => {
      const outcome = outcomes[index] as OutcomeEvent;
      if (entry === null) evicted += 1;
      else report.add(entry, outcome, outcome.seq);
    });
    signal?.throwIfAborted();
  }
  if (evicted === 0) return report.finish(slower);
  report.remark(`no longer in the journal and missing from this report: ${counted(evicted, 'statement')}`);
  return { ...report.finish(slower), evicted };
}
