import { afterEach, beforeEach, describe } from 'vitest';
import type { JournalLimits, JournalStore } from '../../src/journal/store.ts';
import { appendContract } from './journal-append-contract.ts';
import { NO_LIMITS } from './journal-fixtures.ts';
import { readContract } from './journal-read-contract.ts';
import { retentionContract } from './journal-retention-contract.ts';

export interface StoreUnderTest {
  readonly store: JournalStore;
  close(): Promise<void>;
}

/** The contract of `docs/journal.md` that any `JournalStore` keeps; `makeStore` gives an empty one. */
export function journalStoreContract(
  name: string,
  makeStore: (limits: JournalLimits) => Promise<StoreUnderTest>,
): void {
  describe(name, () => {
    let open: StoreUnderTest;
    beforeEach(async () => {
      open = await makeStore(NO_LIMITS);
    });
    afterEach(() => open.close());
    const subject = {
      store: () => open.store,
      reopen: async (limits: Partial<JournalLimits>) => {
        await open.close();
        open = await makeStore({ ...NO_LIMITS, ...limits });
        return open.store;
      },
    };
    appendContract(subject);
    readContract(subject);
    retentionContract(subject);
  });
}
