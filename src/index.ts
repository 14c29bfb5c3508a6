import { type ImportOptions, importLog } from './capture/import-log.ts';
import type { ImportReport } from './capture/import-report.ts';
import type { Config } from './config.ts';
import { openEngine } from './engine-room.ts';
import type { JournalStore } from './journal/store.ts';
import type { ReplayEngine } from './replay/engine.ts';
import { openStorage } from './storage.ts';

export type { ImportOptions, ImportProgress } from './capture/import-log.ts';
export { formatImportReport, type ImportReport } from './capture/import-report.ts';
export { VARIABLES } from './config/variables.ts';
export { type Config, loadConfig } from './config.ts';
export { ERROR_CODES, type ErrorCode, RepriseError } from './errors.ts';
export type { Entry, EntryOutcome, Micros, NewEntry, Origin, StatementType } from './journal/entry.ts';
export type { AppendResult, Coverage, JournalBatch, JournalStore, Loss } from './journal/store.ts';
export type { NewTransaction, Transaction, TransactionEnd } from './journal/transaction.ts';
export type { Value } from './journal/value.ts';
export { type EntryFilter, formatMicros, parseMicros, type Window } from './journal/window.ts';
export type { ReplayEngine } from './replay/engine.ts';
export type { NoticeEvent, OutcomeEvent, ReplayEvent, StateEvent } from './replay/event.ts';
export type { ReplayInput, ReplayRequest } from './replay/request.ts';
export type { Replay, ReplayReport } from './replay/store.ts';
export type { ReplaySummary } from './replay/summary.ts';
export type { TargetSpec } from './target/spec.ts';

/** Journal and engine in this process, without a server. */
export interface Reprise {
  readonly journal: JournalStore;
  /** `for await (const event of engine.replayWindow({ window, target }))` runs a replay. */
  readonly engine: ReplayEngine;
  /** Brings server logs into the journal. */
  importLog(options: Omit<ImportOptions, 'store'>): Promise<ImportReport>;
  /** Interrupts what runs, closes the journal, stops the embedded PostgreSQL. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the journal of a configuration (`loadConfig(process.env)`) and an engine over it, to be used in this
 * process. Of the configuration, what concerns the HTTP server is not looked at.
 * @throws RepriseError DATA_DIR_IN_USE while a service or another process has the data folder, and as `openStorage`
 */
export async function openReprise(config: Config): Promise<Reprise> {
  const storage = await openStorage(config);
  let closing: Promise<void> | null = null;
  try {
    const engine = await openEngine(config, storage, (replayId, error) => {
      process.emitWarning(`replay ${replayId} ended, and that could not be stored: ${String(error)}`, 'RepriseWarning');
    });
    return {
      journal: storage.journal,
      engine,
      importLog: (options) => importLog({ nodeId: config.nodeId, ...options, store: storage.journal }),
      close() {
        closing ??= engine.stop().finally(() => storage.close());
        return closing;
      },
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}
