import { type Entry, UNKNOWN_SQLSTATE } from '../journal/entry.ts';
import type { Divergence, OutcomeEvent, Verdict } from './event.ts';
import type { ReplayRequest } from './request.ts';
import type { Percentiles } from './summary.ts';

/** What the target did with an entry: the fields of its outcome that the record can be held against. */
export type ComparableResult = Pick<
  OutcomeEvent,
  'status' | 'sqlstate' | 'rows' | 'digest' | 'durationMs' | 'durationApproximate'
>;

/** The verdict on one outcome. `divergences` is in the order of `DIVERGENCES` and empty unless DIVERGED. */
export interface Comparison {
  readonly verdict: Verdict;
  readonly divergences: readonly Divergence[];
}

// Shared: nearly every outcome of a faithful replay is SAME, and none of these is ever changed.
const SAME: Comparison = Object.freeze({ verdict: 'SAME', divergences: Object.freeze([]) });
const UNVERIFIABLE: Comparison = Object.freeze({ verdict: 'UNVERIFIABLE', divergences: Object.freeze([]) });
const NEW_FAILURE = diverged(['NEW_FAILURE']);
const MISSING_FAILURE = diverged(['MISSING_FAILURE']);
const DIFFERENT_FAILURE = diverged(['DIFFERENT_FAILURE']);

function diverged(divergences: readonly Divergence[]): Comparison {
  return Object.freeze({ verdict: 'DIVERGED', divergences: Object.freeze(divergences) });
}

/**
 * Holds an outcome against the record, by the table "Comparison with the record" of `docs/replay.md`.
 *
 * - UNVERIFIABLE when the recorded outcome is UNKNOWN, or is a failure like this one whose SQLSTATE the log does
 *   not tell, or the statement was skipped or became UNKNOWN.
 * - One of the three failure divergences when the outcomes disagree; nothing else is judged then, because rows
 *   and time of a failure follow from where it failed. Cascades are compared like any failure.
 * - Rows and checksum are judged when both succeeded, each where both sides know it.
 * - SLOWER is judged where the outcomes agree (failures with the same SQLSTATE too) and both durations are
 *   known, and never on an approximate duration: with several statements under way on the connection it holds
 *   its neighbours' time, so it would blame the wrong statement.
 */
export function compareOutcome(
  entry: Pick<Entry, 'outcome' | 'rows' | 'checksum' | 'durationMs'>,
  result: ComparableResult,
  slower: ReplayRequest['slower'],
): Comparison {
  const recorded = entry.outcome;
  if (recorded.status === 'UNKNOWN' || result.status === 'SKIPPED' || result.status === 'UNKNOWN') return UNVERIFIABLE;
  if (recorded.status === 'SUCCEEDED') {
    if (result.status === 'FAILED') return NEW_FAILURE;
  } else {
    if (result.status === 'SUCCEEDED') return MISSING_FAILURE;
    if (recorded.sqlstate === UNKNOWN_SQLSTATE) return UNVERIFIABLE;
    if (result.sqlstate !== recorded.sqlstate) return DIFFERENT_FAILURE;
  }
  const succeeded = result.status === 'SUCCEEDED';
  const otherRows = succeeded && entry.rows !== null && result.rows !== null && entry.rows !== result.rows;
  const otherChecksum =
    succeeded && entry.checksum !== null && result.digest !== null && entry.checksum !== result.digest;
  const takesLonger = !result.durationApproximate && isSlower(entry.durationMs, result.durationMs, slower);
  if (!otherRows && !otherChecksum && !takesLonger) return SAME;
  const divergences: Divergence[] = [];
  if (otherRows) divergences.push('ROW_COUNT');
  if (otherChecksum) divergences.push('CHECKSUM');
  if (takesLonger) divergences.push('SLOWER');
  return { verdict: 'DIVERGED', divergences };
}

/** True for a failure on its own that nobody can tell to be new or not: what became of the statement is not in the record. */
export function isUnverifiableFailure(
  { outcome }: Pick<Entry, 'outcome'>,
  { status, cascade }: Pick<OutcomeEvent, 'status' | 'cascade'>,
): boolean {
  return status === 'FAILED' && !cascade && outcome.status === 'UNKNOWN';
}

/** True for a failure on its own that the record does not have too: as there but SLOWER, it says nothing of failures. */
export function isNewFailure({
  status,
  cascade,
  verdict,
  divergences,
}: Pick<OutcomeEvent, 'status' | 'cascade' | 'verdict' | 'divergences'>): boolean {
  return status === 'FAILED' && !cascade && verdict !== 'SAME' && !divergences.includes('SLOWER');
}

/** True when `after` is `ratio` times and `minMs` more than `before`, both known, in milliseconds. */
export function isSlower(before: number | null, after: number | null, slower: ReplayRequest['slower']): boolean {
  return before !== null && after !== null && after >= slower.ratio * before && after - before >= slower.minMs;
}

/** Below so many calls, a 95th percentile is the slowest of them: whatever else the machine did then. */
const CALLS_FOR_P95 = 20;

/** The percentile that a statement of so many calls is judged by: the 95th, of few calls the median. */
export function decisive({ p50, p95 }: Percentiles, calls: number): number | null {
  return calls < CALLS_FOR_P95 ? p50 : p95;
}

/** What was recorded and what happened, in one sentence. */
export function describeDivergence(
  divergence: Divergence,
  entry: Pick<Entry, 'outcome' | 'rows' | 'checksum' | 'durationMs'>,
  result: ComparableResult & Pick<OutcomeEvent, 'message'>,
): string {
  const recorded = entry.outcome;
  const before = recorded.status === 'FAILED' ? `${recorded.sqlstate}: ${recorded.message}` : recorded.status;
  const now = `${result.sqlstate ?? 'no SQLSTATE'}: ${result.message ?? 'failed'}`;
  switch (divergence) {
    case 'NEW_FAILURE':
      return `succeeded in the record, failed with ${now}`;
    case 'MISSING_FAILURE':
      return `succeeded, failed in the record with ${before}`;
    case 'DIFFERENT_FAILURE':
      return `failed with ${now}; in the record with ${before}`;
    case 'ROW_COUNT':
      return `${result.rows} rows, ${entry.rows} in the record`;
    case 'CHECKSUM':
      return `other rows: digest ${result.digest}, ${entry.checksum} in the record`;
    case 'SLOWER':
      return `took ${millis(result.durationMs)} ms, ${millis(entry.durationMs)} ms in the record`;
  }
}

function millis(ms: number | null): number | null {
  return ms === null ? null : Number(ms.toFixed(3));
}
