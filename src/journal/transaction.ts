import type { Micros, Origin } from './entry.ts';

/** OPEN: the journal knows no end of it. */
export type TransactionStatus = 'OPEN' | 'COMMITTED' | 'ROLLED_BACK';

/** A transaction, as it is given to the journal. */
export interface NewTransaction {
  /** UUID. A second begin with the same id changes nothing. */
  readonly id: string;
  readonly origin: Origin;
  readonly startedAt: Micros;
  /** True for a statement that ran outside BEGIN … COMMIT and so is a transaction of its own. */
  readonly autocommit: boolean;
}

/** The end of a transaction. Ending never deletes: status and commit position are recorded. */
export interface TransactionEnd {
  readonly transactionId: string;
  readonly status: 'COMMITTED' | 'ROLLED_BACK';
  readonly at: Micros;
}

/** A transaction that the journal holds. */
export interface Transaction extends NewTransaction {
  /** Start position: unique, increasing, fixed at begin. */
  readonly position: bigint;
  readonly status: TransactionStatus;
  readonly endedAt: Micros | null;
  /** Gapless from 1 over all committed transactions, in commit order; null unless COMMITTED. */
  readonly commitSeq: bigint | null;
  readonly entryCount: number;
  /** Place of its last statement, also of one that was over its limit and is no entry. */
  readonly lastSequence: number;
  readonly byteCount: number;
}
