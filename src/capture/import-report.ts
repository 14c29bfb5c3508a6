import type { StatementType } from '../journal/entry.ts';
import type { LossReason } from '../journal/store.ts';
import type { LogFormat } from './log-format.ts';

/** Losses of one reason. */
export interface ReportedLoss {
  readonly reason: LossReason;
  readonly count: number;
  /** `file:line` of the first, and what was seen there. */
  readonly first: string;
  readonly detail: string;
}

/** What an import found and what became of it. Plain JSON: times are RFC 3339, no bigint. */
export interface ImportReport {
  readonly importId: string;
  readonly files: readonly string[];
  readonly format: LogFormat;
  /** For stderr: given or recognised. */
  readonly logLinePrefix: string | null;
  /** Uncompressed. */
  readonly bytes: number;
  readonly records: number;
  readonly sessions: number;
  readonly firstTimestamp: string | null;
  readonly lastTimestamp: string | null;
  readonly entries: {
    /** In the log. */
    readonly total: number;
    /** New in the journal. */
    readonly accepted: number;
    /** Sent, but in the journal already. */
    readonly duplicates: number;
    /** Not sent again: an earlier run of this import made them durable. */
    readonly skipped: number;
    /** Over a transaction's limit, or of a transaction that retention has forgotten or that the journal has otherwise. */
    readonly refused: number;
  };
  readonly transactions: { readonly committed: number; readonly rolledBack: number; readonly open: number };
  readonly byType: Readonly<Partial<Record<StatementType, number>>>;
  readonly byProtocol: { readonly simple: number; readonly extended: number };
  readonly failures: number;
  /** Failures by SQLSTATE. */
  readonly bySqlstate: Readonly<Record<string, number>>;
  /** Entries whose outcome the log does not tell. */
  readonly withoutOutcome: number;
  readonly withoutDuration: number;
  /** Entries that a replay cannot send as they were. */
  readonly unreplayable: number;
  readonly losses: readonly ReportedLoss[];
  readonly elapsedMs: number;
}

const number = (value: number) => value.toLocaleString('en-US');

/** The report as text, for people. */
export function formatImportReport(report: ImportReport): string {
  const { entries, transactions } = report;
  const prefix = report.logLinePrefix === null ? '' : `, log_line_prefix ${JSON.stringify(report.logLinePrefix)}`;
  const seconds = report.elapsedMs / 1000;
  const rows: [string, string][] = [
    ['files', report.files.join(', ')],
    ['format', `${report.format}${prefix}`],
    ['read', `${number(report.bytes)} bytes, ${number(report.records)} records in ${seconds.toFixed(1)} s`],
    ['span', report.firstTimestamp === null ? 'no record' : `${report.firstTimestamp} to ${report.lastTimestamp}`],
    ['sessions', number(report.sessions)],
    [
      'transactions',
      `${number(transactions.committed)} committed, ${number(transactions.rolledBack)} rolled back, ${number(transactions.open)} open`,
    ],
    [
      'entries',
      `${number(entries.total)}: ${number(entries.accepted)} new, ${number(entries.duplicates)} duplicates, ` +
        `${number(entries.skipped)} imported before, ${number(entries.refused)} refused`,
    ],
    ['by type', counts(report.byType)],
    ['by protocol', `simple ${number(report.byProtocol.simple)}, extended ${number(report.byProtocol.extended)}`],
    ['failed', `${number(report.failures)}${report.failures > 0 ? ` (${counts(report.bySqlstate)})` : ''}`],
    ['no outcome', number(report.withoutOutcome)],
    ['no duration', number(report.withoutDuration)],
    ['not replayable', number(report.unreplayable)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  lines.push('');
  if (report.losses.length === 0) lines.push('nothing lost');
  else {
    lines.push('lost or limited');
    const reasons = Math.max(...report.losses.map((loss) => loss.reason.length));
    for (const { reason, count, first, detail } of report.losses) {
      lines.push(`  ${reason.padEnd(reasons)}  ${number(count).padStart(9)}  first at ${first}: ${detail}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function counts(by: Readonly<Record<string, number>>): string {
  const parts = Object.entries(by)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${number(count)}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}
