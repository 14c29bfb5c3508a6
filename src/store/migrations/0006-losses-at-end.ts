import { type Kysely, sql } from 'kysely';

/** Tells the losses that an import counted only because its log ended: they go when it goes on. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw('alter table reprise.losses add column at_end bool not null default false').execute(db);
}
