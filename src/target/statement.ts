import type { Protocol } from '../journal/entry.ts';
import type { Value } from '../journal/value.ts';

/** Where the session stands after an answer: I idle, T in a transaction, E in a failed transaction. */
export type TransactionStatus = 'I' | 'T' | 'E';

/** One statement as it is put on the wire. */
export interface StatementMessage {
  /** SIMPLE: one Query, may hold several statements. EXTENDED: Parse, Bind, Execute, Sync. */
  readonly protocol: Protocol;
  readonly text: string;
  /** Name of the prepared statement (EXTENDED); null: the unnamed one. */
  readonly preparedName: string | null;
  /** Ignored for SIMPLE. */
  readonly parameters: readonly Value[];
  /** Digest the result rows while they stream. */
  readonly digest: boolean;
  /** EXTENDED: a prepared statement that the text drops, and that is to be there by then, whatever has made it in the record. */
  readonly drops?: string | undefined;
}

/** What became of one statement. */
export interface TargetOutcome {
  /** True when the server answered and reported no error. */
  readonly ok: boolean;
  /** SQLSTATE of the error; with `lost`, that of the server's last words where it had any; else null. */
  readonly sqlstate: string | null;
  /** Primary message of the error, cut after 8,192 characters. */
  readonly message: string | null;
  /** ERROR, FATAL or PANIC, not translated. */
  readonly severity: string | null;
  /** Character position of the error in the statement, from 1; null when the server named none. */
  readonly position: number | null;
  /** The error's DETAIL, cut after 8,192 characters. */
  readonly detail: string | null;
  /**
   * Rows returned or affected: the count of each CommandComplete tag, or the rows that came where the tag
   * has no count (SHOW, EXPLAIN); the sum over a string of several statements. Null when nothing counts
   * (BEGIN, CREATE TABLE) and after an error.
   */
  readonly rows: number | null;
  /** Tag of the last command that completed: `INSERT 0 1`; null after an empty string or an error in the first. */
  readonly tag: string | null;
  /**
   * When asked for and `ok`: SHA-256, lower-case hex, over the result's DataRow messages as they came, in
   * order, each whole (`D`, int32 length, int16 columns, then int32 length and bytes of each column). Order
   * counts, as do column order and text format; column names and types do not. Without rows it is the
   * SHA-256 of nothing (`e3b0c442…`). Several results of one string are digested as one. COPY data: the
   * CopyData messages likewise.
   */
  readonly digest: string | null;
  /** From ReadyForQuery; when `lost`, the last one known. */
  readonly transactionStatus: TransactionStatus;
  /** `performance.now()` when the message was handed to the socket. */
  readonly sentAt: number;
  /** `performance.now()` when the read that completed the answer came in. */
  readonly doneAt: number;
  /**
   * Milliseconds: from `sentAt` to `doneAt` when the statement was alone; else from the previous answer on
   * this connection, if that came after `sentAt`. Answers that came in one read share its time equally.
   */
  readonly serviceMs: number;
  /** True when nothing else was under way on the connection from send to answer: `serviceMs` is faithful. */
  readonly alone: boolean;
  /** True when the server asked for COPY data and got CopyFail. */
  readonly copyRefused: boolean;
  /** Notices and warnings that came with the answer. */
  readonly notices: number;
  /** The last of them: `WARNING: …`, cut after 8,192 characters. */
  readonly lastNotice: string | null;
  /**
   * True when the connection died before ReadyForQuery: the statement may or may not have taken effect.
   * `ok` is false then.
   */
  readonly lost: boolean;
  /**
   * True when that is its own failure all the same (`sqlstate`): the server ended the session with it, by itself, and has certainly
   * not committed it.
   */
  readonly fatal: boolean;
}

/** Called once for each statement, in the order sent. Must not throw; may call `send`. */
export type OutcomeListener = (outcome: TargetOutcome) => void;

/** Result of `TargetConnection.query`. */
export interface QueryResult {
  /** Columns as the server's text, null for NULL; all results of the string one after another. */
  readonly rows: readonly (readonly (string | null)[])[];
  readonly tag: string | null;
}

/** How a target connection is opened. */
export interface ConnectOptions {
  /** Milliseconds for everything up to a session that is ready: TCP, TLS, authentication. */
  readonly connectTimeoutMs: number;
  readonly applicationName: string;
  /** `statement_timeout` of the session, milliseconds; 0: none. */
  readonly statementTimeoutMs: number;
  /** `default_transaction_read_only = on`. */
  readonly readOnly: boolean;
  /** Instead of the target's. */
  readonly database?: string;
  /**
   * Log in as another user than the target's. The target's password is not used then: give `password`, or
   * null to log in without one.
   */
  readonly user?: string;
  readonly password?: string | null;
  /** Settings at start-up, to which RESET ALL returns, as it does to the two above. */
  readonly startSettings?: Readonly<Record<string, string>>;
  /** Settings made with `set_config` once connected. A refused one fails `connect`, naming it. */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * Milliseconds beyond `statementTimeoutMs` without a byte after which an unanswered statement means that
   * the path to the server is dead (a proxy that swallows): the connection is destroyed and is lost. Default
   * 30,000. Off with `statementTimeoutMs` 0, and from the moment a sent statement mentions
   * `statement_timeout`.
   */
  readonly answerGraceMs?: number;
  /** Aborted: nobody waits for the session any more, and what has been opened for it is closed at once. */
  readonly signal?: AbortSignal;
}
