import { RepriseError } from '../errors.ts';
import type { JournalStore } from '../journal/store.ts';
import { COMPARED_RUNS_SLOWER, checkEnded, compareRuns, type RunComparison } from './compare-runs.ts';
import { checkSlower, MAX_THRESHOLDS } from './complete-request.ts';
import { ofPresent } from './no-replay.ts';
import { ownNewFailures, type ReportBuilder } from './report-builder.ts';
import { rebuildReport } from './report-rebuild.ts';
import type { ReplayRequest } from './request.ts';
import type { Replay, ReplayReport, ReplayStore } from './store.ts';
import type { ReplaySummary } from './summary.ts';
import { approximateRemark, evaluateThresholds, parseThreshold } from './thresholds.ts';

interface Stores {
  readonly journal: JournalStore;
  readonly store: ReplayStore;
}

/**
 * Stores the report of a run at its end, its thresholds evaluated. `rebuilding`: in a run that was resumed, whose report is
 * made anew from its events, what gives that up; only what was gathered as remarks is taken over then. Else null.
 */
export async function saveReport(
  { journal, store }: Stores,
  run: Pick<Replay, 'id' | 'ownerId' | 'summary'> & { readonly request: ReplayRequest },
  gathered: ReportBuilder,
  rebuilding: AbortSignal | null,
): Promise<void> {
  const { id, ownerId, request, summary } = run;
  const slower = measureOf(request, summary);
  const here = gathered.finish(slower);
  let whole = here;
  if (rebuilding !== null) {
    const anew = await rebuildReport(journal, store, run, slower, rebuilding);
    whole = { ...anew, remarks: [...anew.remarks, ...here.remarks] };
  }
  const approximate = approximateRemark(request.thresholds, summary);
  const report = { ...whole, remarks: [...whole.remarks, ...keysRemark(whole, request), ...approximate] };
  const thresholds = evaluateThresholds(request.thresholds, summary, report);
  await store.saveReport(id, { ...report, thresholds }, ownerId);
}

/** Foreign keys that are not there, keys that are there already. */
const KEY_FAILURES = ['23503', '23505'];

/** Where keys fail that did not in the record: what most likely lies behind it. */
function keysRemark({ failures }: Pick<ReplayReport, 'failures'>, request: ReplayRequest): readonly string[] {
  const groups = failures.filter(({ sqlstate }) => KEY_FAILURES.includes(sqlstate));
  const count = groups.reduce((sum, group) => sum + ownNewFailures(group), 0);
  if (count === 0) return [];
  const many = count === 1 ? '1 statement' : `${count} statements`;
  const what = `${many} failed with ${KEY_FAILURES.join(' or ')} and not so in the record: likely`;
  if (request.scale > 1) return [`${what} copies of a session met the keys of each other (scale ${request.scale})`];
  const unlike = 'the target was not as the record begins';
  const restored = request.ordering === 'COMMIT' && request.restoreIds;
  const why = restored
    ? unlike
    : `${unlike}, or sequences drew other ids than in the record, which COMMIT ordering restores`;
  return [`${what} ${why}`];
}

/**
 * The report of a run that has ended; of one under way here `soFar`; else what its durable events say so far.
 * `thresholds` are evaluated in addition to those of the request.
 * @throws RepriseError BAD_INPUT, LIMIT_EXCEEDED; REPLAY_NOT_FOUND where the run is deleted meanwhile
 */
export async function readReport(
  { journal, store }: Stores,
  { id, request, summary }: Replay,
  thresholds: readonly string[],
  soFar: Omit<ReplayReport, 'thresholds'> | null = null,
): Promise<ReplayReport> {
  if (thresholds.length > MAX_THRESHOLDS) {
    throw new RepriseError('LIMIT_EXCEEDED', `thresholds are ${thresholds.length}: give at most ${MAX_THRESHOLDS}`, {
      path: ['thresholds'],
    });
  }
  for (const threshold of thresholds) parseThreshold(threshold);
  const stored = await store.report(id);
  const report =
    stored ??
    soFar ??
    (await ofPresent(store, id, rebuildReport(journal, store, { id, request }, measureOf(request, summary))));
  const own = stored?.thresholds ?? evaluateThresholds(request.thresholds, summary, report);
  const remarks = [
    ...report.remarks,
    ...approximateRemark(stored === null ? [...request.thresholds, ...thresholds] : thresholds, summary),
  ];
  const { lostStatements = toldAsLost(report.remarks) } = report;
  return {
    ...report,
    remarks,
    lostStatements,
    thresholds: [...own, ...evaluateThresholds(thresholds, summary, report)],
  };
}

/** The number in a sentence: all that reports of earlier releases have of it. */
function toldAsLost(remarks: readonly string[]): number {
  return remarks.reduce((most, remark) => {
    const [, statements = 0] = /^transactions were lost: (\d+) /.exec(remark) ?? [];
    return Math.max(most, Number(statements));
  }, 0);
}

/**
 * Two runs side by side, statement by statement; `slower`: the measure of SLOWER and FASTER.
 * @throws RepriseError REPLAY_STATE for a run that has not ended, BAD_INPUT for a measure out of its range; REPLAY_NOT_FOUND as above
 */
export async function compareReports(
  stores: Stores,
  a: Replay,
  b: Replay,
  slower: ReplayRequest['slower'] = COMPARED_RUNS_SLOWER,
): Promise<RunComparison> {
  checkSlower(slower, []);
  for (const replay of [a, b]) checkEnded(replay);
  const [reportA, reportB] = await Promise.all([readReport(stores, a, []), readReport(stores, b, [])]);
  return compareRuns({ replay: a, report: reportA }, { replay: b, report: reportB }, slower);
}

/** Approximate durations judge nothing: a share of a batch holds its neighbours' time. */
export function measureOf(request: ReplayRequest, summary: ReplaySummary): ReplayRequest['slower'] | null {
  return summary.durationsApproximate ? null : request.slower;
}
