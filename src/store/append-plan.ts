import { RepriseError } from '../errors.ts';
import {
  type AppendResult,
  EntryError,
  type ImportCheckpoint,
  type JournalLimits,
  type Loss,
} from '../journal/store.ts';
import { lossOf, type PlannedLoss, Unplaced } from './append-losses.ts';
import {
  type Completion,
  type HeldEntry,
  type JournalState,
  type PlacedEntry,
  placeKey,
  type TransactionState,
  type WritePlan,
} from './append-state.ts';
import { dayOf } from './partitions.ts';
import type { PreparedBatch, PreparedBegin, PreparedEnd, PreparedEntry } from './prepare.ts';

const MINUTE = 60_000_000;

/**
 * Decides what a group of batches writes, in call order. A batch that the journal refuses leaves nothing
 * behind and touches no other batch of the group.
 */
export function planAppend(
  batches: readonly PreparedBatch[],
  origins: ReadonlyMap<string, number>,
  state: JournalState,
  limits: JournalLimits,
): WritePlan {
  const group = new GroupPlan(origins, state, limits);
  const results = batches.map((batch) => {
    try {
      return group.add(batch);
    } catch (error) {
      if (error instanceof RepriseError) return error;
      throw error;
    }
  });
  return group.finish(results);
}

type Draft = Pick<WritePlan, 'entries' | 'completions' | 'losses'> & {
  readonly transactions: Map<string, TransactionState>;
  /** Entries of this batch by place: what a repetition within the batch is compared with. */
  readonly placed: Map<string, PreparedEntry>;
  position: bigint;
  commitSeq: bigint;
  duplicates: number;
  refused: number;
};

class GroupPlan {
  readonly #origins: ReadonlyMap<string, number>;
  readonly #state: JournalState;
  readonly #limits: JournalLimits;
  readonly #transactions = new Map<string, TransactionState>();
  readonly #placed = new Map<string, PreparedEntry>();
  readonly #entries: PlacedEntry[] = [];
  readonly #completions: Completion[] = [];
  readonly #losses: PlannedLoss[] = [];
  readonly #lossesAtEnd = new Map<string, readonly PlannedLoss[]>();
  readonly #checkpoints = new Map<string, ImportCheckpoint>();
  readonly #days: WritePlan['days'] = new Map();
  readonly #commitMinutes: WritePlan['commitMinutes'] = new Map();

  constructor(origins: ReadonlyMap<string, number>, state: JournalState, limits: JournalLimits) {
    this.#origins = origins;
    this.#state = state;
    this.#limits = limits;
  }

  /** Plans one batch. Throws without a trace when the journal refuses it. */
  add(batch: PreparedBatch): AppendResult {
    const arrival = this.#state.arrival + 1n;
    const draft: Draft = {
      entries: [],
      completions: [],
      losses: [],
      transactions: new Map(),
      placed: new Map(),
      position: this.#state.position,
      commitSeq: this.#state.commitSeq,
      duplicates: 0,
      refused: 0,
    };
    for (const begin of batch.begun) this.#begin(draft, begin);
    const imports = batch.checkpoint !== null;
    const unplaced = new Unplaced();
    for (const entry of batch.entries) {
      const list = imports ? this.#placeless(draft, entry, unplaced) : null;
      if (list) list.push(entry);
      else this.#enter(draft, entry, arrival);
    }
    for (const end of batch.ended) {
      if (imports && this.#isForgotten(draft, end.transactionId)) continue;
      if (imports && this.#endsOtherwise(draft, end)) unplaced.differingEnds.push(end);
      else this.#end(draft, end);
    }
    const lost = unplaced.losses();
    const checkpoint = this.#checkpoint(batch, draft, lost);

    // Nothing can be refused from here on.
    this.#state.arrival = arrival;
    this.#state.position = draft.position;
    this.#state.commitSeq = draft.commitSeq;
    for (const [id, transaction] of draft.transactions) {
      this.#noteCommit(id, transaction);
      this.#transactions.set(id, transaction);
    }
    for (const [key, entry] of draft.placed) this.#placed.set(key, entry);
    for (const placed of draft.entries) {
      this.#entries.push(placed);
      const day = dayOf(placed.entry.timestamp);
      const counted = this.#days.get(day);
      if (counted === undefined) this.#days.set(day, { entries: 1, maxArrival: arrival });
      else {
        counted.entries += 1;
        counted.maxArrival = arrival;
      }
    }
    this.#completions.push(...draft.completions);
    this.#losses.push(...draft.losses);
    if (checkpoint !== null) this.#checkpoints.set(checkpoint.importId, checkpoint);
    return {
      accepted: draft.entries.length,
      duplicates: draft.duplicates,
      refused: draft.refused + unplaced.entries,
      unplaced: lost,
      arrival,
    };
  }

  finish(results: readonly (AppendResult | RepriseError)[]): WritePlan {
    return {
      entries: this.#entries,
      transactions: this.#transactions,
      completions: this.#completions,
      losses: this.#losses,
      lossesAtEnd: this.#lossesAtEnd,
      checkpoints: this.#checkpoints,
      days: this.#days,
      commitMinutes: this.#commitMinutes,
      clock: { arrival: this.#state.arrival, position: this.#state.position, commitSeq: this.#state.commitSeq },
      results,
    };
  }

  #lookup(draft: Draft, id: string): TransactionState | undefined {
    return draft.transactions.get(id) ?? this.#transactions.get(id) ?? this.#state.transactions.get(id);
  }

  /** The state to change: a copy that only this batch sees. */
  #change(draft: Draft, id: string): TransactionState {
    const own = draft.transactions.get(id);
    if (own !== undefined) return own;
    const known = this.#lookup(draft, id);
    if (known === undefined) {
      throw new RepriseError('TRANSACTION_NOT_FOUND', `transaction ${id} is not in the journal: begin it first`);
    }
    const copy = { ...known };
    draft.transactions.set(id, copy);
    return copy;
  }

  #begin(draft: Draft, begin: PreparedBegin): void {
    if (this.#lookup(draft, begin.id) !== undefined) return;
    draft.position += 1n;
    draft.transactions.set(begin.id, {
      id: begin.id,
      position: draft.position,
      originId: this.#origins.get(begin.originKey) as number,
      startedAt: begin.startedAt,
      autocommit: begin.autocommit,
      status: 'OPEN',
      endedAt: null,
      commitSeq: null,
      entryCount: 0,
      byteCount: 0,
      refusedThrough: 0,
      firstTs: null,
      lastTs: null,
      fresh: true,
    });
  }

  /** An import that was cut off, or whose log has grown, does not begin again what it had begun. */
  #isForgotten(draft: Draft, id: string): boolean {
    return this.#state.hasEvicted && this.#lookup(draft, id) === undefined;
  }

