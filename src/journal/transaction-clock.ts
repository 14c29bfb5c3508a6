import type { EntryPlace, Micros } from './entry.ts';
import type { JournalStore } from './store.ts';
import type { Transaction } from './transaction.ts';

/** What the clocks of two hosts may differ by without a word, in microseconds. */
const TOLERATED = 1_000_000;

/**
 * Keeps the entries of a transaction in the order of their places, whatever times they are given: a replay goes by time,
 * and a statement that is sent ahead of its BEGIN is not in the transaction.
 */
export class TransactionClock {
  private readonly store: JournalStore;
  private readonly most: number;
  private readonly newest = new Map<string, { readonly sequence: number; readonly at: Micros }>();
  private readonly back = new Set<string>();

  /** `most`: transactions of which it remembers the newest entry; of others it asks the store. */
  constructor(store: JournalStore, most: number) {
    this.store = store;
    this.most = most;
  }

  /** When the entry that is about to be appended began: at the given time, or with the entry ahead of it where that is later. */
  async at(transaction: Transaction, sequence: number, given: Micros): Promise<Micros> {
    const earliest = await this.earliest(transaction, sequence);
    const key = keyOf({ transactionId: transaction.id, sequence });
    this.back.delete(key);
    if (earliest - given > TOLERATED) this.back.add(key);
    if (this.back.size > this.most) this.back.delete(this.back.keys().next().value as string);
    const at = Math.max(given, earliest);
    this.remember(transaction.id, sequence, at);
    return at;
  }

  /** An entry that the journal holds, or is about to. */
  remember(transactionId: string, sequence: number, at: Micros): void {
    this.newest.delete(transactionId);
    this.newest.set(transactionId, { sequence, at });
    if (this.newest.size > this.most) this.newest.delete(this.newest.keys().next().value as string);
  }

  /** Entries that were not appended after all: refused, or held before, perhaps with another time. */
  forget(entries: readonly EntryPlace[]): void {
    for (const { transactionId } of entries) this.newest.delete(transactionId);
  }

  /** Whether the time that was given for this place lay more than a second ahead of that of the entry before it. */
  wentBack(place: EntryPlace): boolean {
    return this.back.has(keyOf(place));
  }

  private async earliest({ id, lastSequence }: Transaction, sequence: number): Promise<Micros> {
    const known = this.newest.get(id);
    if (known?.sequence === sequence - 1) return known.at;
    if (sequence < 2 || sequence > lastSequence + 1) return 0;
    const { entries } = await this.store.transactionEntries(id, sequence - 2, 1);
    return entries[0]?.sequence === sequence - 1 ? entries[0].timestamp : 0;
  }
}

function keyOf({ transactionId, sequence }: EntryPlace): string {
  return `${transactionId}/${sequence}`;
}
