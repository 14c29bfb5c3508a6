import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createTestDatabase } from '../support/database.ts';
import { ALL, appendTransaction, NO_LIMITS } from './journal-fixtures.ts';

it('a page of committed transactions that is evicted while it is read is not taken for the end', async () => {
  const created = await createTestDatabase();
  const database = await openDatabase(created.url, { poolSize: 4 });
  onTestFinished(async () => {
    await database.close();
    await created.drop();
  });
  const plain = createJournalStore(database, NO_LIMITS);
  const first = await appendTransaction(plain, 2);
  const second = await appendTransaction(plain, 2);
  // Between the two statements of a read.
  const evicting: Database = {
    ...database,
    async rows(compiled) {
      await sql`delete from reprise.entries where transaction_id = ${first}`.execute(database.query);
      await sql`delete from reprise.transactions where id = ${first}`.execute(database.query);
      return database.rows(compiled);
    },
  };
  const page = await createJournalStore(evicting, NO_LIMITS).committed(ALL, {}, 0n, 1);
  expect(page.map(({ transaction, entries }) => [transaction.id, entries.length])).toEqual([[second, 2]]);
});
