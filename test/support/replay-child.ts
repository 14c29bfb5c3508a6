/**
 * A process that runs one replay, to be killed: `node --import tsx replay-child.ts '{url, server, input}'`. Prints the
 * id of the run once it is stored.
 */

import { ReplayEngine } from '../../src/replay/engine.ts';
import type { ReplayInput } from '../../src/replay/request.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import type { SharedServer } from './global-setup.ts';
import { openJournal, testPolicy } from './policy.ts';

const { url, server, input } = JSON.parse(process.argv[2] ?? '') as {
  url: string;
  server: SharedServer;
  input: ReplayInput;
};
const database = await openDatabase(url);
const engine = new ReplayEngine({
  journal: openJournal(database),
  store: createReplayStore(database),
  policy: testPolicy(server),
  ownerId: `child ${process.pid}`,
  maxReplays: 1,
  journalFacts: async () => null,
  onStoreFailure: () => {},
});
await engine.recover();
console.log((await engine.start(input)).id);
