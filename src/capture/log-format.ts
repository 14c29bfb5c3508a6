import { RepriseError } from '../errors.ts';
import { beginsCsvRecord, CsvRecords } from './csv-records.ts';
import { JsonRecords, jsonRecordStartsAt } from './json-records.ts';
import type { RecordReader, RecordSink } from './log-record.ts';
import { hasWindowsLineEnds } from './log-text.ts';
import type { LogClock } from './log-time.ts';
import { NOT_ENGLISH } from './messages.ts';
import {
  COMMON_PREFIXES,
  isInAnotherLanguage,
  looksLikeServerLine,
  recognisePrefix,
  StderrPrefix,
} from './stderr-prefix.ts';
import { StderrRecords } from './stderr-records.ts';

/** How the server writes its log: csvlog, jsonlog, or lines behind a prefix. */
export type LogFormat = 'csv' | 'json' | 'stderr';

/** How a log is read. */
export interface LogShape {
  readonly format: LogFormat;
  /** For stderr only. */
  readonly prefix: StderrPrefix | null;
  /** True where a log shipper has taken the tabs away that mark continuation lines. */
  readonly bareContinuations: boolean;
  /** True where lines end as on Windows: a server there writes the line ends within statements so, too. */
  readonly windowsLineEnds: boolean;
}

/**
 * Tells the format from the beginning of a log; what is given is not guessed.
 * @param head the first 64 KiB, or all there is
 * @throws RepriseError FORMAT_UNKNOWN when it is none of the three, PREFIX_UNUSABLE when it is stderr with a prefix
 * that is not given and not a common one, or a prefix that does not fit the log.
 */
export function recogniseLog(head: string, format: LogFormat | null, prefix: string | null): LogShape {
  const given = head.replace(/^\ufeff/, '').split('\n');
  // The last line may be cut off.
  if (given.length > 1) given.pop();
  const windowsLineEnds = hasWindowsLineEnds(given);
  const lines = windowsLineEnds ? given.map((line) => line.slice(0, -1)) : given;
  const chosen = format ?? (prefix !== null ? 'stderr' : guess(lines));
  if (chosen !== 'stderr') return { format: chosen, prefix: null, bareContinuations: false, windowsLineEnds };
  const usable = prefix === null ? recognisePrefix(lines) : new StderrPrefix(prefix);
  const begins = `${JSON.stringify((lines[0] ?? '').slice(0, 80))}${lines.some(isInAnotherLanguage) ? `: ${NOT_ENGLISH}` : ''}`;
  if (!usable) {
    throw new RepriseError(
      'PREFIX_UNUSABLE',
      "the log's log_line_prefix is none of the common ones: give it as the server has it (SHOW log_line_prefix). " +
        `Its first line is ${begins}`,
      { path: ['logLinePrefix'] },
    );
  }
  if (prefix !== null && lines.some(looksLikeServerLine) && !lines.some((line) => usable.match(line))) {
    throw new RepriseError(
      'PREFIX_UNUSABLE',
      `no line begins with log_line_prefix ${JSON.stringify(prefix)}. ` + `The log's first line is ${begins}`,
      { path: ['logLinePrefix'] },
    );
  }
  return { format: 'stderr', prefix: usable, bareContinuations: hasBareContinuations(lines, usable), windowsLineEnds };
}

/** A reader of the format that was recognised, or given. */
export function createReader(shape: LogShape, sink: RecordSink, clock: LogClock): RecordReader {
  if (shape.format === 'csv') return new CsvRecords(sink, clock);
  if (shape.format === 'json') return new JsonRecords(sink, clock);
  return new StderrRecords(sink, clock, shape.prefix as StderrPrefix, shape.bareContinuations);
}

/** The format that a file begins with; null when that does not tell. */
export function formatAt(text: string): LogFormat | null {
  if (jsonRecordStartsAt(text, 0)) return 'json';
  return beginsCsvRecord(text) ? 'csv' : null;
}

function guess(lines: readonly string[]): LogFormat {
  // A log may begin in the middle of a record: the first line that tells decides.
  for (const line of lines) {
    const format = formatAt(line);
    if (format !== null) return format;
  }
  if (lines.some(looksLikeServerLine)) return 'stderr';
  throw new RepriseError(
    'FORMAT_UNKNOWN',
    lines.every((line) => line.trim() === '')
      ? 'the log is empty'
      : `this is no PostgreSQL server log: it begins with ${JSON.stringify((lines[0] ?? '').slice(0, 80))}. ` +
          `Give --format (csv, json or stderr), and for stderr --log-line-prefix (common ones like ${JSON.stringify(COMMON_PREFIXES[2])} are recognised)`,
    { path: ['format'] },
  );
}

/** What may have line ends in it. */
const HOLDS_STATEMENT =
  /^(?:00000: )?(?:duration: \S+ ms {2})?(?:statement|fastpath function call|parse \S+|bind \S+|execute .+?): /;

/**
 * The server marks continuation lines with a tab. Some log shippers eat it: two bare lines and no tab tell so. Others,
 * like those of what starts a server in a container, stand behind no statement.
 */
function hasBareContinuations(lines: readonly string[], prefix: StderrPrefix): boolean {
  let bare = 0;
  let inStatement = false;
  for (const line of lines) {
    if (line.startsWith('\t')) return false;
    const match = prefix.match(line);
    if (match) inStatement = match.severity === 'LOG' ? HOLDS_STATEMENT.test(match.rest) : true;
    else if (line.trim() !== '') {
      if (looksLikeServerLine(line)) return false;
      if (inStatement) bare++;
    }
  }
  return bare > 1;
}
