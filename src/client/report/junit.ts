import {
  actualText,
  complaintsOf,
  type DivergenceLine,
  divergencesText,
  oneLine,
  type ReportData,
  rounded,
  type StatementLine,
  skipsText,
} from './data.ts';
import { escapeAttribute, escapeText } from './markup.ts';
import { requestFacts } from './request-words.ts';

interface TestCase {
  readonly classname: string;
  readonly name: string;
  /** Seconds. */
  readonly time: number;
  /** What is inside: nothing when it passed. */
  readonly result: {
    readonly tag: 'failure' | 'error' | 'skipped';
    readonly message: string;
    readonly text: string;
  } | null;
}

/**
 * A report as JUnit XML, which CI systems read: one suite for the run; a case for the run as a whole (an error when it
 * did not complete, sent nothing, or outcomes are unknown), for each threshold, and for each normalised statement (a failure when it
 * regressed, skipped when nothing could be compared, with what kept it from that). The time of a statement's case is its 95th percentile.
 */
export function junitXml(data: ReportData): string {
  const { replay } = data;
  const { summary } = replay;
  const cases = [runCase(data), ...thresholdCases(data), ...statementCases(data)];
  const counted = (tag: string) => cases.filter(({ result }) => result?.tag === tag).length;
  const counts = {
    tests: cases.length,
    failures: counted('failure'),
    errors: counted('error'),
    skipped: counted('skipped'),
    time: seconds(summary.elapsedMs),
  };
  const properties = {
    replay: replay.id,
    state: replay.state,
    window: `${replay.window.from} to ${replay.window.to}`,
    target: replay.target,
    targetVersion: replay.targetVersion ?? '',
    ordering: replay.request.ordering,
    ...Object.fromEntries(requestFacts(replay.request).map(([name, text]) => [name.toLowerCase(), text])),
    statements: summary.planned ?? '',
    succeeded: summary.succeeded,
    failed: summary.failed,
    cascades: summary.cascades,
    skipped: summary.skipped,
    unknown: summary.unknown,
    diverged: summary.diverged,
  };
  const suite = { name: `replay against ${replay.target}`, ...counts, timestamp: replay.startedAt ?? replay.createdAt };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: 'reprise', ...counts })}>`,
    `  <testsuite${attributes({ ...suite, timestamp: suite.timestamp.replace(/\.\d+Z$/, 'Z'), hostname: replay.target })}>`,
    '    <properties>',
    ...Object.entries(properties).map(([name, value]) => `      <property${attributes({ name, value })}/>`),
    '    </properties>',
    ...cases.map(caseXml),
    ...(data.report.remarks.length > 0
      ? [`    <system-out>${escapeText(data.report.remarks.join('\n'))}</system-out>`]
      : []),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function runCase(data: ReportData): TestCase {
  const { run } = complaintsOf(data);
  const time = seconds(data.replay.summary.elapsedMs);
  const result = run.length === 0 ? null : ({ tag: 'error', message: run.join('; '), text: run.join('\n') } as const);
  return { classname: 'reprise.run', name: 'run completed, all outcomes known', time, result };
}

function thresholdCases({ report }: ReportData): TestCase[] {
  return report.thresholds.map((line) => {
    const message = `${line.threshold}: ${actualText(line)}`;
    return {
      classname: 'reprise.thresholds',
      name: line.threshold,
      time: 0,
      result: line.passed ? null : { tag: 'failure', message, text: message },
    };
  });
}

function statementCases({ report }: ReportData): TestCase[] {
  const samples = new Map<string, DivergenceLine[]>();
  for (const group of report.divergences) {
    const known = samples.get(group.fingerprint);
    if (known === undefined) samples.set(group.fingerprint, [group]);
    else known.push(group);
  }
  return report.statements.map((line) => ({
    classname: 'reprise.statements',
    // The fingerprint keeps two long statements apart that begin alike, and one the same over runs.
    name: `${oneLine(line.normalised, 200)} [${line.fingerprint}]`,
    time: seconds(line.replayed.p95 ?? 0),
    result: resultOf(line, samples.get(line.fingerprint) ?? []),
  }));
}

function resultOf(line: StatementLine, groups: readonly DivergenceLine[]): TestCase['result'] {
  if (line.regressed) {
    const calls = `${line.calls} calls, ${line.failures} failed, ${line.cascades} cascades`;
    const times = `p95 ${milliseconds(line.replayed.p95)}, ${milliseconds(line.recorded.p95)} in the record`;
    const details = groups.map(
      ({ divergence, count, firstSeq, sample }) => `${divergence} × ${count}, first at seq ${firstSeq}: ${sample}`,
    );
    return {
      tag: 'failure',
      message: divergencesText(line) || times,
      text: [line.normalised, `${calls}; ${times}`, ...details].join('\n'),
    };
  }
  if (line.verdict !== 'UNVERIFIABLE') return null;
  return { tag: 'skipped', message: whyNotCompared(line), text: '' };
}

function whyNotCompared(line: StatementLine): string {
  const skipped = line.skips.reduce((sum, { count }) => sum + count, 0);
  const unknown = line.calls - line.sent - skipped;
  return [
    skipsText([line], (reasons) => `not sent: ${reasons}`),
    unknown > 0 ? `outcome unknown: ${unknown}` : '',
    line.sent > 0 ? 'the record holds nothing to compare with' : '',
  ]
    .filter((part) => part !== '')
    .join('; ');
}

function caseXml({ classname, name, time, result }: TestCase): string {
  const open = `    <testcase${attributes({ classname, name, time })}`;
  if (result === null) return `${open}/>`;
  const { tag, message, text } = result;
  const type = tag === 'skipped' ? {} : { type: tag === 'error' ? 'run' : classname };
  const inside = attributes({ message: oneLine(message, 500), ...type });
  const body = text === '' ? `<${tag}${inside}/>` : `<${tag}${inside}>${escapeText(text)}</${tag}>`;
  return `${open}>\n      ${body}\n    </testcase>`;
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeAttribute(String(value))}"`)
    .join('');
}

function seconds(ms: number): number {
  return Number((ms / 1000).toFixed(6));
}

function milliseconds(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? 'not measured' : `${rounded(ms)} ms`;
}
