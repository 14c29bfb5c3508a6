import type { Selectable } from 'kysely';
import type { PoolClient } from 'pg';
import type { ImportCheckpoint } from '../journal/store.ts';
import type { PlannedLoss } from './append-losses.ts';
import { type HeldEntry, type JournalState, placeKey, type TransactionState, type WritePlan } from './append-state.ts';
import { outcomeCode, statusCode } from './codes.ts';
import { copyField, copyLines } from './copy-text.ts';
import { ensurePartitions } from './partitions.ts';
import type { PreparedBatch } from './prepare.ts';
import type { ImportsTable } from './tables.ts';

/** Appends wake readers here. */
export const JOURNAL_CHANNEL = 'reprise_journal';

const ENTRY_COLUMNS =
  'ts, position, arrival, sequence, origin_id, transaction_id, type, protocol, outcome, unreplayable, duration_ms, rows, statement, prepared_name, parameters, checksum, sqlstate, message';
const TRANSACTION_COLUMNS =
  'id, position, origin_id, started_at, ended_at, status, commit_seq, autocommit, entry_count, byte_count, refused_through, first_ts, last_ts';

interface StateRow {
  id: string;
  position: bigint;
  origin_id: number;
  started_at: bigint;
  ended_at: bigint | null;
  status: number;
  commit_seq: bigint | null;
  autocommit: boolean;
  entry_count: number;
  byte_count: bigint;
  refused_through: number;
  first_ts: bigint | null;
  last_ts: bigint | null;
}

/**
 * Locks the journal for writing and reads what a group of batches touches. The lock is one row: arrival
 * order, commit order and the order in which appends become visible are then the same.
 */
export async function lockJournal(client: PoolClient, batches: readonly PreparedBatch[]): Promise<JournalState> {
  const clock = await client.query<{ arrival: bigint; position: bigint; commit_seq: bigint; evicted_before: bigint }>(
    'select arrival, position, commit_seq, evicted_before from reprise.journal_clock for update',
  );
  const counters = clock.rows[0];
  if (counters === undefined) throw new Error('reprise.journal_clock has lost its row');
  const ids = new Set(batches.flatMap((batch) => [...batch.transactionIds]));
  const transactions = new Map<string, TransactionState>();
  if (ids.size > 0) {
    const { rows } = await client.query<StateRow>(
      `select t.${TRANSACTION_COLUMNS.replaceAll(', ', ', t.')} from unnest($1::uuid[]) as wanted(id) join reprise.transactions t on t.id = wanted.id`,
      [arrayLiteral(ids)],
    );
    for (const row of rows) transactions.set(row.id, stateOf(row));
  }
  const held = await readHeld(client, batches, transactions);
  const imports = new Set(batches.flatMap((batch) => (batch.checkpoint === null ? [] : [batch.checkpoint.importId])));
  return {
    arrival: counters.arrival,
    position: counters.position,
    commitSeq: counters.commit_seq,
    hasEvicted: counters.evicted_before > 0n,
    transactions,
    held,
    checkpoints: await readCheckpoints(client, imports),
  };
}

function stateOf(row: StateRow): TransactionState {
  return {
    id: row.id,
    position: row.position,
    originId: row.origin_id,
    startedAt: Number(row.started_at),
    autocommit: row.autocommit,
    status: statusCode.decode(row.status),
    endedAt: row.ended_at === null ? null : Number(row.ended_at),
    commitSeq: row.commit_seq,
    entryCount: row.entry_count,
    byteCount: Number(row.byte_count),
    refusedThrough: row.refused_through,
    firstTs: row.first_ts === null ? null : Number(row.first_ts),
    lastTs: row.last_ts === null ? null : Number(row.last_ts),
    fresh: false,
  };
}

/** An array of UUIDs or numbers, which need no quotes: pg would escape each. */
function arrayLiteral(values: Iterable<string | number | bigint>): string {
  return `{${[...values].join(',')}}`;
}

