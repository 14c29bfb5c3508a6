import { AppendStatistics } from '../journal/append-statistics.ts';
import type { JournalLimits, JournalStore } from '../journal/store.ts';
import { createAppendQueue } from './append-queue.ts';
import { checkpointOf, JOURNAL_CHANNEL } from './append-write.ts';
import { readCommitted } from './committed-reads.ts';
import { readCoverage, readLosses, readLossMark, wasEvictedSince } from './coverage.ts';
import type { Database } from './database.ts';
import {
  readEntriesByPlace,
  readPage,
  readTail,
  readTailEnd,
  readTransactionEntries,
  wasEvictedBehind,
} from './entry-reads.ts';
import { evict } from './eviction.ts';
import { guarded } from './failures.ts';
import { createOrigins } from './origins.ts';
import { readDatabaseCounts, readSessionSpans } from './session-spans.ts';
import {
  countCommitted,
  profileCommitted,
  readRolledBack,
  readStraddlers,
  readTransactions,
} from './transaction-reads.ts';
import { readProfile } from './window-profile.ts';

/**
 * The journal in a database. Holds no connections of its own: they end with `database.close()`.
 *
 * All methods reject with STORE_UNAVAILABLE while the database cannot be used, and reads with LIMIT_EXCEEDED
 * when they run into the read timeout. A statement or message that holds NUL or half a surrogate pair is kept
 * with U+FFFD in its place; such a statement is marked TRUNCATED and counted as a loss. `statistics` counts what
 * this store appends and evicts.
 */
export function createJournalStore(
  database: Database,
  limits: JournalLimits,
  statistics = new AppendStatistics(),
): JournalStore {
  const origins = createOrigins(database);
  const append = createAppendQueue(database, origins, limits, statistics);

  return {
    append,
    page: (window, filter, after, limit) =>
      guarded('read a page of the journal', () => readPage(database, origins, window, filter, after, limit)),
    transactionEntries: (id, afterSequence, limit) =>
      guarded('read a transaction', () => readTransactionEntries(database, origins, id, afterSequence, limit)),
    transaction: (id) =>
      guarded('read a transaction', async () => (await readTransactions(database, origins, [id]))[0] ?? null),
    transactions: (ids) => guarded('read transactions', () => readTransactions(database, origins, ids)),
    rolledBack: (positions) => guarded('read transactions', () => readRolledBack(database, positions)),
    entriesByPlace: (places) => guarded('read entries', () => readEntriesByPlace(database, origins, places)),
    committed: (window, filter, afterCommitSeq, limit) =>
      guarded('read committed transactions', () =>
        readCommitted(database, origins, window, filter, afterCommitSeq, limit),
      ),
    committedCount: (window, filter, edges) =>
      guarded('count committed transactions', () => countCommitted(database, origins, window, filter, edges)),
    committedProfile: (window, filter, edges) =>
      guarded('count committed transactions', () => profileCommitted(database, origins, window, filter, edges)),
    sessionSpans: (window, filter) =>
      guarded('read the sessions of a window', () => readSessionSpans(database, origins, window, filter)),
    databaseCounts: (window, filter) =>
      guarded('count the databases of a window', () => readDatabaseCounts(database, origins, window, filter)),
    straddlers: (window, filter) =>
      guarded('read the transactions at the edges of a window', () =>
        readStraddlers(database, origins, window, filter),
      ),
    coverage: (window, buckets) => guarded('read the coverage', () => readCoverage(database, window, buckets)),
    losses: (window) => guarded('read the losses', () => readLosses(database, window)),
    profile: (window, filter) => guarded('count a window', () => readProfile(database, origins, window, filter)),
    tail: (after, filter, limit) =>
      guarded('follow the journal', () => readTail(database, origins, after, filter, limit)),
    evictedBehind: (after) => guarded('follow the journal', () => wasEvictedBehind(database, after)),
    tailEnd: () => guarded('follow the journal', () => readTailEnd(database)),
    onAppend: (listener) => database.session.listen(JOURNAL_CHANNEL, () => listener()).stop,
    importCheckpoint: (importId) =>
      guarded('read the progress of an import', async () => {
        const row = await database.query
          .selectFrom('imports')
          .selectAll()
          .where('import_id', '=', importId)
          .executeTakeFirst();
        return row === undefined ? null : checkpointOf(row);
      }),
    lossMark: () => guarded('look for what retention took', () => readLossMark(database)),
    evictedSince: (lossMark, from) =>
      guarded('look for what retention took', () => wasEvictedSince(database, lossMark, from)),
    evict: (now) =>
      guarded('apply retention', async () => {
        const evicted = await evict(database, limits, now);
        statistics.evictedEntries(evicted);
        return evicted;
      }),
  };
}
