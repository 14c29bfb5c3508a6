import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createTestDatabase } from '../support/database.ts';
import { ALL, appendTransaction, NO_LIMITS } from './journal-fixtures.ts';

it.each([0, 1, 2])(
  'a page of committed transactions that is evicted before its statement %i is not taken for the end',
  async (statement) => {
    const created = await createTestDatabase('journal');
    const database = await openDatabase(created.url, { poolSize: 4 });
    onTestFinished(async () => {
      await database.close();
      await created.drop();
    });
    const plain = createJournalStore(database, NO_LIMITS);
    const first = await appendTransaction(plain, 2);
    const second = await appendTransaction(plain, 2);
    let statements = 0;
    const evicting: Database = {
      ...database,
      async rows(compiled) {
        if (statements === statement) {
          await sql`delete from reprise.entries where transaction_id = ${first}`.execute(database.query);
          await sql`delete from reprise.transactions where id = ${first}`.execute(database.query);
        }
        statements += 1;
        return database.rows(compiled);
      },
    };
    const store = createJournalStore(evicting, NO_LIMITS);
    const read: [string, number][] = [];
    for (let after = 0n; ; ) {
      const page = await store.committed(ALL, {}, after, 1);
      const last = page.at(-1);
      if (last === undefined) break;
      for (const { transaction, entries } of page) read.push([transaction.id, entries.length]);
      after = last.transaction.commitSeq;
    }
    expect(read.filter(([, entries]) => entries > 0)).toEqual(
      statement < 2
        ? [[second, 2]]
        : [
            [first, 2],
            [second, 2],
          ],
    );
  },
);
