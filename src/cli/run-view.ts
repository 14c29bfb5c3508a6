import type {
  ReplayFailuresQuery,
  ReplayFieldsFragment,
  RunInFullFragment,
  SummaryFieldsFragment,
} from '../client/index.ts';
import { inDoubtText, lagByCauseText, requestFacts } from '../client/report/index.ts';
import { inStartFlags } from './flag-names.ts';
import { count, duration, fields, oneLine, printable, table, wrapTo } from './io.ts';

type Failures = NonNullable<ReplayFailuresQuery['replayFailures']>;
type Percentiles = SummaryFieldsFragment['duration'];

/** Statements that have an outcome. */
export function reported(summary: SummaryFieldsFragment): number {
  return summary.succeeded + summary.failed + summary.cascades + summary.skipped + summary.unknown;
}

/** Divergences as a record, absent ones left out. */
export function divergencesOf(summary: SummaryFieldsFragment): Readonly<Record<string, number>> {
  return Object.fromEntries(summary.divergences.map(({ divergence, count: statements }) => [divergence, statements]));
}

/** Divergences apart from SLOWER, which tells more of the machine than of the run. */
export function differences(summary: SummaryFieldsFragment): number {
  return summary.divergences.reduce((sum, { divergence, count: n }) => sum + (divergence === 'SLOWER' ? 0 : n), 0);
}

/** Characters of the bar where there is room, and the fewest that still show something. */
const BAR = { most: 24, fewest: 8 } as const;
const STATE_WIDTH = 12;

/**
 * A run as a block of lines of at most `width` characters, for a terminal that is redrawn. Where that is narrow, the bar
 * gets shorter and goes, then the count, before the share and the ETA; what follows is broken into lines.
 */
export function progressBlock(state: string, summary: SummaryFieldsFragment, width: number): string {
  const share = shareDone(state, summary);
  const percent = `${Math.floor(share * 100)} %`;
  const done = `${percent}  ${doneText(summary)}${etaText(summary, '  ')}`;
  const room = width - STATE_WIDTH;
  const bar = Math.min(BAR.most, room - done.length - 1);
  const full = Math.floor(share * bar);
  const shown =
    bar >= BAR.fewest
      ? `${'█'.repeat(full)}${'░'.repeat(bar - full)} ${done}`
      : done.length <= room
        ? done
        : `${percent}${etaText(summary, '  ')}`;
  const indent = ' '.repeat(STATE_WIDTH);
  return [
    `${state.padEnd(STATE_WIDTH)}${shown}`,
    ...[
      `${count(Math.round(summary.rate))}/s${lagText(summary, '  ')}  at ${summary.position ?? '–'}`,
      countsText(summary),
    ].map((text) => wrapTo(`${indent}${text}`, width, STATE_WIDTH)),
  ].join('\n');
}

/** A run as a line of a log, in the manner of `pgbench --progress`. */
export function progressLine(state: string, summary: SummaryFieldsFragment): string {
  const seconds = (summary.elapsedMs / 1000).toFixed(1);
  const share = Math.floor(shareDone(state, summary) * 100);
  return `progress: ${seconds} s, ${state}, ${share} %, ${doneText(summary)}, ${count(Math.round(summary.rate))}/s${lagText(summary, ', ')}, ${countsText(summary)}${etaText(summary, ', ')}`;
}

function shareDone(state: string, summary: SummaryFieldsFragment): number {
  return summary.planned ? Math.min(1, reported(summary) / summary.planned) : state === 'COMPLETED' ? 1 : 0;
}

function doneText(summary: SummaryFieldsFragment): string {
  const done = count(reported(summary));
  return summary.planned === null || summary.planned === undefined ? done : `${done} of ${count(summary.planned)}`;
}

function etaText({ etaMs }: SummaryFieldsFragment, before: string): string {
  return etaMs === null || etaMs === undefined ? '' : `${before}ETA ${duration(etaMs)}`;
}

function lagText({ lag }: SummaryFieldsFragment, before: string): string {
  return lag.p95 === null || lag.p95 === undefined ? '' : `${before}lag p95 ${duration(lag.p95)}`;
}

function countsText(summary: SummaryFieldsFragment): string {
  const parts = [`${count(summary.succeeded)} succeeded`, `${count(summary.failed)} failed`];
  if (summary.cascades > 0) parts.push(`${count(summary.cascades)} cascades`);
  if (summary.skipped > 0) parts.push(`${count(summary.skipped)} skipped`);
  if (summary.unknown > 0) parts.push(`${count(summary.unknown)} unknown`);
  parts.push(`${count(differences(summary))} differ`);
  const slower = divergencesOf(summary)['SLOWER'] ?? 0;
  if (slower > 0) parts.push(`${count(slower)} slower`);
  if (summary.stalls > 0) parts.push(`${count(summary.stalls)} stalls`);
  return parts.join(', ');
}

