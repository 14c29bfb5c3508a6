import { RepriseError } from '../errors.ts';
import type { Entry } from '../journal/entry.ts';
import { isNewFailure, isUnverifiableFailure } from './compare.ts';
import type { SkipReason } from './event.ts';
import { passesAnyFilter, type SeenOutcomes } from './nothing-replayed.ts';
import { recordedEvents } from './recorded-events.ts';
import type { Replay, ReplayStore } from './store.ts';
import type { ReplaySummary } from './summary.ts';
import { EarlierFigures, Tally } from './tally.ts';

/** What the durable events of an interrupted run say about its statements. */
export interface SettledOutcomes {
  /**
   * Statements up to this ordinal that have no outcome may have been sent. 0 when the run was interrupted in
   * order: then whatever was sent has its outcome.
   */
  readonly unknownThrough: number;
  /** True while a statement that may have been sent has not been asked about: nothing durable tells of it yet. */
  readonly inDoubt: boolean;
  /**
   * As `unknownThrough`, for a run that ends without asking the target: where that has marks, a run that was interrupted in order
   * has told nothing of what they are to tell.
   */
  readonly doubtfulThrough: number;
  /** Of the statements that `has` was asked about, the last. */
  readonly asked: number;
  /** Every statement up to this ordinal has an outcome. */
  readonly gaplessThrough: number;
  /** How many of those up to `doubtfulThrough`, behind this ordinal, have no outcome. */
  untold(after: number): number;
  /** The write-ahead mark that is durable already. */
  readonly sentThrough: number;
  /** Failures so far that count for `stopAfterFailures`. */
  readonly failures: number;
  /** The counts that the durable events add up to. */
  readonly summary: ReplaySummary;
  /** Measured before; what is of the record: of the statements that `has` has found so far. */
  readonly figures: EarlierFigures;
  /** Statements so far by why they were not sent; the others, as far as `has` has found them. */
  readonly seen: SeenOutcomes;
  /**
   * True when the statement has an outcome.
   * @throws RepriseError REPLAY_STATE when it belongs to another entry: the window has got new ones.
   */
  has(place: { readonly ordinal: number; readonly entry: Entry }): boolean;
}

/** What of an outcome is looked at with its entry when the plan comes to it: bits of a byte. */
const MAYBE_UNVERIFIABLE = 1;
const TIMED = 2;
const SENT = 4;

/** Reads every event of an interrupted run once; five bytes a statement are kept. */
export async function readSettled(store: ReplayStore, replay: Replay): Promise<SettledOutcomes> {
  const sentThrough = await store.sentThrough(replay.id);
  let digests = new Uint32Array(sentThrough + 1);
  let pending = new Uint8Array(sentThrough + 1);
  const counts = new Tally();
  const skips = new Map<SkipReason, number>();
  let failures = 0;
  for await (const events of recordedEvents(store, replay.id)) {
    for (const event of events) {
      if (event.kind !== 'OUTCOME') continue;
      counts.add(event, null);
      if (isNewFailure(event)) failures += 1;
      // Statements that are skipped without being sent may lie beyond the mark.
      if (event.ordinal >= digests.length) {
        digests = lengthened(digests, new Uint32Array(2 * event.ordinal));
        pending = lengthened(pending, new Uint8Array(2 * event.ordinal));
      }
      const { skipReason } = event;
      if (skipReason !== null) skips.set(skipReason, (skips.get(skipReason) ?? 0) + 1);
      const failed = event.status === 'FAILED' && !event.cascade;
      pending[event.ordinal] =
        (failed && event.verdict === 'UNVERIFIABLE' ? MAYBE_UNVERIFIABLE : 0) |
        (event.durationMs === null ? 0 : TIMED) |
        (event.status === 'SKIPPED' ? 0 : SENT);
      digests[event.ordinal] = digestOf(event.transactionId, event.key.sequence);
    }
  }
  // A run that was interrupted in order has no error: whatever it sent had its outcome before.
  const unknownThrough = replay.error === null ? 0 : sentThrough;
  const doubtfulThrough = replay.request.markProgress ? sentThrough : unknownThrough;
  let gaplessThrough = 0;
  while (digests[gaplessThrough + 1]) gaplessThrough += 1;
  let asked = 0;
  const passing = { control: 0, sessionState: 0 };
  const figures = new EarlierFigures(counts.histograms);
  const passed = (entry: Entry, looked: number) => {
    if (looked & MAYBE_UNVERIFIABLE && isUnverifiableFailure(entry, FAILED)) figures.unverifiableFailures += 1;
    if (looked & TIMED && entry.durationMs !== null) figures.recordedDuration.add(entry.durationMs);
    const which = looked & SENT ? passesAnyFilter(entry, replay.request.filter) : null;
    if (which !== null) passing[which] += 1;
  };
  const { planned, stalls, connectionsOpened, elapsedMs } = replay.summary;
  return {
    unknownThrough,
    get inDoubt() {
      return asked < unknownThrough;
    },
    doubtfulThrough,
    get asked() {
      return asked;
    },
    gaplessThrough,
    untold(after) {
      // The mark may reach beyond the end of the plan.
      const last = Math.min(doubtfulThrough, replay.summary.planned ?? doubtfulThrough);
      let untold = 0;
      for (let ordinal = after + 1; ordinal <= last; ordinal++) if (!digests[ordinal]) untold += 1;
      return untold;
    },
    sentThrough,
    failures,
    // The row's own counts may be ahead of the events that became durable.
    summary: { ...counts.summary(0), planned, stalls, connectionsOpened, elapsedMs },
    figures,
    seen: {
      skips,
      get control() {
        return passing.control;
      },
      get sessionState() {
        return passing.sessionState;
      },
    },
    has: ({ ordinal, entry }) => {
      asked = ordinal;
      const known = digests[ordinal] ?? 0;
      if (known === 0) return false;
      if (known === digestOf(entry.transactionId, entry.sequence)) {
        passed(entry, pending[ordinal] ?? 0);
        pending[ordinal] = 0;
        return true;
      }
      throw new RepriseError(
        'REPLAY_STATE',
        `the window holds other entries than when the replay began (statement ${ordinal} of the plan differs): start a new replay`,
      );
    },
  };
}

const FAILED = { status: 'FAILED', cascade: false } as const;

function lengthened<Numbers extends Uint8Array | Uint32Array>(numbers: Numbers, into: Numbers): Numbers {
  into.set(numbers);
  return into;
}

/** Tells entries apart; never 0. The end of a UUID is random in every version that the journal makes. */
function digestOf(transactionId: string, sequence: number): number {
  const id = Number.parseInt(transactionId.slice(-8), 16);
  return ((id ^ Math.imul(sequence, 0x9e3779b1)) | 1) >>> 0;
}
