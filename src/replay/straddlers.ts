import { RepriseError } from '../errors.ts';
import type { Entry } from '../journal/entry.ts';
import { readPlaces } from '../journal/entry-places.ts';
import { applySavepoints, quoteSavepoint, type Savepoint } from '../journal/savepoints.ts';
import { isSingleStatement } from '../journal/sql-tokens.ts';
import type { JournalStore } from '../journal/store.ts';
import type { Transaction } from '../journal/transaction.ts';
import { transactionEffect } from '../journal/transaction-effect.ts';
import type { Value } from '../journal/value.ts';
import type { EntryFilter, Window } from '../journal/window.ts';
import { beginsOfChains, type ChainedEntry } from './chains.ts';

const MOST_ENTRIES = 100_000;
const MOST_CHARACTERS = 32 * 1024 * 1024;
const PAGE = 500;

/** What transactions that straddle the window did outside of it. In memory until the walk comes to it, and so bounded. */
export class OutsideEntries {
  readonly before: Entry[] = [];
  readonly after: Entry[] = [];
  private readonly window: Window;
  private characters = 0;

  constructor(window: Window) {
    this.window = window;
  }

  /**
   * Keeps the entry and gives true unless it lies in the window.
   * @throws RepriseError LIMIT_EXCEEDED
   */
  take(entry: Entry): boolean {
    if (entry.timestamp < this.window.from) this.before.push(entry);
    else if (entry.timestamp > this.window.to) this.after.push(entry);
    else return false;
    this.characters += entry.statement.length + entry.parameters.reduce((sum, value) => sum + sizeOf(value), 0);
    if (this.before.length + this.after.length > MOST_ENTRIES) throw tooMuch(`more than ${MOST_ENTRIES} entries`);
    if (this.characters > MOST_CHARACTERS) throw tooMuch(`statements of more than ${MOST_CHARACTERS} characters`);
    return true;
  }
}

function tooMuch(what: string): RepriseError {
  return new RepriseError(
    'LIMIT_EXCEEDED',
    `${what} of transactions that straddle the window lie outside of it: widen the window or use edges CUT`,
    { path: ['input', 'edges'] },
  );
}

function sizeOf(value: Value): number {
  switch (value.kind) {
    case 'text':
    case 'bytes':
      return value.value.length;
    case 'array':
      return value.items.reduce((sum, item) => sum + sizeOf(item), 0);
    default:
      return 8;
  }
}

/**
 * What begins the transactions that began before the window: their BEGIN, with its modes, of a chained one that of its chain; and
 * behind it the savepoints that stand where the window begins, which statements in it release or go back to.
 */
export async function readBegins(
  journal: JournalStore,
  straddlers: readonly Transaction[],
  window: Window,
): Promise<Map<string, string>> {
  const begins = new Map<string, string>();
  const cut = straddlers.filter((transaction) => transaction.startedAt <= window.from);
  for (let at = 0; at < cut.length; at += PAGE) {
    const places = cut.slice(at, at + PAGE).map(({ id }) => ({ transactionId: id, sequence: 1 }));
    const chained: ChainedEntry[] = [];
    await readPlaces(journal, places, (entry) => {
      if (entry === null) return;
      const { transactionId, statement, origin, timestamp, position, sequence } = entry;
      if (transactionEffect(statement).every(({ kind }) => kind !== 'BEGIN'))
        chained.push({ transactionId, origin, timestamp, position, sequence });
      else if (isSingleStatement(statement)) begins.set(transactionId, statement);
    });
    for (const [id, begin] of await beginsOfChains(journal, chained)) begins.set(id, begin);
    for (const [id, standing] of await savepointsBefore(journal, cut.slice(at, at + PAGE), window)) {
      const setting = standing.map(({ name }) => `; SAVEPOINT ${quoteSavepoint(name)}`);
      const begin = begins.get(id) ?? 'BEGIN';
      // Behind a comment that the line's end closes.
      if (standing.length > 0) begins.set(id, `${begin}${begin.includes('--') ? '\n' : ''}${setting.join('')}`);
    }
  }
  return begins;
}

/** The savepoints of these transactions that stand where the window begins, by transaction. */
async function savepointsBefore(
  journal: JournalStore,
  transactions: readonly Transaction[],
  window: Window,
): Promise<ReadonlyMap<string, readonly Savepoint[]>> {
  const found = new Map<string, Savepoint[]>();
  const from = Math.min(...transactions.map(({ startedAt }) => startedAt));
  if (from >= window.from) return found;
  const filter: EntryFilter = { transactionIds: transactions.map(({ id }) => id), statementTypes: ['TRANSACTION'] };
  for (let after: Entry | null = null; ; ) {
    const page = await journal.page({ from, to: window.from - 1 }, filter, after, PAGE);
    for (const entry of page.entries) {
      const standing = found.get(entry.transactionId) ?? [];
      applySavepoints(standing, entry);
      found.set(entry.transactionId, standing);
    }
    after = page.entries.at(-1) ?? null;
    if (!page.hasMore || after === null) return found;
  }
}

/** How many entries of a transaction lie in the window. */
export async function countInside(
  journal: JournalStore,
  window: Window,
  filter: EntryFilter,
  transaction: Transaction,
): Promise<number> {
  const ids = { ...filter, transactionIds: [transaction.id] };
  const spans = await journal.sessionSpans(window, ids);
  return spans.reduce((sum, span) => sum + span.entries, 0);
}

/** All entries of a transaction by sequence, page by page. */
export async function* entriesOf(journal: JournalStore, transactionId: string): AsyncGenerator<Entry> {
  let after = 0;
  for (;;) {
    const page = await journal.transactionEntries(transactionId, after, PAGE);
    yield* page.entries;
    const last = page.entries.at(-1);
    if (!page.hasMore || last === undefined) return;
    after = last.sequence;
  }
}
