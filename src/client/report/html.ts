import {
  actualText,
  complaintsOf,
  divergencesText,
  lagByCauseText,
  praiseOf,
  type ReportData,
  rounded,
  type StatementLine,
} from './data.ts';
import { HTML_SCRIPT, HTML_STYLE } from './html-page.ts';
import { escapeAttribute, escapeText } from './markup.ts';
import { requestFacts } from './request-words.ts';

/** A report as one HTML page that needs nothing else: no network, no other file; light or dark as the reader's system is. */
export function htmlReport(data: ReportData): string {
  const { replay, report } = data;
  const title = `Replay against ${replay.target}`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    // Texts of a database are shown here: should one escape, it still loads and runs nothing.
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src '${HTML_SCRIPT.hash}'">`,
    `<title>${escapeText(title)}</title>`,
    `<style>${HTML_STYLE}</style>`,
    '</head>',
    '<body>',
    `<header><h1>${escapeText(title)}</h1><p>${escapeText(`${replay.window.from} to ${replay.window.to}`)}</p>${verdict(data)}</header>`,
    '<main>',
    section('Summary', summary(data)),
    report.thresholds.length === 0 ? '' : section('Thresholds', thresholds(data)),
    report.remarks.length === 0
      ? ''
      : section('Remarks', `<ul>${report.remarks.map((remark) => `<li>${escapeText(remark)}</li>`).join('')}</ul>`),
    section('Divergences', divergences(data)),
    section('Failures', failures(data)),
    section('Statements', statements(data)),
    '</main>',
    `<footer>Replay ${escapeText(replay.id)}. Times in milliseconds; p95: 95 % of the calls took at most this.</footer>`,
    `<script>${HTML_SCRIPT.text}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function section(heading: string, body: string): string {
  return `<section><h2>${heading}</h2>${body}</section>`;
}

function verdict(data: ReportData): string {
  const { run, regressions, missed } = complaintsOf(data);
  const complaints = [
    ...run,
    ...(missed.length > 0 ? [`${counted(missed.length, 'threshold')} missed`] : []),
    ...(regressions.length > 0 ? [`${counted(regressions.length, 'statement')} got worse`] : []),
  ];
  if (complaints.length > 0)
    return `<p class="verdict bad">${mark(false)} ${escapeText(`${complaints.join('; ')}.`)}</p>`;
  const praise = praiseOf(data);
  const said = escapeText(`${praise.text.charAt(0).toUpperCase()}${praise.text.slice(1)}.`);
  return praise.compared ? `<p class="verdict good">${mark(true)} ${said}</p>` : `<p class="verdict">${said}</p>`;
}

/** A sign beside the colour. */
function mark(good: boolean): string {
  return `<span class="mark" aria-hidden="true">${good ? '✓' : '✗'}</span>`;
}

function summary({ replay }: ReportData): string {
  const { summary: run, request } = replay;
  const pace = request.paceMode === 'RECORDED' ? `recorded × ${request.speed}` : 'as fast as possible';
  const rows: readonly (readonly [string, string | null])[] = [
    ['State', replay.error ? `${replay.state}: ${replay.error.message} (${replay.error.code})` : replay.state],
    ['Target', replay.targetVersion ? `${replay.target}, PostgreSQL ${replay.targetVersion}` : replay.target],
    ['Ordering', `${request.ordering}, edges ${request.edges}, ${pace}`],
    ...requestFacts(request),
    ['Started', replay.startedAt ?? null],
    ['Ended', replay.endedAt ?? null],
    ['Took', `${number(Math.round(run.elapsedMs))} ms, ${number(Math.round(run.rate))} statements a second`],
    [
      'Statements',
      `${number(run.planned ?? 0)} planned: ${number(run.succeeded)} succeeded, ${number(run.failed)} failed, ` +
        `${number(run.cascades)} cascades, ${number(run.skipped)} skipped, ${number(run.unknown)} unknown`,
    ],
    [
      'Against the record',
      `${number(run.same)} same, ${number(run.diverged)} diverged, ${number(run.unverifiable)} unverifiable` +
        (run.unverifiableFailures > 0 ? `, of which ${number(run.unverifiableFailures)} failed` : ''),
    ],
    ['Rows', number(run.rows)],
    ['Duration p50, p95, p99', percentiles(run.duration) + (run.durationsApproximate ? ' (approximate)' : '')],
    ['The same in the record', percentiles(run.recordedDuration)],
    ['Lag p50, p95, p99', run.lag.p50 === null ? null : percentiles(run.lag)],
    ['Lag by cause', lagByCauseText(run)],
    ['First error', run.firstError ?? null],
  ];
  return `<table class="pairs"><tbody>${rows
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `<tr><th scope="row">${name}</th><td>${escapeText(value ?? '')}</td></tr>`)
    .join('')}</tbody></table>`;
}

interface Column {
  readonly name: string;
  readonly kind: 'text' | 'number' | 'code';
}
const text = (name: string): Column => ({ name, kind: 'text' });
const numeric = (name: string): Column => ({ name, kind: 'number' });
const code = (name: string): Column => ({ name, kind: 'code' });

type Cell = string | number | null | undefined | { readonly good: boolean; readonly text: string };

function table(caption: string, columns: readonly Column[], rows: readonly (readonly Cell[])[], empty: string): string {
  if (rows.length === 0) return `<p>${empty}</p>`;
  const head = columns.map(({ name, kind }) => `<th scope="col" class="${kind}">${escapeText(name)}</th>`).join('');
  const body = rows
    .map((row) => `<tr>${row.map((value, index) => cell(value, columns[index]?.kind ?? 'text')).join('')}</tr>`)
    .join('\n');
  return `<div class="scroll"><table class="sortable"><caption>${escapeText(caption)}</caption><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