/** Entries that are there already at places which the batches name again. */
async function readHeld(
  client: PoolClient,
  batches: readonly PreparedBatch[],
  transactions: ReadonlyMap<string, TransactionState>,
): Promise<ReadonlyMap<string, HeldEntry>> {
  const positions: bigint[] = [];
  const sequences: number[] = [];
  let from = Number.MAX_SAFE_INTEGER;
  let to = 0;
  for (const batch of batches) {
    for (const { transactionId, sequence } of batch.entries) {
      const known = transactions.get(transactionId);
      if (known === undefined || sequence > known.entryCount) continue;
      positions.push(known.position);
      sequences.push(sequence);
      from = Math.min(from, known.firstTs ?? from);
      to = Math.max(to, known.lastTs ?? to);
    }
  }
  const held = new Map<string, HeldEntry>();
  if (positions.length === 0) return held;
  // One by one: the statistics know nothing of the newest entries, and a join over all of their time that is planned for one
  // row compares each with each.
  const { rows } = await client.query<{
    ts: bigint;
    position: bigint;
    sequence: number;
    outcome: number;
    statement: string;
  }>(
    `select e.* from unnest($1::int8[], $2::int4[]) as place(position, sequence)
     join lateral (
       select e.ts, e.position, e.sequence, e.outcome, e.statement from reprise.entries e
       where e.position = place.position and e.sequence = place.sequence and e.ts between $3 and $4
       offset 0
     ) e on true`,
    [arrayLiteral(positions), arrayLiteral(sequences), from, to],
  );
  const unknown = outcomeCode.encode('UNKNOWN');
  for (const row of rows) {
    held.set(placeKey(row.position, row.sequence), {
      timestamp: Number(row.ts),
      statement: row.statement,
      outcomeKnown: row.outcome !== unknown,
    });
  }
  return held;
}

/** The progress of an import, of its row. */
export function checkpointOf(row: Selectable<ImportsTable>): ImportCheckpoint {
  return {
    importId: row.import_id,
    operations: Number(row.operations),
    bytes: Number(row.bytes),
    prefixDigest: row.prefix_digest,
    finished: row.finished,
    files: JSON.parse(row.files) as string[],
  };
}

/** Checkpoints of imports, by id. */
async function readCheckpoints(
  client: Pick<PoolClient, 'query'>,
  importIds: ReadonlySet<string>,
): Promise<Map<string, ImportCheckpoint>> {
  const checkpoints = new Map<string, ImportCheckpoint>();
  if (importIds.size === 0) return checkpoints;
  const { rows } = await client.query<Selectable<ImportsTable>>(
    'select import_id, operations, bytes, prefix_digest, finished, files from reprise.imports where import_id = any($1::text[])',
    [[...importIds]],
  );
  for (const row of rows) checkpoints.set(row.import_id, checkpointOf(row));
  return checkpoints;
}

/** Writes a plan under the lock that `lockJournal` took. */
export async function writePlan(
  client: PoolClient,
  plan: WritePlan,
  origins: ReadonlyMap<string, number>,
): Promise<void> {
  if (plan.days.size > 0) await makeDays(client, [...plan.days.keys()]);
  await copyLines(
    client,
    `copy reprise.entries (${ENTRY_COLUMNS}) from stdin`,
    plan.entries.map(
      ({ entry, position, arrival }) =>
        `${entry.timestamp}\t${position}\t${arrival}\t${entry.sequence}\t${origins.get(entry.originKey)}\t${entry.transactionId}\t${entry.tail}`,
    ),
  );
  const states = [...plan.transactions.values()];
  await copyLines(
    client,
    `copy reprise.transactions (${TRANSACTION_COLUMNS}) from stdin`,
    states.filter((state) => state.fresh).map(transactionLine),
  );
  await updateTransactions(
    client,
    states.filter((state) => !state.fresh),
  );
  if (plan.completions.length > 0) await complete(client, plan);
  if (plan.losses.length > 0) await writeLosses(client, plan);
  if (plan.lossesAtEnd.size > 0) await replaceLossesAtEnd(client, plan.lossesAtEnd);
  for (const checkpoint of plan.checkpoints.values()) await writeCheckpoint(client, checkpoint);
  await moveClock(client, plan);
}

