import type { Micros, NewEntry } from '../journal/entry.ts';
import type { LossReason } from '../journal/store.ts';
import type { NewTransaction, TransactionEnd } from '../journal/transaction.ts';

/** Where the assembler's findings go, in an order that only the log decides. */
export interface OperationSink {
  /** `goesOnWith`: its first statement, where the session began before the log did. */
  begin(transaction: NewTransaction, goesOnWith: string | null): void;
  entry(entry: NewEntry): void;
  end(end: TransactionEnd): void;
  /** One statement or record that the journal cannot vouch for. `at` is null where the time is not known. */
  loss(reason: LossReason, at: Micros | null, source: string, detail: string): void;
}
