import { type RawBuilder, sql } from 'kysely';
import type { Entry, EntryOutcome, Origin } from '../journal/entry.ts';
import type { Transaction } from '../journal/transaction.ts';
import { decodeParameters } from '../journal/value-codec.ts';
import { outcomeCode, protocolCode, statementTypeCode, statusCode, unreplayableCode } from './codes.ts';
import { ENTRY_NUMBERS, NumberReader, originIdIn } from './entry-numbers.ts';
import type { Origins } from './origins.ts';
import type { EntriesTable } from './tables.ts';

const TEXTS = [
  'statement',
  'prepared_name',
  'parameters',
  'checksum',
  'sqlstate',
  'message',
] as const satisfies readonly (keyof EntriesTable)[];

/**
 * What an `EntryBody` holds, of the alias `e` of `entries`. The numbers come as one record, which `NumberReader` takes
 * apart: to `pg`, each column more is a string and a call more for each of millions of rows.
 */
export const ENTRY_BODY = bodyOf((name) => `e.${name}`);

function bodyOf(text: (name: string) => string): string {
  return `(${ENTRY_NUMBERS.map((name) => `e.${name}`).join(', ')}) as numbers, ${TEXTS.map(text).join(', ')}`;
}

/** Bytes of texts that fill a page: one entry may have megabytes, and a reader holds several pages. */
export const PAGE_BYTES = 8 * 1024 * 1024;

const LONG: ReadonlySet<string> = new Set(['statement', 'parameters', 'message']);

const BYTES = [...LONG].map((name) => `coalesce(octet_length(${name}), 0)`).join(' + ');

/**
 * What `fits` is for `PAGE_FIELDS`: whether the texts before an entry leave room for it, of so many bytes. `order` is that of the page.
 */
export function fitsPage(order: string, room: number): RawBuilder<boolean> {
  const before = `sum(${BYTES}) over (order by ${order} rows between unbounded preceding and 1 preceding)`;
  return sql`${sql.raw(`coalesce(${before}, 0)`)} < ${room}::int8`;
}

/**
 * What `fits` is where it is enough that so many entries like this one fit: to add up the texts before each entry costs the server as
 * much as half of all else about it.
 */
export function fitsShare(room: number, entries: number): RawBuilder<boolean> {
  return sql`${sql.raw(BYTES)} <= ${Math.max(0, Math.floor(room / entries))}::int8`;
}

/** The bytes that `fitsPage` counts of an entry. */
export function textBytes([, statement, , parameters, , , message]: EntryRow): number {
  return Buffer.byteLength(statement) + Buffer.byteLength(parameters ?? '') + Buffer.byteLength(message ?? '');
}

/** The columns that `EntryRow` holds; an entry that does not fit into the page comes without its statement. */
export const PAGE_FIELDS = `${bodyOf((name) => (LONG.has(name) ? `case when e.fits then e.${name} end` : `e.${name}`))}, e.transaction_id`;

/** An entry as `Database.rows` gives it, where its transaction is known from elsewhere. */
export type EntryBody = readonly [
  numbers: string,
  statement: string,
  preparedName: string | null,
  parameters: string | null,
  checksum: string | null,
  sqlstate: string | null,
  message: string | null,
];

/** A row of `PAGE_FIELDS` as `Database.rows` gives it, where the entry fits into the page. */
export type EntryRow = readonly [...body: EntryBody, transactionId: string];

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
  'refused_through',
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
  readonly refused_through: number;
  readonly first_ts: bigint | null;
  readonly last_ts: bigint | null;
}

/** Entries of the rows, in their order. */
export async function entriesOf(rows: readonly EntryRow[], origins: Origins): Promise<Entry[]> {
  const known = await originsOf(rows, origins);
  return rows.map((row) => entryOf(row, row[7], known));
}

/** The origins of the rows, by number. */
export async function originsOf(
  rows: readonly (EntryBody | EntryRow)[],
  origins: Origins,
): Promise<ReadonlyMap<number, Origin>> {
  const ids = new Set<number>();
  for (const row of rows) ids.add(originIdIn(row[0]));
  return origins.byId(ids);
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
    lastSequence: Math.max(row.entry_count, row.refused_through),
    byteCount: Number(row.byte_count),
  }));
}

/** @throws Error when the origin is not there, which only a bug can bring about. */
function originAt(known: ReadonlyMap<number, Origin>, id: number): Origin {
  const origin = known.get(id);
  if (origin === undefined) throw new Error(`reprise.origins has lost row ${id}`);
  return origin;
}

/** The entry of a row. By number rather than by destructuring, which would take an iterator for each of millions. */
export function entryOf(row: EntryBody | EntryRow, transactionId: string, known: ReadonlyMap<number, Origin>): Entry {
  const parameters = row[3];
  const numbers = new NumberReader(row[0]);
  // Read in the order of `ENTRY_NUMBERS`.
  const origin = originAt(known, numbers.integer());
  const position = numbers.bigint();
  const timestamp = numbers.integer();
  const arrival = numbers.bigint();
  const sequence = numbers.integer();
  const statementType = statementTypeCode.decode(numbers.integer());
  const protocol = protocolCode.decode(numbers.integer());
  const outcome = outcomeOf(outcomeCode.decode(numbers.integer()), row);
  const unreplayable = numbers.integerOrNull();
  const durationMs = numbers.floatOrNull();
  const rows = numbers.integerOrNull();
  return {
    transactionId,
    sequence,
    origin,
    timestamp,
    position,
    arrival,
    statement: row[1],
    protocol,
    preparedName: row[2],
    parameters: parameters === null ? NO_PARAMETERS : decodeParameters(parameters),
    statementType,
    durationMs,
    rows,
    checksum: row[4],
    outcome,
    unreplayable: unreplayable === null ? null : unreplayableCode.decode(unreplayable),
  };
}

function outcomeOf(status: EntryOutcome['status'], row: EntryBody | EntryRow): EntryOutcome {
  if (status === 'FAILED') return { status, sqlstate: row[5] ?? '', message: row[6] ?? '' };
  return status === 'SUCCEEDED' ? SUCCEEDED : { status };
}

// Shared, because nearly every entry has them.
const NO_PARAMETERS: readonly never[] = Object.freeze([]);
const SUCCEEDED: EntryOutcome = Object.freeze({ status: 'SUCCEEDED' });

function numberOrNull(value: bigint | null): number | null {
  return value === null ? null : Number(value);
}