async function makeDays(client: PoolClient, days: readonly number[]): Promise<void> {
  const { rows } = await client.query<{ day: bigint }>(
    'select day from reprise.journal_days where day = any($1::int8[])',
    [days],
  );
  const made = new Set(rows.map((row) => Number(row.day)));
  await ensurePartitions(
    client,
    days.filter((day) => !made.has(day)),
  );
}

function transactionLine(state: TransactionState): string {
  return [
    state.id,
    state.position,
    state.originId,
    state.startedAt,
    copyField(state.endedAt),
    statusCode.encode(state.status),
    copyField(state.commitSeq),
    copyField(state.autocommit),
    state.entryCount,
    state.byteCount,
    state.refusedThrough,
    copyField(state.firstTs),
    copyField(state.lastTs),
  ].join('\t');
}

async function updateTransactions(client: PoolClient, states: readonly TransactionState[]): Promise<void> {
  if (states.length === 0) return;
  await client.query(
    `update reprise.transactions t
     set ended_at = u.ended_at, status = u.status, commit_seq = u.commit_seq, entry_count = u.entry_count,
         byte_count = u.byte_count, refused_through = u.refused_through, first_ts = u.first_ts, last_ts = u.last_ts
     from unnest($1::uuid[], $2::int8[], $3::int2[], $4::int8[], $5::int4[], $6::int8[], $7::int4[], $8::int8[], $9::int8[])
       as u(id, ended_at, status, commit_seq, entry_count, byte_count, refused_through, first_ts, last_ts)
     where t.id = u.id`,
    [
      states.map((state) => state.id),
      states.map((state) => state.endedAt),
      states.map((state) => statusCode.encode(state.status)),
      states.map((state) => state.commitSeq),
      states.map((state) => state.entryCount),
      states.map((state) => state.byteCount),
      states.map((state) => state.refusedThrough),
      states.map((state) => state.firstTs),
      states.map((state) => state.lastTs),
    ],
  );
}

/** Fills in outcomes that were unknown, and takes them off the losses that were counted for them. */
async function complete(client: PoolClient, plan: WritePlan): Promise<void> {
  for (const { position, timestamp, entry } of plan.completions) {
    const failure = entry.outcome.status === 'FAILED' ? entry.outcome : null;
    await client.query(
      `update reprise.entries
       set outcome = $4, sqlstate = $5, message = $6, duration_ms = coalesce($7, duration_ms), rows = coalesce($8, rows),
           checksum = coalesce($9, checksum)
       where ts = $1 and position = $2 and sequence = $3`,
      [
        timestamp,
        position,
        entry.sequence,
        outcomeCode.encode(entry.outcome.status),
        failure?.sqlstate ?? null,
        failure?.message ?? null,
        entry.durationMs,
        entry.rows,
        entry.checksum,
      ],
    );
    await client.query(
      `update reprise.losses set count = count - 1
       where id = (select id from reprise.losses
                   where reason = 'OUTCOME_UNKNOWN' and count > 0 and from_ts <= $1 and to_ts >= $1
                   order by at_end desc, to_ts - from_ts, id limit 1)`,
      [timestamp],
    );
  }
}

