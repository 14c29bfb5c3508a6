import { sql } from 'kysely';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { createTestDatabase } from '../support/database.ts';
import { openNetwork } from '../support/network.ts';

test('a connection that breaks under a query fails that query, and nothing else', async () => {
  const database = await createTestDatabase();
  const network = await openNetwork(database.port);
  const url = new URL(database.url);
  url.port = String(network.port);
  const opened = await openDatabase(url.href);
  const beside = new Client({ connectionString: database.url });
  await beside.connect();
  const sleepers = (what: string) =>
    beside.query(`select ${what} from pg_stat_activity where datname = $1 and query like 'select pg_sleep%'`, [
      database.name,
    ]);

  const sleeping = sql`select pg_sleep(600)`.execute(opened.query);
  const failed = expect(sleeping).rejects.toThrow();
  while ((await sleepers('pid')).rowCount === 0);
  network.cut();
  await failed;
  network.mend();
  expect((await sql`select 1 as one`.execute(opened.query)).rows).toEqual([{ one: 1 }]);

  await opened.close();
  await network.close();
  // Its backend does not notice that nobody waits for it any more.
  await sleepers('pg_terminate_backend(pid)');
  await beside.end();
  await database.drop();
});
