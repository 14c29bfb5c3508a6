import type { Entry } from '../../journal/entry.ts';
import type { JournalStore } from '../../journal/store.ts';
import { transactionEffect } from '../../journal/transaction-effect.ts';
import { MAY_SET_PATH } from './search-path.ts';

/** What the record itself took back of what a page of it shows. */
export interface Undone {
  /**
   * Transactions that may have created, changed or restarted a sequence, or set a path, and were rolled back: it went back with
   * them. Where a database has deferrable keys, all that did not commit.
   */
  readonly transactions: ReadonlySet<string>;
  /** Whether DDL went back with its transaction, or to a savepoint of it. */
  has(entry: Pick<Entry, 'transactionId' | 'sequence'>): boolean;
}

type Journal = Pick<JournalStore, 'transactions' | 'transactionEntries'>;

/** Entries of a transaction, by sequence, from a savepoint to the ROLLBACK TO that went back to it, both left out. */
export type Span = readonly [after: number, before: number];

const CHANGES = /\b(?:restart|create|alter|drop)\b/i;
/** What sets a savepoint, at least: `ROLLBACK TO x` does not show the word. */
export const SAVEPOINT = /\bsavepoint\b/i;
const NOTHING: Undone = { transactions: new Set(), has: () => false };
/** Transactions with savepoints that are remembered from page to page. */
const MOST_REMEMBERED = 10_000;
/** Entries read at once of a transaction, and in all. */
const PAGE = 2_000;
const MOST_ENTRIES = 20_000;

/** Looks up, page by page, what the record undid. */
export class UndoneWork {
  private readonly journal: Journal;
  private readonly savepointed = new Set<string>();

  constructor(journal: Journal) {
    this.journal = journal;
  }

  /** @param isAsked whether a transaction's end counts, whatever it does */
  async of(entries: readonly Entry[], isAsked: (entry: Entry) => boolean): Promise<Undone> {
    const changing = new Set<string>();
    const asked = new Set<string>();
    for (const entry of entries) {
      const { transactionId, statement, statementType } = entry;
      if (CHANGES.test(statement) || MAY_SET_PATH.test(statement)) changing.add(transactionId);
      else if (isAsked(entry)) asked.add(transactionId);
      if ((statementType === 'TRANSACTION' || statementType === 'DDL') && SAVEPOINT.test(statement)) {
        if (this.savepointed.size >= MOST_REMEMBERED) this.savepointed.clear();
        this.savepointed.add(transactionId);
      }
    }
    if (changing.size + asked.size === 0) return NOTHING;
    const ids = [...new Set([...changing, ...asked])];
    const found = await this.journal.transactions(ids);
    const transactions = new Set(ids.filter((_, index) => found[index]?.status !== 'COMMITTED'));
    const spans = new Map<string, readonly Span[]>();
    for (const id of changing)
      if (this.savepointed.has(id) && !transactions.has(id)) spans.set(id, await backToSavepoints(this.journal, id));
    return {
      transactions,
      has: ({ transactionId, sequence }) =>
        transactions.has(transactionId) || isWithin(spans.get(transactionId) ?? [], sequence),
    };
  }
}

/** What ROLLBACK TO took back of a transaction. */
export async function backToSavepoints(
  journal: Pick<JournalStore, 'transactionEntries'>,
  transactionId: string,
): Promise<readonly Span[]> {
  const spans: Span[] = [];
  const savepoints: { readonly name: string; readonly at: number }[] = [];
  for (let after = 0, more = true; more && after < MOST_ENTRIES; ) {
    const page = await journal.transactionEntries(transactionId, after, PAGE);
    for (const { sequence, statement, outcome } of page.entries) {
      after = sequence;
      if (outcome.status === 'FAILED') continue;
      for (const effect of transactionEffect(statement)) {
        if (effect.kind === 'SAVEPOINT') savepoints.push({ name: effect.name, at: sequence });
        if (effect.kind !== 'ROLLBACK_TO' && effect.kind !== 'RELEASE') continue;
        const at = savepoints.findLastIndex(({ name }) => name === effect.name);
        if (at < 0) continue;
        if (effect.kind === 'ROLLBACK_TO') spans.push([savepoints[at]!.at, sequence]);
        savepoints.length = effect.kind === 'RELEASE' ? at : at + 1;
      }
    }
    more = page.hasMore;
  }
  return spans;
}

/** Whether the entry of that sequence was taken back. */
export function isWithin(spans: readonly Span[], sequence: number): boolean {
  return spans.some(([after, before]) => after < sequence && sequence < before);
}
