import { type EntryOutcome, type Micros, UNKNOWN_SQLSTATE, type UnreplayableReason } from '../journal/entry.ts';
import type { LogRecord, RecordSink } from './log-record.ts';
import {
  isReplicationCommand,
  isTranslated,
  NOT_ENGLISH,
  readAuthorized,
  readMessage,
  type StatementMessage,
  splitNamedText,
} from './messages.ts';
import type { OperationSink } from './operation-sink.ts';
import type { PendingStatement, Session } from './session.ts';
import { Sessions } from './sessions.ts';
import { sqlstateOf } from './sqlstates.ts';
import { StatementStarts } from './statement-starts.ts';
import { TransactionTracker } from './transactions.ts';

const SUCCEEDED: EntryOutcome = Object.freeze({ status: 'SUCCEEDED' });
const UNKNOWN: EntryOutcome = Object.freeze({ status: 'UNKNOWN' });
const SECOND = 1_000_000;
/**
 * A duration without text that is shorter shows that all are logged: `log_min_duration_statement`, which logs those of what
 * `log_statement` has logged already, is 0 or whole milliseconds.
 */
const SHORTEST_THRESHOLD_MS = 1;
/** What a process shows while it runs a statement; where `update_process_title` is off, it goes on showing how it began. */
const COMMAND_TAG = /^[A-Z<]/;

/** Logged without `log_disconnections`, too: of a client that left a transaction open. */
const CLIENT_GONE = 'unexpected EOF on client connection';

const LOSS_DETAILS: Readonly<Record<UnreplayableReason, string>> = {
  COPY_DATA: 'COPY FROM STDIN: the data is not in the log',
  FASTPATH: 'a fastpath function call: its arguments are not in the log',
  PARAMETERS_NOT_LOGGED: 'the statement has parameters that the log does not show',
  TRUNCATED: 'text or parameters are cut off, or hold bytes that are not UTF-8 (a database of another encoding)',
};

/**
 * Puts the records of a server log together to transactions and entries, session by session. Understands
 * start-stamped lines (`log_statement`, with `log_duration` or without), end-stamped ones
 * (`log_min_duration_statement`), both at once, and failures that exist only as ERROR and STATEMENT.
 *
 * A statement whose end the log does not show has succeeded when its session goes on: the server logs each failure. Unless
 * a record may be missing, which the numbers of a session's records tell; in a log without them, that durations are logged
 * of everything and of this statement none is.
 *
 * An entry is given out when its outcome is known, a transaction's begin when its first statement starts, and its
 * end when the record that completes it is met: the order of the ends is the commit order.
 */
export class Assembler implements RecordSink {
  readonly #sink: OperationSink;
  readonly #sessions: Sessions;
  readonly #starts: StatementStarts;
  readonly #transactions: TransactionTracker;
  /** Of each statement, that is. */
  #durationsLogged = false;

  constructor(nodeId: string, sink: OperationSink) {
    this.#sink = sink;
    this.#starts = new StatementStarts(nodeId, sink);
    this.#transactions = new TransactionTracker(sink);
    this.#sessions = new Sessions((session, at, source) => this.#close(session, at, source));
  }

  /** Sessions met so far. */
  get sessions(): number {
    return this.#sessions.counted;
  }

  unparsable(file: string, line: number, detail: string): void {
    this.#sink.loss('UNPARSABLE_LINE', null, `${file}:${line}`, detail);
  }

  record(record: LogRecord): void {
    const { severity } = record;
    if (!this.#sessions.note(record)) return;
    if (severity === 'ERROR' || severity === 'FATAL' || severity === 'PANIC') {
      this.#failure(record);
      return;
    }
    // The server writes these lines bare; with a statement or a context it is a function's RAISE LOG.
    const bare = severity === 'LOG' && record.statement === null && record.context === null;
    const message = bare ? readMessage(record.message) : null;
    if (message) this.#statementMessage(record, message);
    else if (isTranslated(severity, record.message)) {
      this.#sink.loss('UNPARSABLE_LINE', record.time, `${record.file}:${record.line}`, NOT_ENGLISH);
    } else if (severity === 'LOG') this.#connectionMessage(record);
  }

