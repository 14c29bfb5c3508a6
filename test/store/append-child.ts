// A process of its own that appends transactions to the journal named on its command line, several at a time,
// and prints the commit position of each when it was acknowledged.
import { openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { appendTransaction, NO_LIMITS } from './journal-fixtures.ts';

const [url, count] = process.argv.slice(2) as [string, string];
const database = await openDatabase(url, { poolSize: 2 });
const store = createJournalStore(database, NO_LIMITS);
let left = Number(count);
await Promise.all(
  Array.from({ length: 4 }, async () => {
    while (left > 0) {
      left -= 1;
      const id = await appendTransaction(store, 2);
      process.stdout.write(`${id}\n`);
    }
  }),
);
await database.close();
