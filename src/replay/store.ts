import type { Micros } from '../journal/entry.ts';
import type { Divergence, SkipReason } from './event.ts';
import type { ReplayRequest } from './request.ts';
import type { RunAction, RunState } from './run-state.ts';
import type { ReplaySummary } from './summary.ts';
import type { ThresholdResult } from './thresholds.ts';

/** A request as it is stored and shown: no password, anywhere. */
export interface StoredRequest extends ReplayRequest {
  /** Logins that came with a password, mapped ones by recorded user: resuming needs it again. Absent: none did. */
  readonly withheld?: { readonly target: boolean; readonly users: readonly string[] };
}

/** One run. */
export interface Replay {
  readonly id: string;
  /** Its place among all runs of the store: later ones have greater numbers. */
  readonly number: number;
  readonly request: StoredRequest;
  readonly state: RunState;
  readonly createdAt: Micros;
  readonly startedAt: Micros | null;
  readonly endedAt: Micros | null;
  /** The target as resolved, without credentials: `host:port/database`. */
  readonly targetLabel: string;
  /** `server_version` of the target, once connected. */
  readonly targetVersion: string | null;
  readonly summary: ReplaySummary;
  /** Why the run FAILED or was INTERRUPTED. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Highest durable event. */
  readonly lastSeq: number;
  /** Who runs it: an id of the service process, to tell a dead owner's runs from a live one's. */
  readonly ownerId: string;
  /** `JournalStore.lossMark` when it was made; 0 for runs of earlier releases. */
  readonly lossMark: number;
}

/**
 * Consecutive events, encoded (`src/replay/event-codec.ts`). The unit of writing and reading: a row a
 * statement would cost more than the replay itself.
 */
export interface EventChunk {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly payload: Buffer;
  /** Of the last event. */
  readonly at: Micros;
  readonly outcomes: number;
  /** Counts, so that readers of failures skip the chunks that hold none. */
  readonly failures: number;
  readonly skipped: number;
  readonly unknown: number;
  readonly diverged: number;
  /** Recorded times of the earliest and the latest of its outcomes; null where it holds none. */
  readonly recordedFrom: Micros | null;
  readonly recordedTo: Micros | null;
}

/** A place in the order of chunks by `recordedFrom`, then by their events. */
export type ChunkPlace = Pick<EventChunk, 'recordedFrom' | 'lastSeq'>;

/**
 * What a chunk may be asked for because it holds it. OTHER: events that are no outcomes; TROUBLE: those, and failures, what
 * diverged, what is unknown.
 */
export type ChunkKind = 'FAILURES' | 'DIVERGED' | 'SKIPPED' | 'UNKNOWN' | 'OTHER' | 'TROUBLE';

/** Outcomes of one interval of a run's time. */
export interface TimelinePart {
  readonly outcomes: number;
  /** Cascades included. */
  readonly failures: number;
  readonly skipped: number;
  readonly unknown: number;
  readonly diverged: number;
}

/** Changes to a run's row; absent fields stay. */
export interface ReplayPatch {
  readonly startedAt?: Micros;
  readonly endedAt?: Micros;
  readonly targetVersion?: string;
  readonly summary?: ReplaySummary;
  readonly error?: { readonly code: string; readonly message: string } | null;
  readonly ownerId?: string;
  /** As it stands from now on: its speed may be changed while it runs. */
  readonly request?: StoredRequest;
  /**
   * Write-ahead mark: statements up to this ordinal of the plan may have been sent. Those at or below it
   * without an outcome are UNKNOWN after a crash.
   */
  readonly sentThrough?: number;
}

/**
 * What drew from sequences of the target when a run began, and where they stood: by database of the target, what its
 * catalog answered, packed into a text that only the reader of catalogs understands.
 */
export type SequenceStarts = Readonly<Record<string, string>>;

