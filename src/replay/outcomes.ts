import { RepriseError } from '../errors.ts';
import type { JournalStore } from '../journal/store.ts';
import { checkLists } from '../journal/window.ts';
import type { Divergence, OutcomeEvent, OutcomeStatus, Verdict } from './event.ts';
import { decodeChunk } from './event-codec.ts';
import { statementTest } from './statement-test.ts';
import type { ChunkKind, ReplayStore } from './store.ts';

/** Which durable outcomes to list; every given field must match, in a list any one of it. */
export interface OutcomeFilter {
  readonly statuses?: readonly OutcomeStatus[];
  readonly verdicts?: readonly Verdict[];
  readonly divergences?: readonly Divergence[];
  readonly sqlstates?: readonly string[];
  readonly cascade?: boolean;
  /** Of the normalised statement (`statementFingerprint`); outcomes whose entry was evicted do not match. */
  readonly fingerprint?: string;
  readonly sessionId?: string;
  readonly transactionId?: string;
  /** Numbers of events, both included. */
  readonly fromSeq?: number;
  readonly toSeq?: number;
}

/** Which part of the outcomes to list. */
export interface OutcomePlace {
  /** Only events with a larger number; 0: from the first. */
  readonly afterSeq: number;
  /** Only events with a smaller number; null: to the newest. */
  readonly beforeSeq: number | null;
  readonly limit: number;
  /** The last ones of that span rather than the first. */
  readonly newest: boolean;
}

/** A page of durable outcomes. */
export interface OutcomePage {
  /** In order of `seq`, whichever end was asked for. */
  readonly events: readonly OutcomeEvent[];
  /** Whether there is, or may be, more in the direction that was read. */
  readonly hasMore: boolean;
  /**
   * Where the reading stopped before it had found enough: everything up to this event, or down to it, was looked at.
   * Null where the last event found is the place to go on from.
   */
  readonly stoppedAt: number | null;
}

const CHUNKS_AT_ONCE = 8;
/** What one page costs at most, whatever the filter and the length of the run. */
const WORK = { events: 100_000, entries: 5_000, entriesAtOnce: 500 } as const;

interface Stores {
  readonly journal: JournalStore;
  readonly store: ReplayStore;
}

/**
 * Durable outcomes of a run that pass the filter, by pages of bounded work.
 * @throws RepriseError BAD_INPUT, LIMIT_EXCEEDED: as `checkOutcomeFilter`
 */
export async function readOutcomes(
  { journal, store }: Stores,
  id: string,
  filter: OutcomeFilter,
  place: OutcomePlace,
): Promise<OutcomePage> {
  checkOutcomeFilter(filter);
  const { limit, newest } = place;
  const after = Math.max(place.afterSeq, (filter.fromSeq ?? 1) - 1);
  const before = Math.min(place.beforeSeq ?? Number.POSITIVE_INFINITY, (filter.toSeq ?? Number.POSITIVE_INFINITY) + 1);
  const only = chunksWorthReading(filter);
  const passes = testOf(filter);
  const isOfStatement = filter.fingerprint === undefined ? null : statementTest(journal, filter.fingerprint);
  const found: OutcomeEvent[] = [];
  const page = (hasMore: boolean, stoppedAt: number | null): OutcomePage => ({
    events: newest ? found.reverse() : found,
    hasMore,
    stoppedAt,
  });
  let low = after;
  let high = before;
  let events = 0;
  let entries = 0;
  while (low + 1 < high) {
    const chunks = newest
      ? await store.chunksBefore(id, Number.isFinite(high) ? high : null, CHUNKS_AT_ONCE, only)
      : await store.chunks(id, low, CHUNKS_AT_ONCE, only);
    if (chunks.length === 0) break;
    for (const chunk of chunks) {
      if (newest ? chunk.lastSeq <= after : chunk.firstSeq >= before) return page(false, null);
      const decoded = decodeChunk(chunk);
      events += decoded.length;
      const candidates = decoded.filter(
        (event): event is OutcomeEvent =>
          event.kind === 'OUTCOME' && event.seq > low && event.seq < high && passes(event),
      );
      if (newest) candidates.reverse();
      for (let at = 0; at < candidates.length; at += WORK.entriesAtOnce) {
        const part = candidates.slice(at, at + WORK.entriesAtOnce);
        const matched = isOfStatement === null ? null : await isOfStatement(part);
        const matches = matched === null ? part : part.filter((_, index) => matched[index]);
        for (const event of matches) {
          if (found.length === limit) return page(true, null);
          found.push(event);
        }
        if (isOfStatement !== null) entries += part.length;
        if (entries >= WORK.entries) return page(true, part.at(-1)!.seq);
      }
      if (newest) high = chunk.firstSeq;
      else low = chunk.lastSeq;
      if (events >= WORK.events) return page(true, newest ? chunk.firstSeq : chunk.lastSeq);
    }
  }
  return page(false, null);
}

