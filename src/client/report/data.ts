import { RepriseError } from '../../errors.ts';
import type { Operation } from '../client.ts';
import {
  type ReplayFieldsFragment,
  ReportFileDocument,
  type ReportFileQuery,
  type RunInFullFragment,
} from '../generated/graphql.ts';
import { hasEnded } from '../watch.ts';

/** What of a `Client` is needed. */
interface Requests {
  request<Result, Variables>(
    document: Operation<Result, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Result>;
}

/** Everything that a report of a run is made from: what the API says of it. */
export interface ReportData {
  readonly replay: RunInFullFragment;
  readonly report: NonNullable<ReportFileQuery['replayReport']>;
}
export type StatementLine = ReportData['report']['statements'][number];
export type DivergenceLine = ReportData['report']['divergences'][number];
export type ThresholdLine = ReportData['report']['thresholds'][number];

/**
 * Asks for the report of a run that has ended. `thresholds`: conditions in addition to those of the run.
 * @throws RepriseError REPLAY_NOT_FOUND; REPLAY_STATE while it is under way; BAD_INPUT for a threshold
 */
export async function loadReport(
  client: Requests,
  replayId: string,
  thresholds: readonly string[] = [],
  signal?: AbortSignal,
): Promise<ReportData> {
  const { replay, replayReport } = await client.request(ReportFileDocument, { replayId, thresholds }, signal);
  if (!replay || !replayReport) throw new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${replayId}`);
  if (!hasEnded(replay.state)) {
    throw new RepriseError('REPLAY_STATE', `replay ${replayId} is ${replay.state}: a report is made when it has ended`);
  }
  return { replay, report: replayReport };
}

/** What of a run a reader has to look at; nothing: what could be compared is as the record says (`praiseOf`), within its thresholds. */
export interface Complaints {
  /** Why the run itself says less than it should. */
  readonly run: readonly string[];
  readonly regressions: readonly StatementLine[];
  readonly missed: readonly ThresholdLine[];
}

/** Whether no statement of a run went to its target: none was planned, or all were skipped. */
export function sentNothing({
  succeeded,
  failed,
  cascades,
  unknown,
}: Pick<ReplayFieldsFragment['summary'], 'succeeded' | 'failed' | 'cascades' | 'unknown'>): boolean {
  return succeeded + failed + cascades + unknown === 0;
}

/** How the remark of a run begins that sent nothing but what passes every filter (docs/replay.md P3). */
const ONLY_CONTROL = 'nothing but transaction control';

/** Whether all that a run sent was transaction control and session state, by the remarks of its report. */
export function sentOnlyControl(remarks: readonly string[]): boolean {
  return remarks.some((remark) => remark.startsWith(ONLY_CONTROL));
}

/** What may have become of statements of a run that a crash has interrupted; null where that leaves nothing in doubt. */
export function inDoubtText({ inDoubt }: Pick<RunInFullFragment, 'inDoubt'>): string | null {
  if (inDoubt === 0) return null;
  const statements = inDoubt === 1 ? '1 statement' : `up to ${inDoubt.toLocaleString('en-US')} statements`;
  return `${statements} may have been sent without an outcome: resuming the run settles them, or tells of them as unknown`;
}

/** What of this report a reader has to look at. */
export function complaintsOf({ replay, report }: ReportData): Complaints {
  const run: string[] = [];
  if (replay.state !== 'COMPLETED')
    run.push(`the run is ${replay.state}${replay.error ? `: ${replay.error.message}` : ''}`);
  else if (sentNothing(replay.summary)) {
    const { skipped } = replay.summary;
    run.push(
      `nothing was replayed: ${skipped > 0 ? (skipped === 1 ? 'its only statement was skipped' : `all ${skipped} statements were skipped`) : 'none was planned'}`,
    );
  } else if (sentOnlyControl(report.remarks)) run.push(`${ONLY_CONTROL} and session state was replayed`);
  if (report.lostStatements > 0) run.push('transactions were lost');
  const { unknown } = replay.summary;
  const doubt = inDoubtText(replay);
  if (doubt !== null) run.push(doubt);
  if (unknown > 0) run.push(`${unknown} ${unknown === 1 ? 'statement has' : 'statements have'} an unknown outcome`);
  return {
    run,
    regressions: report.statements.filter((line) => line.regressed),
    missed: report.thresholds.filter((line) => !line.passed),
  };
}

/** What can be said for a run without complaints, and whether any statement of it was compared with the record. */
export function praiseOf({ replay, report }: ReportData): { readonly text: string; readonly compared: boolean } {
  const { same, diverged, skipped, unknown, unverifiable } = replay.summary;
  const compared = same + diverged > 0;
  // Skipped and unknown statements are among those that nothing could be compared of.
  const others = unverifiable - skipped - unknown;
  const parts = [
    ...(skipped > 0 ? [`${skipped} skipped${skipsText(report.statements, (reasons) => ` (${reasons})`)}`] : []),
    ...(others > 0 ? [`${others} not comparable`] : []),
  ];
  if (parts.length === 0) return { text: 'it did what the record says', compared };
  const what = compared ? 'what could be compared is as the record says' : 'nothing could be compared with the record';
  return { text: `${what}: ${parts.join(', ')}`, compared };
}

/** `COPY_DATA 3, TRUNCATED 1` in a frame, most first; nothing without any. */
export function skipsText(
  lines: readonly Pick<StatementLine, 'skips'>[],
  frame: (reasons: string) => string = (reasons) => reasons,
): string {
  const counts = new Map<string, number>();
  for (const { reason, count } of lines.flatMap(({ skips }) => skips))
    counts.set(reason, (counts.get(reason) ?? 0) + count);
  const reasons = [...counts].sort(([, a], [, b]) => b - a).map(([reason, count]) => `${reason} ${count}`);
  return reasons.length === 0 ? '' : frame(reasons.join(', '));
}

const UNITS: Readonly<Record<ThresholdLine['unit'], string>> = {
  STATEMENTS: ' statements',
  PERCENT: ' %',
  MS: ' ms',
  PER_SECOND: ' statements/s',
};

/** `49.9 ms`, `0.5 %`; `not measured` without a value. */
export function actualText({ actual, unit }: ThresholdLine): string {
  return actual === null || actual === undefined ? 'not measured' : `${rounded(actual)}${UNITS[unit]}`;
}

/** Up to three digits behind the point. */
export function rounded(value: number): number {
  return Number(value.toFixed(3));
}

/** `NEW_FAILURE 3, SLOWER 1`, and failures that could not be compared; empty without any. */
export function divergencesText({ divergences, unverifiableFailures }: StatementLine): string {
  return [
    ...divergences.map(({ divergence, count }) => `${divergence} ${count}`),
    ...(unverifiableFailures > 0 ? [`unverifiable failures ${unverifiableFailures}`] : []),
  ].join(', ');
}

/** One line of at most so many characters. */
export function oneLine(text: string, width: number): string {
  const flat = text.replace(/\s+/g, ' ').trim();
  const characters = [...flat];
  return characters.length > width ? `${characters.slice(0, width - 1).join('')}…` : flat;
}

/**
 * What made a run late against its schedule, most first: `TARGET 80 %, DISPATCHER 20 %`. Shares only: summed over all
 * statements, the times of a run of seconds are hours. Null without a schedule, or before the first statement.
 */
export function lagByCauseText({ lag, lagByCause }: ReplayFieldsFragment['summary']): string | null {
  if (lag.p50 === null) return null;
  const late = lagByCause.filter(({ cause, ms }) => cause !== 'NONE' && ms > 0).sort((a, b) => b.ms - a.ms);
  const total = late.reduce((sum, { ms }) => sum + ms, 0);
  const shares = late.map(({ cause, ms }) => `${cause} ${Math.round((100 * ms) / total)} %`);
  return shares.length === 0 ? 'no statement was sent late' : shares.join(', ');
}
