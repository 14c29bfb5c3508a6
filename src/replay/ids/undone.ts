import type { Entry } from '../../journal/entry.ts';
import type { JournalStore } from '../../journal/store.ts';
import { type TransactionEffect, transactionEffect } from '../../journal/transaction-effect.ts';
import type { Sequence } from './catalog.ts';
import type { StatementDraws } from './parts.ts';
import { MAY_SET_PATH } from './search-path.ts';

/** What the record itself took back of what a page of it shows. */
export interface Undone {
  /**
   * Transactions that may have created, changed or restarted a sequence, or set a path, and were rolled back: it went back with
   * them. Where a database has deferrable keys, or is given one, all that did not commit.
   */
  readonly transactions: ReadonlySet<string>;
  /** Whether what one of these did went back with its transaction, or to a savepoint of it. */
  has(entry: Pick<Entry, 'transactionId' | 'sequence'>): boolean;
}

type Journal = Pick<JournalStore, 'transactions' | 'transactionEntries'>;

/** Entries of a transaction, by sequence, from a savepoint to the ROLLBACK TO that went back to it, both left out. */
export type Span = readonly [after: number, before: number];

const CHANGES = /\b(?:restart|create|alter|drop)\b/i;
const DEFERS = /\bdefer(?:rable|red)\b/i;
/** What sets a savepoint, at least: `ROLLBACK TO x` does not show the word. */
export const SAVEPOINT = /\bsavepoint\b/i;
const NOTHING: Undone = { transactions: new Set(), has: () => false };
/** Transactions with savepoints that are remembered from page to page. */
const MOST_REMEMBERED = 10_000;
/** Entries read at once of a transaction, and in all. */
const PAGE = 2_000;
const MOST_ENTRIES = 20_000;
/** Transactions looked at at once: drivers that set a savepoint in each make them hundreds a page. */
const AT_ONCE = 4;

/** Looks up, page by page, what the record undid. */
export class UndoneWork {
  private readonly journal: Journal;
  private readonly savepointed = new Set<string>();
  /** Sequences that transactions have restarted and that will go back to where they stood before. */
  private readonly restarted = new Map<string, Set<Sequence>>();

  constructor(journal: Journal) {
    this.journal = journal;
  }

  /** @param isAsked whether a transaction's end counts, whatever it does */
  async of(entries: readonly Entry[], isAsked: (entry: Entry) => boolean): Promise<Undone> {
    const changing = new Set<string>();
    const asked = new Set<string>();
    // It may make the first such key.
    const defers = entries.some(({ statement }) => DEFERS.test(statement));
    for (const entry of entries) {
      const { transactionId, statement, statementType } = entry;
      if (CHANGES.test(statement) || MAY_SET_PATH.test(statement)) changing.add(transactionId);
      else if (defers || isAsked(entry)) asked.add(transactionId);
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
    const going = ids.filter((id) => this.savepointed.has(id) && !transactions.has(id));
    for (let at = 0; at < going.length; at += AT_ONCE) {
      const looks = going.slice(at, at + AT_ONCE).map(async (id) => {
        spans.set(id, await backToSavepoints(this.journal, id));
      });
      await Promise.all(looks);
    }
    return {
      transactions,
      has: ({ transactionId, sequence }) =>
        transactions.has(transactionId) || isWithin(spans.get(transactionId) ?? [], sequence),
    };
  }

  /** A statement is next: with one that goes back, sequences stand again where they stood before they were restarted. */
  follow({ transactionId, statement, statementType }: Entry): void {
    if (statementType !== 'TRANSACTION' || !this.restarted.has(transactionId)) return;
    const goesOn = ({ kind }: TransactionEffect) => kind === 'SAVEPOINT' || kind === 'RELEASE' || kind === 'NONE';
    if (!transactionEffect(statement).every(goesOn)) this.restarted.delete(transactionId);
  }

  /** What a statement draws and changes that its transaction did not take back. */
  lasting(
    entry: Entry,
    { parts, changes }: Pick<StatementDraws, 'parts' | 'changes'>,
    undone: Undone,
  ): Pick<StatementDraws, 'parts' | 'changes'> {
    const { transactionId, outcome } = entry;
    const isUndone = changes.length > 0 && undone.has(entry);
    if (isUndone && outcome.status !== 'FAILED') {
      const restarted = this.restarted.get(transactionId) ?? new Set<Sequence>();
      for (const { sequence, transactional } of changes) if (transactional) restarted.add(sequence);
      if (restarted.size > 0) this.restarted.set(transactionId, restarted);
      const [oldest] = this.restarted.keys();
      if (this.restarted.size > MOST_REMEMBERED && oldest !== undefined) this.restarted.delete(oldest);
    }
    const restarted = this.restarted.get(transactionId);
    return {
      parts: restarted === undefined ? parts : parts.filter(({ sequence }) => !restarted.has(sequence!)),
      // What is set behind a restart is set in the place that goes with it.
      changes: isUndone
        ? changes.filter(({ sequence, transactional }) => !transactional && restarted?.has(sequence) !== true)
        : changes,
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
