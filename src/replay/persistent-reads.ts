import { RepriseError } from '../errors.ts';
import type { JournalStore } from '../journal/store.ts';
import { pause } from '../pause.ts';
import type { RunControl } from './control.ts';
import { BACKOFF_MS, RETRY_FOR_MS } from './store-retry.ts';

/**
 * What a read gives, which is repeated as long as what is to be durable is: the database that both are in may be restarting.
 * Rejects as soon as the run is being ended, whoever still reads: a database may also be silent.
 * @throws what the read throws, when it fails for good or otherwise than by STORE_UNAVAILABLE; RepriseError REPLAY_STATE
 */
export function readPersistently<T>(read: () => Promise<T>, control: RunControl): Promise<T> {
  return control.unlessEnded(repeated(read, control.signal));
}

async function repeated<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
  let until: number | null = null;
  for (let waitMs: number = BACKOFF_MS.first; ; waitMs = Math.min(2 * waitMs, BACKOFF_MS.last)) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof RepriseError && error.code === 'STORE_UNAVAILABLE')) throw error;
      until ??= performance.now() + RETRY_FOR_MS;
      const leftMs = until - performance.now();
      if (leftMs > 0) await pause(Math.min(waitMs, leftMs), signal);
      if (leftMs <= 0 || signal.aborted) throw error;
    }
  }
}

/** The journal as a run reads it: persistently, and not beyond its end. */
export function persistentJournal(journal: JournalStore, control: RunControl): JournalStore {
  const persist = <T>(read: () => Promise<T>) => readPersistently(read, control);
  return {
    ...journal,
    page: (...args) => persist(() => journal.page(...args)),
    transactionEntries: (...args) => persist(() => journal.transactionEntries(...args)),
    transactions: (...args) => persist(() => journal.transactions(...args)),
    rolledBack: (...args) => persist(() => journal.rolledBack(...args)),
    entriesByPlace: (...args) => persist(() => journal.entriesByPlace(...args)),
    committed: (...args) => persist(() => journal.committed(...args)),
    committedCount: (...args) => persist(() => journal.committedCount(...args)),
    sessionSpans: (...args) => persist(() => journal.sessionSpans(...args)),
    databaseCounts: (...args) => persist(() => journal.databaseCounts(...args)),
    straddlers: (...args) => persist(() => journal.straddlers(...args)),
    losses: (...args) => persist(() => journal.losses(...args)),
    tailEnd: () => persist(() => journal.tailEnd()),
    evictedSince: (...args) => persist(() => journal.evictedSince(...args)),
  };
}
