import { RepriseError } from '../errors.ts';
import type { ReplaySummary } from './summary.ts';

/** What the number of a threshold counts in. PERCENT: of all statements reported on. */
export type ThresholdUnit = 'STATEMENTS' | 'PERCENT' | 'MS' | 'PER_SECOND';

type Kind = 'COUNT' | 'TIME' | 'RATE';
/** What of a report counts. */
interface Report {
  readonly statements: readonly { readonly regressed: boolean }[];
  /** Statements that were sent and are on no line. */
  readonly evicted?: number;
}

interface Metric {
  readonly kind: Kind;
  /** Null: the run measured nothing of the kind. */
  read(summary: ReplaySummary, report: Report): number | null;
}

const count = (read: (summary: ReplaySummary, report: Report) => number | null): Metric => ({ kind: 'COUNT', read });
const time = (read: (summary: ReplaySummary) => number | null): Metric => ({ kind: 'TIME', read });

/** Every metric that a threshold can name, as `docs/reports.md` explains them. */
const METRICS = {
  failures: count((summary) => summary.failed),
  new_failures: count((summary) => summary.divergences.NEW_FAILURE),
  cascades: count((summary) => summary.cascades),
  divergences: count((summary) => summary.diverged),
  regressions: count((summary, { statements, evicted = 0 }) => {
    const { succeeded, failed, cascades, unknown } = summary;
    const missing = evicted > 0 || (statements.length === 0 && succeeded + failed + cascades + unknown > 0);
    return missing ? null : statements.filter((line) => line.regressed).length;
  }),
  skipped: count((summary) => summary.skipped),
  unknown: count((summary) => summary.unknown),
  p50: time((summary) => summary.duration.p50),
  p95: time((summary) => summary.duration.p95),
  p99: time((summary) => summary.duration.p99),
  lag_p50: time((summary) => summary.lag.p50),
  lag_p95: time((summary) => summary.lag.p95),
  lag_p99: time((summary) => summary.lag.p99),
  rate: { kind: 'RATE', read: (summary) => summary.rate },
} as const satisfies Record<string, Metric>;
/** The name of one of them. */
export type ThresholdMetric = keyof typeof METRICS;
/** Everything that a threshold can be about. */
export const THRESHOLD_METRICS = Object.keys(METRICS) as readonly ThresholdMetric[];

const OPERATORS = {
  '<': (a: number, b: number) => a < b,
  '<=': (a: number, b: number) => a <= b,
  '>': (a: number, b: number) => a > b,
  '>=': (a: number, b: number) => a >= b,
  '=': (a: number, b: number) => a === b,
} as const;
type Operator = keyof typeof OPERATORS;

/** Units as they are written, per kind of metric: how many of the unit that is compared in make one. */
const UNITS: Readonly<Record<Kind, Readonly<Record<string, readonly [ThresholdUnit, number]>>>> = {
  COUNT: { '': ['STATEMENTS', 1], '%': ['PERCENT', 1] },
  TIME: { us: ['MS', 0.001], µs: ['MS', 0.001], ms: ['MS', 1], s: ['MS', 1000] },
  RATE: { '': ['PER_SECOND', 1], '/s': ['PER_SECOND', 1] },
};

/** One condition on an ended run: `p95<50ms`. */
export interface Threshold {
  /** As it was written, without white space. */
  readonly text: string;
  readonly metric: ThresholdMetric;
  readonly operator: Operator;
  /** In `unit`. */
  readonly value: number;
  readonly unit: ThresholdUnit;
}

/** What became of a threshold. */
export interface ThresholdResult {
  readonly threshold: string;
  /** In `unit`; null when the run measured nothing that it could be held against. */
  readonly actual: number | null;
  readonly unit: ThresholdUnit;
  /** False also where `actual` is null: nothing vouches for it. */
  readonly passed: boolean;
}

const FORM = /^([a-z0-9_]*)(<=|>=|<|>|=)?(.*)$/i;
const VALUE = /^(\d+(?:\.\d+)?|\.\d+)(.*)$/;

