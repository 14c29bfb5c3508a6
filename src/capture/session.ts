import { hash } from 'node:crypto';
import type { Micros, Origin, Protocol, UnreplayableReason } from '../journal/entry.ts';
import type { Value } from '../journal/value.ts';
import { detach, type LogRecord } from './log-record.ts';
import { LongestValue } from './parameters.ts';
import { RecordNumbers } from './record-numbers.ts';
import type { StatementFacts } from './statement-facts.ts';

const SET_APPLICATION = /^\s*SET\s+(?:SESSION\s+)?application_name\s*(?:=|TO)\s*'([^']*(?:''[^']*)*)'\s*(?:;\s*)?$/i;

/** Names that are remembered of one session. */
const MOST_NAMES = 1_000;

/** A transaction that has begun and not ended. */
export interface OpenTransaction {
  readonly id: string;
  /** Sequence of its last entry. */
  entries: number;
  /** The server's own name for it, where the log has it: a later statement under another one is not part of it. */
  virtualXid: string | null;
}

/** A statement that has started and whose end is not in the log yet. */
export interface PendingStatement {
  /** Null for what is no entry of its own: fetching more rows of a portal. */
  place: { readonly transactionId: string; readonly sequence: number; readonly origin: Origin } | null;
  /** Its place is that in a block that may be over (`Session.blockInDoubt`), until its outcome tells. */
  provisional: boolean;
  readonly timestamp: Micros;
  /** What `timestamp` would be as the first and the last statement in the log's unit of time. */
  readonly earliest: Micros;
  readonly latest: Micros;
  readonly protocol: Protocol;
  readonly preparedName: string | null;
  readonly facts: StatementFacts;
  readonly parameters: readonly Value[];
  readonly unreplayable: UnreplayableReason | null;
  /** The server's own name for the transaction that it ran in, where its record has it. */
  readonly virtualXid: string | null;
  /** The stamp of its record. */
  readonly time: Micros;
  readonly file: string;
  readonly line: number;
}

/** What the assembler remembers of one recorded session. */
export class Session {
  readonly id: string;
  readonly pid: number | null;
  user: string | null = null;
  database: string | null = null;
  application: string | null = null;
  /** True when its connection line was seen. */
  connected = false;
  /** True when its `connection authorized` line was seen: another one is of another session. */
  authorized = false;
  /** True when it began before the log did. */
  joinedLate = false;
  /** True from then on: what comes may belong to a transaction that began before. */
  goesOn = false;
  /** True between BEGIN and its end. */
  block = false;
  /** True when a statement of the block has failed: the server refuses all until ROLLBACK (TO). */
  failed = false;
  /**
   * True behind a string that failed, ahead of its COMMIT or behind it: where `block` and `failed` are wrong, the session is out of
   * any block. What comes next tells, for a block that has failed refuses it.
   */
  blockInDoubt = false;
  transaction: OpenTransaction | null = null;
  /** What succeeded last without a block, since the server began its transaction: several where the client pipelines. */
  readonly pipeline = { localXid: 0, statements: 0, timestamp: 0, file: '', line: 0 };
  pending: PendingStatement | null = null;
  readonly numbers = new RecordNumbers();
  /** Whether a record of the session is missing since `pending` began; null where records bear no numbers. */
  recordMissing: boolean | null = null;
  lastTimestamp: Micros = Number.NEGATIVE_INFINITY;
  lastRecord: Micros = Number.NEGATIVE_INFINITY;
  lastProtocol: Protocol = 'SIMPLE';
  /** True once a statement was logged when it started (`log_statement`). */
  startStamped = false;
  /** True once a statement came by the extended protocol: a duration without text may be of a parse or bind. */
  extended = false;
  /** Durations, of no command tag, that belong to no statement: of parse and bind, or of what is not logged. */
  strayDurations = 0;
  /** True once a parse or bind was logged with its text (`log_min_duration_statement`). */
  prepares = false;
  /** The last parse or bind with text that no execution has followed yet. */
  bound: { readonly joined: string; readonly detail: string | null } | null = null;
  /** Names of prepared statements that hold `: `, as far as they are remembered. */
  readonly names = new Set<string>();
  readonly longest = new LongestValue();
  readonly longestOnError = new LongestValue();
  #origin: Origin | null = null;
  #applicationLogged = false;
  #unitStart = -1;
  #unitCount = 0;
  #unitFile = '';

  constructor(id: string, pid: number | null) {
    this.id = detach(id);
    this.pid = pid;
  }

  /** The statement runs from this record on. */
  starts(pending: PendingStatement, record: LogRecord): void {
    this.pending = pending;
    this.recordMissing = record.lineNumber === null ? null : false;
  }

  /** Takes note of the number of a record of the session, whatever the record says. */
  count({ lineNumber, numbers, time }: LogRecord): void {
    if (lineNumber === null) return;
    const follows = this.numbers.add(lineNumber, numbers, time);
    if (!follows && this.recordMissing === false) this.recordMissing = true;
  }

  /** Takes over what the record says about who is connected. */
  identify(record: LogRecord): void {
    if (record.user !== null && record.user !== this.user) this.user = detach(record.user);
    if (record.database !== null && record.database !== this.database) this.database = detach(record.database);
    if (record.application === null) return;
    this.#applicationLogged = true;
    if (record.application !== this.application) this.application = detach(record.application);
  }

  /** A prepared statement's name that holds `: `. A client may make up one after the other: the oldest is forgotten. */
  rememberName(name: string): void {
    if (this.names.has(name)) return;
    if (this.names.size >= MOST_NAMES) this.names.delete(this.names.values().next().value as string);
    this.names.add(detach(name));
  }

  /** Where the log does not carry the application, SET tells. */
  followSetting(statement: string): void {
    if (this.#applicationLogged) return;
    const match = SET_APPLICATION.exec(statement);
    if (match) this.application = detach((match[1] as string).replaceAll("''", "'")) || null;
  }

  /** One object for as long as nothing of it changes. */
  origin(nodeId: string): Origin {
    const origin = this.#origin;
    if (
      origin &&
      origin.user === this.user &&
      origin.database === this.database &&
      origin.application === this.application
    ) {
      return origin;
    }
    const { id: sessionId, user, database, application } = this;
    this.#origin = { nodeId, sessionId, user, database, application };
    return this.#origin;
  }

  /**
   * Id of the transaction that begins with this statement: a UUID of facts that every format of the log holds, so that the same log,
   * imported again in whatever format and from wherever on, gives the same id. A clock that went back within a file must not give an
   * earlier one again; another file may tell the same once more.
   */
  transactionId(nodeId: string, { time, file, facts }: Pick<PendingStatement, 'time' | 'file' | 'facts'>): string {
    if (time > this.#unitStart || (time < this.#unitStart && file !== this.#unitFile)) {
      this.#unitStart = time;
      this.#unitCount = 0;
      this.#unitFile = file;
    } else this.#unitCount++;
    const digest = hash('sha1', `${nodeId}\0${this.id}\0${this.#unitStart}\0${this.#unitCount}\0${facts.text}`, 'hex');
    const variant = ((Number.parseInt(digest[16] as string, 16) & 3) | 8).toString(16);
    return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  }
}
