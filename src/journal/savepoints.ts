import type { Entry } from './entry.ts';
import { bad } from './recording.ts';
import { cutName } from './sql-tokens.ts';
import { transactionEffect } from './statement-type.ts';
import type { JournalStore } from './store.ts';

/** A savepoint that stands: its name, and the place of the statement that set it. */
export interface Savepoint {
  readonly name: string;
  readonly setAt: number;
}

const PAGE = 1000;
/** What a statement must hold to set, release or return to a savepoint, or to end a transaction inside a string. */
const MAY_MATTER = /savepoint|release|rollback|abort/i;

/**
 * The savepoint's name as a quoted identifier.
 * @throws RepriseError BAD_INPUT for a name that no server takes
 */
export function quoteSavepoint(name: string): string {
  if (name === '') throw bad('name', 'must not be empty');
  if (name.includes('\0')) throw bad('name', 'holds U+0000, which PostgreSQL text cannot');
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Applies one entry to the savepoints that stood before it, newest last (J5 of `docs/journal.md`): rolling back
 * to one keeps it and removes those after it, releasing one removes it too. What failed changed nothing.
 */
export function applySavepoints(standing: Savepoint[], entry: Pick<Entry, 'statement' | 'sequence' | 'outcome'>): void {
  if (entry.outcome.status === 'FAILED' || !MAY_MATTER.test(entry.statement)) return;
  for (const effect of transactionEffect(entry.statement)) {
    if (effect.kind === 'SAVEPOINT') standing.push({ name: effect.name, setAt: entry.sequence });
    else if (effect.kind === 'ROLLBACK_TO' || effect.kind === 'RELEASE') {
      const at = standing.findLastIndex(({ name }) => name === effect.name);
      if (at >= 0) standing.length = effect.kind === 'RELEASE' ? at : at + 1;
    }
  }
}

/** Finds savepoints by reading a transaction's entries; remembers how far it has read the newest transactions. */
export class SavepointTracker {
  private readonly store: JournalStore;
  private readonly most: number;
  private readonly known = new Map<string, { through: number; readonly standing: Savepoint[] }>();

  constructor(store: JournalStore, most: number) {
    this.store = store;
    this.most = most;
  }

  /** Place of the newest savepoint of that name just before statement `sequence`; null when none stands. */
  async find(transactionId: string, name: string, sequence: number): Promise<number | null> {
    const remembered = this.known.get(transactionId);
    const state = remembered !== undefined && remembered.through < sequence ? remembered : { through: 0, standing: [] };
    this.forget(transactionId);
    let hasMore = true;
    while (hasMore && state.through < sequence - 1) {
      const page = await this.store.transactionEntries(
        transactionId,
        state.through,
        Math.min(PAGE, sequence - 1 - state.through),
      );
      for (const entry of page.entries) {
        applySavepoints(state.standing, entry);
        state.through = entry.sequence;
      }
      hasMore = page.hasMore && page.entries.length > 0;
    }
    this.known.set(transactionId, state);
    if (this.known.size > this.most) this.known.delete(this.known.keys().next().value as string);
    const kept = cutName(name);
    return state.standing.findLast((savepoint) => savepoint.name === kept)?.setAt ?? null;
  }

  forget(transactionId: string): void {
    this.known.delete(transactionId);
  }
}
