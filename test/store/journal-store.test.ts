import { openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createTestDatabase } from '../support/database.ts';
import { journalStoreContract } from './journal-contract.ts';

journalStoreContract('journal in PostgreSQL', async (limits) => {
  const created = await createTestDatabase('journal');
  const database = await openDatabase(created.url, { poolSize: 4 });
  return {
    store: createJournalStore(database, limits),
    close: async () => {
      await database.close();
      await created.drop();
    },
  };
});
