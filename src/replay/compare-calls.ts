import type { JournalStore } from '../journal/store.ts';
import { checkLists } from '../journal/window.ts';
import { isSlower } from './compare.ts';
import { COMPARED_RUNS_SLOWER, checkEnded, remarksOnRuns } from './compare-runs.ts';
import { checkSlower } from './complete-request.ts';
import type { OutcomeEvent } from './event.ts';
import { type Call, compareCallOrder, RecordedOutcomes } from './recorded-outcomes.ts';
import type { ReplayRequest } from './request.ts';
import { statementTest } from './statement-test.ts';
import type { Replay, ReplayStore } from './store.ts';

/** How a call of run B did against the same call of run A. Several may hold. */
export const CALL_DIFFERENCES = [
  'ONLY_IN_A',
  'ONLY_IN_B',
  'UNKNOWN',
  'NEW_FAILURE',
  'FIXED',
  'DIFFERENT_FAILURE',
  'ROW_COUNT',
  'CHECKSUM',
  'SLOWER',
  'FASTER',
] as const;
export type CallDifference = (typeof CALL_DIFFERENCES)[number];

/** A call that differs between two runs: what became of it in each; null where a run did not report on it. */
export interface ComparedCall {
  readonly a: OutcomeEvent | null;
  readonly b: OutcomeEvent | null;
  /** In the order of `CALL_DIFFERENCES`; not empty. */
  readonly differences: readonly CallDifference[];
}

/** Which differing calls to list; every given field must match. */
export interface CallFilter {
  readonly differences?: readonly CallDifference[];
  /** Of the normalised statement (`statementFingerprint`); calls whose entry was evicted do not match. */
  readonly fingerprint?: string;
  /** Whether it only follows from an earlier failure, in either run. */
  readonly cascade?: boolean;
}

/** One page of the calls that differ between run A and run B. */
export interface CallComparison {
  readonly a: Replay;
  readonly b: Replay;
  /** In recorded order. */
  readonly calls: readonly ComparedCall[];
  /** Whether there are, or may be, more. */
  readonly hasMore: boolean;
  /** The call that the reading stopped at before it had found enough; null where the last one found is the place to go on from. */
  readonly stoppedAt: Call | null;
  /** Sentences about what makes the two less than comparable. */
  readonly remarks: readonly string[];
}

/** What one page costs at most, whatever the filter and the length of the runs; outcomes that overlap come on top. */
const WORK = { events: 100_000, entries: 5_000, entriesAtOnce: 500 } as const;

/**
 * The differing calls of two runs, by pages of bounded work and memory. `after`: only calls later than this one.
 * @throws RepriseError REPLAY_STATE for a run that has not ended, BAD_INPUT for a measure out of its range, LIMIT_EXCEEDED for a
 * list that is too long
 */
export async function compareCalls(
  { journal, store }: { readonly journal: JournalStore; readonly store: ReplayStore },
  [a, b]: readonly [Replay, Replay],
  { filter, slower = COMPARED_RUNS_SLOWER }: { readonly filter: CallFilter; readonly slower?: ReplayRequest['slower'] },
  { after, limit }: { readonly after: Call | null; readonly limit: number },
): Promise<CallComparison> {
  checkSlower(slower, []);
  checkLists(filter);
  for (const replay of [a, b]) checkEnded(replay);
  const wanted = new Set<CallDifference>(filter.differences ?? CALL_DIFFERENCES);
  const runs = [new RecordedOutcomes(store, a.id, after), new RecordedOutcomes(store, b.id, after)] as const;
  const isOfStatement = filter.fingerprint === undefined ? null : statementTest(journal, filter.fingerprint);
  const found: ComparedCall[] = [];
  const remarks = remarksOnRuns(a, b);
  if (a.summary.durationsApproximate || b.summary.durationsApproximate) {
    remarks.push('calls with an approximate duration are listed as neither slower nor faster');
  }
  const page = (hasMore: boolean, stoppedAt: Call | null): CallComparison => {
    return { a, b, calls: found, hasMore, stoppedAt, remarks };
  };
  let entries = 0;
  for await (const pairs of pairsOf(...runs)) {
    const differing = pairs.flatMap(([before, after]) => {
      const differences = differencesOf(before, after, slower);
      if (!differences.some((one) => wanted.has(one))) return [];
      const follows = before?.cascade === true || after?.cascade === true;
      return filter.cascade === undefined || filter.cascade === follows ? [{ a: before, b: after, differences }] : [];
    });
    for (let at = 0; at < differing.length; at += WORK.entriesAtOnce) {
      const part = differing.slice(at, at + WORK.entriesAtOnce);
      const matched = isOfStatement === null ? null : await isOfStatement(part.map(callOf));
      for (const [index, call] of part.entries()) {
        if (matched !== null && !matched[index]) continue;
        if (found.length === limit) return page(true, null);
        found.push(call);
      }
      if (isOfStatement !== null) entries += part.length;
      if (entries >= WORK.entries) return page(true, callOf(part.at(-1)!));
    }
    const last = pairs.at(-1);
    if (last !== undefined && runs[0].looked + runs[1].looked >= WORK.events) {
      return page(true, last[0] ?? last[1]);
    }
  }
  return page(false, null);
}

