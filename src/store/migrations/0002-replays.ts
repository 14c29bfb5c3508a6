import { type Kysely, sql } from 'kysely';

/** Runs, their event chunks and their reports. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // JSON in text columns: jsonb refuses \u0000, which an error message of a target may hold.
  `create table reprise.replays (
    id uuid primary key,
    number int8 generated always as identity unique,
    request text not null,
    state text not null,
    created_at int8 not null,
    started_at int8,
    ended_at int8,
    target_label text not null,
    target_version text,
    summary text not null,
    error text,
    last_seq int8 not null,
    sent_through int8 not null,
    owner_id text not null
  ) with (fillfactor = 50)`,
  `create index replays_active on reprise.replays (owner_id) where state in ('PENDING', 'CONNECTING', 'RUNNING', 'PAUSED')`,

  // Keyed by the last event: "after seq n" is then a range of the primary key.
  `create table reprise.replay_chunks (
    replay_id uuid not null references reprise.replays on delete cascade,
    last_seq int8 not null,
    first_seq int8 not null,
    failures int not null,
    skipped int not null,
    unknown int not null,
    diverged int not null,
    payload bytea not null,
    primary key (replay_id, last_seq)
  )`,
  // Compressing here would cost the recorder more than the space is worth.
  'alter table reprise.replay_chunks alter column payload set storage external',

  `create table reprise.replay_reports (
    replay_id uuid primary key references reprise.replays on delete cascade,
    report text not null
  )`,
];
