import type { Entry } from '../../journal/entry.ts';
import type { TransactionWithEntries } from '../../journal/store.ts';
import type { QueryResult, TargetOutcome } from '../../target/statement.ts';
import type { Mays } from '../session-roles.ts';

/**
 * Sets sequences of the target so that each statement of a COMMIT walk draws the values that it drew in the
 * record (docs/replay.md C6). For each transaction the walk calls `begin` and `ahead`; then, in the order in which it sends,
 * `look`, whose answer it gives to `looked`, and `before` an entry, sends what that gave, the entry, and the `question` behind it. `after` comes with the
 * entry's outcome and `answer` with the question's, both perhaps while later statements are under way.
 */
export interface IdRestorer {
  /** A transaction is about to be sent. A promise where the journal has to be read ahead first. */
  begin(transaction: TransactionWithEntries): Promise<void> | null;
  /**
   * SQL to send ahead of a transaction that may be read-only, as `mays` says: it draws again what currval and lastval in it speak
   * of, which could not be done within. Null where there is nothing of the kind.
   */
  ahead(entries: readonly Entry[], mays: Mays | null): string | null;
  /**
   * A query to ask and wait for ahead of the entry; null, as nearly always: where the sequences stand that it draws from is
   * known.
   */
  look(entry: Entry, mays: Mays | null): string | null;
  /** The rows that the target answered to what `look` gave; null: it failed. */
  looked(entry: Entry, rows: QueryResult['rows'] | null): void;
  /**
   * SQL to send ahead of the entry; null when every sequence it draws from stands where it must already. A
   * promise where that depends on what the target answers to a statement under way.
   */
  before(entry: Entry, mays: Mays | null): string | null | Promise<string | null>;
  /** The target refused what was sent ahead of the entry. */
  refused(entry: Entry, why: Pick<TargetOutcome, 'sqlstate' | 'message'>): void;
  /** A query to send right behind the entry, on its connection; null, as nearly always: there is nothing to ask. */
  question(entry: Entry, mays: Mays | null): string | null;
  /** The rows that the target answered to the entry's question; null: it failed. */
  answer(entry: Entry, rows: QueryResult['rows'] | null): void;
  /** What the target answered to the entry. Rows and failures correct what is known of the sequences' places. */
  after(entry: Entry, outcome: TargetOutcome): void;
  /** Leaves the sequences where the record left them. Called at the end of a walk that was not cut short. */
  finish(): Promise<void>;
  /** Sentences for the report: what was restored, and what could not be settled. */
  remarks(): readonly string[];
}
