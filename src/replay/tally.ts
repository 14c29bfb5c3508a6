import type { Micros } from '../journal/entry.ts';
import type { Divergence, LagCause, OutcomeEvent } from './event.ts';
import { Histogram } from './histogram.ts';
import type { Percentiles, ReplaySummary } from './summary.ts';

/** An outcome before the feed has numbered it. */
export type NewOutcome = Omit<OutcomeEvent, 'seq' | 'at'>;

/** Rate and ETA look back this far at most. */
const RATE_SPAN_MS = 5_000;
/** Samples of the count are at least this far apart, so that frequent summaries do not shorten the span. */
const SAMPLE_MS = 250;

/** Further behind its schedule than this, a run is as fast as its target lets it, and its end does not follow from the schedule. */
const BEHIND_MS = 1_000;

/** A recorded schedule, for the ETA of a paced run: its end and how many recorded ms pass in one. */
export interface TallySchedule {
  readonly to: Micros;
  readonly speed: number;
}

/** What only ever grows while a run is under way. */
export const COUNTS = [
  'succeeded',
  'failed',
  'cascades',
  'skipped',
  'unknown',
  'same',
  'diverged',
  'unverifiable',
  'rows',
  'stalls',
  'connections',
] as const;
export type TallyCounts = Readonly<Record<(typeof COUNTS)[number], number>>;

/**
 * What earlier processes of a resumed run measured. What the durable events say only together with the record is added
 * when the plan comes to their statements again.
 */
export class EarlierFigures {
  readonly duration: Histogram;
  readonly lag: Histogram;
  /** Of the record: recorded durations of the statements in `duration`. */
  readonly recordedDuration = new Histogram();
  /** Of the record; as in `ReplaySummary`. */
  unverifiableFailures = 0;

  constructor({ duration, lag }: Tally['histograms'] = new Tally().histograms) {
    this.duration = duration;
    this.lag = lag;
  }
}

/**
 * Counters of one run. `add` is O(1), looks at no clock and allocates nothing; `summary` is asked for a few
 * times a second. All `nowMs` are milliseconds of one clock of the caller's choice (`performance.now()`).
 */
