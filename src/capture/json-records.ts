import { known, LogRecord, type RecordReader, type RecordSink } from './log-record.ts';
import type { LogClock } from './log-time.ts';

const STAMP = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,6}))? (\S+)$/;

/** What is read of a jsonlog line; every key may be absent. */
interface JsonLine {
  readonly timestamp?: unknown;
  readonly user?: string;
  readonly dbname?: string;
  readonly pid?: number;
  readonly session_id?: string;
  readonly line_num?: number;
  readonly ps?: string;
  readonly vxid?: string;
  readonly error_severity?: unknown;
  readonly state_code?: string;
  readonly message?: unknown;
  readonly detail?: string;
  readonly context?: string;
  readonly statement?: string;
  readonly application_name?: string;
  readonly backend_type?: string;
}

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
    const stamp = typeof line?.timestamp === 'string' ? STAMP.exec(line.timestamp) : null;
    const time = stamp ? this.#clock.micros(stamp[1] as string, stamp[2] ?? '', stamp[3] as string) : Number.NaN;
    if (!line || Number.isNaN(time) || typeof line.error_severity !== 'string') {
      const detail = cut ? 'the record is cut off where the file ends' : 'the line is no jsonlog record';
      this.#sink.unparsable(this.#file, this.#line, detail);
      return;
    }
    const record = new LogRecord();
    record.time = time;
    record.unit = stamp?.[2] === undefined ? 1_000_000 : 1000;
    record.user = known(line.user);
    record.database = known(line.dbname);
    record.pid = line.pid ?? null;
    record.sessionId = known(line.session_id);
    record.lineNumber = line.line_num ?? null;
    record.tag = known(line.ps);
    record.virtualXid = known(line.vxid);
    record.severity = line.error_severity;
    record.sqlstate = line.state_code ?? null;
    record.message = typeof line.message === 'string' ? line.message : '';
    record.detail = known(line.detail);
    record.context = known(line.context);
    record.statement = line.statement ?? null;
    record.application = known(line.application_name);
    record.backendType = known(line.backend_type);
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
