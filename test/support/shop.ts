import { readFile } from 'node:fs/promises';
import { Client, escapeIdentifier } from 'pg';
import { inject } from 'vitest';
import { importLog } from '../../src/capture/import-log.ts';
import { openDatabase } from '../../src/store/database.ts';
import { administrator, createTestDatabase, TEMPLATES, type TestDatabase } from './database.ts';
import { openJournal } from './policy.ts';

/** The recorded shop workload: 8,233 statements of 8 sessions in 5 seconds. */
export const SHOP_LOG = 'examples/shop/postgresql.csv.gz';

/** A database that stands where the shop's log begins. The caller drops it. */
export async function createShopTarget(): Promise<TestDatabase> {
  const database = await createTestDatabase();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query(await readFile('examples/shop/schema.sql', 'utf8'));
  } finally {
    await client.end();
  }
  return database;
}

let template: Promise<void> | null = null;

/** The database of a journal that holds the shop's log. The caller drops it. */
export async function createShopJournal(): Promise<TestDatabase> {
  template ??= makeTemplate();
  await template;
  return createTestDatabase('shop');
}

/** The first worker that needs it imports the log, for all. */
async function makeTemplate(): Promise<void> {
  const admin = await administrator(inject('sharedServer'));
  const lock = `hashtext('${TEMPLATES.shop}')`;
  await admin.query(`SELECT pg_advisory_lock(${lock})`);
  try {
    const { rowCount } = await admin.query('SELECT FROM pg_database WHERE datname = $1', [TEMPLATES.shop]);
    if (rowCount === 1) return;
    const made = await createTestDatabase('journal');
    const database = await openDatabase(made.url);
    await importLog({ files: [SHOP_LOG], store: openJournal(database) });
    await database.close();
    await admin.query(`ALTER DATABASE ${escapeIdentifier(made.name)} RENAME TO ${TEMPLATES.shop}`);
  } finally {
    await admin.query(`SELECT pg_advisory_unlock(${lock})`);
  }
}
