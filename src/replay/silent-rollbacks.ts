import type { Entry } from '../journal/entry.ts';
import type { JournalStore } from '../journal/store.ts';
import { isPlainCommit } from '../journal/transaction-effect.ts';
import type { EntryFilter, Window } from '../journal/window.ts';

/**
 * COMMITs of a plan that rolled back in the record, as one does behind a failure. That failure may not be in the plan: the filter
 * leaves it out, or the log did not tell which statement it was of.
 */
export class SilentRollbacks {
  private readonly journal: JournalStore;
  /** Holds none that the walk has done with: a window may have any number of them. */
  private readonly found = new WeakSet<Entry>();

  constructor(journal: JournalStore) {
    this.journal = journal;
  }

  /** Meets entries of the plan, each before it is sent. */
  async meet(entries: readonly Entry[]): Promise<void> {
    const commits = entries.filter(
      ({ statementType, outcome, statement }) =>
        statementType === 'TRANSACTION' && outcome.status === 'SUCCEEDED' && isPlainCommit(statement),
    );
    if (commits.length === 0) return;
    const transactions = await this.journal.transactions(commits.map(({ transactionId }) => transactionId));
    commits.forEach((entry, index) => {
      if (transactions[index]?.status === 'ROLLED_BACK') this.found.add(entry);
    });
  }

  /** True for such a COMMIT, of those that it has met. */
  has(entry: Entry): boolean {
    return this.found.has(entry);
  }
}

/**
 * True where failures of the window may be missing in a plan.
 * @throws RepriseError STORE_UNAVAILABLE
 */
export async function mayMissFailures(journal: JournalStore, window: Window, filter: EntryFilter): Promise<boolean> {
  const { text, textExcludes, statementTypes, outcome, minDurationMs } = filter;
  const leavesOut = [text, textExcludes, statementTypes, outcome, minDurationMs].some((one) => one !== undefined);
  if (leavesOut) return true;
  return (await journal.losses(window)).some(({ reason }) => reason === 'STATEMENT_TEXT_MISSING');
}
