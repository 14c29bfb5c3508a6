import { compareEntryKeys, type Entry, type EntryKey, type Micros } from '../journal/entry.ts';
import { isSingleStatement } from '../journal/sql-tokens.ts';
import type { JournalStore, TransactionWithEntries } from '../journal/store.ts';
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

/** What the chain of a session was found to go back to, by its latest transaction that was asked about; null: to no BEGIN that is known. */
interface FoundBegin {
  readonly timestamp: Micros;
  readonly begin: string | null;
}

/** What chained transactions go back to in COMMIT ordering, which meets whole transactions and none that rolled back in between. */
export class ChainsInCommitOrder {
  private readonly journal: JournalStore;
  private page: readonly TransactionWithEntries[] = [];
  private begins: ReadonlyMap<string, string> | null = null;
  /** By session: the next page goes on from there, and looks no further back. */
  private readonly found = new Map<string, FoundBegin>();

  constructor(journal: JournalStore) {
    this.journal = journal;
  }

  /** The walk comes to these next. That costs nothing: the journal is asked once one of them turns out to be chained, for all. */
  meet(page: readonly TransactionWithEntries[]): void {
    this.page = page;
    this.begins = null;
  }

  /** The BEGIN, with its modes, that a chained transaction of the page goes back to. */
  async beginOf(transactionId: string): Promise<string> {
    this.begins ??= await this.read(this.page.filter(isChained).map(({ entries }) => entries[0] as Entry));
    return this.begins.get(transactionId) ?? 'BEGIN';
  }

  private async read(chained: readonly Entry[]): Promise<ReadonlyMap<string, string>> {
    const begins = await beginsOfChains(this.journal, chained, this.found);
    for (const { transactionId, origin, timestamp } of chained) {
      const key = sessionKey(origin);
      if (timestamp < (this.found.get(key)?.timestamp ?? timestamp)) continue;
      this.found.set(key, { timestamp, begin: begins.get(transactionId) ?? null });
    }
    return begins;
  }
}

/** True for a transaction that AND CHAIN has begun: it is none of one statement, and has no BEGIN of its own. */
export function isChained({ transaction, entries }: TransactionWithEntries): boolean {
  const [first] = entries;
  if (transaction.autocommit || first === undefined || first.sequence > 1) return false;
  return transactionEffect(first.statement).every(({ kind }) => kind !== 'BEGIN');
}

/** The first entry of a chained transaction: all of it that its chain is found by. */
export type ChainedEntry = EntryKey & Pick<Entry, 'transactionId' | 'origin'>;

/**
 * The BEGIN, with its modes, that the chain of each of these transactions goes back to, by transaction; `chained` are their first
 * entries. What begins more than an hour before has none. `known`: by session, what an earlier transaction was found to go back to.
 */
export async function beginsOfChains(
  journal: JournalStore,
  chained: readonly ChainedEntry[],
  known: ReadonlyMap<string, FoundBegin> = NONE_KNOWN,
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
    sought = sought.filter(({ transactionId, origin, timestamp }) => {
      if (found.has(transactionId)) return false;
      const before = known.get(sessionKey(origin));
      if (before === undefined || before.timestamp > timestamp || before.timestamp < window.from) return true;
      // No other has begun since.
      if (before.begin !== null) begins.set(transactionId, before.begin);
      return false;
    });
    to = window.from - 1;
    if (to < 0) break;
  }
  return begins;
}

const NONE_KNOWN: ReadonlyMap<string, FoundBegin> = new Map();

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
