import type { CompareReplaysQuery, ReplayDivergencesQuery } from '../client/index.ts';
import { actualText, complaintsOf, divergencesText, praiseOf, type ReportData } from '../client/report/index.ts';
import { type Cell, count, duration, oneLine, table } from './io.ts';
import { failuresText, remarksText, runText } from './run-view.ts';

type Comparison = Extract<CompareReplaysQuery['compareReplays'], { readonly __typename: 'ReplayComparison' }>;
type Divergences = NonNullable<ReplayDivergencesQuery['replayDivergences']>;

/** Below so many calls of a statement, its median is compared. */
const FEW_CALLS = 20;

/** Rows of each table that a report for people shows; files hold all. */
const SHOWN = 20;

/** A report for people: what has to be looked at first, cut to what a screen holds. */
export function reportText(data: ReportData): string {
  const { replay, report } = data;
  const { run, regressions, missed } = complaintsOf(data);
  const parts = [runText(replay)];
  if (report.thresholds.length > 0) {
    const rows = report.thresholds.map((line) => [line.passed ? 'passed' : 'MISSED', line.threshold, actualText(line)]);
    parts.push(table(['', 'threshold', 'actual'], rows));
  }
  if (regressions.length > 0) {
    const rows = regressions
      .slice(0, SHOWN)
      .map((line) => [
        line.calls,
        line.failures,
        line.cascades,
        duration(line.recorded.p95 ?? null),
        duration(line.replayed.p95 ?? null),
        divergencesText(line) || 'slower',
        oneLine(line.normalised, 80),
      ]);
    parts.push(
      `${count(regressions.length)} of ${count(report.statements.length)} statements got worse:\n` +
        table(['calls', 'failed', 'cascades', 'recorded p95', 'replayed p95', 'divergences', 'statement'], rows),
    );
    if (regressions.length > SHOWN) parts.push(`… and ${count(regressions.length - SHOWN)} more: --format csv`);
  }
  if (report.failures.length > 0) parts.push(failuresText(report.failures.slice(0, SHOWN), 80));
  if (report.remarks.length > 0) parts.push(remarksText(report.remarks));
  const good = run.length === 0 && regressions.length === 0 && missed.length === 0;
  parts.push(good ? praiseOf(data).text : [...run, ...(missed.length > 0 ? ['thresholds missed'] : [])].join('; '));
  return parts.filter((part) => part !== '').join('\n\n');
}

/** Groups of divergences as a table. */
export function divergencesTable(groups: Divergences, width: number): string {
  if (groups.length === 0) return 'no divergences';
  const rows = groups.map((group) => [
    group.divergence,
    group.count,
    group.firstSeq,
    group.lastSeq,
    oneLine(group.sample, 120),
    oneLine(group.normalised, width),
  ]);
  return table(['divergence', 'count', 'first seq', 'last seq', 'sample', 'statement'], rows);
}

/** Two runs side by side; statements that did the same are left out unless `all`. */
export function comparisonText({ a, b, totals, statements, remarks }: Comparison, all: boolean): string {
  const shown = statements.filter(({ verdict }) => all || verdict !== 'SAME');
  const rows = shown.map(({ verdict, a: before, b: after, deltaMs, fingerprint, normalised }): Cell[] => {
    // The one that decides on SLOWER and FASTER: of few calls, the 95th percentile is the slowest.
    const few = Math.min(before?.sent ?? Number.POSITIVE_INFINITY, after?.sent ?? Number.POSITIVE_INFINITY) < FEW_CALLS;
    const [percentile, mark] = few ? (['p50', ' p50'] as const) : (['p95', ''] as const);
    const time = (ms: number | null | undefined) => (ms === null || ms === undefined ? null : duration(ms) + mark);
    return [
      verdict,
      before?.sent ?? null,
      after?.sent ?? null,
      before ? before.failures + before.cascades : null,
      after ? after.failures + after.cascades : null,
      before?.rows ?? null,
      after?.rows ?? null,
      time(before?.replayed[percentile]),
      time(after?.replayed[percentile]),
      signed(deltaMs[percentile] ?? null),
      fingerprint,
      oneLine(normalised, 80),
    ];
  });
  const headings = [
    '',
    'sent A',
    'B',
    'failed A',
    'B',
    'rows A',
    'B',
    'p95 A',
    'B',
    'delta',
    'fingerprint',
    'statement',
  ];
  const runs = [
    ['A', a.id, a.state, a.target, a.targetVersion ?? null, a.summary.failed, duration(a.summary.duration.p95 ?? null)],
    ['B', b.id, b.state, b.target, b.targetVersion ?? null, b.summary.failed, duration(b.summary.duration.p95 ?? null)],
  ];
  return [
    table(['', 'replay', 'state', 'target', 'PostgreSQL', 'failed', 'p95'], runs),
    totals
      .filter(({ statements: many }) => many > 0)
      .map(
        ({ verdict, statements: many }) =>
          `${count(many)} ${verdict.replace(/[A-Z]{2,}/g, (word) => word.toLowerCase()).replaceAll('_', ' ')}`,
      )
      .join(', ') || 'no statements',
    ...(rows.length > 0 ? [table(headings, rows)] : []),
    ...(remarks.length > 0 ? [remarksText(remarks)] : []),
  ].join('\n\n');
}

function signed(ms: number | null): string | null {
  if (ms === null) return null;
  const size = duration(Math.abs(ms));
  return size === duration(0) ? size : `${ms < 0 ? '-' : '+'}${size}`;
}
