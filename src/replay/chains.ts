import { compareEntryKeys, type Entry, type EntryKey, type Micros } from '../journal/entry.ts';
import { isSingleStatement } from '../journal/sql-tokens.ts';
import type { JournalStore } from '../journal/store.ts';
import { transactionEffect } from '../journal/transaction-effect.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import { sessionKey } from './session-key.ts';

const PAGE = 2_000;
/**
 * How far before a transaction the BEGIN of its chain is looked for, step by step: what ran there is read past, and a client
 * that chains all it does has begun once, days ago. Microseconds.
 */
const LOOK_BACK: readonly Micros[] = [1_000_000, 60_000_000, 3_600_000_000];

/**
 * The transactions of a plan that `COMMIT AND CHAIN` began outside of it, or that begin in the record without a BEGIN: their
 * first statement does not tell them from one outside of a transaction.
 */
export class ChainedOutside {
  private readonly journal: JournalStore;
  /** What comes before an entry of its session may not be planned, wherever it stands. */
  private readonly hasGaps: boolean;
  /** Sessions of which entries were met: what comes next is planned behind them. */
  private readonly met = new Set<string>();
  private readonly begins = new Map<string, string>();

  /** `filter`: that of the plan. */
  constructor(journal: JournalStore, filter: EntryFilter) {
    this.journal = journal;
    this.hasGaps = filter.transactionIds !== undefined || filter.applications !== undefined;
  }

  /** Meets entries of the plan, in its order, each before it is sent. */
  async meet(entries: readonly Entry[]): Promise<void> {
    const asked = entries.filter((entry) => this.mayBeOne(entry));
    if (asked.length === 0) return;
    const transactions = await this.journal.transactions(asked.map(({ transactionId }) => transactionId));
    const chained = asked.filter((_, index) => transactions[index]?.autocommit === false);
    const begins = await beginsOfChains(this.journal, chained);
    for (const { transactionId } of chained) this.begins.set(transactionId, begins.get(transactionId) ?? 'BEGIN');
  }

  /** The statement that begins such a transaction, with the modes of its chain; null for any other. */
  beginOf(transactionId: string): string | null {
    return this.begins.get(transactionId) ?? null;
  }

  private mayBeOne({ origin, sequence, statement }: Entry): boolean {
    const { size } = this.met;
    const isFirst = this.hasGaps || this.met.add(sessionKey(origin)).size > size;
    return isFirst && sequence === 1 && transactionEffect(statement).every(({ kind }) => kind !== 'BEGIN');
  }
}

/** The first entry of a chained transaction: all of it that its chain is found by. */
export type ChainedEntry = EntryKey & Pick<Entry, 'transactionId' | 'origin'>;

/**
 * The BEGIN, with its modes, that the chain of each of these transactions goes back to, by transaction; `chained` are their first
 * entries. What begins more than an hour before has none.
 */
export async function beginsOfChains(
  journal: JournalStore,
  chained: readonly ChainedEntry[],
): Promise<ReadonlyMap<string, string>> {
  const begins = new Map<string, string>();
  let sought = chained;
  const first = Math.min(...chained.map(({ timestamp }) => timestamp));
  let to = Math.max(...chained.map(({ timestamp }) => timestamp));
  for (const back of LOOK_BACK) {
    if (sought.length === 0) break;
    const window = { from: Math.max(0, first - back), to };
    const found = await newestBegins(journal, window, sought);
    for (const [id, begin] of found) if (isSingleStatement(begin)) begins.set(id, begin);
    sought = sought.filter(({ transactionId }) => !found.has(transactionId));
    to = window.from - 1;
    if (to < 0) break;
  }
  return begins;
}

/** The last statement in the window that begins a transaction ahead of each of these entries, in its session. */
async function newestBegins(
  journal: JournalStore,
  window: Window,
  chained: readonly ChainedEntry[],
): Promise<ReadonlyMap<string, string>> {
  const bySession = new Map<string, ChainedEntry[]>();
  for (const one of chained) {
    const key = sessionKey(one.origin);
    bySession.set(key, [...(bySession.get(key) ?? []), one]);
  }
  const sessionIds = [...new Set(chained.map(({ origin }) => origin.sessionId))];
  const filter: EntryFilter = { sessionIds, statementTypes: ['TRANSACTION'], outcome: 'SUCCEEDED' };
  const found = new Map<string, string>();
  for (let after: Entry | null = null; ; ) {
    const page = await journal.page(window, filter, after, PAGE);
    for (const entry of page.entries) {
      if (transactionEffect(entry.statement).every(({ kind }) => kind !== 'BEGIN')) continue;
      for (const one of bySession.get(sessionKey(entry.origin)) ?? [])
        if (compareEntryKeys(entry, one) < 0) found.set(one.transactionId, entry.statement);
    }
    after = page.entries.at(-1) ?? null;
    if (!page.hasMore || after === null) return found;
  }
}