  /**
   * The log ends here, for now. Statements that still run become entries without outcome; transactions stay open,
   * for their end may come with a later part of the log.
   */
  flush(): void {
    for (const session of this.#sessions.all()) {
      const { pending } = session;
      session.pending = null;
      if (pending?.place) {
        // In which transaction it runs is told by its outcome only: until then it is no entry.
        if (!pending.provisional) this.#write(pending, UNKNOWN, null);
        this.#sink.loss('OUTCOME_UNKNOWN', pending.timestamp, place(pending), 'the log ends before the statement does');
      }
      this.#strayDurations(session, 'the end of the log');
    }
  }

  #connectionMessage(record: LogRecord): void {
    const { message } = record;
    if (message.startsWith('connection ') || message.startsWith('replication connection ')) {
      const received = message.startsWith('connection received:');
      const authorized = received ? null : readAuthorized(message);
      if (!received && !authorized && !/^connection (?:authenticated|ready):/.test(message)) return;
      // A damaged record may be one in form that names no process.
      if (record.sessionId === null && record.pid === null) return;
      const session = this.#sessions.connection(record, received);
      session.connected = true;
      session.identify(record);
      if (!authorized) return;
      session.authorized = true;
      session.user ??= authorized.user;
      session.database ??= authorized.database;
      session.application ??= authorized.application;
    } else if (message.startsWith('disconnection:') || message.startsWith(CLIENT_GONE)) {
      const session = this.#sessions.existing(record);
      if (!session) return;
      if (session.pending) this.#completeSilently(session, session.pending, record);
      this.#sessions.end(session, record.time, `${record.file}:${record.line}`);
    } else if (message.startsWith('starting PostgreSQL ') || message.startsWith('all server processes terminated')) {
      this.#sessions.endAll(record.time, `${record.file}:${record.line}`);
    }
  }

  #statementMessage(record: LogRecord, message: StatementMessage): void {
    const session = this.#sessions.of(record);
    if (!session) {
      this.#sink.loss('SESSION_UNKNOWN', record.time, `${record.file}:${record.line}`, 'the record names no session');
      return;
    }
    this.#observe(session, record);
    switch (message.kind) {
      case 'DURATION':
        this.#duration(session, record, message.durationMs);
        return;
      case 'PARSE':
      case 'BIND':
        session.prepares = true;
        session.bound = { joined: message.text, detail: record.detail };
        return;
      default:
    }
    const protocol = message.kind === 'STATEMENT' || message.kind === 'FASTPATH' ? 'SIMPLE' : 'EXTENDED';
    let text = message.text;
    let name: string | null = null;
    if (protocol === 'EXTENDED') {
      const split = splitNamedText(text, record.tag, session.names.size === 0 ? null : session.names);
      text = split.text;
      name = split.name;
      if (split.ambiguous && name !== null) session.rememberName(name);
    }
    if (session.pending && message.durationMs === null) this.#completeSilently(session, session.pending, record);
    if (this.#mayBeCut(session, record, text)) return;
    const { pending } = session;
    if (message.durationMs !== null && pending?.facts.text === text && pending.protocol === protocol) {
      this.#complete(session, pending, record, SUCCEEDED, message.durationMs);
      return;
    }
    if (pending) this.#completeSilently(session, pending, record);
    const ended = message.durationMs !== null;
    if (message.kind === 'FETCH') {
      if (!ended) session.starts(this.#starts.fetch(record, text), record);
      return;
    }
    if (!ended) {
      session.startStamped = true;
      this.#transactions.check(session, record);
    }
    const fastpath = message.kind === 'FASTPATH';
    const started = this.#starts.statement(session, record, protocol, name, text, message.durationMs, fastpath);
    if (ended) {
      this.#transactions.checkEnd(session, started);
      this.#complete(session, started, record, SUCCEEDED, message.durationMs);
    } else session.starts(started, record);
  }

  /** A duration without text ends the statement that is running, or belongs to a parse or bind, which are no entries. */
  #duration(session: Session, record: LogRecord, durationMs: number): void {
    if (durationMs < SHORTEST_THRESHOLD_MS) this.#durationsLogged = true;
    const { tag } = record;
    const ofStatement = tag !== 'PARSE' && tag !== 'BIND';
    if (session.pending && ofStatement) {
      this.#complete(session, session.pending, record, SUCCEEDED, durationMs);
    } else if (!session.pending) {
      // A parse or a bind leaves its transaction open: without one, it is the duration of a statement.
      const outside = tag === null && record.virtualXid?.endsWith('/0') === true;
      if ((tag !== null && ofStatement) || outside) {
        const detail = `the duration of a ${tag ?? 'statement'} whose text is not in the log`;
        this.#sink.loss('STATEMENT_TEXT_MISSING', record.time, `${record.file}:${record.line}`, detail);
      } else if (tag === null) session.strayDurations++;
    }
  }

