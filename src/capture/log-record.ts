import type { Micros } from '../journal/entry.ts';
import { repair } from './log-text.ts';

/**
 * One record of a server log, whatever its format. A field that the format or its prefix does not carry is null;
 * an empty one (and the `[unknown]` of the stderr format) is null too.
 */
export class LogRecord {
  /** Stamp of the record, cut to the log's resolution. */
  time: Micros = 0;
  /** Resolution of `time` in microseconds: 1,000 for `%m`, csvlog and jsonlog, 1,000,000 for `%t`. */
  unit = 1000;
  user: string | null = null;
  database: string | null = null;
  pid: number | null = null;
  /** As `%c` writes it: start of the session (seconds, hex), a dot, pid (hex). */
  sessionId: string | null = null;
  /** Number of the record within its session; stderr counts the follow-up lines too. */
  lineNumber: number | null = null;
  /** How many such numbers it takes. */
  numbers = 1;
  /** Command tag (`ps` in jsonlog, `%i`). */
  tag: string | null = null;
  virtualXid: string | null = null;
  severity = '';
  sqlstate: string | null = null;
  message = '';
  detail: string | null = null;
  context: string | null = null;
  /** The statement that an error belongs to (csvlog's `query`, the STATEMENT line). */
  statement: string | null = null;
  application: string | null = null;
  backendType: string | null = null;
  /** Name of the file and number of the line on which the record begins. */
  file = '';
  line = 0;
  /** True when more of the record may have been written after the point where the log ends. */
  mayGoOn = false;
  /** True when its text held bytes that are not UTF-8, and now holds U+FFFD for them. */
  foreign = false;
}

/** What a reader finds, in the order of the file. */
export interface RecordSink {
  record(record: LogRecord): void;
  /** Something that is no record: a mangled or truncated one. `detail` says what was seen, in a sentence. */
  unparsable(file: string, line: number, detail: string): void;
}

/** Turns the text of one format into records. The records do not depend on how the text is cut into pieces. */
export interface RecordReader {
  /**
   * The next file begins. What the last file left unfinished is joined with the beginning of this one, unless this one
   * starts with a record of its own: then it was cut off, and is reported.
   */
  startFile(name: string): void;
  push(text: string): void;
  /** Gives out the records that are certainly whole. A log that goes on gives the same ones, in the same order. */
  settle(): void;
  /** The log ends here, for now: gives out or reports what is left. */
  end(): void;
}

/** `''` and PostgreSQL's placeholder become null. */
export function known(value: string | undefined): string | null {
  return value === undefined || value === '' || value === '[unknown]' ? null : value;
}

/** Takes out of a record what `LogDecoder` could not read. */
export function repairRecord(record: LogRecord): void {
  for (const field of ['message', 'detail', 'context', 'statement'] as const) {
    const text = record[field];
    if (text === null) continue;
    const repaired = repair(text);
    if (repaired === text) continue;
    record[field] = repaired;
    record.foreign = true;
  }
  for (const field of ['user', 'database', 'application'] as const) record[field] &&= repair(record[field]);
}

/** How many line ends `text` holds between two indexes. */
export function countNewlines(text: string, from: number, to: number): number {
  let count = 0;
  for (let index = text.indexOf('\n', from); index >= 0 && index < to; index = text.indexOf('\n', index + 1)) count++;
  return count;
}

/** A copy that does not keep alive the large string that `text` may have been cut from. For what is held for long. */
export function detach(text: string): string {
  return text.length < 13 ? text : Buffer.from(text, 'utf16le').toString('utf16le');
}
