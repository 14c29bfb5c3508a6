import { RepriseError } from '../errors.ts';
import type { ImportCheckpoint, JournalBatch, JournalStore } from '../journal/store.ts';
import { formatMicros } from '../journal/window.ts';
import type { ImportReport } from './import-report.ts';
import { type LogOptions, LogScan } from './log-scan.ts';
import { BatchBuilder } from './operations.ts';
import { Seams } from './seams.ts';

const DEFAULT_BATCH_SIZE = 4000;
/** Characters of statements in one append: operations alone would bound no memory where each statement is long. */
const BATCH_CHARACTERS = 4 * 1024 * 1024;
/** Milliseconds between two calls of `onProgress`. */
const PROGRESS_INTERVAL = 250;

/** How far an import is. */
export interface ImportProgress {
  /** The file being read. */
  readonly file: string;
  /** Uncompressed bytes read. */
  readonly bytes: number;
  /** Share of all files read, 0 to 1; null for standard input. */
  readonly fraction: number | null;
  readonly records: number;
  readonly entries: number;
  readonly bytesPerSecond: number;
  readonly recordsPerSecond: number;
  readonly elapsedMs: number;
  /** Milliseconds to go; null when unknown. */
  readonly etaMs: number | null;
}

/** What an import needs of a journal. */
export type ImportStore = Pick<JournalStore, 'append' | 'importCheckpoint' | 'page' | 'transactions'>;

/** How a log is read, and where it goes. */
export interface ImportOptions extends LogOptions {
  readonly store: ImportStore;
  /** Operations (begins, entries, ends, losses) in one append. Default 4,000. */
  readonly batchSize?: number;
  /** Called a few times a second, and once at the end. */
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Stops behind the piece that was read; what was appended stays, and importing again goes on from there. */
  readonly signal?: AbortSignal;
}

/**
 * Imports a server log into the journal. Each append carries a checkpoint, so that an import that was cut off goes on
 * where it stopped: the log is parsed from the beginning again and what is durable is left out. A log that has
 * grown since is imported from where it ended; what was lost only because it ended there is taken back.
 * Memory does not depend on the length of the log.
 *
 * @throws RepriseError FILE_UNREADABLE, FORMAT_UNKNOWN, PREFIX_UNUSABLE, BAD_INPUT (time zone), IMPORT_CHANGED when the
 * part that was imported before is no longer the same, and whatever the store throws; the signal's reason.
 */
export async function importLog(options: ImportOptions): Promise<ImportReport> {
  const { store, batchSize = DEFAULT_BATCH_SIZE, onProgress, signal } = options;
  signal?.throwIfAborted();
  const started = performance.now();
  const builder = new BatchBuilder();
  const scan = await LogScan.open(options, builder);
  const earlier = await store.importCheckpoint(scan.importId);
  if (earlier) builder.skipTo(earlier.operations);
  const appends = new Appends(store, builder);
  let reported = started;
  let verified = earlier === null || earlier.bytes === 0;

  const report = () => {
    reported = performance.now();
    onProgress?.(progressOf(scan, builder, reported - started));
  };
  const checkpoint = (finished: boolean, operations: number): ImportCheckpoint => ({
    importId: scan.importId,
    operations,
    bytes: scan.bytes,
    prefixDigest: scan.prefixDigest(),
    finished,
    files: scan.files,
  });

  try {
    for await (const _ of scan.pieces(earlier?.bytes ?? null)) {
      signal?.throwIfAborted();
      if (earlier && !verified && scan.bytes >= earlier.bytes) {
        verified = scan.bytes === earlier.bytes && scan.prefixDigest() === earlier.prefixDigest;
        if (!verified) throw changed(scan, earlier);
      }
      await appends.look();
      if (builder.waiting >= batchSize || builder.characters >= BATCH_CHARACTERS) {
        const taken = builder.takeAllButLast();
        if (taken) await appends.next({ ...taken.batch, checkpoint: checkpoint(false, taken.operations) });
      }
      if (performance.now() - reported >= PROGRESS_INTERVAL) report();
    }
    if (earlier && !verified) throw changed(scan, earlier);
    scan.settle();
    // What comes now depends on the log ending here, so a checkpoint does not count it: see `docs/journal.md`.
    const { operations } = builder;
    const nothingNew = earlier?.finished === true && earlier.bytes === scan.bytes;
    if (nothingNew) builder.skipTo(Number.POSITIVE_INFINITY);
    const losses = builder.takeLosses();
    scan.finish();
    if (!nothingNew) {
      const lossesAtEnd = builder.takeLosses();
      await appends.next({ ...builder.take(), losses, lossesAtEnd, checkpoint: checkpoint(true, operations) });
    }
  } finally {
    // An append under way is never abandoned: its outcome belongs to this import.
    await appends.settled();
  }
  report();
  return reportOf(scan, builder, appends, performance.now() - started);
}

