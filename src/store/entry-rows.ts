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

/** A row of `entries` as it is read. */
export interface EntryRow {
  readonly ts: bigint;
  readonly position: bigint;
  readonly arrival: bigint;
  readonly sequence: number;
  readonly origin_id: number;
  readonly transaction_id: string;
  readonly type: number;
  readonly protocol: number;
  readonly outcome: number;
  readonly unreplayable: number | null;
  readonly duration_ms: number | null;
  readonly rows: bigint | null;
  readonly statement: string;
  readonly prepared_name: string | null;
  readonly parameters: string | null;
  readonly checksum: string | null;
  readonly sqlstate: string | null;
  readonly message: string | null;
}

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

/** Entries of the rows, in their order. */
export async function entriesOf(rows: readonly EntryRow[], origins: Origins): Promise<Entry[]> {
  const known = await origins.byId(rows.map((row) => row.origin_id));
  return rows.map((row) => entryOf(row, originAt(known, row.origin_id)));
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

function originAt(known: ReadonlyMap<number, Origin>, id: number): Origin {
  const origin = known.get(id);
  if (origin === undefined) throw new Error(`reprise.origins has lost row ${id}`);
  return origin;
}

function entryOf(row: EntryRow, origin: Origin): Entry {
  return {
    transactionId: row.transaction_id,
    sequence: row.sequence,
    origin,
    timestamp: Number(row.ts),
    position: row.position,
    arrival: row.arrival,
    statement: row.statement,
    protocol: protocolCode.decode(row.protocol),
    preparedName: row.prepared_name,
    parameters: row.parameters === null ? [] : decodeParameters(row.parameters),
    statementType: statementTypeCode.decode(row.type),
    durationMs: row.duration_ms,
    rows: numberOrNull(row.rows),
    checksum: row.checksum,
    outcome: outcomeOf(row),
    unreplayable: row.unreplayable === null ? null : unreplayableCode.decode(row.unreplayable),
  };
}

function outcomeOf(row: EntryRow): EntryOutcome {
  const status = outcomeCode.decode(row.outcome);
  return status === 'FAILED' ? { status, sqlstate: row.sqlstate ?? '', message: row.message ?? '' } : { status };
}

function numberOrNull(value: bigint | null): number | null {
  return value === null ? null : Number(value);
}
