import { type Kysely, sql } from 'kysely';

/** Finds origins by what filters ask for, of the millions that a journal may have met. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ['user_name', 'database', 'application']) {
    await sql.raw(`create index origins_${column} on reprise.origins (${column})`).execute(db);
  }
}
