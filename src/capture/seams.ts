import type { EntryKey } from '../journal/entry.ts';
import type { JournalBatch, JournalStore } from '../journal/store.ts';
import type { Continuation } from './operation-sink.ts';

/** Entries of one session that are read at once. */
const PAGE = 1000;
/** Transactions of a session, one after another, that the journal does not have, behind which it is taken for new to it. */
const NEW_BEHIND = 3;

/** A transaction, as this log tells it, of a session that began before the log did: it may be the rest of a longer one. */
export interface Seam extends Continuation {
  readonly transactionId: string;
  readonly nodeId: string;
  readonly sessionId: string;
}

/**
 * Leaves out what the journal has from an import that held the log before this one, too: there it is part of a whole
 * transaction, of another id, and would be replayed twice.
 */
export class Seams {
  readonly #store: Pick<JournalStore, 'page' | 'transactions'>;
  readonly #known = new Set<string>();
  /** Transactions that this import brings: a session may run one text twice in a millisecond. */
  readonly #brought = new Set<string>();
  /** What is new of a session, counted up to `NEW_BEHIND`, where it is settled. */
  readonly #unknown = new Map<string, number>();
  /** Entries left out. */
  entries = 0;

  constructor(store: Pick<JournalStore, 'page' | 'transactions'>) {
    this.#store = store;
  }

  /** @throws RepriseError STORE_UNAVAILABLE */
  async look(seams: readonly Seam[]): Promise<void> {
    for (const seam of seams) {
      const { transactionId, sessionId } = seam;
      const unknown = this.#unknown.get(sessionId) ?? 0;
      if (unknown >= NEW_BEHIND) continue;
      const where = await this.#whereIs(seam);
      (where === 'IN_ANOTHER' ? this.#known : this.#brought).add(transactionId);
      // From a transaction on that is whole, all are.
      this.#unknown.set(sessionId, where === 'ITSELF' ? NEW_BEHIND : where === 'NOWHERE' ? unknown + 1 : 0);
    }
  }

  without(batch: JournalBatch): JournalBatch {
    const known = this.#known;
    if (known.size === 0) return batch;
    const entries = (batch.entries ?? []).filter(({ transactionId }) => !known.has(transactionId));
    this.entries += (batch.entries?.length ?? 0) - entries.length;
    return {
      ...batch,
      entries,
      begun: (batch.begun ?? []).filter(({ id }) => !known.has(id)),
      ended: (batch.ended ?? []).filter(({ transactionId }) => !known.has(transactionId)),
    };
  }

  /** What is in another one that has not ended is kept: its end may be in no import but this. */
  async #whereIs({ transactionId, nodeId, sessionId, statement, from, to }: Seam) {
    const found = new Set([transactionId]);
    for (let after: EntryKey | null = null, hasMore = true; hasMore; ) {
      const page = await this.#store.page({ from, to }, { sessionIds: [sessionId] }, after, PAGE);
      for (const entry of page.entries) {
        const same = entry.statement === statement && entry.origin.nodeId === nodeId;
        if (same && !this.#brought.has(entry.transactionId)) found.add(entry.transactionId);
        after = entry;
      }
      hasMore = page.hasMore;
    }
    const [own, ...others] = await this.#store.transactions([...found]);
    if (own !== null) return 'ITSELF';
    return others.some((one) => one !== null && one.status !== 'OPEN') ? 'IN_ANOTHER' : 'NOWHERE';
  }
}
