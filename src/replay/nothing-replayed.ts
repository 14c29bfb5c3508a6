import type { JournalStore } from '../journal/store.ts';
import type { SkipReason } from './event.ts';
import { planFilter } from './plan.ts';
import type { ReplayRequest } from './request.ts';
import type { ReplaySummary } from './summary.ts';

/**
 * Why a run that has walked its plan to the end sent no statement: a sentence. Null where it sent one.
 * `skips`: its skipped statements by reason, as far as this process has seen them.
 * @throws RepriseError STORE_UNAVAILABLE
 */
export async function whyNothingReplayed(
  journal: JournalStore,
  request: ReplayRequest,
  { succeeded, failed, cascades, unknown, skipped }: ReplaySummary,
  skips: ReadonlyMap<SkipReason, number>,
): Promise<string | null> {
  if (succeeded + failed + cascades + unknown > 0) return null;
  if (skipped > 0) return `nothing was replayed: ${allSkipped(skipped, skips)}`;
  const entriesOf = async (filter: Parameters<JournalStore['databaseCounts']>[1]) =>
    (await journal.databaseCounts(request.window, filter)).reduce((sum, { entries }) => sum + entries, 0);
  const entries = await entriesOf({});
  if (entries === 0) return 'nothing was replayed: the window holds no statement';
  const passing = await entriesOf(planFilter(request));
  if (passing === 0) return `nothing was replayed: ${noneOf(entries)} in the window passes ${sievesOf(request)}`;
  const committed = request.ordering === 'COMMIT' ? 'committed in it' : 'lies in it whole';
  return `nothing was replayed: ${noneOf(passing)} in the window is of a transaction that ${committed} (edges ${request.edges})`;
}

function allSkipped(skipped: number, skips: ReadonlyMap<SkipReason, number>): string {
  const all = skipped === 1 ? 'its only statement was skipped' : `all ${skipped} statements were skipped`;
  const known = [...skips].sort(([, a], [, b]) => b - a);
  // A process that ran this run before took what it knew of reasons with it.
  if (known.reduce((sum, [, count]) => sum + count, 0) < skipped) return all;
  return `${all} (${known.map(([reason, count]) => `${reason} ${count}`).join(', ')})`;
}

function noneOf(entries: number): string {
  return entries === 1 ? 'the only statement' : `none of the ${entries} statements`;
}

function sievesOf({ filter, databases }: ReplayRequest): string {
  const sieves = [
    ...(Object.keys(filter).length > 0 ? ['the filter'] : []),
    ...(databases !== null && filter.databases === undefined ? ['the mapping of databases'] : []),
  ];
  return sieves.join(' and ');
}
