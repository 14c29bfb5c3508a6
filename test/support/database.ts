import { randomBytes } from 'node:crypto';
import { Client, DatabaseError, escapeIdentifier } from 'pg';
import { inject } from 'vitest';
import { EMPTY_JOURNAL, type SharedServer } from './global-setup.ts';

/** An empty database of its own on the run's shared server. */
export interface TestDatabase extends SharedServer {
  readonly name: string;
  readonly url: string;
  /** Removes it. Throws when connections to it were left open: a leak of the test. */
  drop(): Promise<void>;
}

/** What a database holds: an empty journal, or one with the shop's log (`createShopJournal`). */
export const TEMPLATES = { nothing: 'template1', journal: EMPTY_JOURNAL, shop: 'shop_journal' } as const;

/** Creates a database with a unique name, for any test file; the caller drops it. */
export async function createTestDatabase(holds: keyof typeof TEMPLATES = 'nothing'): Promise<TestDatabase> {
  const server = inject('sharedServer');
  const name = `test_${process.pid}_${randomBytes(5).toString('hex')}`;
  const client = await administrator(server);
  // Without fsync it takes half the time of the other strategy, which logs each page.
  await client.query(`CREATE DATABASE ${escapeIdentifier(name)} TEMPLATE ${TEMPLATES[holds]} STRATEGY file_copy`);
  return {
    ...server,
    name,
    url: `postgres://${server.user}:${server.password}@${server.host}:${server.port}/${name}`,
    drop: async () => drop(await administrator(server), name),
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

/** One for all test files of a worker: to log in for each database twice takes longer than to create it. */
let admin: Promise<Client> | null = null;

/** A superuser of the shared server, connected to `postgres`. */
export function administrator(server: SharedServer): Promise<Client> {
  admin ??= (async () => {
    const client = new Client({ ...server, database: 'postgres', ssl: false, application_name: 'test admin' });
    client.on('error', () => {
      admin = null;
    });
    await client.connect();
    // Nobody closes it: it ends with the worker. The types of pg do not know the method.
    (client as Client & { unref(): void }).unref();
    return client;
  })();
  return admin;
}
