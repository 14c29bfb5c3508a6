import { type Kysely, sql } from 'kysely';

/**
 * What the table of transactions took on disk when it was last full, and how many entries there were then: by these it is known how
 * much of it is in use. Of a journal that is there already, it is all of it until retention looks for the first time.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql
    .raw(
      `alter table reprise.journal_clock
        add column transactions_peak_bytes int8 not null default 0,
        add column transactions_peak_entries int8 not null default 0`,
    )
    .execute(db);
}