async function writeLosses(client: PoolClient, plan: WritePlan): Promise<void> {
  // Refusals of one transaction are summed here, because one statement cannot update a row twice.
  const byTransaction = new Map<
    string,
    { count: number; from: number; to: number; source: string | null; detail: string | null }
  >();
  const others = plan.losses.filter((loss) => {
    if (loss.transactionId === null) return true;
    const sum = byTransaction.get(loss.transactionId);
    const from = loss.from as number;
    if (sum === undefined)
      byTransaction.set(loss.transactionId, {
        count: loss.count,
        from,
        to: from,
        source: loss.source,
        detail: loss.detail,
      });
    else {
      sum.count += loss.count;
      sum.from = Math.min(sum.from, from);
      sum.to = Math.max(sum.to, from);
    }
    return false;
  });
  await copyLosses(client, others, false);
  if (byTransaction.size === 0) return;
  const sums = [...byTransaction.values()];
  await client.query(
    `insert into reprise.losses as l (reason, count, from_ts, to_ts, source, detail, transaction_id)
     select 'REFUSED_TRANSACTION_TOO_LARGE', u.* from unnest($1::int8[], $2::int8[], $3::int8[], $4::text[], $5::text[], $6::uuid[])
       as u(count, from_ts, to_ts, source, detail, transaction_id)
     on conflict (transaction_id) where transaction_id is not null do update
       set count = l.count + excluded.count, from_ts = least(l.from_ts, excluded.from_ts), to_ts = greatest(l.to_ts, excluded.to_ts)`,
    [
      sums.map((sum) => sum.count),
      sums.map((sum) => sum.from),
      sums.map((sum) => sum.to),
      sums.map((sum) => sum.source),
      sums.map((sum) => sum.detail),
      [...byTransaction.keys()],
    ],
  );
}

async function replaceLossesAtEnd(client: PoolClient, byImport: WritePlan['lossesAtEnd']): Promise<void> {
  await client.query('delete from reprise.losses where at_end and import_id = any($1::text[])', [[...byImport.keys()]]);
  await copyLosses(client, [...byImport.values()].flat(), true);
}

async function copyLosses(client: PoolClient, losses: readonly PlannedLoss[], atEnd: boolean): Promise<void> {
  await copyLines(
    client,
    'copy reprise.losses (reason, count, from_ts, to_ts, source, detail, import_id, at_end) from stdin',
    losses.map((loss) =>
      [loss.reason, loss.count, loss.from, loss.to, loss.source, loss.detail, loss.importId, atEnd]
        .map(copyField)
        .join('\t'),
    ),
  );
}

async function writeCheckpoint(client: PoolClient, checkpoint: ImportCheckpoint): Promise<void> {
  await client.query(
    `insert into reprise.imports (import_id, operations, bytes, prefix_digest, finished, files) values ($1, $2, $3, $4, $5, $6)
     on conflict (import_id) do update set operations = excluded.operations, bytes = excluded.bytes,
       prefix_digest = excluded.prefix_digest, finished = excluded.finished, files = excluded.files`,
    [
      checkpoint.importId,
      checkpoint.operations,
      checkpoint.bytes,
      checkpoint.prefixDigest,
      checkpoint.finished,
      JSON.stringify(checkpoint.files),
    ],
  );
}

/** Counters, days, minutes and the wake-up, in one round trip. */
async function moveClock(client: PoolClient, plan: WritePlan): Promise<void> {
  const days = [...plan.days];
  const minutes = [...plan.commitMinutes];
  await client.query(
    `with moved as (
       update reprise.journal_clock set arrival = $1, position = $2, commit_seq = $3
     ), days as (
       insert into reprise.journal_days as d (day, entries, peak_entries, max_arrival)
       select u.day, u.entries, u.entries, u.max_arrival from unnest($4::int8[], $5::int8[], $6::int8[]) as u(day, entries, max_arrival)
       on conflict (day) do update set entries = d.entries + excluded.entries,
         peak_entries = greatest(d.peak_entries, d.entries + excluded.entries), max_arrival = excluded.max_arrival
     ), minutes as (
       insert into reprise.commit_minutes as m (minute, first_seq, last_seq)
       select u.* from unnest($7::int8[], $8::int8[], $9::int8[]) as u(minute, first_seq, last_seq)
       on conflict (minute) do update set first_seq = least(m.first_seq, excluded.first_seq), last_seq = greatest(m.last_seq, excluded.last_seq)
     )
     select pg_notify('${JOURNAL_CHANNEL}', '')`,
    [
      plan.clock.arrival,
      plan.clock.position,
      plan.clock.commitSeq,
      days.map(([day]) => day),
      days.map(([, { entries }]) => entries),
      days.map(([, { maxArrival }]) => maxArrival),
      minutes.map(([minute]) => minute),
      minutes.map(([, { first }]) => first),
      minutes.map(([, { last }]) => last),
    ],
  );
}