/** One line of a run's report: a normalised statement. Percentiles in milliseconds. */
export interface StatementReport {
  readonly fingerprint: string;
  readonly normalised: string;
  readonly calls: number;
  /** Failures that stand on their own; cascades are apart. */
  readonly failures: number;
  readonly cascades: number;
  /** Of `failures`, those of which the record does not tell the outcome. Absent in reports that earlier releases stored. */
  readonly unverifiableFailures?: number;
  readonly recordedFailures: number;
  readonly rows: number;
  /** Calls that were not sent, by reason. This and the next three are absent in reports that earlier releases stored. */
  readonly skips?: Readonly<Partial<Record<SkipReason, number>>>;
  /** Calls whose outcome is unknown. */
  readonly unknown?: number;
  /** Calls that succeeded and told their number of rows. */
  readonly withRows?: number;
  /** Calls whose rows were digested. */
  readonly digested?: number;
  readonly recorded: { readonly p50: number | null; readonly p95: number | null; readonly p99: number | null };
  readonly replayed: { readonly p50: number | null; readonly p95: number | null; readonly p99: number | null };
  readonly verdict: 'SAME' | 'DIVERGED' | 'UNVERIFIABLE';
  readonly divergences: Readonly<Record<string, number>>;
  /**
   * It got worse: calls diverged by more than their time, or failed where the record does not tell their outcome, or its 95th percentile (below 20 calls: its median) is
   * SLOWER by the request's own measure. Single slow calls are not enough: every machine has some.
   */
  readonly regressed: boolean;
}

/** Calls of a line that succeeded or failed; all of them in reports that earlier releases stored. */
export function sentCalls({ calls, skips = {}, unknown = 0 }: StatementReport): number {
  return Object.values(skips).reduce((left, skipped) => left - skipped, calls - unknown);
}

/** Failures of a run that are alike. */
export interface FailureGroup {
  readonly sqlstate: string;
  /** Absent in reports that earlier releases stored. */
  readonly fingerprint?: string;
  readonly normalised: string;
  readonly count: number;
  readonly cascades: number;
  /** Also failed, with the same SQLSTATE, in the record. */
  readonly expected: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly sampleMessage: string;
}

/** Calls of one normalised statement that diverged in one way. A call may count in several groups. */
export interface DivergenceGroup {
  readonly divergence: Divergence;
  readonly fingerprint: string;
  readonly normalised: string;
  readonly count: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Of the first: what was recorded and what happened, in one sentence. */
  readonly sample: string;
}

/** What is kept of a run beyond its events, written at its end. */
export interface ReplayReport {
  readonly statements: readonly StatementReport[];
  /** Statements that are missing from the report, since they were no longer in the journal when it was made anew. Absent: none. */
  readonly evicted?: number;
  readonly failures: readonly FailureGroup[];
  readonly divergences: readonly DivergenceGroup[];
  /** What became of the request's thresholds. */
  readonly thresholds: readonly ThresholdResult[];
  /** Sentences about what could not be settled (ids, unknown outcomes, cut transactions). */
  readonly remarks: readonly string[];
  /**
   * Statements that were not replayed since their transaction was lost, with a connection or by a stop of the run. Absent
   * in reports that earlier releases stored.
   */
  readonly lostStatements?: number;
}

/** Which runs a list holds; empty: all. */
export interface ReplayListFilter {
  readonly states?: readonly RunState[];
}

/** Runs, their events and their reports. One implementation (`src/store`), one contract test suite. */
export interface ReplayStore {
  /** Stores a new run in state PENDING. */
  create(replay: {
    readonly id: string;
    readonly request: StoredRequest;
    readonly targetLabel: string;
    readonly ownerId: string;
    readonly createdAt: Micros;
    readonly summary: ReplaySummary;
    readonly lossMark: number;
  }): Promise<Replay>;
  get(id: string): Promise<Replay | null>;
  /** Newest first; `before` is the number of the last one seen, which may be deleted by now. */
  list(filter: ReplayListFilter, before: number | null, limit: number): Promise<readonly Replay[]>;