function cell(value: Cell, kind: Column['kind']): string {
  if (value === null || value === undefined) return `<td class="${kind}" data-value="">–</td>`;
  if (typeof value === 'number') return `<td class="${kind}" data-value="${value}">${number(value)}</td>`;
  if (typeof value === 'object') {
    return `<td class="${value.good ? 'good' : 'bad'}">${mark(value.good)} ${escapeText(value.text)}</td>`;
  }
  if (kind === 'code')
    return `<td class="code"><code title="${escapeAttribute(value.slice(0, 1000))}">${escapeText(value)}</code></td>`;
  return `<td class="${kind}">${escapeText(value)}</td>`;
}

function thresholds({ report }: ReportData): string {
  const rows = report.thresholds.map((line) => [
    { good: line.passed, text: line.passed ? 'passed' : 'missed' },
    line.threshold,
    actualText(line),
  ]);
  return table('Conditions on the run', [text('Verdict'), text('Threshold'), text('Actual')], rows, '');
}

function divergences({ report }: ReportData): string {
  const rows = report.divergences.map((group) => [
    group.divergence,
    group.count,
    group.firstSeq,
    group.lastSeq,
    group.sample,
    group.normalised,
  ]);
  const columns = [
    text('Divergence'),
    numeric('Count'),
    numeric('First'),
    numeric('Last'),
    text('Sample'),
    code('Statement'),
  ];
  return table('By kind and statement; first and last are numbers of events', columns, rows, 'None.');
}

function failures({ report }: ReportData): string {
  const rows = report.failures.map((group) => [
    group.sqlstate,
    group.count,
    group.cascades,
    group.expected,
    group.firstSeq,
    group.lastSeq,
    group.sampleMessage,
    group.normalised,
  ]);
  const columns = [
    text('SQLSTATE'),
    numeric('Count'),
    numeric('Cascades'),
    numeric('As recorded'),
    numeric('First'),
    numeric('Last'),
    text('Message'),
    code('Statement'),
  ];
  return table('By SQLSTATE and statement; first and last are numbers of events', columns, rows, 'None.');
}

function statements({ report }: ReportData): string {
  const rows = report.statements.map((line) => [
    verdictCell(line),
    line.calls,
    line.failures,
    line.cascades,
    line.rows,
    ...[
      line.recorded.p50,
      line.recorded.p95,
      line.recorded.p99,
      line.replayed.p50,
      line.replayed.p95,
      line.replayed.p99,
    ],
    line.normalised,
  ]);
  const columns = [
    text('Verdict'),
    ...['Calls', 'Failures', 'Cascades', 'Rows'].map(numeric),
    ...['Recorded p50', 'p95', 'p99', 'Replayed p50', 'p95', 'p99'].map(numeric),
    code('Statement'),
  ];
  return table('By the time they took on the target, most first', columns, rows, 'None.');
}

function verdictCell(line: StatementLine): Cell {
  const details = divergencesText(line);
  if (line.regressed) return { good: false, text: `worse: ${details || 'slower'}` };
  if (line.verdict === 'UNVERIFIABLE') return 'unverifiable';
  return { good: true, text: details === '' ? 'same' : `same but ${details}` };
}

function percentiles({ p50, p95, p99 }: { p50?: number | null; p95?: number | null; p99?: number | null }): string {
  return [p50, p95, p99].map((ms) => (ms === null || ms === undefined ? '–' : `${number(ms)} ms`)).join(', ');
}

function counted(many: number, what: string): string {
  return `${number(many)} ${what}${many === 1 ? '' : 's'}`;
}

function number(value: number): string {
  return rounded(value).toLocaleString('en-US', { maximumFractionDigits: 3 });
}
