import type { Value } from './value.ts';

/**
 * A point in time: whole microseconds since 1970-01-01 UTC. A number, not a bigint: microseconds stay
 * below 2^53 until the year 2255 and the hot paths compare millions of them.
 */
export type Micros = number;

/** What a statement does, decided on its tokens (`classifyStatement`), never on a bare prefix. */
export const STATEMENT_TYPES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'DDL', 'TRANSACTION', 'SET', 'OTHER'] as const;
export type StatementType = (typeof STATEMENT_TYPES)[number];

/** SIMPLE: one Query message, may hold several statements. EXTENDED: Parse, Bind, Execute. */
export type Protocol = 'SIMPLE' | 'EXTENDED';

/**
 * How a recorded statement ended. UNKNOWN: the record ends before its outcome does (a client that
 * vanished, a log that was cut off); nothing is invented for it.
 */
export type EntryOutcome =
  | { readonly status: 'SUCCEEDED' }
  | { readonly status: 'FAILED'; readonly sqlstate: string; readonly message: string }
  | { readonly status: 'UNKNOWN' };

/** Why a statement that the journal holds cannot be sent again as it was. */
export type UnreplayableReason =
  /** COPY … FROM STDIN: the data is not in a server log. */
  | 'COPY_DATA'
  /** A fastpath function call: only its function and arguments' text are logged. */
  | 'FASTPATH'
  /** The statement has parameters, but the server did not log them. */
  | 'PARAMETERS_NOT_LOGGED'
  /** Text or parameters were cut (`log_parameter_max_length`, a mangled record). */
  | 'TRUNCATED';

/** SQLSTATE of a failure whose log does not say which (stderr without `%e`, an unknown message). */
export const UNKNOWN_SQLSTATE = '?????';

/** Who ran a statement. Interned by the store: equal origins are one row. */
export interface Origin {
  /** The server or node the statement ran on; one service may journal several. */
  readonly nodeId: string;
  /** One recorded client connection. Unique within a node. */
  readonly sessionId: string;
  readonly user: string | null;
  readonly database: string | null;
  readonly application: string | null;
}

/** One recorded statement, as it is given to the journal. */
export interface NewEntry {
  readonly transactionId: string;
  /** From 1 within the transaction, without gaps. BEGIN and COMMIT are entries too. */
  readonly sequence: number;
  readonly origin: Origin;
  /** Start of execution. Strictly increases within a session. */
  readonly timestamp: Micros;
  readonly statement: string;
  readonly protocol: Protocol;
  /** The name of a prepared statement; null for the unnamed one and for SIMPLE. */
  readonly preparedName: string | null;
  readonly parameters: readonly Value[];
  readonly statementType: StatementType;
  /** Milliseconds, fractional; null when unknown. */
  readonly durationMs: number | null;
  /** Rows returned or affected; null when unknown (server logs never say). */
  readonly rows: number | null;
  /** Digest of the result rows, lower-case hex; null when unknown. */
  readonly checksum: string | null;
  readonly outcome: EntryOutcome;
  readonly unreplayable: UnreplayableReason | null;
}

/** Names an entry of the journal. */
export interface EntryPlace {
  readonly transactionId: string;
  readonly sequence: number;
}

/** The place of an entry in the journal's total order: compare field by field, in this order. */
export interface EntryKey {
  readonly timestamp: Micros;
  /** Start position of the entry's transaction: unique and fixed when the transaction begins. */
  readonly position: bigint;
  readonly sequence: number;
}

/** An entry that the journal holds. */
export interface Entry extends NewEntry, EntryKey {
  /** Number of the append that brought it in; `journalTail` follows it. Never decreases. */
  readonly arrival: bigint;
}

/** Negative, zero or positive as `a` stands before, at or after `b` in the journal's total order. */
export function compareEntryKeys(a: EntryKey, b: EntryKey): number {
  if (a.timestamp !== b.timestamp) return a.timestamp - b.timestamp;
  if (a.position !== b.position) return a.position < b.position ? -1 : 1;
  return a.sequence - b.sequence;
}
