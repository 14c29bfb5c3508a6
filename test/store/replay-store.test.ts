import { openDatabase } from '../../src/store/database.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import { createTestDatabase } from '../support/database.ts';
import { replayStoreContract } from './replay-contract.ts';

replayStoreContract('replays in PostgreSQL', async () => {
  const created = await createTestDatabase();
  const connect = async () => {
    const database = await openDatabase(created.url, { poolSize: 4 });
    return { store: createReplayStore(database), close: () => database.close() };
  };
  const first = await connect();
  return {
    store: first.store,
    other: connect,
    close: async () => {
      await first.close();
      await created.drop();
    },
  };
});
