/**
 * A process that runs one replay, to be killed: `node replay-child.mjs '{url, limits, policy, input}'`. Prints the id of the run
 * once it is stored. Of what was built (`build.ts`): to compile the sources takes each process a second and a half.
 */

import { ReplayEngine } from '../../dist/replay/engine.js';
import { openDatabase } from '../../dist/store/database.js';
import { createJournalStore } from '../../dist/store/journal-store.js';
import { createReplayStore } from '../../dist/store/replay-store.js';
import { createTargetPolicy } from '../../dist/target/policy.js';

const { url, limits, policy, input } = JSON.parse(process.argv[2] ?? '');
const database = await openDatabase(url);
const engine = new ReplayEngine({
  journal: createJournalStore(database, limits),
  store: createReplayStore(database),
  policy: createTargetPolicy(policy),
  ownerId: `child ${process.pid}`,
  maxReplays: 1,
  journalFacts: async () => null,
  onStoreFailure: () => {},
});
await engine.recover();
console.log((await engine.start(input)).id);
