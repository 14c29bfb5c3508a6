import type { RepriseError } from '../errors.ts';
import type { AppendResult, ImportCheckpoint } from '../journal/store.ts';
import type { TransactionStatus } from '../journal/transaction.ts';
import type { PlannedLoss } from './append-losses.ts';
import type { PreparedEntry } from './prepare.ts';

/** What an append must know of a transaction. */
export interface TransactionState {
  readonly id: string;
  readonly position: bigint;
  readonly originId: number;
  readonly startedAt: number;
  readonly autocommit: boolean;
  status: TransactionStatus;
  endedAt: number | null;
  commitSeq: bigint | null;
  entryCount: number;
  byteCount: number;
  /** Highest sequence that was refused; 0: none was. What follows a refusal is refused too. */
  refusedThrough: number;
  firstTs: number | null;
  lastTs: number | null;
  /** Not in the database yet. */
  readonly fresh: boolean;
}

/** What the database holds at a place that an append names again; null where the entry was evicted. */
export interface HeldEntry {
  readonly timestamp: number;
  readonly statement: string;
  readonly outcomeKnown: boolean;
}

/** The journal as an append finds it, under the lock of `journal_clock`. */
export interface JournalState {
  arrival: bigint;
  position: bigint;
  commitSeq: bigint;
  /** Whether retention has ever taken anything. */
  readonly hasEvicted: boolean;
  readonly transactions: ReadonlyMap<string, TransactionState>;
  /** By `placeKey`. */
  readonly held: ReadonlyMap<string, HeldEntry>;
  readonly checkpoints: ReadonlyMap<string, ImportCheckpoint>;
}

/** An entry with the place that it gets. */
export interface PlacedEntry {
  readonly entry: PreparedEntry;
  readonly position: bigint;
  readonly arrival: bigint;
}

/** An entry whose outcome became known. */
export interface Completion {
  readonly position: bigint;
  readonly timestamp: number;
  readonly entry: PreparedEntry;
}

/** Everything that a group of batches writes. */
export interface WritePlan {
  readonly entries: PlacedEntry[];
  readonly transactions: ReadonlyMap<string, TransactionState>;
  readonly completions: Completion[];
  readonly losses: PlannedLoss[];
  /** By import: the losses of the end that its log has now; they replace those of earlier ends. */
  readonly lossesAtEnd: ReadonlyMap<string, readonly PlannedLoss[]>;
  readonly checkpoints: Map<string, ImportCheckpoint>;
  /** By start of day: entries added and their highest arrival. */
  readonly days: Map<number, { entries: number; maxArrival: bigint }>;
  /** By start of minute: first and last commit position given to an end in it. */
  readonly commitMinutes: Map<number, { first: bigint; last: bigint }>;
  readonly clock: { readonly arrival: bigint; readonly position: bigint; readonly commitSeq: bigint };
  /** What each batch's caller is told, in order. */
  readonly results: readonly (AppendResult | RepriseError)[];
}

/** Key of `JournalState.held`. */
export function placeKey(position: bigint, sequence: number): string {
  return `${position}:${sequence}`;
}
