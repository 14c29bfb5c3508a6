import { LogRecord, type RecordReader, type RecordSink } from './log-record.ts';
import type { LogClock } from './log-time.ts';
import { looksLikeServerLine, type PrefixMatch, type StderrPrefix } from './stderr-prefix.ts';

/** How many younger records a record waits for its follow-up lines, where the lines of sessions interleave. */
const PATIENCE = 32;

type Part = 'message' | 'detail' | 'context' | 'statement' | 'ignored';
const FOLLOW_UPS: Readonly<Record<string, Part>> = {
  DETAIL: 'detail',
  CONTEXT: 'context',
  STATEMENT: 'statement',
  HINT: 'ignored',
  QUERY: 'ignored',
  LOCATION: 'ignored',
  BACKTRACE: 'ignored',
};

/** A message that is whole although its line end is missing. */
const WHOLE = /^(?:00000: )?(?:duration: \d+\.\d{3} ms|disconnection: session time: .* host=\S+(?: port=\d+)?)$/;

const SUCCESS = '00000: ';

/**
 * The stderr format: lines of a prefix, a severity and a message. Continuation lines begin with a tab (the server
 * writes one after each line end of a message), or with nothing where `bareContinuations` says that a log shipper
 * ate the tabs.
 */
export class StderrRecords implements RecordReader {
  readonly #sink: RecordSink;
  readonly #clock: LogClock;
  readonly #prefix: StderrPrefix;
  readonly #bare: boolean;
  /** Records in the order of the file that may still get follow-up lines, from `#head` on. */
  #waiting: Waiting[] = [];
  #head = 0;
  readonly #bySession = new Map<string, Waiting>();
  #last: { record: LogRecord; part: Part } | null = null;
  /** What there is of a line whose end has not come yet: in pieces, for it may be long. */
  #rest: string[] = [];
  #file = '';
  #next = '';
  #line = 1;
  #fresh = false;
  /** True while lines follow that belong to a mangled one, which is counted already. */
  #orphaned = false;

  constructor(sink: RecordSink, clock: LogClock, prefix: StderrPrefix, bareContinuations = false) {
    this.#sink = sink;
    this.#clock = clock;
    this.#prefix = prefix;
    this.#bare = bareContinuations;
  }

  startFile(name: string): void {
    this.#fresh = true;
    this.#next = name;
    if (this.#rest.length > 0) return;
    this.#file = name;
    this.#line = 1;
  }

  push(text: string): void {
    let added = text;
    if (this.#fresh) {
      this.#fresh = false;
      if (added.charCodeAt(0) === 0xfeff) added = added.slice(1);
      if (this.#rest.length > 0) this.#join(added);
    }
    let start = 0;
    for (;;) {
      const newline = added.indexOf('\n', start);
      if (newline < 0) break;
      const line = added.slice(start, newline);
      this.#read(this.#rest.length === 0 ? line : this.#takeRest() + line, false);
      this.#line++;
      start = newline + 1;
    }
    if (start < added.length) this.#rest.push(start === 0 ? added : added.slice(start));
  }

  settle(): void {
    this.#release(1);
  }

  end(): void {
    this.#release(1);
    if (this.#rest.length > 0) this.#breakOff();
    // Behind a line that is not read, none of a statement's text comes.
    if (this.#last && this.#last.part !== 'ignored') this.#last.record.mayGoOn = true;
    this.#release(0);
    this.#last = null;
  }

  #join(text: string): void {
    const newline = text.indexOf('\n');
    if (this.#prefix.match(newline < 0 ? text : text.slice(0, newline))) {
      this.#breakOff();
    }
    this.#file = this.#next;
    this.#line = 1;
  }

  /** Reads a line that is cut off: unless a record begins with it, more of the one before was to come. */
  #breakOff(): void {
    const last = this.#last;
    const rest = this.#takeRest();
    const match = this.#prefix.match(rest);
    const begins = match !== null && FOLLOW_UPS[match.severity] === undefined;
    if (last && last.part !== 'ignored' && !begins) last.record.mayGoOn = true;
    this.#read(rest, true);
  }

  #takeRest(): string {
    const rest = this.#rest.join('');
    this.#rest = [];
    return rest;
  }

  #read(text: string, cut: boolean): void {
    if (text.charCodeAt(0) === 9) {
      this.#continue(text.slice(1), cut);
      return;
    }
    const match = this.#prefix.match(text);
    if (!match) {
      const continues = this.#bare && this.#last && !looksLikeServerLine(text);
      if (continues) this.#continue(text, cut);
      else if (text !== '' && text !== '\r') this.#unparsable('the line does not begin with the log_line_prefix');
      return;
    }
    const part = FOLLOW_UPS[match.severity];
    if (cut && (part !== undefined || !WHOLE.test(match.rest))) {
      this.#unparsable('the record is cut off where the file ends');
    } else if (part === undefined) this.#begin(match);
    else this.#follow(match, part);
  }

