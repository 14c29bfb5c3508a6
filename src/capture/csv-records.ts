import { countNewlines, known, LogRecord, type RecordReader, type RecordSink } from './log-record.ts';
import type { LogClock } from './log-time.ts';

/** A csvlog record starts its line with a stamp, a zone and a comma. */
const RECORD_START = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? [^,\s"]{1,40},/y;
/** Enough of a line to tell whether a record starts on it. */
const START_LENGTH = 80;
/** A field, or as much of it as there is. */
const FIELD = /"(?:[^"]|"")*(?:"|$)|[^",\r\n]*/y;
const QUOTES = /"*/y;
const ANY = /^/;
const NUMBER = /^\d+$/;
const SESSION = /^[\da-f]+\.[\da-f]+$/;
const SQLSTATE = /^[\dA-Z]{5}$/;
/** The fields between the stamp and the message; those that look alike in every record tell it from other text. */
const HEAD = [ANY, ANY, NUMBER, ANY, SESSION, NUMBER, ANY, ANY, ANY, ANY, ANY, SQLSTATE];
/** Far more than the fields in front of the message take. */
const LONGEST_HEAD = 4096;
/** A field that has not ended after so much is taken for one whose closing quote was lost. */
const LONGEST_RECORD = 256 * 1024 * 1024;

const QUOTE = 34;
const COMMA = 44;
const NEWLINE = 10;
const RETURN = 13;

const INCOMPLETE = -1;
const MANGLED = -2;

/** Whether a csvlog record starts at this index. */
function csvRecordStartsAt(text: string, index: number): boolean {
  RECORD_START.lastIndex = index;
  return RECORD_START.test(text);
}

/**
 * Whether a file that opens like this begins with a csvlog record; null while there is too little to tell. The stamp alone
 * does not: the session's start within a record is a stamp, too, and so may be anything in a statement. Even a line of a
 * csvlog that is quoted in a statement is told from a record, because its quotes are doubled there.
 */
export function beginsCsvRecord(opening: string): boolean | null {
  if (!csvRecordStartsAt(opening, 0)) return opening.length < START_LENGTH ? null : false;
  const undecided = opening.length < LONGEST_HEAD ? null : false;
  const text = opening.slice(0, LONGEST_HEAD);
  let index = opening.indexOf(',') + 1;
  for (const looks of HEAD) {
    FIELD.lastIndex = index;
    const field = FIELD.exec(text)?.[0] ?? '';
    index += field.length;
    if (index === text.length) return undecided;
    if (text.charCodeAt(index) !== COMMA || !looks.test(field)) return false;
    index++;
  }
  QUOTES.lastIndex = index;
  const quotes = QUOTES.exec(text)?.[0].length ?? 0;
  if (index + quotes === text.length) return undecided;
  const doubled = quotes > 0 && quotes % 2 === 0;
  return !doubled || text.charCodeAt(index + quotes) === COMMA;
}

/**
 * csvlog of PostgreSQL 12 (23 columns), 13 (24) and 14–18 (26). A mangled record costs itself only: reading goes on at
 * the next line that starts like a record.
 */
export class CsvRecords implements RecordReader {
  readonly #sink: RecordSink;
  readonly #clock: LogClock;
  readonly #fields: string[] = [];
  #rest = '';
  /** How the file begins, while it is not known yet whether it goes on with `rest`. */
  #opening: string | null = null;
  /** No attempt before there is so much: a record of many megabytes must not be scanned again for each piece. */
  #wanted = 0;
  #file = '';
  /** Name of the file that begins with the next piece. */
  #next = '';
  #line = 1;
  #fresh = false;
  #skipping = false;

