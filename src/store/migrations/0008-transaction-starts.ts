import { type Kysely, sql } from 'kysely';

/**
 * Finds the transactions that eviction has emptied. By their start, which never changes: appends to a transaction leave the index alone.
 * One that is said to begin behind its entries, as the clock of a client may have it, is found once eviction has come to that start.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw('create index transactions_start on reprise.transactions (started_at)').execute(db);
}
