import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from './config.ts';
import { RepriseError } from './errors.ts';
import { AppendStatistics, type JournalSize } from './journal/append-statistics.ts';
import type { JournalStore } from './journal/store.ts';
import type { ReplayStore } from './replay/store.ts';
import { readServiceFile } from './service-file.ts';
import { type Database, openDatabase } from './store/database.ts';
import { type EmbeddedPostgres, startEmbedded } from './store/embedded.ts';
import { readJournalSize } from './store/journal-size.ts';
import { createJournalStore } from './store/journal-store.ts';
import { createReplayStore } from './store/replay-store.ts';

/** Name of the database in the embedded server. */
const DATABASE = 'reprise';
/** How long a service that is just starting may take to say where its database is. */
const SERVICE_START_MS = 15_000;

/** The durable half of the service: its database and what is kept in it. */
export interface Storage {
  readonly database: Database;
  readonly journal: JournalStore;
  readonly replays: ReplayStore;
  /** What `journal` of this process appended. */
  readonly appends: AppendStatistics;
  /** @throws RepriseError STORE_UNAVAILABLE */
  journalSize(): Promise<JournalSize>;
  /** Null when the database is elsewhere, or belongs to a running service. */
  readonly embedded: EmbeddedPostgres | null;
  /** Of the database in `embedded`, with its password; null without one. */
  readonly embeddedUrl: string | null;
  /** Closes the database, then stops the embedded server. Idempotent. */
  close(): Promise<void>;
}

/** What of a storage is not configuration. */
export interface StorageOptions {
  /** True: when a running service owns the data folder, use its database instead of refusing. */
  readonly joinService?: boolean;
  readonly onIdleError?: (error: Error) => void;
}

/**
 * Opens the journal's database (DATABASE_URL, else the embedded PostgreSQL of the data folder), migrated.
 * @throws RepriseError CONFIG_INVALID, STORE_UNAVAILABLE, STORE_TOO_OLD, DATA_DIR_IN_USE, EMBEDDED_START_FAILED,
 * EMBEDDED_UNSUPPORTED
 */
export async function openStorage(config: Config, options: StorageOptions = {}): Promise<Storage> {
  const { url, embedded } = await locate(config, options.joinService ?? false);
  try {
    const database = await openDatabase(url, options.onIdleError ? { onIdleError: options.onIdleError } : {});
    const appends = new AppendStatistics();
    let closing: Promise<void> | null = null;
    return {
      database,
      journal: createJournalStore(database, config, appends),
      replays: createReplayStore(database),
      appends,
      journalSize: () => readJournalSize(database),
      embedded,
      embeddedUrl: embedded && url,
      close() {
        closing ??= database.close().finally(() => embedded?.stop());
        return closing;
      },
    };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

async function locate(
  config: Config,
  joinService: boolean,
): Promise<{ url: string; embedded: EmbeddedPostgres | null }> {
  if (config.databaseUrl !== null) return { url: config.databaseUrl, embedded: null };
  let embedded: EmbeddedPostgres;
  try {
    embedded = await startEmbedded({ dataDir: config.dataDir });
  } catch (error) {
    if (!joinService || !(error instanceof RepriseError) || error.code !== 'DATA_DIR_IN_USE') throw error;
    const url = await databaseOfService(config.dataDir);
    if (url === null) throw error;
    return { url, embedded: null };
  }
  try {
    await embedded.createDatabase(DATABASE);
    return { url: embedded.url(DATABASE), embedded };
  } catch (error) {
    await embedded.stop();
    throw error;
  }
}

/** The folder's lock is held: its owner may be a service that has not yet written where its database is. */
async function databaseOfService(dataDir: string): Promise<string | null> {
  const end = performance.now() + SERVICE_START_MS;
  for (;;) {
    const url = (await readServiceFile(dataDir))?.databaseUrl ?? null;
    if (url !== null || performance.now() > end) return url;
    await delay(100);
  }
}
