/** What tells one database of one running server from every other, as far as any login may ask. */
export interface DatabaseFacts {
  /** Start of the server, microseconds since 1970, as text. */
  readonly startedAt: string;
  readonly database: string;
  /** `pg_database.oid`, as text. */
  readonly oid: string;
}

/**
 * Gives one row: started_at, database, oid, all text. The system identifier is left out on purpose: a staging
 * server restored from a base backup of its source has the same one.
 */
export const DATABASE_FACTS_SQL = `
  SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text AS started_at,
         current_database()::text AS database,
         (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS oid`;

/** Reads the facts through anything that gives rows as text. */
export async function readDatabaseFacts(connection: {
  query(text: string): Promise<{ readonly rows: readonly (readonly (string | null)[])[] }>;
}): Promise<DatabaseFacts> {
  const { rows } = await connection.query(DATABASE_FACTS_SQL);
  const [startedAt, database, oid] = rows[0] ?? [];
  return { startedAt: startedAt ?? '', database: database ?? '', oid: oid ?? '' };
}

/**
 * True when both are the same database of the same running server, whatever way each connection took
 * (another name, a forwarded port, a pooler).
 */
export function isSameDatabase(a: DatabaseFacts, b: DatabaseFacts): boolean {
  return a.startedAt === b.startedAt && a.database === b.database && a.oid === b.oid;
}
