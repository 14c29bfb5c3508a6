import type { Entry, EntryOutcome, Origin } from '../journal/entry.ts';
import type { Transaction } from '../journal/transaction.ts';
import { decodeParameters } from '../journal/value-codec.ts';
import { outcomeCode, protocolCode, statementTypeCode, statusCode, unreplayableCode } from './codes.ts';
import type { Origins } from './origins.ts';

/** The columns that `EntryRow` holds. */
export const ENTRY_FIELDS = [
  'ts',
  'position',
  'arrival',
  'sequence',
  'origin_id',
  'transaction_id',
  'type',
  'protocol',
  'outcome',
  'unreplayable',
  'duration_ms',
  'rows',
  'statement',
  'prepared_name',
  'parameters',
  'checksum',
  'sqlstate',
  'message',
] as const;

/** A row of `entries` as `Database.rows` gives it: the columns of `ENTRY_FIELDS`, int8 as text. */
export type EntryRow = readonly [
  ts: string,
  position: string,
  arrival: string,
  sequence: number,
  originId: number,
  transactionId: string,
  type: number,
  protocol: number,
  outcome: number,
  unreplayable: number | null,
  durationMs: number | null,
  rows: string | null,
  statement: string,
  preparedName: string | null,
  parameters: string | null,
  checksum: string | null,
  sqlstate: string | null,
  message: string | null,
];

/** The columns that `TransactionRow` holds. */
export const TRANSACTION_FIELDS = [
  'id',
  'position',
  'origin_id',
  'started_at',
  'ended_at',
  'status',
  'commit_seq',
  'autocommit',
  'entry_count',
  'byte_count',
  'first_ts',
  'last_ts',
] as const;

/** A row of `transactions` as it is read. */
export interface TransactionRow {
  readonly id: string;
  readonly position: bigint;
  readonly origin_id: number;
  readonly started_at: bigint;
  readonly ended_at: bigint | null;
  readonly status: number;
  readonly commit_seq: bigint | null;
  readonly autocommit: boolean;
  readonly entry_count: number;
  readonly byte_count: bigint;
  readonly first_ts: bigint | null;
  readonly last_ts: bigint | null;
}

/** Place of the origin in an `EntryRow`. */
export const ORIGIN_ID = 4;

/** Entries of the rows, in their order. */
export async function entriesOf(rows: readonly EntryRow[], origins: Origins): Promise<Entry[]> {
  const known = await origins.byId(rows.map((row) => row[ORIGIN_ID]));
  return rows.map((row) => entryOf(row, originAt(known, row[ORIGIN_ID])));
}

/** Transactions of the rows, in their order. */
export async function transactionsOf(rows: readonly TransactionRow[], origins: Origins): Promise<Transaction[]> {
  const known = await origins.byId(rows.map((row) => row.origin_id));
  return rows.map((row) => ({
    id: row.id,
    origin: originAt(known, row.origin_id),
    startedAt: Number(row.started_at),
    autocommit: row.autocommit,
    position: row.position,
    status: statusCode.decode(row.status),
    endedAt: numberOrNull(row.ended_at),
    commitSeq: row.commit_seq,
    entryCount: row.entry_count,
    byteCount: Number(row.byte_count),
  }));
}

/** @throws Error when the origin is not there, which only a bug can bring about. */
export function originAt(known: ReadonlyMap<number, Origin>, id: number): Origin {
  const origin = known.get(id);
  if (origin === undefined) throw new Error(`reprise.origins has lost row ${id}`);
  return origin;
}

/** The entry of a row. By number rather than by destructuring, which would take an iterator for each of millions. */
export function entryOf(row: EntryRow, origin: Origin): Entry {
  const parameters = row[14];
  const unreplayable = row[9];
  const rows = row[11];
  return {
    transactionId: row[5],
    sequence: row[3],
    origin,
    timestamp: Number(row[0]),
    position: BigInt(row[1]),
    arrival: BigInt(row[2]),
    statement: row[12],
    protocol: protocolCode.decode(row[7]),
    preparedName: row[13],
    parameters: parameters === null ? NO_PARAMETERS : decodeParameters(parameters),
    statementType: statementTypeCode.decode(row[6]),
    durationMs: row[10],
    rows: rows === null ? null : Number(rows),
    checksum: row[15],
    outcome: outcomeOf(row),
    unreplayable: unreplayable === null ? null : unreplayableCode.decode(unreplayable),
  };
}

function outcomeOf(row: EntryRow): EntryOutcome {
  const status = outcomeCode.decode(row[8]);
  if (status === 'FAILED') return { status, sqlstate: row[16] ?? '', message: row[17] ?? '' };
  return status === 'SUCCEEDED' ? SUCCEEDED : { status };
}

// Shared, because nearly every entry has them.
const NO_PARAMETERS: readonly never[] = Object.freeze([]);
const SUCCEEDED: EntryOutcome = Object.freeze({ status: 'SUCCEEDED' });

function numberOrNull(value: bigint | null): number | null {
  return value === null ? null : Number(value);
}