/**
 * Refuses a filter that asks for what no outcome can be: it would find nothing, as if there were nothing.
 * @throws RepriseError BAD_INPUT; LIMIT_EXCEEDED: a list too long
 */
function checkOutcomeFilter(filter: OutcomeFilter): void {
  const bad = (field: keyof OutcomeFilter, why: string) =>
    new RepriseError('BAD_INPUT', `filter.${field} ${why}`, { path: ['filter', field] });
  checkLists(filter);
  const { sqlstates, fromSeq, toSeq } = filter;
  const wrong = sqlstates?.find((code) => !/^[0-9A-Z]{5}$/.test(code));
  if (wrong !== undefined) {
    const shown = JSON.stringify(wrong.slice(0, 20));
    throw bad('sqlstates', `hold ${shown}: an SQLSTATE is five digits or capital letters, like 23505`);
  }
  if (fromSeq !== undefined && toSeq !== undefined && fromSeq > toSeq) {
    throw bad('toSeq', `must not be below fromSeq, as ${toSeq} is below ${fromSeq}`);
  }
}

function chunksWorthReading(filter: OutcomeFilter): ChunkKind | undefined {
  const { statuses, verdicts } = filter;
  if (statuses?.length === 1) {
    if (statuses[0] === 'FAILED') return 'FAILURES';
    if (statuses[0] === 'SKIPPED') return 'SKIPPED';
    if (statuses[0] === 'UNKNOWN') return 'UNKNOWN';
  }
  if (filter.sqlstates !== undefined || filter.cascade === true) return 'FAILURES';
  if (filter.divergences !== undefined || (verdicts?.length === 1 && verdicts[0] === 'DIVERGED')) return 'DIVERGED';
  return undefined;
}

/** Tells whether an outcome passes what of the filter it shows itself. */
function testOf(filter: OutcomeFilter): (event: OutcomeEvent) => boolean {
  const [statuses, verdicts] = [setOf(filter.statuses), setOf(filter.verdicts)];
  const [divergences, sqlstates] = [setOf(filter.divergences), setOf(filter.sqlstates)];
  return (event) =>
    (statuses === null || statuses.has(event.status)) &&
    (verdicts === null || verdicts.has(event.verdict)) &&
    (divergences === null || event.divergences.some((one) => divergences.has(one))) &&
    (sqlstates === null || (event.status === 'FAILED' && event.sqlstate !== null && sqlstates.has(event.sqlstate))) &&
    (filter.cascade === undefined || filter.cascade === event.cascade) &&
    (filter.sessionId === undefined || filter.sessionId === event.sessionId) &&
    (filter.transactionId === undefined || filter.transactionId === event.transactionId);
}

function setOf<Value>(list: readonly Value[] | undefined): ReadonlySet<Value> | null {
  return list === undefined ? null : new Set(list);
}
