import { type Kysely, sql } from 'kysely';

/** The journal: origins, transactions, entries by UTC day, counters, losses, import checkpoints. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // `key` is a digest of the other columns: an index over the columns themselves would refuse long names.
  `create table reprise.origins (
    id int generated always as identity primary key,
    key uuid not null unique,
    node_id text not null,
    session_id text not null,
    user_name text,
    database text,
    application text
  )`,
  'create index origins_session on reprise.origins (session_id)',

  `create table reprise.transactions (
    id uuid primary key,
    position int8 not null,
    origin_id int not null,
    started_at int8 not null,
    ended_at int8,
    status smallint not null,
    commit_seq int8,
    autocommit bool not null,
    entry_count int not null,
    byte_count int8 not null,
    refused_through int not null,
    first_ts int8,
    last_ts int8
  ) with (fillfactor = 85)`,
  'create unique index transactions_position on reprise.transactions (position)',
  'create unique index transactions_commit on reprise.transactions (commit_seq) where commit_seq is not null',
  'create index transactions_open on reprise.transactions (started_at) where status = 0',
  // Finds the transactions that straddle an instant: rows lie about in the order of time.
  'create index transactions_span on reprise.transactions using brin (first_ts, last_ts) with (pages_per_range = 32, autosummarize = on)',

  // Wide columns last; the fixed ones in front are read without unpacking the rest.
  `create table reprise.entries (
    ts int8 not null,
    position int8 not null,
    arrival int8 not null,
    sequence int not null,
    origin_id int not null,
    transaction_id uuid not null,
    type smallint not null,
    protocol smallint not null,
    outcome smallint not null,
    unreplayable smallint,
    duration_ms float8,
    rows int8,
    statement text not null,
    prepared_name text,
    parameters text,
    checksum text,
    sqlstate text,
    message text,
    primary key (ts, position, sequence)
  ) partition by range (ts)`,
  'create index entries_place on reprise.entries (position, sequence)',
  'create index entries_arrival on reprise.entries (arrival)',

  `create table reprise.journal_clock (
    one bool primary key default true check (one),
    arrival int8 not null,
    position int8 not null,
    commit_seq int8 not null,
    evicted_before int8 not null
  )`,
  'insert into reprise.journal_clock values (true, 0, 0, 0, 0)',

  // One row for each partition: where tail and eviction look before they touch entries.
  `create table reprise.journal_days (
    day int8 primary key,
    entries int8 not null,
    peak_entries int8 not null,
    max_arrival int8 not null
  ) with (fillfactor = 50)`,

  // Which commit positions a minute of commit times holds: bounds the walk in commit order.
  `create table reprise.commit_minutes (
    minute int8 primary key,
    first_seq int8 not null,
    last_seq int8 not null
  ) with (fillfactor = 50)`,

  `create table reprise.losses (
    id int8 generated always as identity primary key,
    reason text not null,
    count int8 not null,
    from_ts int8,
    to_ts int8,
    source text,
    detail text,
    import_id text,
    transaction_id uuid
  )`,
  // Refusals of one transaction are counted in one row, however many appends they come in.
  'create unique index losses_transaction on reprise.losses (transaction_id) where transaction_id is not null',

  `create table reprise.imports (
    import_id text primary key,
    operations int8 not null,
    bytes int8 not null,
    prefix_digest text not null,
    finished bool not null,
    files text not null
  )`,
];