export class Tally {
  #planned: number | null = null;
  #succeeded = 0;
  #failed = 0;
  #cascades = 0;
  #skipped = 0;
  #unknown = 0;
  #same = 0;
  #diverged = 0;
  #unverifiable = 0;
  #unverifiableFailures = 0;
  #rows = 0;
  #stalls = 0;
  #connections = 0;
  #firstError: string | null = null;
  #position: Micros | null = null;
  #approximate = false;
  readonly #divergences: Record<Divergence, number> = {
    NEW_FAILURE: 0,
    MISSING_FAILURE: 0,
    DIFFERENT_FAILURE: 0,
    ROW_COUNT: 0,
    CHECKSUM: 0,
    SLOWER: 0,
  };
  readonly #lagByCause: Record<LagCause, number> = { NONE: 0, DISPATCHER: 0, SESSION_BUSY: 0, LOCK: 0, TARGET: 0 };
  readonly #duration = new Histogram();
  readonly #recordedDuration = new Histogram();
  readonly #lag = new Histogram();

  #startedMs: number | null = null;
  #endedMs: number | null = null;
  /** Of the processes that ran this run before. */
  #earlierMs = 0;
  #schedule: TallySchedule | null = null;
  /** Of the last outcome that tells one. */
  #lastLagMs = 0;
  /** (time, outcomes so far), oldest first, spanning `RATE_SPAN_MS`. */
  readonly #samples: { readonly at: number; readonly done: number }[] = [];
  /** What earlier processes had counted. */
  #earlier: TallyCounts | null = null;
  #earlierFigures: EarlierFigures | null = null;

  /**
   * Goes on from the last durable summary of a resumed run: counts, rows, lag sums, first error, position and
   * elapsed time go on. A summary does not hold the values behind its percentiles: these are in `figures`. Time between
   * the interruption and the resumption is not counted.
   */
  static restore(summary: ReplaySummary, figures = new EarlierFigures()): Tally {
    const tally = new Tally();
    tally.#earlierFigures = figures;
    tally.#planned = summary.planned;
    tally.#succeeded = summary.succeeded;
    tally.#failed = summary.failed;
    tally.#cascades = summary.cascades;
    tally.#skipped = summary.skipped;
    tally.#unknown = summary.unknown;
    tally.#same = summary.same;
    tally.#diverged = summary.diverged;
    tally.#unverifiable = summary.unverifiable;
    Object.assign(tally.#divergences, summary.divergences);
    Object.assign(tally.#lagByCause, summary.lagByCause);
    tally.#rows = summary.rows;
    tally.#stalls = summary.stalls;
    tally.#connections = summary.connectionsOpened;
    tally.#firstError = summary.firstError;
    tally.#position = summary.position;
    tally.#approximate = summary.durationsApproximate;
    tally.#earlierMs = summary.elapsedMs;
    tally.#earlier = tally.#counts();
    return tally;
  }

  /** Outcomes so far, all kinds. */
  get done(): number {
    return this.#succeeded + this.#failed + this.#cascades + this.#skipped + this.#unknown;
  }

  /** Failures that stand on their own, for `stopAfterFailures`. */
  get failed(): number {
    return this.#failed;
  }

  /** Sets the number of statements that the run will report on, once it is known. */
  setPlanned(planned: number | null): void {
    this.#planned = planned;
  }

  /** Starts the run's clock. Without it, elapsed time and rate stay what they were. */
  start(nowMs: number): void {
    this.#startedMs ??= nowMs;
  }

  /** Stops the run's clock: from now on the rate is that of the whole run and there is no ETA. */
  end(nowMs: number): void {
    this.#endedMs ??= nowMs;
  }

  /** The run goes on after a pause, of which its rate, and with it the ETA, is to tell nothing. */
  goOn(nowMs: number): void {
    this.#samples.splice(0, Number.POSITIVE_INFINITY, { at: nowMs, done: this.done });
  }

  /**
   * Gives the recorded schedule that the run follows, so that the ETA is told from the position in it, and from
   * the rate only while the run is behind it; null for a run as fast as possible. Call again when the speed changes.
   */
  setSchedule(schedule: TallySchedule | null): void {
    this.#schedule = schedule;
  }

  /**
   * Counts one outcome. `recordedDurationMs`: the entry's; it is kept where the replayed one is known too.
   * `unverifiableFailure`: as `isUnverifiableFailure` says of the entry.
   */
  add(outcome: NewOutcome, recordedDurationMs: number | null, unverifiableFailure = false): void {
    if (unverifiableFailure) this.#unverifiableFailures += 1;
    switch (outcome.status) {
      case 'SUCCEEDED':
        this.#succeeded += 1;
        break;
      case 'FAILED':
        if (outcome.cascade) this.#cascades += 1;
        else {
          this.#failed += 1;
          this.#firstError ??= `tx ${outcome.transactionId} seq ${outcome.key.sequence}: ${outcome.message ?? outcome.sqlstate ?? 'failed'}`;
        }
        break;
      case 'SKIPPED':
        this.#skipped += 1;
        break;
      case 'UNKNOWN':
        this.#unknown += 1;
        break;
    }
    if (outcome.verdict === 'SAME') this.#same += 1;
    else if (outcome.verdict === 'UNVERIFIABLE') this.#unverifiable += 1;
    else {
      this.#diverged += 1;
      for (const divergence of outcome.divergences) this.#divergences[divergence] += 1;
    }
    if (outcome.rows !== null) this.#rows += outcome.rows;
    if (outcome.durationMs !== null) {
      this.#duration.add(outcome.durationMs);
      if (outcome.durationApproximate) this.#approximate = true;
      if (recordedDurationMs !== null) this.#recordedDuration.add(recordedDurationMs);
    }
    if (outcome.lagMs !== null) {
      this.#lag.add(outcome.lagMs);
      this.#lastLagMs = outcome.lagMs;
      this.#lagByCause[outcome.lagCause] += outcome.lagMs;
    }
    // Sessions report out of order; the newest entry is the position.
    const timestamp = outcome.key.timestamp;
    if (this.#position === null || timestamp > this.#position) this.#position = timestamp;
  }

  /** Counts one session that the stall breaker took out of the walk. */
  stall(): void {
    this.#stalls += 1;
  }

  /** Counts one opened target connection. */
  connection(): void {
    this.#connections += 1;
  }

  /** What this process counted: a resumed run without what it had before. */
  counts(): TallyCounts {
    const counts = this.#counts();
    const earlier = this.#earlier;
    if (earlier === null) return counts;
    return Object.fromEntries(COUNTS.map((name) => [name, counts[name] - earlier[name]])) as TallyCounts;
  }

  /** How late statements were sent, and how long they took, in milliseconds; of this process. */
  get histograms(): { readonly lag: Histogram; readonly duration: Histogram } {
    return { lag: this.#lag, duration: this.#duration };
  }

  #counts(): TallyCounts {
    return {
      succeeded: this.#succeeded,
      failed: this.#failed,
      cascades: this.#cascades,
      skipped: this.#skipped,
      unknown: this.#unknown,
      same: this.#same,
      diverged: this.#diverged,
      unverifiable: this.#unverifiable,
      rows: this.#rows,
      stalls: this.#stalls,
      connections: this.#connections,
    };
  }

  /** Counts and figures now. Costs some microseconds. */
  summary(nowMs: number): ReplaySummary {
    const done = this.done;
    const elapsedMs =
      this.#earlierMs + (this.#startedMs === null ? 0 : Math.max(0, (this.#endedMs ?? nowMs) - this.#startedMs));
    const ended = this.#endedMs !== null;
    const rate = ended ? perSecond(done, elapsedMs) : this.#recentRate(nowMs, done);
    const { connections: connectionsOpened, ...counts } = this.#counts();
    return {
      planned: this.#planned,
      ...counts,
      unverifiableFailures: this.#unverifiableFailures + (this.#earlierFigures?.unverifiableFailures ?? 0),
      divergences: { ...this.#divergences },
      connectionsOpened,
      firstError: this.#firstError,
      elapsedMs,
      rate,
      etaMs: ended ? null : this.#eta(done, rate),
      position: this.#position,
      duration: percentilesOf(this.#duration, this.#earlierFigures?.duration),
      recordedDuration: percentilesOf(this.#recordedDuration, this.#earlierFigures?.recordedDuration),
      lag: percentilesOf(this.#lag, this.#earlierFigures?.lag),
      lagByCause: { ...this.#lagByCause },
      durationsApproximate: this.#approximate,
    };
  }

  #recentRate(nowMs: number, done: number): number {
    const samples = this.#samples;
    // Older than the span is dropped, but the newest of those stays: the span is covered whole.
    while (samples.length > 1 && nowMs - samples[1]!.at >= RATE_SPAN_MS) samples.shift();
    const oldest = samples[0];
    const rate = oldest === undefined ? 0 : perSecond(done - oldest.done, nowMs - oldest.at);
    const newest = samples.at(-1);
    if (newest === undefined || nowMs - newest.at >= SAMPLE_MS) samples.push({ at: nowMs, done });
    return rate;
  }

  #eta(done: number, rate: number): number | null {
    const atThisRate = this.#etaAtRate(done, rate);
    if (this.#schedule === null) return atThisRate;
    if (this.#position === null) return null;
    const bySchedule = Math.max(0, (this.#schedule.to - this.#position) / 1000 / this.#schedule.speed);
    if (this.#lastLagMs <= BEHIND_MS) return bySchedule;
    return atThisRate === null ? null : Math.max(bySchedule - this.#lastLagMs, atThisRate);
  }

  #etaAtRate(done: number, rate: number): number | null {
    if (this.#planned === null) return null;
    const remaining = Math.max(0, this.#planned - done);
    if (remaining === 0) return 0;
    return rate > 0 ? (remaining / rate) * 1000 : null;
  }
}

function percentilesOf(now: Histogram, earlier: Histogram | undefined): Percentiles {
  if (earlier === undefined || earlier.count === 0) return now.percentiles();
  const both = new Histogram();
  both.addAll(earlier);
  both.addAll(now);
  return both.percentiles();
}

function perSecond(count: number, ms: number): number {
  return ms > 0 ? (count * 1000) / ms : 0;
}
