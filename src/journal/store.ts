import { type ErrorCode, RepriseError } from '../errors.ts';
import type { Entry, EntryKey, EntryPlace, Micros, NewEntry, StatementType, UnreplayableReason } from './entry.ts';
import type { NewTransaction, Transaction, TransactionEnd } from './transaction.ts';
import type { EntryFilter, Window } from './window.ts';

/** Something that the journal cannot vouch for. Never dropped in silence: coverage shows every one. */
export const LOSS_REASONS = [
  // statements in the journal that a replay cannot send as they were (see UnreplayableReason)
  'COPY_DATA',
  'FASTPATH',
  'PARAMETERS_NOT_LOGGED',
  'TRUNCATED',
  // records that gave no entry
  'UNPARSABLE_LINE',
  'STATEMENT_TEXT_MISSING',
  'SESSION_UNKNOWN',
  // knowledge that is missing from entries
  'OUTCOME_UNKNOWN',
  'SESSION_JOINED_LATE',
  'CLOCK_WENT_BACK',
  'EFFECT_UNCERTAIN',
  // limits
  'REFUSED_TRANSACTION_TOO_LARGE',
  'EVICTED_BY_AGE',
  'EVICTED_BY_SIZE',
] as const;
export type LossReason = (typeof LOSS_REASONS)[number];

/** An append that was refused over one of its entries. */
export class EntryError extends RepriseError {
  readonly place: EntryPlace;

  constructor(code: ErrorCode, message: string, { transactionId, sequence }: EntryPlace) {
    super(code, message);
    this.place = { transactionId, sequence };
  }
}

/** Statements or records that the journal cannot vouch for, and why. */
export interface Loss {
  readonly reason: LossReason;
  /** How many statements or records. */
  readonly count: number;
  /** When, where known: the span that the loss falls into. */
  readonly from: Micros | null;
  readonly to: Micros | null;
  /** `file:line` of the first, or another place a reader can go to. */
  readonly source: string | null;
  /** One sentence with what was seen; never parameter values. */
  readonly detail: string | null;
}

/**
 * What one append brings, all or nothing. Applied in the order begun, entries, ended; `ended` is in
 * commit order and gives the transactions their `commitSeq`.
 */
export interface JournalBatch {
  readonly begun?: readonly NewTransaction[];
  readonly entries?: readonly NewEntry[];
  readonly ended?: readonly TransactionEnd[];
  readonly losses?: readonly Loss[];
  /**
   * With a finished checkpoint: what is lost only because the log ends there. Those of a later end of the same log take
   * their place.
   */
  readonly lossesAtEnd?: readonly Loss[];
  /** Progress of an import, made durable together with what it covers. */
  readonly checkpoint?: ImportCheckpoint;
}

/** What became of one batch. */
export interface AppendResult {
  /** Entries now in the journal that were not before. */
  readonly accepted: number;
  /** Entries whose (transaction, sequence) the journal held already with the same text. */
  readonly duplicates: number;
  /** Entries over a transaction's limit, and those of `unplaced`; counted as losses. */
  readonly refused: number;
  /**
   * What an import brought of transactions that retention has forgotten since it began them, or that the journal has otherwise (another
   * statement in a place, or another end, which it keeps), as it is counted.
   */
  readonly unplaced: readonly (Loss & { readonly source: string; readonly detail: string })[];
  readonly arrival: bigint;
}

/** How far an import of one log (a file, or several rotated files in sequence) has come. */
export interface ImportCheckpoint {
  /** Identifies the source: digest of its first bytes and its options, see `docs/journal.md`. */
  readonly importId: string;
  /** Entries, ends and losses already durable, counted in the importer's deterministic order. */
  readonly operations: number;
  /** Uncompressed bytes consumed and their running digest: proves that the prefix has not changed. */
  readonly bytes: number;
  readonly prefixDigest: string;
  readonly finished: boolean;
  /** Names as given, for people. */
  readonly files: readonly string[];
}

/** A page of a window, in total order. */
export interface EntryPage {
  readonly entries: readonly Entry[];
  readonly hasMore: boolean;
}

