import type { Micros } from '../journal/entry.ts';
import type { Divergence, LagCause } from './event.ts';
import type { RunState } from './run-state.ts';

/** Milliseconds at the 50th, 95th and 99th percentile; null while nothing was measured. */
export interface Percentiles {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** Counts and figures of a run so far. All statements = succeeded + failed + skipped + unknown + remaining. */
export interface ReplaySummary {
  /** Statements of the window that the run will report on; null until the count is known. */
  readonly planned: number | null;
  readonly succeeded: number;
  /** Failures that stand on their own; cascades are apart. */
  readonly failed: number;
  readonly cascades: number;
  readonly skipped: number;
  readonly unknown: number;
  readonly same: number;
  readonly diverged: number;
  readonly unverifiable: number;
  /** Failures that stand on their own and of which the record does not tell the outcome. Absent in runs of earlier releases. */
  readonly unverifiableFailures?: number;
  readonly divergences: Readonly<Record<Divergence, number>>;
  /** Result and affected rows of all statements. */
  readonly rows: number;
  /** Times the stall breaker took a waiting session out of the walk. */
  readonly stalls: number;
  readonly connectionsOpened: number;
  /** First failure: `tx <id> seq <n>: <message>`. */
  readonly firstError: string | null;
  readonly elapsedMs: number;
  /** Statements a second, over the last seconds while running and over the whole run when ended. */
  readonly rate: number;
  /** Estimated milliseconds to the end; null when it cannot be told. */
  readonly etaMs: number | null;
  /** Timestamp of the newest entry reported. */
  readonly position: Micros | null;
  readonly duration: Percentiles;
  /** The same statements' recorded durations. */
  readonly recordedDuration: Percentiles;
  readonly lag: Percentiles;
  /** Milliseconds of lag by cause, summed. */
  readonly lagByCause: Readonly<Record<LagCause, number>>;
  /** True when more than one statement was under way on a connection: durations are approximate. */
  readonly durationsApproximate: boolean;
}

/** A snapshot of a run for readers who want no single statements. Not stored; the run's row keeps the last. */
export interface ProgressSnapshot {
  readonly seq: number;
  readonly at: Micros;
  readonly state: RunState;
  readonly summary: ReplaySummary;
}
