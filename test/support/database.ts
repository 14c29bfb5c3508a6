import { randomBytes } from 'node:crypto';
import { Client, DatabaseError, escapeIdentifier } from 'pg';
import { inject } from 'vitest';
import type { SharedServer } from './global-setup.ts';

/** An empty database of its own on the run's shared server. */
export interface TestDatabase extends SharedServer {
  readonly name: string;
  readonly url: string;
  /** Removes it. Throws when connections to it were left open: a leak of the test. */
  drop(): Promise<void>;
}

/** Creates a database with a unique name, for any test file; the caller drops it. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = inject('sharedServer');
  const name = `test_${process.pid}_${randomBytes(5).toString('hex')}`;
  await asAdmin(server, (admin) => admin.query(`CREATE DATABASE ${escapeIdentifier(name)}`));
  return {
    ...server,
    name,
    url: `postgres://${server.user}:${server.password}@${server.host}:${server.port}/${name}`,
    drop: () => asAdmin(server, (admin) => drop(admin, name)),
  };
}

async function drop(admin: Client, name: string): Promise<void> {
  try {
    // Waits up to 5 s for connections that are just closing.
    await admin.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)}`);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== '55006') throw error;
    const { rows } = await admin.query<{ who: string }>(
      `SELECT coalesce(nullif(application_name, ''), '(unnamed)') || ': ' || coalesce(query, '') AS who
       FROM pg_stat_activity WHERE datname = $1`,
      [name],
    );
    await admin.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`);
    throw new Error(`the test left connections to its database open: ${rows.map((row) => row.who).join('; ')}`);
  }
}

async function asAdmin(server: SharedServer, work: (admin: Client) => Promise<unknown>): Promise<void> {
  const admin = new Client({ ...server, database: 'postgres', ssl: false, application_name: 'test admin' });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
