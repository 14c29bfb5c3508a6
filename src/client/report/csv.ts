import type { ReportData } from './data.ts';

/** The parts of a report that are tables. */
export const CSV_TABLES = ['statements', 'failures', 'divergences', 'thresholds'] as const;
export type CsvTable = (typeof CSV_TABLES)[number];

type Cell = string | number | boolean | null | undefined;

/** One table of a report as CSV: RFC 4180, a first line of names, times in milliseconds. */
export function reportCsv({ replay, report }: ReportData, table: CsvTable): string {
  switch (table) {
    case 'statements':
      return csv(
        'replay,fingerprint,statement,calls,failures,cascades,recorded_failures,rows,recorded_p50_ms,recorded_p95_ms,recorded_p99_ms,replayed_p50_ms,replayed_p95_ms,replayed_p99_ms,verdict,regressed,divergences,unverifiable_failures',
        report.statements.map((line) => [
          ...[replay.id, line.fingerprint, line.normalised, line.calls, line.failures, line.cascades],
          ...[line.recordedFailures, line.rows],
          ...[line.recorded.p50, line.recorded.p95, line.recorded.p99],
          ...[line.replayed.p50, line.replayed.p95, line.replayed.p99],
          ...[line.verdict, line.regressed],
          line.divergences.map(({ divergence, count }) => `${divergence}=${count}`).join(' '),
          line.unverifiableFailures,
        ]),
      );
    case 'failures':
      return csv(
        'replay,sqlstate,statement,count,cascades,expected,first_seq,last_seq,message',
        report.failures.map((group) => [
          ...[replay.id, group.sqlstate, group.normalised, group.count, group.cascades, group.expected],
          ...[group.firstSeq, group.lastSeq, group.sampleMessage],
        ]),
      );
    case 'divergences':
      return csv(
        'replay,divergence,fingerprint,statement,count,first_seq,last_seq,sample',
        report.divergences.map((group) => [
          ...[replay.id, group.divergence, group.fingerprint, group.normalised, group.count],
          ...[group.firstSeq, group.lastSeq, group.sample],
        ]),
      );
    case 'thresholds':
      return csv(
        'replay,threshold,actual,unit,passed',
        report.thresholds.map(({ threshold, actual, unit, passed }) => [replay.id, threshold, actual, unit, passed]),
      );
  }
}

function csv(names: string, rows: readonly (readonly Cell[])[]): string {
  return [names, ...rows.map((row) => row.map(csvCell).join(','))].map((line) => `${line}\r\n`).join('');
}

/** Quoted where it must be; text that a spreadsheet would run as a formula gets an apostrophe before it. */
export function csvCell(cell: Cell): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell !== 'string') return String(cell);
  return quoted(/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell);
}

/** A cell as it is, for programs: a text that is empty is `""`, what is absent is nothing, as COPY of PostgreSQL reads it. */
export function csvValue(cell: Cell): string {
  if (cell === null || cell === undefined) return '';
  return cell === '' ? '""' : quoted(String(cell));
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
