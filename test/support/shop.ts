import { readFile } from 'node:fs/promises';
import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from './database.ts';

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
