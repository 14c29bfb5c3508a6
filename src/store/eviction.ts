import type { PoolClient } from 'pg';
import type { Micros } from '../journal/entry.ts';
import type { JournalLimits, LossReason } from '../journal/store.ts';
import type { Database } from './database.ts';
import { sqlstateOf } from './failures.ts';
import { DAY, partitionName } from './partitions.ts';

type EvictionReason = Extract<LossReason, 'EVICTED_BY_AGE' | 'EVICTED_BY_SIZE'>;

interface Day {
  readonly day: Micros;
  readonly entries: number;
  /** Estimated bytes of the entries that are left and of their transactions, indexes included. */
  readonly bytes: number;
}

const HOUR = 3_600_000_000;
const MINUTE = 60_000_000;

// Dropping a partition waits for running reads while it holds up appends and new reads: give up soon, come back.
const LOCK_TIMEOUT = '2s';
const DROP_TRIES = 3;
const TRANSACTIONS_AT_ONCE = 20_000;

/**
 * Applies retention, oldest days first. A day that holds entries of an open transaction which began in the
 * last 24 hours is kept by age, but not by size: the disk has to be safe from a client that never ends one.
 * A day that cannot be locked because it is being read is left to the next call. Returns the entries evicted.
 */
export async function evict(database: Database, limits: JournalLimits, now: Micros): Promise<number> {
  let evicted = 0;
  if (limits.retentionMs !== null) evicted += await evictByAge(database, now - limits.retentionMs * 1000, now);
  if (limits.retentionBytes !== null) evicted += await evictBySize(database, limits.retentionBytes, now);
  await forgetTransactions(database, now);
  return evicted;
}

async function evictByAge(database: Database, cutoff: Micros, now: Micros): Promise<number> {
  const open = await database.query
    .selectFrom('transactions')
    .select((eb) => eb.fn.min('first_ts').as('first'))
    .where('status', '=', 0)
    .where('started_at', '>', BigInt(now - DAY))
    .executeTakeFirst();
  const before = Math.min(cutoff, open?.first == null ? cutoff : Number(open.first));
  const days = await database.query
    .selectFrom('journal_days')
    .select('day')
    .where('day', '<=', BigInt(before - DAY))
    .orderBy('day')
    .execute();
  let evicted = 0;
  for (const { day } of days) {
    const dropped = await dropDay(database, Number(day), 'EVICTED_BY_AGE');
    if (dropped === null) break;
    evicted += dropped;
  }
  return evicted;
}

async function evictBySize(database: Database, limit: number, now: Micros): Promise<number> {
  const days = await measureDays(database);
  // A clock that is ahead dates entries after today: they do not make it a day of the past.
  const current = days.findLast(({ day }) => day <= now) ?? days.at(-1);
  let total = days.reduce((sum, { bytes }) => sum + bytes, 0);
  let evicted = 0;
  for (const day of days) {
    if (total <= limit) break;
    const isPast = current !== undefined && day.day < current.day;
    const gone = await (isPast
      ? dropDay(database, day.day, 'EVICTED_BY_SIZE')
      : trimDay(database, day, limit - (total - day.bytes)));
    if (gone === null) break;
    evicted += gone;
    total -= isPast ? day.bytes : day.bytes * (gone / Math.max(1, day.entries));
  }
  return evicted;
}

/**
 * What the days and their transactions take, oldest first. What else there is of the journal, as the names of its sessions, no
 * eviction frees. A trimmed partition keeps its size on disk and fills its gaps again, so
 * its share of the most entries that it ever held is what counts.
 */
async function measureDays(database: Database): Promise<Day[]> {
  const rows = await database.query.selectFrom('journal_days').selectAll().orderBy('day').execute();
  const transactions = await transactionBytes(
    database,
    rows.reduce((sum, row) => sum + Number(row.entries), 0),
  );
  const days: Day[] = [];
  for (const row of rows) {
    const day = Number(row.day);
    const { size } = await database.write(async (client) => {
      const read = await client.query<{ size: bigint | null }>(
        'select pg_total_relation_size(to_regclass($1)) as size',
        [`reprise.${partitionName(day)}`],
      );
      return { size: Number(read.rows[0]?.size ?? 0n) };
    });
    const entries = Number(row.entries);
    days.push({
      day,
      entries,
      bytes: size * (entries / Math.max(1, Number(row.peak_entries))) + entries * transactions,
    });
  }
  return days;
}