  /**
   * Applies an action of the transition table together with a patch and the chunk that tells of it, all or
   * nothing. `ownerId`: who writes; refused where another has taken the run.
   * @throws RepriseError REPLAY_NOT_FOUND, REPLAY_STATE
   */
  transition(
    id: string,
    action: RunAction,
    patch: ReplayPatch,
    chunk: EventChunk | null,
    ownerId?: string,
  ): Promise<RunState>;
  /**
   * Appends a chunk (its firstSeq must follow the last one) and patches the row, all or nothing, durably. `ownerId` as
   * above: who has lost a run moves no mark of it, and so sends nothing more.
   * Wakes `onEvents` listeners of every process.
   */
  append(id: string, chunk: EventChunk | null, patch: ReplayPatch, ownerId?: string): Promise<void>;
  /** Chunks that hold events after `afterSeq`, in order; with `only`, those that hold at least one such. */
  chunks(id: string, afterSeq: number, limit: number, only?: ChunkKind): Promise<readonly EventChunk[]>;
  /** As `chunks`, backwards: those that hold events before `beforeSeq` (null: all), newest first. */
  chunksBefore(id: string, beforeSeq: number | null, limit: number, only?: ChunkKind): Promise<readonly EventChunk[]>;
  /**
   * Chunks whose outcomes reach to the recorded time `from` or later, by the earliest of these (`recordedFrom`), then by
   * their events; `after`: only those behind this one. Chunks without outcomes are left out.
   */
  chunksByRecord(id: string, from: Micros, after: ChunkPlace | null, limit: number): Promise<readonly EventChunk[]>;
  /**
   * Outcomes by when their chunk was reported: `parts` equal intervals from `from` to `to`; what lies outside counts
   * in the nearest.
   */
  timeline(id: string, from: Micros, to: Micros, parts: number): Promise<readonly TimelinePart[]>;
  /** The write-ahead mark, see `ReplayPatch.sentThrough`. */
  sentThrough(id: string): Promise<number>;

  /**
   * Keeps what drew and where the sequences stood, durably; what is kept already stands. @throws RepriseError REPLAY_NOT_FOUND
   */
  saveSequenceStarts(id: string, starts: SequenceStarts): Promise<void>;
  /** Null for a run that has kept none. */
  sequenceStarts(id: string): Promise<SequenceStarts | null>;

  /**
   * Keeps the report, the last one saved. `ownerId`: who saves it; refused where another has taken the run, or has taken that one for
   * dead: what it has gathered is a part of the run only.
   * @throws RepriseError REPLAY_NOT_FOUND, REPLAY_STATE
   */
  saveReport(id: string, report: ReplayReport, ownerId?: string): Promise<void>;
  report(id: string): Promise<ReplayReport | null>;

  /**
   * Marks the runs of dead owners INTERRUPTED, each together with the chunk that tells of it, and returns
   * their ids. `chunkAfter` makes the chunk that follows an event. An owner is alive while it holds its
   * advisory lock (`holdOwnership`); those that asked this very store for theirs, also while it is lost.
   */
  interruptOrphans(chunkAfter: (lastSeq: number) => EventChunk): Promise<readonly string[]>;
  /**
   * Takes this process's ownership lock; held until the store is closed. `onHeldAgain` is called each time that it was lost with
   * its connection and is held again: others may have taken runs meanwhile.
   */
  holdOwnership(ownerId: string, onHeldAgain?: () => void): Promise<void>;

  /**
   * Deletes a run that has ended with all that it left, and wakes its readers, who are told that it is not there.
   * @throws RepriseError REPLAY_NOT_FOUND, REPLAY_STATE
   */
  delete(id: string): Promise<void>;
  /**
   * Deletes so the oldest of the runs that ended before an instant, INTERRUPTED ones included. Gives its id; null: there is none.
   */
  deleteEnded(before: Micros): Promise<string | null>;

  /** Calls back when a run has new durable events or state; a hint. Returns the unsubscribe. */
  onEvents(listener: (replayId: string) => void): () => void;
}