  constructor(sink: RecordSink, clock: LogClock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  startFile(name: string): void {
    if (this.#opening !== null) this.#join(this.#opening, true);
    if (this.#rest === '') this.#line = 1;
    this.#file = this.#rest === '' ? name : this.#file;
    this.#next = name;
    this.#fresh = true;
  }

  push(text: string): void {
    let added = text;
    if (this.#fresh) {
      this.#fresh = false;
      if (added.charCodeAt(0) === 0xfeff) added = added.slice(1);
      if (this.#rest !== '') this.#opening = '';
    }
    if (this.#opening === null) this.#take(added);
    else this.#join(this.#opening + added, false);
  }

  /** Nothing is held back but an unfinished line, or what is too short to tell whether it belongs to that. */
  settle(): void {}

  end(): void {
    if (this.#opening !== null) this.#join(this.#opening, true);
    this.#read(this.#rest, true);
    this.#rest = '';
  }

  /** Decides by the beginning of a file whether what is left of the file before was cut off or goes on in this one. */
  #join(opening: string, final: boolean): void {
    // Where the log ends so soon, a record is cut off in both files, and both are counted.
    const begins = beginsCsvRecord(opening) ?? (final ? csvRecordStartsAt(opening, 0) : null);
    if (begins === null) {
      this.#opening = opening;
      return;
    }
    this.#opening = null;
    if (begins) {
      this.#read(this.#rest, true);
      this.#rest = '';
    }
    this.#file = this.#next;
    this.#line = 1 - countNewlines(this.#rest, 0, this.#rest.length);
    this.#take(opening);
  }

  #take(added: string): void {
    const buffer = this.#rest + added;
    if (buffer.length < this.#wanted) this.#rest = buffer;
    else this.#read(buffer, false);
  }

  #read(buffer: string, final: boolean): void {
    let position = 0;
    while (position < buffer.length) {
      const end = this.#skipping ? MANGLED : this.#record(buffer, position, final);
      if (end === INCOMPLETE) break;
      if (end >= 0) {
        position = end;
        continue;
      }
      const next = this.#resume(buffer, position, final);
      this.#line += countNewlines(buffer, position, next);
      position = next;
      if (this.#skipping) break;
    }
    this.#rest = position === 0 ? buffer : buffer.slice(position);
    this.#wanted = this.#rest.length > 1 << 20 ? this.#rest.length * 2 : 0;
    if (final) this.#skipping = false;
  }

  /** Where the next record starts. Leaves `skipping` set when that is not known yet. */
  #resume(buffer: string, position: number, final: boolean): number {
    if (!this.#skipping) {
      const cut = final && buffer.indexOf('\n', position) < 0;
      this.#sink.unparsable(
        this.#file,
        this.#line,
        cut ? 'the record is cut off where the file ends' : 'the line is no csvlog record',
      );
      this.#skipping = true;
    } else if (csvRecordStartsAt(buffer, position)) {
      this.#skipping = false;
      return position;
    }
    for (let line = position; ; ) {
      const newline = buffer.indexOf('\n', line);
      if (newline < 0) return final ? buffer.length : line;
      line = newline + 1;
      if (buffer.length - line < START_LENGTH && !final) return line;
      if (csvRecordStartsAt(buffer, line)) {
        this.#skipping = false;
        return line;
      }
    }
  }

  /** Reads the record at `start`; returns the index behind it, INCOMPLETE or MANGLED. */
  #record(buffer: string, start: number, final: boolean): number {
    const firstNewline = buffer.indexOf('\n', start);
    let newline = firstNewline;
    if (newline < 0 && !final) return INCOMPLETE;
    if (!csvRecordStartsAt(buffer, start)) return MANGLED;
    const unfinished = final || buffer.length - start > LONGEST_RECORD ? MANGLED : INCOMPLETE;
    const fields = this.#fields;
    let count = 0;
    let index = start;
    for (;;) {
      if (buffer.charCodeAt(index) === QUOTE) {
        const close = closingQuote(buffer, index + 1, final);
        if (close < 0) return unfinished;
        const raw = buffer.slice(index + 1, close);
        fields[count++] = raw.includes('"') ? raw.replaceAll('""', '"') : raw;
        index = close + 1;
      } else {
        if (newline >= 0 && newline < index) newline = buffer.indexOf('\n', index);
        if (newline < 0 && !final) return INCOMPLETE;
        const lineEnd = newline < 0 ? buffer.length : newline;
        const comma = buffer.indexOf(',', index);
        const end = comma >= 0 && comma < lineEnd ? comma : lineEnd;
        fields[count++] = buffer.slice(index, end);
        index = end;
      }
      const code = buffer.charCodeAt(index);
      if (code === COMMA && count < 64) {
        index++;
        continue;
      }
      if (code === NEWLINE) break;
      if (code === RETURN && buffer.charCodeAt(index + 1) === NEWLINE) {
        index++;
        break;
      }
      if (index >= buffer.length) {
        if (!final) return INCOMPLETE;
        break;
      }
      return MANGLED;
    }
    if (!this.#emit(fields, count)) return MANGLED;
    this.#line += firstNewline === index ? 1 : countNewlines(buffer, start, index + 1);
    return Math.min(index + 1, buffer.length);
  }

  #emit(fields: readonly string[], count: number): boolean {
    const sqlstate = fields[12];
    if (count < 23 || count > 40 || sqlstate === undefined || sqlstate.length !== 5) return false;
    const stamp = fields[0] as string;
    const zoneAt = stamp.indexOf(' ', 19);
    const fraction = stamp.slice(20, zoneAt);
    const time = this.#clock.micros(stamp.slice(0, 19), fraction, stamp.slice(zoneAt + 1).trimEnd());
    if (Number.isNaN(time)) return false;
    const record = new LogRecord();
    record.time = time;
    record.unit = fraction === '' ? 1_000_000 : 1000;
    record.user = known(fields[1]);
    record.database = known(fields[2]);
    record.pid = fields[3] === '' ? null : Number(fields[3]);
    record.sessionId = known(fields[5]);
    record.lineNumber = fields[6] === '' ? null : Number(fields[6]);
    record.tag = known(fields[7]);
    record.virtualXid = known(fields[9]);
    record.severity = fields[11] as string;
    record.sqlstate = sqlstate;
    record.message = fields[13] as string;
    record.detail = fields[14] === '' ? null : (fields[14] as string);
    record.context = known(fields[18]);
    record.statement = fields[19] === '' ? null : (fields[19] as string);
    record.application = known(fields[22]);
    record.backendType = count > 23 ? known(fields[23]?.trimEnd()) : null;
    record.file = this.#file;
    record.line = Math.max(1, this.#line);
    this.#sink.record(record);
    return true;
  }
}

/** Index of the quote that ends the field, or -1 when the text ends first (or a doubled quote may be cut in half). */
function closingQuote(buffer: string, from: number, final: boolean): number {
  for (let index = from; ; index += 2) {
    index = buffer.indexOf('"', index);
    if (index < 0) return -1;
    if (index + 1 >= buffer.length) return final ? index : -1;
    if (buffer.charCodeAt(index + 1) !== QUOTE) return index;
  }
}
