import { RepriseError } from '../errors.ts';
import type { JournalStore } from '../journal/store.ts';
import { pause } from './pause.ts';
import { BACKOFF_MS, RETRY_FOR_MS } from './store-retry.ts';

/**
 * What a read gives, which is repeated as long as what is durable is: the database that both are in may be restarting.
 * @throws what the read throws: when it fails for good, otherwise than by STORE_UNAVAILABLE, or behind the end of the signal
 */
export async function readPersistently<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
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

/** The journal as a run reads it: persistently, until the signal is aborted. */
export function persistentJournal(journal: JournalStore, signal: AbortSignal): JournalStore {
  const persist = <T>(read: () => Promise<T>) => readPersistently(read, signal);
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
