import type { ColumnType, Generated } from 'kysely';

// Columns as `pg` gives them with the store's type parsers: int8 reads as bigint, and is written as bigint or
// as a number below 2^53. Timestamps are int8 microseconds since 1970 UTC everywhere.

type Int8 = ColumnType<bigint, bigint | number, bigint | number>;
type NullableInt8 = ColumnType<bigint | null, bigint | number | null, bigint | number | null>;

interface OriginsTable {
  id: Generated<number>;
  key: string;
  node_id: string;
  session_id: string;
  user_name: string | null;
  database: string | null;
  application: string | null;
}

interface TransactionsTable {
  id: string;
  position: Int8;
  origin_id: number;
  started_at: Int8;
  ended_at: NullableInt8;
  status: number;
  commit_seq: NullableInt8;
  autocommit: boolean;
  entry_count: number;
  byte_count: Int8;
  refused_through: number;
  first_ts: NullableInt8;
  last_ts: NullableInt8;
}

/** Entries, as far as queries are built of them; the rest of their columns stand in SQL. */
export interface EntriesTable {
  ts: Int8;
  position: Int8;
  sequence: number;
  transaction_id: string;
  origin_id: number;
  arrival: Int8;
  type: number;
  protocol: number;
  outcome: number;
  unreplayable: number | null;
  duration_ms: number | null;
  rows: NullableInt8;
  statement: string;
  prepared_name: string | null;
  parameters: string | null;
  checksum: string | null;
  sqlstate: string | null;
  message: string | null;
}

interface JournalClockTable {
  one: boolean;
  arrival: Int8;
  position: Int8;
  commit_seq: Int8;
  evicted_before: Int8;
  transactions_peak_bytes: Int8;
  transactions_peak_entries: Int8;
  evicted_place: readonly bigint[];
}

interface JournalDaysTable {
  day: Int8;
  entries: Int8;
  peak_entries: Int8;
  max_arrival: Int8;
}

interface CommitMinutesTable {
  minute: Int8;
  first_seq: Int8;
  last_seq: Int8;
}

interface LossesTable {
  id: Generated<bigint>;
  reason: string;
  count: Int8;
  from_ts: NullableInt8;
  to_ts: NullableInt8;
  source: string | null;
  detail: string | null;
  import_id: string | null;
  transaction_id: string | null;
  at_end: Generated<boolean>;
}

/** One import a row: how far it came, to go on there. */
export interface ImportsTable {
  import_id: string;
  operations: Int8;
  bytes: Int8;
  prefix_digest: string;
  finished: boolean;
  files: string;
}

/** One run a row. */
export interface ReplaysTable {
  id: string;
  number: Generated<bigint>;
  request: string;
  state: string;
  created_at: Int8;
  started_at: NullableInt8;
  ended_at: NullableInt8;
  target_label: string;
  target_version: string | null;
  summary: string;
  error: string | null;
  last_seq: Int8;
  sent_through: Int8;
  owner_id: string;
  loss_mark: Int8;
}

/** Events of a run, many a row, with what is looked for in them. */
export interface ReplayChunksTable {
  replay_id: string;
  first_seq: Int8;
  last_seq: Int8;
  failures: number;
  skipped: number;
  unknown: number;
  diverged: number;
  payload: Buffer;
  at: Int8;
  outcomes: number;
  recorded_from: Int8 | null;
  recorded_to: Int8 | null;
}

interface ReplayReportsTable {
  replay_id: string;
  report: string;
}

interface ReplaySequencesTable {
  replay_id: string;
  starts: string;
}

/** The schema `reprise`, see `migrations/`. */
export interface Tables {
  origins: OriginsTable;
  transactions: TransactionsTable;
  entries: EntriesTable;
  journal_clock: JournalClockTable;
  journal_days: JournalDaysTable;
  commit_minutes: CommitMinutesTable;
  losses: LossesTable;
  imports: ImportsTable;
  replays: ReplaysTable;
  replay_chunks: ReplayChunksTable;
  replay_reports: ReplayReportsTable;
  replay_sequences: ReplaySequencesTable;
}
