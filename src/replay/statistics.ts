import type { Histogram } from './histogram.ts';
import type { ReplayRun } from './run.ts';
import { hasEnded, RUN_STATES, type RunState } from './run-state.ts';
import { COUNTS, type Tally, type TallyCounts } from './tally.ts';

/**
 * Bounds of the histograms, in milliseconds: from the resolution of timers to a run that is hopelessly behind. Prometheus
 * takes a quantile for anything within its bucket: none may be wide.
 */
export const BOUNDS_MS = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 40_000, 60_000, 120_000, 300_000,
] as const;

/** Values counted by bound, cumulative as Prometheus has them; `sum` in milliseconds. */
export interface BucketCounts {
  /** One for each of `BOUNDS_MS`. */
  readonly upTo: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** What the runs of one process did since it began. Every number only grows, but for `active` and `backlog`. */
export interface ReplayStatistics {
  readonly counts: TallyCounts;
  /** How late statements were sent at recorded pace. */
  readonly lag: BucketCounts;
  /** How long the target took. */
  readonly duration: BucketCounts;
  /** Runs that ended here, by their end state. */
  readonly ended: Readonly<Partial<Record<RunState, number>>>;
  /** Runs under way, by their state. */
  readonly active: Readonly<Partial<Record<RunState, number>>>;
  /** Events that are not durable yet. */
  readonly backlog: number;
}

type Observed = Pick<ReplayRun, 'tally' | 'state' | 'backlog'>;

/** Adds up runs when they have ended, and reads those under way when it is asked: nothing is counted twice. */
export class RunTotals {
  #totals = new Sum();
  readonly #ended: Partial<Record<RunState, number>> = {};

  /** Counts a run that has ended; it must not be among those given to `with` any more. */
  add(run: Observed): void {
    this.#totals = this.#totals.plus(run.tally);
    // A run whose end could not be stored has not ended: a later process marks it INTERRUPTED.
    if (hasEnded(run.state)) this.#ended[run.state] = (this.#ended[run.state] ?? 0) + 1;
  }

  with(runs: Iterable<Observed>): ReplayStatistics {
    let totals = this.#totals;
    let backlog = 0;
    const active: Partial<Record<RunState, number>> = {};
    for (const state of RUN_STATES) if (!hasEnded(state)) active[state] = 0;
    for (const run of runs) {
      totals = totals.plus(run.tally);
      backlog += run.backlog;
      // One whose end is durable is about to leave.
      if (!hasEnded(run.state)) active[run.state] = (active[run.state] ?? 0) + 1;
    }
    const { counts, lag, duration } = totals;
    return { counts, lag, duration, ended: { ...this.#ended }, active, backlog };
  }
}

const EMPTY: BucketCounts = { upTo: BOUNDS_MS.map(() => 0), count: 0, sum: 0 };

class Sum {
  readonly counts: TallyCounts;
  readonly lag: BucketCounts;
  readonly duration: BucketCounts;

  constructor(
    counts = Object.fromEntries(COUNTS.map((name) => [name, 0])) as TallyCounts,
    lag = EMPTY,
    duration = EMPTY,
  ) {
    this.counts = counts;
    this.lag = lag;
    this.duration = duration;
  }

  plus(tally: Tally): Sum {
    const counts = tally.counts();
    const { lag, duration } = tally.histograms;
    return new Sum(
      Object.fromEntries(COUNTS.map((name) => [name, this.counts[name] + counts[name]])) as TallyCounts,
      added(this.lag, lag),
      added(this.duration, duration),
    );
  }
}

function added(buckets: BucketCounts, histogram: Histogram): BucketCounts {
  const upTo = histogram.countsUpTo(BOUNDS_MS);
  return {
    upTo: buckets.upTo.map((count, at) => count + upTo[at]!),
    count: buckets.count + histogram.count,
    sum: buckets.sum + histogram.sum,
  };
}