/** Entries of one part of a window, both ends included. */
export interface CoverageBucket {
  readonly from: Micros;
  readonly to: Micros;
  readonly entries: number;
  readonly failures: number;
}

/** What the journal can and cannot vouch for in a window. */
export interface Coverage {
  readonly window: Window;
  readonly entries: number;
  readonly failures: number;
  readonly unknownOutcomes: number;
  /** Transactions with at least one entry in the window, by what became of them. */
  readonly transactions: { readonly committed: number; readonly rolledBack: number; readonly open: number };
  readonly sessions: number;
  readonly databases: readonly string[];
  readonly first: Micros | null;
  readonly last: Micros | null;
  readonly byType: Readonly<Record<string, number>>;
  readonly buckets: readonly CoverageBucket[];
  readonly losses: readonly Loss[];
}

/** Limits that the journal enforces; what they refuse or evict shows in coverage. */
export interface JournalLimits {
  readonly entriesPerTransaction: number;
  readonly bytesPerTransaction: number;
  /** Evict partitions that ended longer ago than this; null keeps all. */
  readonly retentionMs: number | null;
  /** Evict the oldest partitions while entries and their transactions take more than this on disk; null keeps all. */
  readonly retentionBytes: number | null;
}

/** A whole transaction as COMMIT ordering walks it. */
export interface TransactionWithEntries {
  readonly transaction: Pick<Transaction, 'id' | 'startedAt' | 'autocommit'> & { readonly commitSeq: bigint };
  readonly entries: readonly Entry[];
}

/** What one session did in a window. An origin that changes within a session gives one span all the same. */
export interface SessionSpan {
  readonly nodeId: string;
  readonly sessionId: string;
  /** Of the session's first entry in the window. */
  readonly user: string | null;
  readonly database: string | null;
  /** Times of its first and last entry there. */
  readonly first: Micros;
  readonly last: Micros;
  readonly entries: number;
  /** Those of type DDL among them. */
  readonly ddl: number;
}

/** What a window holds of one recorded database. */
export interface DatabaseCount {
  /** Null: of sessions whose database the record does not tell. */
  readonly database: string | null;
  readonly sessions: number;
  readonly entries: number;
}

/** What a filtered window holds, counted. */
export interface WindowProfile {
  readonly entries: number;
  readonly failed: number;
  /** Entries whose duration is known. */
  readonly timed: number;
  /** Milliseconds of all known durations, and of the session with the most. */
  readonly recordedMs: number;
  readonly longestSessionMs: number;
  /** Milliseconds of the longest of those that can be replayed. */
  readonly longestMs: number;
  readonly byType: Readonly<Partial<Record<StatementType, number>>>;
  readonly unreplayable: Readonly<Partial<Record<UnreplayableReason, number>>>;
  /** Transactions of these entries, by what became of them. */
  readonly transactions: Coverage['transactions'];
  readonly first: Micros | null;
  readonly last: Micros | null;
}

/** What counts of committed transactions that began before the window: all, the part in the window, nothing. */
export type CommittedEdges = 'INCLUDE' | 'CUT' | 'EXCLUDE';

/** What the committed transactions of a window hold, counted. */
export interface CommittedProfile {
  readonly transactions: number;
  readonly entries: number;
  readonly failed: number;
  /** What follows: of those that had not failed in the record, as in `WindowProfile`. */
  readonly timed: number;
  readonly recordedMs: number;
  readonly byType: WindowProfile['byType'];
  readonly unreplayable: WindowProfile['unreplayable'];
  readonly first: Micros | null;
  readonly last: Micros | null;
}

/** The durable, append-only record. One implementation (`src/store`), one contract test suite. */
export interface JournalStore {
  /**
   * Appends a batch atomically and durably: when the promise resolves, `kill -9` loses none of it.
   * Calls may overlap; they are made durable in call order.
   * @throws RepriseError TRANSACTION_NOT_FOUND (of an import: only where retention has never evicted anything), SEQUENCE_GAP, STORE_UNAVAILABLE,
   * and, but of an import (`AppendResult.unplaced`), TRANSACTION_ENDED and SEQUENCE_CONFLICT (same place, other text). Nothing of the batch
   * is kept then.
   */
  append(batch: JournalBatch): Promise<AppendResult>;

