import { RepriseError } from '../errors.ts';
import { formatMicros } from '../journal/window.ts';
import { decisive, isSlower } from './compare.ts';
import type { ReplayRequest } from './request.ts';
import { hasEnded } from './run-state.ts';
import { type Replay, type ReplayReport, type StatementReport, sentCalls } from './store.ts';
import type { Percentiles, ReplaySummary } from './summary.ts';

/** How a normalised statement of run B did against run A. The first that holds, in this order. */
export const RUN_VERDICTS = [
  'ONLY_IN_A',
  'ONLY_IN_B',
  'NEW_FAILURES',
  'FIXED',
  'DIFFERENT_RESULTS',
  'SLOWER',
  'FASTER',
  'SAME',
] as const;
export type RunVerdict = (typeof RUN_VERDICTS)[number];

/**
 * What counts as slower between two runs. Tighter than for a run against its record: both were measured by the same
 * means, and many calls stand behind a percentile.
 */
export const COMPARED_RUNS_SLOWER: ReplayRequest['slower'] = { ratio: 1.25, minMs: 1 };

/** A normalised statement in two runs; null for the one that had none. */
export interface StatementComparison {
  readonly fingerprint: string;
  readonly normalised: string;
  readonly a: StatementReport | null;
  readonly b: StatementReport | null;
  /** Durations on the target, B − A, in milliseconds; null where either is unknown. */
  readonly deltaMs: Percentiles;
  readonly verdict: RunVerdict;
}

/** Two runs side by side. */
export interface RunComparison {
  readonly a: Replay;
  readonly b: Replay;
  readonly slower: ReplayRequest['slower'];
  /** Worst first: by verdict, then by how much time a call takes more. */
  readonly statements: readonly StatementComparison[];
  /** Statements by verdict. */
  readonly totals: Readonly<Record<RunVerdict, number>>;
  /** Sentences about what makes the two less than comparable. */
  readonly remarks: readonly string[];
}

/** One run with its report. */
export interface RunWithReport {
  readonly replay: Replay;
  readonly report: Pick<ReplayReport, 'statements'>;
}

/** @throws RepriseError REPLAY_STATE when the run has not ended */
export function checkEnded({ id, state }: Pick<Replay, 'id' | 'state'>): void {
  if (hasEnded(state)) return;
  throw new RepriseError('REPLAY_STATE', `replay ${id} is ${state}: only runs that have ended can be compared`);
}

/** Statements beyond the limits of a report share this line: it is not of the same statements in both. */
const SHARED_LINE = 'other';

/**
 * Two runs of the same window side by side, as before and after an upgrade: A is before. Pure.
 *
 * - ONLY_IN_A and ONLY_IN_B: no call of it succeeded or failed in the other.
 * - NEW_FAILURES and FIXED: a larger or smaller share of the calls that succeeded or failed did fail, cascades included.
 * - DIFFERENT_RESULTS: as many calls that told them had other numbers of rows all in all, or another share of the calls differs
 *   from the record by number of rows or, where both runs digested, by checksum.
 * - SLOWER and FASTER: the 95th percentile on the target (below 20 calls: the median) is `slower.ratio` times and
 *   `slower.minMs` apart.
 */
export function compareRuns(a: RunWithReport, b: RunWithReport, slower: ReplayRequest['slower']): RunComparison {
  const linesA = byFingerprint(a.report);
  const linesB = byFingerprint(b.report);
  const statements: StatementComparison[] = [];
  for (const fingerprint of new Set([...linesA.keys(), ...linesB.keys()])) {
    if (fingerprint === SHARED_LINE) continue;
    const [before, after] = [linesA.get(fingerprint) ?? null, linesB.get(fingerprint) ?? null];
    statements.push({
      fingerprint,
      normalised: (before ?? after)?.normalised ?? '',
      a: before,
      b: after,
      deltaMs: {
        p50: delta(before?.replayed.p50, after?.replayed.p50),
        p95: delta(before?.replayed.p95, after?.replayed.p95),
        p99: delta(before?.replayed.p99, after?.replayed.p99),
      },
      verdict: verdictOf(before, after, slower),
    });
  }
  statements.sort(worstFirst);
  const totals = Object.fromEntries(RUN_VERDICTS.map((verdict) => [verdict, 0])) as Record<RunVerdict, number>;
  for (const { verdict } of statements) totals[verdict] += 1;
  return { a: a.replay, b: b.replay, slower, statements, totals, remarks: remarksOn(a, b) };
}

function byFingerprint({ statements }: Pick<ReplayReport, 'statements'>): Map<string, StatementReport> {
  return new Map(statements.map((line) => [line.fingerprint, line]));
}

function delta(before: number | null | undefined, after: number | null | undefined): number | null {
  return before == null || after == null ? null : after - before;
}

function verdictOf(a: StatementReport | null, b: StatementReport | null, slower: ReplayRequest['slower']): RunVerdict {
  if (b === null) return 'ONLY_IN_A';
  if (a === null) return 'ONLY_IN_B';
  const [sentA, sentB] = [sentCalls(a), sentCalls(b)];
  if (sentA === 0 || sentB === 0) return sentA > 0 ? 'ONLY_IN_A' : sentB > 0 ? 'ONLY_IN_B' : 'SAME';
  const [failedA, failedB] = [a.failures + a.cascades, b.failures + b.cascades];
  // Shares, because a run that was stopped has fewer calls; cross-multiplied, because they must compare exactly.
  const more = failedB * sentA - failedA * sentB;
  if (more > 0) return 'NEW_FAILURES';
  if (more < 0) return 'FIXED';
  if (differInResults(a, b)) return 'DIFFERENT_RESULTS';
  const calls = Math.min(sentA, sentB);
  const [before, after] = [decisive(a.replayed, calls), decisive(b.replayed, calls)];
  if (isSlower(before, after, slower)) return 'SLOWER';
  if (isSlower(after, before, slower)) return 'FASTER';
  return 'SAME';
}

