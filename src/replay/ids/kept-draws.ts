import type { JournalStore } from '../../journal/store.ts';
import type { EntryDraws } from './entry-draws.ts';

/** Keeps the draws of transactions that committed until the walk takes them; those of the others only counted. */
export class KeptDraws {
  private readonly journal: Pick<JournalStore, 'transactions'>;
  private readonly kept = new Map<string, { readonly commitSeq: bigint; readonly entries: Map<number, EntryDraws> }>();

  constructor(journal: Pick<JournalStore, 'transactions'>) {
    this.journal = journal;
  }

  /** Adds what one more page of the record shows, by transaction and sequence number. */
  async add(drawing: ReadonlyMap<string, Map<number, EntryDraws>>): Promise<void> {
    const unknown: string[] = [];
    for (const [id, entries] of drawing) {
      const known = this.kept.get(id);
      if (known === undefined) unknown.push(id);
      else for (const [sequence, draws] of entries) known.entries.set(sequence, draws);
    }
    if (unknown.length === 0) return;
    const transactions = await this.journal.transactions(unknown);
    unknown.forEach((id, index) => {
      const commitSeq = transactions[index]?.commitSeq ?? null;
      if (commitSeq !== null) this.kept.set(id, { commitSeq, entries: drawing.get(id)! });
      else for (const { draws } of drawing.get(id)!.values()) for (const { draw } of draws) draw.isLost = true;
    });
  }

  /** Those of a transaction, by sequence number; they are forgotten here. */
  take(transactionId: string): ReadonlyMap<number, EntryDraws> | null {
    const found = this.kept.get(transactionId);
    if (found === undefined) return null;
    this.kept.delete(transactionId);
    return found.entries;
  }

  /** Forgets transactions that committed before one that the walk has begun: it will not come to them. */
  forgetBefore(commitSeq: bigint): void {
    for (const [id, kept] of this.kept) if (kept.commitSeq < commitSeq) this.kept.delete(id);
  }
}
