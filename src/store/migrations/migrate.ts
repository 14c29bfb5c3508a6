import { Kysely, type Migration, Migrator, PostgresDialect, sql } from 'kysely';
import { type ClientConfig, Pool, type PoolClient } from 'pg';
import { RepriseError } from '../../errors.ts';
import * as journal from './0001-journal.ts';
import * as replays from './0002-replays.ts';
import * as replaySequences from './0003-replay-sequences.ts';
import * as chunkTimes from './0004-chunk-times.ts';
import * as estimatedOutcomes from './0005-estimated-outcomes.ts';
import * as lossesAtEnd from './0006-losses-at-end.ts';
import * as originColumns from './0007-origin-columns.ts';
import * as transactionStarts from './0008-transaction-starts.ts';
import * as sessionState from './0009-session-state.ts';
import * as chunkRecords from './0010-chunk-records.ts';
import * as lossMarks from './0011-loss-marks.ts';
import * as transactionsPeak from './0012-transactions-peak.ts';
import * as evictedPlace from './0013-evicted-place.ts';

/** All migrations, by the name under which each is remembered. Applied in order; never edited once released. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-journal': journal,
  '0002-replays': replays,
  '0003-replay-sequences': replaySequences,
  '0004-chunk-times': chunkTimes,
  '0005-estimated-outcomes': estimatedOutcomes,
  '0006-losses-at-end': lossesAtEnd,
  '0007-origin-columns': originColumns,
  '0008-transaction-starts': transactionStarts,
  '0009-session-state': sessionState,
  '0010-chunk-records': chunkRecords,
  '0011-loss-marks': lossMarks,
  '0012-transactions-peak': transactionsPeak,
  '0013-evicted-place': evictedPlace,
};

/** Names of all migrations, in their order. */
export const MIGRATION_NAMES: readonly string[] = Object.keys(MIGRATIONS);

/**
 * Takes what every append takes first, before it touches a table: else a migration that has one table and wants another would
 * meet a process that appends, has the other and wants the one. All that are due run in one transaction.
 */
const withoutAppends = ({ up }: Migration): Migration => ({
  async up(db) {
    await sql.raw('select from reprise.journal_clock for update').execute(db);
    await up(db);
  },
});

/** As they are applied: the first makes the schema. */
function applied(): Record<string, Migration> {
  return Object.fromEntries(
    Object.entries(MIGRATIONS).map(([name, migration], index) => [
      name,
      index === 0 ? migration : withoutAppends(migration),
    ]),
  );
}

/** What a later release has applied cannot be read by this one. */
async function refuseLaterOnes(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ there: boolean }>(
    `select to_regclass('reprise.migrations') is not null as there`,
  );
  if (rows[0]?.there !== true) return;
  const applied = await client.query<{ name: string }>('select name from reprise.migrations order by name');
  const later = applied.rows.map(({ name }) => name).filter((name) => !MIGRATION_NAMES.includes(name));
  if (later.length === 0) return;
  throw new RepriseError(
    'STORE_TOO_OLD',
    `the journal's database was brought up to date by a later release (it has ${later.join(', ')}): run that one, or a later, or name another in DATABASE_URL`,
  );
}

// Any number that no other program uses in this database.
const MIGRATION_LOCK = 7_341_905_211_004;

/** Brings the schema `reprise` up to date. Processes that start at once wait for each other. */
export async function migrate(config: ClientConfig): Promise<void> {
  const pool = new Pool({ ...config, max: 2 });
  pool.on('error', () => {});
  try {
    const guard = await pool.connect();
    try {
      // Kysely's own lock comes too late: it creates the schema and its tables before it takes it.
      await guard.query('set lock_timeout = 0');
      await guard.query(`select pg_advisory_lock(${MIGRATION_LOCK})`);
      await refuseLaterOnes(guard);
      const migrator = new Migrator({
        // Not destroyed: that would end the pool, whose last connection holds the lock.
        db: new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }),
        provider: { getMigrations: async () => applied() },
        migrationTableSchema: 'reprise',
        migrationTableName: 'migrations',
        migrationLockTableName: 'migrations_lock',
      });
      const { error } = await migrator.migrateToLatest();
      if (error !== undefined) throw error;
    } finally {
      // Ending the connection releases the lock.
      guard.release(true);
    }
  } finally {
    await pool.end();
  }
}
