import { known, LogRecord, type RecordReader, type RecordSink } from './log-record.ts';
import type { LogClock } from './log-time.ts';

const STAMP = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,6}))? (\S+)$/;

/** A jsonlog line; every key may be absent, and in a damaged line hold anything. */
type JsonLine = Readonly<Record<string, unknown>>;

/** Whether a jsonlog record starts at this index. */
export function jsonRecordStartsAt(text: string, index: number): boolean {
  return text.startsWith('{"timestamp":', index);
}

/** jsonlog (PostgreSQL 15 and later): one object a line. */
export class JsonRecords implements RecordReader {
  readonly #sink: RecordSink;
  readonly #clock: LogClock;
  #rest: string[] = [];
  #file = '';
  /** Name of the file that begins with the next piece. */
  #next = '';
  #line = 1;
  #fresh = false;

  constructor(sink: RecordSink, clock: LogClock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  startFile(name: string): void {
    this.#fresh = true;
    this.#next = name;
    if (this.#rest.length > 0) return;
    this.#file = name;
    this.#line = 1;
  }

  push(text: string): void {
    let start = 0;
    if (this.#fresh) {
      this.#fresh = false;
      if (text.charCodeAt(0) === 0xfeff) start = 1;
      if (this.#rest.length > 0) {
        if (jsonRecordStartsAt(text, start)) this.end();
        this.#file = this.#next;
        this.#line = 1;
      }
    }
    for (;;) {
      const newline = text.indexOf('\n', start);
      if (newline < 0) break;
      let line = text.slice(start, newline);
      if (this.#rest.length > 0) {
        this.#rest.push(line);
        line = this.#rest.join('');
        this.#rest = [];
      }
      this.#read(line, false);
      this.#line++;
      start = newline + 1;
    }
    if (start < text.length) this.#rest.push(text.slice(start));
  }

  /** Nothing is held back but an unfinished line. */
  settle(): void {}

  end(): void {
    const line = this.#rest.join('');
    this.#rest = [];
    if (line !== '') this.#read(line, true);
  }

  #read(text: string, cut: boolean): void {
    if (text === '' || text === '\r') return;
    const line = parse(text);
    const stamp = STAMP.exec(textOf(line?.['timestamp']) ?? '');
    const severity = textOf(line?.['error_severity']);
    const time = stamp ? this.#clock.micros(stamp[1] as string, stamp[2] ?? '', stamp[3] as string) : Number.NaN;
    if (!line || Number.isNaN(time) || severity === undefined) {
      const detail = cut ? 'the record is cut off where the file ends' : 'the line is no jsonlog record';
      this.#sink.unparsable(this.#file, this.#line, detail);
      return;
    }
    const record = new LogRecord();
    record.time = time;
    record.unit = stamp?.[2] === undefined ? 1_000_000 : 1000;
    record.user = known(textOf(line['user']));
    record.database = known(textOf(line['dbname']));
    record.pid = numberOf(line['pid']);
    record.sessionId = known(textOf(line['session_id']));
    record.lineNumber = numberOf(line['line_num']);
    record.tag = known(textOf(line['ps']));
    record.virtualXid = known(textOf(line['vxid']));
    record.severity = severity;
    record.sqlstate = textOf(line['state_code']) ?? null;
    record.message = textOf(line['message']) ?? '';
    record.detail = known(textOf(line['detail']));
    record.context = known(textOf(line['context']));
    record.statement = textOf(line['statement']) ?? null;
    record.application = known(textOf(line['application_name']));
    record.backendType = known(textOf(line['backend_type']));
    record.file = this.#file;
    record.line = this.#line;
    this.#sink.record(record);
  }
}

function parse(text: string): JsonLine | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as JsonLine) : null;
  } catch {
    return null;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