function percentiles(values: Percentiles): string | null {
  if (values.p50 === null || values.p50 === undefined) return null;
  return [values.p50, values.p95, values.p99].map((value) => duration(value ?? null)).join(' / ');
}

/** Characters of a line about what was asked for: a filter may hold a text of thousands. */
const REQUEST_WIDTH = 400;

/** Everything about a run, for people; its filter where that was asked for. */
export function runText(run: ReplayFieldsFragment | RunInFullFragment): string {
  const { summary, request } = run;
  const pace = request.paceMode === 'RECORDED' ? `recorded × ${request.speed}` : 'as fast as possible';
  const differences = summary.divergences.map(({ divergence, count: n }) => `${divergence} ${count(n)}`).join(', ');
  return fields([
    ['replay', run.id],
    ['state', run.error ? `${run.state}: ${inStartFlags(run.error.message)} [${run.error.code}]` : run.state],
    ['window', `${run.window.from} to ${run.window.to}`],
    ['target', run.targetVersion ? `${run.target} (PostgreSQL ${run.targetVersion})` : run.target],
    ['ordering', `${request.ordering}, edges ${request.edges}, ${pace}`],
    ...requestFacts(request).map(([name, text]) => [name.toLowerCase(), oneLine(text, REQUEST_WIDTH)] as const),
    ['started', run.startedAt ?? null],
    ['ended', run.endedAt ?? null],
    [
      'statements',
      `${summary.planned === null || summary.planned === undefined ? '?' : count(summary.planned)} planned, ${countsText(summary)}`,
    ],
    ['in doubt', 'inDoubt' in run ? inDoubtText(run) : null],
    [
      'against record',
      `${count(summary.same)} same, ${count(summary.diverged)} diverged, ${count(summary.unverifiable)} unverifiable` +
        (summary.unverifiableFailures > 0 ? `, of which ${count(summary.unverifiableFailures)} failed` : ''),
    ],
    ['divergences', differences || null],
    ['first error', summary.firstError ?? null],
    ['rows', summary.rows],
    [
      'took',
      `${duration(summary.elapsedMs)}, ${count(Math.round(summary.rate))} statements/s, ${count(summary.connectionsOpened)} connections`,
    ],
    [
      'duration',
      withNote('p50 / p95 / p99', percentiles(summary.duration), summary.durationsApproximate ? 'approximate' : ''),
    ],
    ['in the record', withNote('p50 / p95 / p99', percentiles(summary.recordedDuration), '')],
    ['lag', withNote('p50 / p95 / p99', percentiles(summary.lag), '')],
    ['lag by cause', lagByCauseText(summary)],
  ]);
}

function withNote(unit: string, text: string | null, note: string): string | null {
  return text === null ? null : `${text}  (${unit}${note ? `, ${note}` : ''})`;
}

/** Runs as a table, a line each. */
export function runsTable(runs: readonly ReplayFieldsFragment[]): string {
  const rows = runs.map((run) => [
    run.id,
    run.state,
    run.createdAt,
    run.target,
    run.request.ordering,
    reported(run.summary),
    run.summary.planned ?? null,
    run.summary.failed,
    differences(run.summary),
  ]);
  return table(['replay', 'state', 'created (UTC)', 'target', 'ordering', 'done', 'planned', 'failed', 'differ'], rows);
}

/** Groups of failures as a table of this width. */
export function failuresText(failures: Failures, width: number): string {
  if (failures.length === 0) return 'no failures';
  const rows = failures.map((group) => [
    group.sqlstate,
    group.count,
    group.cascades,
    group.expected,
    group.firstSeq,
    group.lastSeq,
    oneLine(group.sampleMessage, 120),
    oneLine(group.normalised, width),
  ]);
  return table(['sqlstate', 'count', 'cascades', 'as recorded', 'first seq', 'last seq', 'message', 'statement'], rows);
}

/** Remarks of a report, a line each, in the words of flags. */
export function remarksText(remarks: readonly string[]): string {
  return remarks.map((remark) => printable(inStartFlags(remark))).join('\n');
}

/** Behind a table of groups: the command that lists what a group is made of. */
export function oneByOne(id: string, flag: string, value: string): string {
  return `one by one: reprise replay statements ${id} ${flag} ${value}`;
}