/**
 * What the transactions take for each entry. Their table keeps its size when they are forgotten and fills its gaps again: how much
 * of it is in use, the entries tell that there were when it last grew.
 */
async function transactionBytes(database: Database, entries: number): Promise<number> {
  return database.write(async (client) => {
    await client.query(
      `update reprise.journal_clock set transactions_peak_bytes = size, transactions_peak_entries = $1
       from pg_total_relation_size('reprise.transactions') as size
       where size > transactions_peak_bytes or $1 > transactions_peak_entries`,
      [entries],
    );
    const { rows } = await client.query<{ size: bigint; entries: bigint }>(
      `select pg_total_relation_size('reprise.transactions') as size, transactions_peak_entries as entries
       from reprise.journal_clock`,
    );
    return Number(rows[0]?.size ?? 0n) / Math.max(1, Number(rows[0]?.entries ?? 0n));
  });
}

/** Drops a day's partition and records the loss. Null: it could not be locked in time. */
async function dropDay(database: Database, day: Micros, reason: EvictionReason): Promise<number | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await database.write(
        async (client) => {
          await client.query('select from reprise.journal_clock for update');
          const name = `reprise.${partitionName(day)}`;
          const removed = await client.query<{ entries: bigint }>(
            'delete from reprise.journal_days where day = $1 returning entries',
            [day],
          );
          // Another process was quicker.
          if (removed.rows[0] === undefined) return 0;
          const entries = Number(removed.rows[0].entries);
          await recordLoss(client, reason, day, entries, day + DAY);
          await client.query(`drop table ${name}`);
          return entries;
        },
        { lock_timeout: LOCK_TIMEOUT },
      );
    } catch (error) {
      if (sqlstateOf(error) !== '55P03') throw error;
      if (attempt === DROP_TRIES) return null;
    }
  }
}

/** Deletes the oldest whole hours of a day until it takes no more than `limit`; whole minutes where its newest hour alone is too much. */
async function trimDay(database: Database, day: Day, limit: number): Promise<number> {
  const kept = Math.floor(day.entries * (limit / day.bytes));
  const name = `reprise.${partitionName(day.day)}`;
  const evicted = await database.write(async (client) => {
    await client.query('select from reprise.journal_clock for update');
    // Another process may have trimmed it since it was measured, or dropped it.
    const { rows } = await client.query<{ entries: bigint }>(
      'select entries from reprise.journal_days where day = $1',
      [day.day],
    );
    const excess = Number(rows[0]?.entries ?? 0n) - Math.max(0, kept);
    if (excess <= 0) return 0;
    let boundary = await boundaryOf(client, name, HOUR, excess);
    if (boundary === null || boundary.removed < excess) boundary = await boundaryOf(client, name, MINUTE, excess);
    if (boundary === null) return 0;
    await recordLoss(client, 'EVICTED_BY_SIZE', day.day, boundary.removed, boundary.at);
    await client.query(`delete from ${name} where ts < $1`, [boundary.at]);
    await client.query('update reprise.journal_days set entries = entries - $2 where day = $1', [
      day.day,
      boundary.removed,
    ]);
    return boundary.removed;
  });
  if (evicted > 0) await database.maintain(`vacuum ${name}`);
  return evicted;
}

/** Where to cut so that `excess` entries go, never the newest step: appends are just coming into it. */
async function boundaryOf(
  client: PoolClient,
  name: string,
  step: Micros,
  excess: number,
): Promise<{ at: Micros; removed: number } | null> {
  const { rows } = await client.query<{ step: bigint; count: bigint }>(
    `select ts / $1::int8 as step, count(*) as count from ${name} group by 1 order by 1`,
    [step],
  );
  let removed = 0;
  let at: Micros | null = null;
  for (const row of rows.slice(0, -1)) {
    if (removed >= excess) break;
    removed += Number(row.count);
    at = (Number(row.step) + 1) * step;
  }
  return at === null ? null : { at, removed };
}

/**
 * Counts what lies before `before` in a day's partition as lost and remembers that nothing older is left, and what of it arrived
 * last. An old log may be imported again and again: what lies where the day was evicted before came back, as far as the journal can
 * tell, and counts only once.
 */
