import type { Loss, LossReason } from './store.ts';

/** What this process appended to the journal, counted as it became durable. */
export class AppendStatistics {
  #entries = 0;
  #evicted = 0;
  readonly #losses = new Map<LossReason, number>();

  /** Entries appended, without those that the journal held already. */
  get entries(): number {
    return this.#entries;
  }

  /** Entries that retention took away. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Statements or records that were counted as losses, by reason; those of retention are in `evicted`. */
  get losses(): ReadonlyMap<LossReason, number> {
    return this.#losses;
  }

  appended(entries: number, losses: readonly Pick<Loss, 'reason' | 'count'>[]): void {
    this.#entries += entries;
    for (const { reason, count } of losses) this.#losses.set(reason, (this.#losses.get(reason) ?? 0) + count);
  }

  evictedEntries(entries: number): void {
    this.#evicted += entries;
  }
}

/** How large the journal's database is, all processes that write to it together. */
export interface JournalSize {
  /** Entries kept, exactly. */
  readonly entries: number;
  /** Of entries, transactions and what belongs to them on disk, indexes included. */
  readonly journalBytes: number;
  /** Of the events and reports of replays on disk, indexes included. */
  readonly replayBytes: number;
}