  #failure(record: LogRecord): void {
    const isError = record.severity === 'ERROR';
    const session = this.#sessions.failing(record);
    if (!session) return;
    if (record.statement !== null && this.#mayBeCut(session, record, record.statement)) return;
    const source = `${record.file}:${record.line}`;
    this.#observe(session, record);
    const known = record.sqlstate ?? sqlstateOf(record.message, record.statement ?? session.pending?.facts.text);
    const outcome: EntryOutcome = { status: 'FAILED', sqlstate: known, message: record.message };
    let { pending } = session;
    if (pending && !isFailureOf(pending, record)) {
      this.#completeSilently(session, pending, record);
      pending = null;
    }
    if (pending) this.#complete(session, pending, record, outcome, null);
    else if (record.statement !== null) {
      if (!isReplicationCommand(record.statement)) {
        this.#complete(session, this.#starts.failedOnly(session, record, known), record, outcome, null);
      }
    } else if (isError) {
      if (session.block) session.failed = true;
      if (!this.#transactions.failedAtSync(session, record, known)) {
        this.#sink.loss('STATEMENT_TEXT_MISSING', record.time, source, 'an ERROR without its statement');
      }
    }
    if (!isError) this.#sessions.end(session, record.time, source);
  }

  /** Whether more of a statement may follow where the log ends now; counts it, for the next import to give out. */
  #mayBeCut(session: Session, record: LogRecord, text: string): boolean {
    if (!record.mayGoOn || session.pending?.facts.text === text) return false;
    if (record.lineNumber !== null) session.numbers.forget(record.lineNumber, record.numbers);
    const detail = 'the last record of the log may be cut off';
    this.#sink.loss('TRUNCATED', record.time, `${record.file}:${record.line}`, detail);
    return true;
  }

  /** The session went on, or was left by its client, although the end of its statement is not in the log. */
  #completeSilently(session: Session, pending: PendingStatement, record: LogRecord): void {
    const uncertain = session.recordMissing ?? this.#durationsLogged;
    this.#complete(session, pending, record, uncertain ? UNKNOWN : SUCCEEDED, null);
    if (!uncertain || !pending.place) return;
    const detail =
      session.recordMissing === null
        ? 'the duration of the statement is not in the log'
        : 'a record is missing where the end of the statement should be';
    this.#sink.loss('OUTCOME_UNKNOWN', pending.timestamp, place(pending), detail);
  }

  #complete(
    session: Session,
    pending: PendingStatement,
    record: LogRecord,
    outcome: EntryOutcome,
    durationMs: number | null,
  ): void {
    session.pending = null;
    this.#transactions.settle(session, pending, outcome.status === 'FAILED' ? outcome.sqlstate : null);
    this.#starts.settle(session, pending);
    if (pending.place) this.#write(pending, outcome, durationMs);
    if (pending.facts.type === 'SET' && outcome.status === 'SUCCEEDED') session.followSetting(pending.facts.text);
    // Without durations the next record may come much later than the end: the start is the better guess.
    const ended = durationMs !== null || outcome.status !== 'SUCCEEDED';
    const at = ended ? Math.max(record.time, pending.timestamp) : pending.timestamp;
    if (outcome.status === 'FAILED') this.#transactions.failed(session, pending, outcome.sqlstate, outcome.message, at);
    else this.#transactions.succeeded(session, pending, outcome.status === 'SUCCEEDED', at);
  }

  #write(pending: PendingStatement, outcome: EntryOutcome, durationMs: number | null): void {
    const { place: where, facts, unreplayable } = pending;
    if (!where) return;
    this.#sink.entry({
      transactionId: where.transactionId,
      sequence: where.sequence,
      origin: where.origin,
      timestamp: pending.timestamp,
      statement: facts.text,
      protocol: pending.protocol,
      preparedName: pending.preparedName,
      parameters: pending.parameters,
      statementType: facts.type,
      durationMs,
      rows: null,
      checksum: null,
      outcome,
      unreplayable,
    });
    if (unreplayable) this.#sink.loss(unreplayable, pending.timestamp, place(pending), LOSS_DETAILS[unreplayable]);
    if (outcome.status === 'FAILED' && outcome.sqlstate === UNKNOWN_SQLSTATE) {
      this.#sink.loss(
        'OUTCOME_UNKNOWN',
        pending.timestamp,
        place(pending),
        'the log does not show the SQLSTATE of a failure',
      );
    }
  }

  /** The session is over: what still ran has no outcome, and an open transaction was rolled back by the server. */
  #close(session: Session, at: Micros, source: string): void {
    const { pending } = session;
    session.pending = null;
    if (pending?.place) {
      this.#starts.settle(session, pending);
      this.#write(pending, UNKNOWN, null);
      this.#sink.loss(
        'OUTCOME_UNKNOWN',
        pending.timestamp,
        place(pending),
        'the session ends before the statement does',
      );
    }
    this.#transactions.end(session, 'ROLLED_BACK', Math.max(at, session.lastTimestamp));
    this.#strayDurations(session, source);
  }

  #strayDurations(session: Session, source: string): void {
    if (session.extended) return;
    for (let count = session.strayDurations; count > 0; count--) {
      this.#sink.loss(
        'STATEMENT_TEXT_MISSING',
        null,
        source,
        'a duration whose statement is not in the log: log_statement is not all',
      );
    }
    session.strayDurations = 0;
  }

  #observe(session: Session, record: LogRecord): void {
    session.identify(record);
    if (session.joinedLate) {
      session.joinedLate = false;
      session.goesOn = true;
      const detail =
        'the session began before the log did, so that earlier statements and settings are not known: where there is a log before ' +
        'this one, import both at once';
      this.#sink.loss('SESSION_JOINED_LATE', record.time, `${record.file}:${record.line}`, detail);
    }
    if (record.lineNumber !== null && session.numbers.outOfPlace) {
      const detail = 'records come behind later ones of their session: what they did counts apart from its transaction';
      this.#sink.loss('EFFECT_UNCERTAIN', record.time, `${record.file}:${record.line}`, detail);
    }
    if (record.time < session.lastRecord - SECOND) {
      const detail = 'the clock went back; the order in the file was kept';
      this.#sink.loss('CLOCK_WENT_BACK', record.time, `${record.file}:${record.line}`, detail);
    }
    session.lastRecord = record.time;
  }
}

/** Whether an error befell the statement that runs, or the session after it. */
function isFailureOf(pending: PendingStatement, record: LogRecord): boolean {
  const { statement, tag } = record;
  // The server names the statement where one runs, unless told not to; the last one may have ended long before.
  if (statement === null) return record.severity === 'ERROR' || (tag !== null && COMMAND_TAG.test(tag));
  // Of a portal that is fetched from, the name stands before the text.
  return pending.place ? pending.facts.text === statement : pending.facts.text.endsWith(statement);
}

function place(pending: PendingStatement): string {
  return `${pending.file}:${pending.line}`;
}