  /**
   * Where an entry of an import goes that has no place; null: it has one. When the parser has changed, an import reads its log anew, and
   * may find other statements and ends of the same transactions: the journal keeps what it has, for a log that it refused would be
   * stuck for good.
   */
  #placeless(draft: Draft, entry: PreparedEntry, unplaced: Unplaced): PreparedEntry[] | null {
    const { transactionId, sequence, statement } = entry;
    if (this.#isForgotten(draft, transactionId)) return unplaced.forgotten;
    const known = this.#lookup(draft, transactionId);
    if (known === undefined) return null;
    const held = sequence <= known.entryCount ? this.#heldAt(draft, known, sequence) : undefined;
    const behind = sequence > Math.max(known.entryCount, known.refusedThrough);
    const differs = behind ? known.status !== 'OPEN' : held !== undefined && held.statement !== statement;
    return differs ? unplaced.differing : null;
  }

  #endsOtherwise(draft: Draft, { transactionId, status }: PreparedEnd): boolean {
    const known = this.#lookup(draft, transactionId)?.status ?? 'OPEN';
    return known !== 'OPEN' && known !== status;
  }

  #enter(draft: Draft, entry: PreparedEntry, arrival: bigint): void {
    const known = this.#lookup(draft, entry.transactionId);
    if (known !== undefined && entry.sequence <= known.entryCount) {
      this.#repeat(draft, entry, known);
      return;
    }
    if (known !== undefined && entry.sequence <= known.refusedThrough) {
      // Refused before, and counted as a loss then.
      draft.refused += 1;
      return;
    }
    if (known !== undefined && known.status !== 'OPEN') {
      throw new EntryError(
        'TRANSACTION_ENDED',
        `transaction ${known.id} is ${known.status}: sequence ${entry.sequence} cannot be added to it`,
        entry,
      );
    }
    const transaction = this.#change(draft, entry.transactionId);
    const next = Math.max(transaction.entryCount, transaction.refusedThrough) + 1;
    if (entry.sequence !== next) {
      throw new EntryError(
        'SEQUENCE_GAP',
        `transaction ${transaction.id}: sequence ${entry.sequence} is beyond the next, which is ${next}`,
        entry,
      );
    }
    const fits =
      transaction.refusedThrough === 0 &&
      transaction.entryCount < this.#limits.entriesPerTransaction &&
      transaction.byteCount + entry.bytes <= this.#limits.bytesPerTransaction;
    if (!fits) {
      transaction.refusedThrough = entry.sequence;
      draft.refused += 1;
      draft.losses.push(
        lossOf('REFUSED_TRANSACTION_TOO_LARGE', entry, `transaction ${transaction.id}`, transaction.id),
      );
      return;
    }
    transaction.entryCount += 1;
    transaction.byteCount += entry.bytes;
    transaction.firstTs = Math.min(transaction.firstTs ?? entry.timestamp, entry.timestamp);
    transaction.lastTs = Math.max(transaction.lastTs ?? entry.timestamp, entry.timestamp);
    draft.entries.push({ entry, position: transaction.position, arrival });
    draft.placed.set(placeKey(transaction.position, entry.sequence), entry);
    if (entry.altered)
      draft.losses.push(lossOf('TRUNCATED', entry, `transaction ${transaction.id} sequence ${entry.sequence}`, null));
  }

  /** What stands in a place; undefined where it was evicted. */
  #heldAt(draft: Draft, { position }: TransactionState, sequence: number): HeldEntry | undefined {
    const key = placeKey(position, sequence);
    const pending = draft.placed.get(key) ?? this.#placed.get(key);
    if (pending === undefined) return this.#state.held.get(key);
    const { timestamp, statement, outcome } = pending;
    return { timestamp, statement, outcomeKnown: outcome.status !== 'UNKNOWN' };
  }

  /** A place that the journal holds: the same text is a duplicate, and may bring an outcome that was unknown. */
  #repeat(draft: Draft, entry: PreparedEntry, transaction: TransactionState): void {
    const key = placeKey(transaction.position, entry.sequence);
    const held = this.#heldAt(draft, transaction, entry.sequence);
    draft.duplicates += 1;
    // Evicted: there is nothing left to compare with.
    if (held === undefined) return;
    if (held.statement !== entry.statement) {
      throw new EntryError(
        'SEQUENCE_CONFLICT',
        `transaction ${transaction.id} holds another statement at sequence ${entry.sequence}: give the new one the next sequence`,
        entry,
      );
    }
    if (held.outcomeKnown || entry.outcome.status === 'UNKNOWN') return;
    draft.completions.push({ position: transaction.position, timestamp: held.timestamp, entry });
    draft.placed.set(key, { ...entry, timestamp: held.timestamp });
  }

  #end(draft: Draft, end: PreparedEnd): void {
    const known = this.#lookup(draft, end.transactionId);
    if (known?.status === end.status) return;
    if (known !== undefined && known.status !== 'OPEN') {
      throw new RepriseError(
        'TRANSACTION_ENDED',
        `transaction ${known.id} is ${known.status} and cannot become ${end.status}`,
      );
    }
    const transaction = this.#change(draft, end.transactionId);
    transaction.status = end.status;
    transaction.endedAt = end.at;
    if (end.status === 'COMMITTED') {
      draft.commitSeq += 1n;
      transaction.commitSeq = draft.commitSeq;
    }
  }

  /** Takes the batch's losses and its checkpoint, unless the import had come this far before. */
  #checkpoint(batch: PreparedBatch, draft: Draft, unplaced: readonly Loss[]): ImportCheckpoint | null {
    const importId = batch.checkpoint?.importId ?? null;
    const before =
      importId === null ? undefined : (this.#checkpoints.get(importId) ?? this.#state.checkpoints.get(importId));
    const repeated =
      batch.checkpoint !== null && before !== undefined && batch.checkpoint.operations <= before.operations;
    const lost = repeated ? [] : [...batch.losses, ...unplaced];
    for (const given of lost) draft.losses.push({ ...given, importId, transactionId: null });
    if (batch.checkpoint === null) return null;
    if (batch.checkpoint.finished && isLaterEnd(batch.checkpoint, before)) {
      const { importId } = batch.checkpoint;
      this.#lossesAtEnd.set(
        importId,
        batch.lossesAtEnd.map((given) => ({ ...given, importId, transactionId: null })),
      );
    }
    return before !== undefined && batch.checkpoint.operations < before.operations ? null : batch.checkpoint;
  }

  #noteCommit(id: string, transaction: TransactionState): void {
    const before = this.#transactions.get(id) ?? this.#state.transactions.get(id);
    if (transaction.commitSeq === null || transaction.endedAt === null || before?.commitSeq === transaction.commitSeq)
      return;
    const minute = Math.floor(transaction.endedAt / MINUTE) * MINUTE;
    const noted = this.#commitMinutes.get(minute);
    if (noted === undefined)
      this.#commitMinutes.set(minute, { first: transaction.commitSeq, last: transaction.commitSeq });
    else {
      if (transaction.commitSeq < noted.first) noted.first = transaction.commitSeq;
      if (transaction.commitSeq > noted.last) noted.last = transaction.commitSeq;
    }
  }
}

/** Whether a log ends further behind than it did, or ends for the first time. */
function isLaterEnd(end: ImportCheckpoint, before: ImportCheckpoint | undefined): boolean {
  if (before === undefined || end.operations > before.operations) return true;
  return end.operations === before.operations && (end.bytes > before.bytes || !before.finished);
}