/** The outcome that tells which call it is: of either run. */
export function callOf({ a, b }: Pick<ComparedCall, 'a' | 'b'>): OutcomeEvent {
  return (a ?? b)!;
}

type Pair = readonly [a: OutcomeEvent | null, b: OutcomeEvent | null];

/** The calls of both in recorded order, as they come. */
async function* pairsOf(a: RecordedOutcomes, b: RecordedOutcomes): AsyncGenerator<readonly Pair[]> {
  let [left, right] = [await a.next(), await b.next()];
  while (left.length > 0 || right.length > 0) {
    const pairs: Pair[] = [];
    let [l, r] = [0, 0];
    while (l < left.length && r < right.length) {
      const [before, after] = [left[l]!, right[r]!];
      const order = compareCallOrder(before, after);
      pairs.push([order <= 0 ? before : null, order >= 0 ? after : null]);
      if (order <= 0) l += 1;
      if (order >= 0) r += 1;
    }
    [left, right] = [left.slice(l), right.slice(r)];
    // What is left of one is only its own where the other has no more.
    if (left.length === 0) left = await a.next();
    if (right.length === 0) right = await b.next();
    if (left.length === 0) {
      for (const outcome of right) pairs.push([null, outcome]);
      right = right.length === 0 ? right : await b.next();
    } else if (right.length === 0) {
      for (const outcome of left) pairs.push([outcome, null]);
      left = await a.next();
    }
    yield pairs;
  }
}

const NONE: readonly CallDifference[] = Object.freeze([]);

/**
 * In what a call differs between two runs, by the table of "Call by call" in `docs/reports.md`. As between a run and the
 * record, time is judged where the outcomes agree, and never by an approximate duration.
 */
export function differencesOf(
  a: OutcomeEvent | null,
  b: OutcomeEvent | null,
  slower: ReplayRequest['slower'],
): readonly CallDifference[] {
  if (!wasSent(a)) return wasSent(b) ? ['ONLY_IN_B'] : NONE;
  if (!wasSent(b)) return ['ONLY_IN_A'];
  if (a.status === 'UNKNOWN' || b.status === 'UNKNOWN') return ['UNKNOWN'];
  if (a.status !== b.status) return [b.status === 'FAILED' ? 'NEW_FAILURE' : 'FIXED'];
  if (a.sqlstate !== b.sqlstate) return ['DIFFERENT_FAILURE'];
  const differences: CallDifference[] = [];
  if (a.status === 'SUCCEEDED') {
    if (a.rows !== null && b.rows !== null && a.rows !== b.rows) differences.push('ROW_COUNT');
    if (a.digest !== null && b.digest !== null && a.digest !== b.digest) differences.push('CHECKSUM');
  }
  if (!a.durationApproximate && !b.durationApproximate) {
    if (isSlower(a.durationMs, b.durationMs, slower)) differences.push('SLOWER');
    else if (isSlower(b.durationMs, a.durationMs, slower)) differences.push('FASTER');
  }
  return differences.length > 0 ? differences : NONE;
}

function wasSent(outcome: OutcomeEvent | null): outcome is OutcomeEvent {
  return outcome !== null && outcome.status !== 'SKIPPED';
}