async function recordLoss(
  client: PoolClient,
  reason: EvictionReason,
  day: Micros,
  count: number,
  before: Micros,
): Promise<void> {
  const name = `reprise.${partitionName(day)}`;
  if (count > 0) {
    const known = await client.query<{ count: bigint; from_ts: bigint; to_ts: bigint }>(
      `delete from reprise.losses where reason = $1 and import_id is null and from_ts >= $2 and to_ts < $3
       returning count, from_ts, to_ts`,
      [reason, day, day + DAY],
    );
    const earlier = known.rows.reduce((sum, loss) => sum + Number(loss.count), 0);
    const to = known.rows.reduce((latest, { to_ts }) => Math.max(latest, Number(to_ts)), day - 1);
    const returned = await client.query<{ count: bigint }>(
      `select count(*) as count from ${name} where ts <= $1 and ts < $2`,
      [to, before],
    );
    const again = Number(returned.rows[0]?.count ?? 0n);
    await client.query(
      `insert into reprise.losses (reason, count, from_ts, to_ts, detail)
       select $1, $2, least(min(ts), $5), greatest(max(ts), $6), $3 from ${name} where ts < $4`,
      [
        reason,
        Math.max(earlier, again) + count - again,
        reason === 'EVICTED_BY_AGE' ? 'older than the retention' : 'over the size that is kept',
        before,
        known.rows.reduce((first, { from_ts }) => Math.min(first, Number(from_ts)), day + DAY),
        to,
      ],
    );
  }
  await client.query(
    `update reprise.journal_clock set
       evicted_before = greatest(evicted_before, $1),
       evicted_place = greatest(evicted_place, (
         select array[arrival, ts, position, sequence] from ${name} where ts < $1
         order by arrival desc, ts desc, position desc, sequence desc limit 1))`,
    [before],
  );
}

/** True of a transaction without entries, of which there are none before $1; an open one that began before $2 is given up. */
const GONE = 'coalesce(last_ts, ended_at, started_at) < $1 and (status <> 0 or started_at <= $2)';

/**
 * Deletes transactions whose entries are all gone, some at a time so that appends get in between. Looks at nothing but these and
 * the few that began before them and are still needed: it runs every few minutes, and most of the time there are none. One that is
 * said to begin behind its entries stays until its start, too, lies before what is left.
 */
async function forgetTransactions(database: Database, now: Micros): Promise<void> {
  let from: Micros = Number.MIN_SAFE_INTEGER;
  let forgotten = 0;
  for (;;) {
    // Found without the lock and checked again under it: an append may have revived one meanwhile.
    const found = await database.write(async (client) => {
      const { rows } = await client.query<{ id: string; started_at: bigint }>(
        `select id, started_at from reprise.transactions where started_at >= $3 and started_at < $1 and ${GONE}
         order by started_at limit ${TRANSACTIONS_AT_ONCE}`,
        [await allGoneBefore(client), now - DAY, from],
      );
      return rows;
    });
    const last = found.at(-1);
    if (last === undefined) break;
    await database.write(async (client) => {
      await client.query('select from reprise.journal_clock for update');
      const { rowCount } = await client.query(
        `delete from reprise.transactions where id = any($3::uuid[]) and ${GONE}`,
        [await allGoneBefore(client), now - DAY, found.map(({ id }) => id)],
      );
      forgotten += rowCount ?? 0;
    });
    if (found.length < TRANSACTIONS_AT_ONCE) break;
    from = Number(last.started_at);
  }
  if (forgotten === 0) return;
  await database.write((client) =>
    client.query(
      'delete from reprise.commit_minutes where last_seq < (select min(commit_seq) from reprise.transactions where commit_seq is not null)',
    ),
  );
}

/**
 * Everything older than this was evicted; null when nothing was. Not always all before `evicted_before`: an old log may have come in
 * behind an eviction by size, or a day could not be dropped because it is being read.
 */
async function allGoneBefore(client: PoolClient): Promise<bigint | null> {
  const days = await client.query<{ evicted_before: bigint; oldest: bigint | null }>(
    'select evicted_before, (select min(day) from reprise.journal_days) as oldest from reprise.journal_clock where evicted_before > 0',
  );
  const [known] = days.rows;
  if (known === undefined) return null;
  if (known.oldest === null) return known.evicted_before;
  const { rows } = await client.query<{ first: bigint | null }>(
    'select min(ts) as first from reprise.entries where ts < $1',
    [Number(known.oldest) + DAY],
  );
  const first = rows[0]?.first ?? null;
  return first !== null && first < known.evicted_before ? first : known.evicted_before;
}