function differInResults(a: StatementReport, b: StatementReport): boolean {
  const [rowsA, rowsB] = measuredCalls(a, b, 'withRows');
  if (rowsA === rowsB && a.rows !== b.rows) return true;
  const [digestsA, digestsB] = measuredCalls(a, b, 'digested');
  return (
    (a.divergences.ROW_COUNT ?? 0) * rowsB !== (b.divergences.ROW_COUNT ?? 0) * rowsA ||
    (a.divergences.CHECKSUM ?? 0) * digestsB !== (b.divergences.CHECKSUM ?? 0) * digestsA
  );
}

/** Calls of both of which something is known; all that were sent where a report of an earlier release does not tell. */
function measuredCalls(
  a: StatementReport,
  b: StatementReport,
  known: 'withRows' | 'digested',
): readonly [number, number] {
  const [ofA, ofB] = [a[known], b[known]];
  return ofA === undefined || ofB === undefined ? [sentCalls(a), sentCalls(b)] : [ofA, ofB];
}

const RANK: Readonly<Record<RunVerdict, number>> = {
  NEW_FAILURES: 0,
  DIFFERENT_RESULTS: 1,
  SLOWER: 2,
  ONLY_IN_A: 3,
  ONLY_IN_B: 4,
  FIXED: 5,
  FASTER: 6,
  SAME: 7,
};

function worstFirst(x: StatementComparison, y: StatementComparison): number {
  return RANK[x.verdict] - RANK[y.verdict] || timeMore(y) - timeMore(x) || callsOf(y) - callsOf(x);
}

/** Milliseconds that all calls take more, by the 95th percentile. */
function timeMore({ deltaMs, b }: StatementComparison): number {
  return (deltaMs.p95 ?? 0) * (b?.calls ?? 0);
}

function callsOf({ a, b }: StatementComparison): number {
  return (b ?? a)?.calls ?? 0;
}

/** Sentences about what makes two runs less than comparable: their ends, what they were asked for, their durations. */
export function remarksOnRuns(a: Replay, b: Replay): string[] {
  const remarks: string[] = [];
  for (const [name, { state }] of [
    ['A', a],
    ['B', b],
  ] as const) {
    if (state !== 'COMPLETED') remarks.push(`run ${name} is ${state}: it did not walk its plan to the end`);
  }
  const settings: readonly (readonly [string, (request: ReplayRequest) => string])[] = [
    ['window', ({ window }) => `${formatMicros(window.from)} to ${formatMicros(window.to)}`],
    ['filter', ({ filter }) => JSON.stringify(filter)],
    ['ordering', ({ ordering }) => ordering],
    ['edges', ({ edges }) => edges],
    ['pace', ({ pace }) => (pace.mode === 'RECORDED' ? `recorded × ${pace.speed}` : 'as fast as possible')],
    ['inFlight', ({ inFlight }) => String(inFlight)],
    ['scale', ({ scale }) => String(scale)],
    ['readOnly', ({ readOnly }) => yesOrNo(readOnly)],
    ['digestRows', ({ digestRows }) => yesOrNo(digestRows)],
    ['databases', ({ databases }) => mapped(databases ?? [], ({ target }) => target) || 'one as recorded'],
    ['users', ({ users }) => mapped(users, ({ user }) => user) || "all the target's"],
    ['restored ids', ({ restoreIds }) => yesOrNo(restoreIds)],
  ];
  for (const [name, read] of settings) {
    const [before, after] = [read(a.request), read(b.request)];
    if (before !== after) remarks.push(`the runs differ in ${name}: ${before} in A, ${after} in B`);
  }
  if (a.summary.durationsApproximate || b.summary.durationsApproximate) {
    remarks.push(
      'durations are approximate: several statements were under way on a connection; inFlight 1 gives faithful ones',
    );
  }
  return remarks;
}

function yesOrNo(asked: boolean): string {
  return asked ? 'yes' : 'no';
}

/** In an order of its own: that of the request decides nothing. */
function mapped<Mapping extends { readonly recorded: string }>(
  mappings: readonly Mapping[],
  nameOf: (mapping: Mapping) => string,
): string {
  return mappings
    .map((mapping) => `${mapping.recorded} → ${nameOf(mapping)}`)
    .sort()
    .join(', ');
}

function remarksOn(a: RunWithReport, b: RunWithReport): string[] {
  const remarks = remarksOnRuns(a.replay, b.replay);
  for (const [name, { replay, report }] of [
    ['A', a],
    ['B', b],
  ] as const) {
    remarks.push(...notCompared(name, replay.summary));
    const calls = report.statements.find(({ fingerprint }) => fingerprint === SHARED_LINE)?.calls;
    if (calls !== undefined)
      remarks.push(`${calls} calls of run ${name} share one line of its report and are not compared`);
  }
  return remarks;
}

function notCompared(name: string, { skipped, unknown }: ReplaySummary): readonly string[] {
  const kinds = [...(skipped > 0 ? [`${skipped} skipped`] : []), ...(unknown > 0 ? [`${unknown} unknown`] : [])];
  return kinds.length === 0 ? [] : [`statements of run ${name} that are not compared: ${kinds.join(', ')}`];
}