/** At most one append under way while the next batch is parsed. */
class Appends {
  readonly #store: ImportStore;
  readonly #builder: BatchBuilder;
  readonly #seams: Seams;
  #running: Promise<void> = Promise.resolve();
  accepted = 0;
  duplicates = 0;
  refused = 0;

  constructor(store: ImportStore, builder: BatchBuilder) {
    this.#store = store;
    this.#builder = builder;
    this.#seams = new Seams(store);
  }

  /** Entries left out because another import has brought them, as part of a longer transaction. */
  get known(): number {
    return this.#seams.entries;
  }

  /** Looks for what the journal holds of the transactions met; often enough that few wait. */
  look(): Promise<void> {
    return this.#seams.look(this.#builder.takeSeams());
  }

  async next(batch: JournalBatch): Promise<void> {
    await this.#running;
    await this.look();
    this.#running = this.#store.append(this.#seams.without(batch)).then((result) => {
      this.accepted += result.accepted;
      this.duplicates += result.duplicates;
      this.refused += result.refused;
      for (const { reason, source, detail, count } of result.unplaced) {
        this.#builder.tally.loss(reason, source, detail, count);
      }
    });
    // Handled when it is awaited next; until then a rejection must not count as unhandled.
    this.#running.catch(() => {});
  }

  async settled(): Promise<void> {
    await this.#running;
  }
}

function changed(scan: LogScan, earlier: ImportCheckpoint): RepriseError {
  return new RepriseError(
    'IMPORT_CHANGED',
    `the first ${earlier.bytes} bytes of ${scan.files.join(', ')} were imported before and have changed since: ` +
      'import the log as it was (a log may only have grown), or give another node id to import it as another server',
    { path: ['files'] },
  );
}

function progressOf(scan: LogScan, builder: BatchBuilder, elapsedMs: number): ImportProgress {
  const fraction = scan.totalSize ? Math.min(1, scan.read / scan.totalSize) : null;
  const seconds = Math.max(elapsedMs, 1) / 1000;
  return {
    file: scan.file,
    bytes: scan.bytes,
    fraction,
    records: scan.records,
    entries: builder.tally.entries,
    bytesPerSecond: scan.bytes / seconds,
    recordsPerSecond: scan.records / seconds,
    elapsedMs,
    etaMs: fraction ? (elapsedMs * (1 - fraction)) / fraction : null,
  };
}

function reportOf(scan: LogScan, builder: BatchBuilder, appends: Appends, elapsedMs: number): ImportReport {
  const { tally } = builder;
  return {
    importId: scan.importId,
    files: scan.files,
    format: scan.shape.format,
    logLinePrefix: scan.shape.prefix?.text ?? null,
    bytes: scan.bytes,
    records: scan.records,
    sessions: scan.sessions,
    firstTimestamp: scan.firstRecord === null ? null : formatMicros(scan.firstRecord),
    lastTimestamp: scan.lastRecord === null ? null : formatMicros(scan.lastRecord),
    entries: {
      total: tally.entries,
      accepted: appends.accepted,
      duplicates: appends.duplicates,
      skipped: builder.skippedEntries + appends.known,
      refused: appends.refused,
    },
    transactions: {
      committed: tally.committed,
      rolledBack: tally.rolledBack,
      open: tally.begun - tally.committed - tally.rolledBack,
    },
    byType: tally.byType,
    byProtocol: { simple: tally.simple, extended: tally.entries - tally.simple },
    failures: tally.failures,
    bySqlstate: tally.bySqlstate,
    withoutOutcome: tally.withoutOutcome,
    withoutDuration: tally.withoutDuration,
    unreplayable: tally.unreplayable,
    losses: tally.losses(),
    elapsedMs: Math.round(elapsedMs),
  };
}
