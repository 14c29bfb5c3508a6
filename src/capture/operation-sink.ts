import type { Micros, NewEntry } from '../journal/entry.ts';
import type { LossReason } from '../journal/store.ts';
import type { NewTransaction, TransactionEnd } from '../journal/transaction.ts';

/** The first statement of a transaction whose session began before the log did, and where the same log, read from further back, has it. */
export interface Continuation {
  readonly statement: string;
  /** Earliest and latest time that its record gives it: which of them depends on what stands before it. */
  readonly from: Micros;
  readonly to: Micros;
}

/** Where the assembler's findings go, in an order that only the log decides. */
export interface OperationSink {
  /** `goesOnWith`: null where the session began within the log. */
  begin(transaction: NewTransaction, goesOnWith: Continuation | null): void;
  entry(entry: NewEntry): void;
  end(end: TransactionEnd): void;
  /** One statement or record that the journal cannot vouch for. `at` is null where the time is not known. */
  loss(reason: LossReason, at: Micros | null, source: string, detail: string): void;
}
