import type { Entry, Micros } from '../journal/entry.ts';
import { isSingleStatement } from '../journal/sql-tokens.ts';
import { transactionEffect } from '../journal/transaction-effect.ts';

interface Commit<Owner> {
  readonly end: Micros;
  readonly by: Owner;
  done: boolean;
}

/**
 * Which ends of the record's transactions have happened on the target (`syncCommits`): a statement may start when
 * every transaction that had ended before it started has. A binary heap by recorded end, done ones dropped from
 * its top. `Owner`: whoever is to end them.
 */
export class CommitFrontier<Owner> {
  private readonly heap: Commit<Owner>[] = [];

  /**
   * A statement that ends a transaction was handed out; `end` is when the record had it ended. Call what is
   * returned when it ended on the target. Null: it ends none.
   */
  dispatched(end: Micros | null, by: Owner): (() => void) | null {
    if (end === null) return null;
    const commit: Commit<Owner> = { end, by, done: false };
    this.push(commit);
    return () => {
      commit.done = true;
    };
  }

  /** Whose end is the first that the record has before this time and that is not done; null when all are. */
  heldBy(start: Micros): Owner | null {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || first.end > start) return null;
      if (!first.done) return first.by;
      this.pop();
    }
  }

  private push(commit: Commit<Owner>): void {
    const { heap } = this;
    let at = heap.push(commit) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Commit<Owner>;
      if (above.end <= commit.end) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = commit;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop() as Commit<Owner>;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Commit<Owner>).end < (heap[child] as Commit<Owner>).end)
        child += 1;
      const below = heap[child] as Commit<Owner>;
      if (below.end >= last.end) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

/**
 * When the record had the entry's transaction ended; null when the entry ends none. Rollbacks and failures count
 * too: until they have ended on the target they hold locks that the record had given up. So does any statement
 * outside of a transaction: a SELECT may call what writes.
 */
export function transactionEnd(entry: Entry): Micros | null {
  const controls = entry.statementType === 'TRANSACTION' || !isSingleStatement(entry.statement);
  const effects = controls ? transactionEffect(entry.statement) : [];
  const ends = effects.some(({ kind }) => kind === 'COMMIT' || kind === 'ROLLBACK' || kind === 'PREPARE_TRANSACTION');
  const begins = effects.some(({ kind }) => kind === 'BEGIN');
  if (!ends && (begins || entry.sequence > 1)) return null;
  return entry.timestamp + Math.round((entry.durationMs ?? 0) * 1000);
}