/**
 * Reads `failures<1%`, `p95<50ms`, `regressions=0`, `rate>500`; white space and case are free.
 * @throws RepriseError BAD_INPUT naming what is wrong, with what there is instead
 */
export function parseThreshold(text: string, path: readonly string[] = ['thresholds']): Threshold {
  const written = text.replace(/\s+/g, '');
  const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
  const bad = (why: string) => new RepriseError('BAD_INPUT', `threshold ${shown} ${why}`, { path });
  const [, name = '', operator, rest = ''] = FORM.exec(written) ?? [];
  const metric = THRESHOLD_METRICS.find((known) => known === name.toLowerCase());
  if (metric === undefined) {
    const what = name === '' ? 'names no metric' : `names the unknown metric ${JSON.stringify(name)}`;
    throw bad(`${what}: known are ${THRESHOLD_METRICS.join(', ')}`);
  }
  if (operator === undefined) {
    throw bad(`needs one of ${Object.keys(OPERATORS).join(' ')} behind ${metric}: write it like ${exampleOf(metric)}`);
  }
  const [, digits, unitText = ''] = VALUE.exec(rest) ?? [];
  if (digits === undefined) throw bad(`needs a number behind ${operator}: write it like ${exampleOf(metric)}`);
  const units = UNITS[METRICS[metric].kind];
  const unit = units[unitText.toLowerCase()];
  if (unit === undefined) {
    const known = Object.keys(units).filter((word) => word !== '' && word !== 'µs');
    const choice = '' in units ? `nothing or ${known.join(', ')}` : known.join(', ');
    throw bad(`has ${unitText === '' ? 'no unit' : `the unit ${JSON.stringify(unitText)}`}: ${metric} takes ${choice}`);
  }
  const value = Number(digits) * unit[1];
  if (!Number.isFinite(value)) throw bad('has a number that is too large');
  return { text: written, metric, operator: operator as Operator, value, unit: unit[0] };
}

function exampleOf(metric: ThresholdMetric): string {
  const { kind } = METRICS[metric];
  return `${metric}${kind === 'RATE' ? '>500' : kind === 'TIME' ? '<50ms' : '<1%'}`;
}

/**
 * Holds an ended run against thresholds, in the order given. Percentages are of the statements reported on, of
 * `regressions` those of the lines of the report; of nothing they are 0.
 * @throws RepriseError BAD_INPUT as `parseThreshold`
 */
export function evaluateThresholds(
  thresholds: readonly string[],
  summary: ReplaySummary,
  report: Report,
): ThresholdResult[] {
  return thresholds.map((text) => {
    const { metric, operator, value, unit, text: threshold } = parseThreshold(text);
    const measured = METRICS[metric].read(summary, report);
    const whole = metric === 'regressions' ? report.statements.length : reported(summary);
    const actual = measured === null || unit !== 'PERCENT' ? measured : whole === 0 ? 0 : (100 * measured) / whole;
    return { threshold, actual, unit, passed: actual !== null && OPERATORS[operator](actual, value) };
  });
}

function reported({ succeeded, failed, cascades, skipped, unknown }: ReplaySummary): number {
  return succeeded + failed + cascades + skipped + unknown;
}

const OF_DURATIONS: ReadonlySet<ThresholdMetric> = new Set(['p50', 'p95', 'p99']);

/** What is to be said of thresholds that were held against approximate durations: a sentence, or nothing. */
export function approximateRemark(thresholds: readonly string[], summary: ReplaySummary): readonly string[] {
  if (!summary.durationsApproximate) return [];
  const held = thresholds.filter((text) => OF_DURATIONS.has(parseThreshold(text).metric));
  if (held.length === 0) return [];
  const what = `${held.length === 1 ? 'threshold' : 'thresholds'} ${held.join(', ')}`;
  return [`${what}: the durations are approximate, run with inFlight 1 for faithful ones`];
}