  #continue(text: string, cut: boolean): void {
    if (!this.#last || cut) {
      if (!this.#orphaned)
        this.#unparsable(cut ? 'the record is cut off where the file ends' : 'a continuation of no record');
      return;
    }
    const { record, part } = this.#last;
    if (part === 'message') record.message += `\n${text}`;
    else if (part !== 'ignored') record[part] = `${record[part] ?? ''}\n${text}`;
  }

  #begin(match: PrefixMatch): void {
    const record = new LogRecord();
    if (!this.#prefix.fill(record, match, this.#clock)) {
      this.#unparsable('the day or time of the line does not exist');
      return;
    }
    record.severity = match.severity;
    record.message = match.rest;
    record.file = this.#file;
    record.line = this.#line;
    const session = this.#prefix.session(match);
    this.#orphaned = false;
    const before = this.#bySession.get(session)?.record;
    if (before && isAgain(record, before)) {
      this.#last = { record: before, part: 'message' };
      return;
    }
    const waiting: Waiting = { record, session };
    this.#waiting.push(waiting);
    this.#bySession.set(session, waiting);
    this.#last = { record, part: 'message' };
    this.#release(PATIENCE);
  }

  #follow(match: PrefixMatch, part: Part): void {
    const waiting = this.#bySession.get(this.#prefix.session(match));
    if (!waiting) {
      this.#unparsable(`a ${match.severity} line without its record`);
      return;
    }
    const { record } = waiting;
    if (part !== 'ignored') record[part] = match.rest;
    // From a log shipper a line may come twice.
    const number = this.#prefix.lineNumber(match);
    const again = number !== null && number < (record.lineNumber ?? 0) + record.numbers;
    if (!again) record.numbers++;
    this.#last = { record, part };
    this.#orphaned = false;
  }

  #unparsable(detail: string): void {
    this.#sink.unparsable(this.#file, this.#line, detail);
    this.#last = null;
    this.#orphaned = true;
  }

  /** Gives out all but the youngest `keep` records. */
  #release(keep: number): void {
    while (this.#waiting.length - this.#head > keep) {
      const waiting = this.#waiting[this.#head++] as Waiting;
      if (this.#bySession.get(waiting.session) === waiting) this.#bySession.delete(waiting.session);
      finish(waiting.record);
      this.#sink.record(waiting.record);
    }
    if (this.#head > 1024 || this.#head === this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }
}

interface Waiting {
  readonly record: LogRecord;
  readonly session: string;
}

/** Whether a line is that of a record once more, as from a log shipper, so that the lines behind it belong to that one. */
function isAgain(record: LogRecord, before: LogRecord): boolean {
  return (
    record.sessionId !== null &&
    record.lineNumber !== null &&
    record.lineNumber === before.lineNumber &&
    record.time === before.time &&
    record.severity === before.severity &&
    record.message === before.message &&
    !before.mayGoOn
  );
}

/** Takes out of the message what only the stderr format writes into it. */
function finish(record: LogRecord): void {
  // log_error_verbosity = verbose puts the SQLSTATE first.
  if (record.severity === 'LOG') {
    if (record.message.startsWith(SUCCESS)) record.message = record.message.slice(SUCCESS.length);
    return;
  }
  const code = /^([0-9][0-9A-Z]{4}|[A-Z][0-9A-Z]*[0-9][0-9A-Z]*): /.exec(record.message);
  if (code?.[1]?.length === 5) {
    record.sqlstate = code[1];
    record.message = record.message.slice(7);
  }
  record.message = record.message.replace(/ at character \d+$/, '');
}
