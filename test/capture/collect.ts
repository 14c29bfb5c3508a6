import { type LogOptions, LogScan } from '../../src/capture/log-scan.ts';
import type { OperationSink } from '../../src/capture/operation-sink.ts';
import type { Micros, NewEntry } from '../../src/journal/entry.ts';
import type { LossReason } from '../../src/journal/store.ts';
import type { NewTransaction, TransactionEnd } from '../../src/journal/transaction.ts';

/** Everything that a log gives, in memory. An import streams instead. */
export interface CollectedLog {
  readonly begun: NewTransaction[];
  readonly entries: NewEntry[];
  readonly ended: TransactionEnd[];
  readonly losses: { reason: LossReason; at: Micros | null; source: string; detail: string }[];
  /** The kinds and places of all operations in order, for comparing two passes. */
  readonly order: string[];
  readonly scan: LogScan;
}

/**
 * Reads a whole log.
 * @throws RepriseError as `LogScan.open`
 */
export async function collectLog(options: LogOptions): Promise<CollectedLog> {
  const log: Omit<CollectedLog, 'scan'> = { begun: [], entries: [], ended: [], losses: [], order: [] };
  const sink: OperationSink = {
    begin(transaction) {
      log.begun.push(transaction);
      log.order.push(`begin ${transaction.id}`);
    },
    entry(entry) {
      log.entries.push(entry);
      log.order.push(`entry ${entry.transactionId} ${entry.sequence}`);
    },
    end(end) {
      log.ended.push(end);
      log.order.push(`end ${end.transactionId} ${end.status}`);
    },
    loss(reason, at, source, detail) {
      log.losses.push({ reason, at, source, detail });
      log.order.push(`loss ${reason} ${source}`);
    },
  };
  const scan = await LogScan.open(options, sink);
  for await (const _ of scan.pieces()) {
    // Only the passing matters.
  }
  scan.settle();
  scan.finish();
  return { ...log, scan };
}
