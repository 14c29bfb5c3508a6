import { type Kysely, sql } from 'kysely';

/**
 * Finds origins by what filters ask for, of the millions that a journal may have met. By the beginnings of the texts: an index over
 * whole ones would refuse long names, as that of session ids did.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw('drop index reprise.origins_session').execute(db);
  for (const column of ['session_id', 'user_name', 'database', 'application']) {
    await sql.raw(`create index origins_${column} on reprise.origins (left(${column}, 200))`).execute(db);
  }
}