  /**
   * One page of the window in total order, after the given place. Cost does not grow with depth. Here and in the other
   * pages, fewer than `limit` where their texts are long, but one at least.
   */
  page(window: Window, filter: EntryFilter, after: EntryKey | null, limit: number): Promise<EntryPage>;

  /** Entries of one transaction by sequence, after the given one. */
  transactionEntries(transactionId: string, afterSequence: number, limit: number): Promise<EntryPage>;
  transaction(id: string): Promise<Transaction | null>;
  transactions(ids: readonly string[]): Promise<readonly (Transaction | null)[]>;
  /** Those of the transactions that were rolled back, by their start positions. */
  rolledBack(positions: readonly bigint[]): Promise<ReadonlySet<bigint>>;
  /**
   * Entries by (transaction, sequence), in the order asked; null where there is none. Fewer than asked where their texts are long, as
   * a page, but one at least; `readPlaces` reads them all.
   */
  entriesByPlace(places: readonly EntryPlace[]): Promise<readonly (Entry | null)[]>;

  /**
   * Committed transactions whose end lies in the window, in commit order, each with all of its entries;
   * pages by `afterCommitSeq`. At most `limit` transactions a page, fewer where their entries are many.
   */
  committed(
    window: Window,
    filter: EntryFilter,
    afterCommitSeq: bigint,
    limit: number,
  ): Promise<readonly TransactionWithEntries[]>;

  /** How many entries of `committed` pass the filter, what it says about single statements included. */
  committedCount(window: Window, filter: EntryFilter, edges: CommittedEdges): Promise<number>;
  /** These entries and their transactions, and what became of them in the record; costs a look at each of them. */
  committedProfile(window: Window, filter: EntryFilter, edges: CommittedEdges): Promise<CommittedProfile>;

  /** Sessions with entries in the window that pass the filter, in order of the times of their first one. */
  sessionSpans(window: Window, filter: EntryFilter): Promise<readonly SessionSpan[]>;
  /** The same by recorded database, by name, null last. */
  databaseCounts(window: Window, filter: EntryFilter): Promise<readonly DatabaseCount[]>;
  /**
   * Transactions (not autocommit) with entries both inside the window and outside of it, in order of their
   * start position; the filter's origin fields and `transactionIds` apply.
   */
  straddlers(window: Window, filter: EntryFilter): Promise<readonly Transaction[]>;

  coverage(window: Window, buckets: number): Promise<Coverage>;
  /** The losses of `coverage` alone, which cost no look at entries. */
  losses(window: Window): Promise<readonly Loss[]>;
  /** Counts over the entries of the window that pass the filter. */
  profile(window: Window, filter: EntryFilter): Promise<WindowProfile>;

  /** Entries in order of arrival, after the given place; waits for nothing (see `onAppend`). */
  tail(after: TailKey, filter: EntryFilter, limit: number): Promise<readonly Entry[]>;
  /** Whether retention has taken entries that arrived behind this place, which a tail from there on misses. */
  evictedBehind(after: TailKey): Promise<boolean>;
  /** The place behind the newest entry. */
  tailEnd(): Promise<TailKey>;
  /** Calls back after each append that any process made; a hint, may come late or doubled. Returns the unsubscribe. */
  onAppend(listener: () => void): () => void;

  /** The checkpoint of an import, to go on where it was cut off. */
  importCheckpoint(importId: string): Promise<ImportCheckpoint | null>;

  /** A place in the order in which losses are counted: behind all so far. */
  lossMark(): Promise<number>;
  /** Whether, since that place, retention has taken anything of this time or later. */
  evictedSince(lossMark: number, from: Micros): Promise<boolean>;

  /** Applies retention now; returns entries evicted. */
  evict(now: Micros): Promise<number>;
}

/** The place of an entry in the order of arrival. */
export interface TailKey extends EntryKey {
  readonly arrival: bigint;
}
