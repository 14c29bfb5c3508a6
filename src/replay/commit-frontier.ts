import type { Entry, Micros } from '../journal/entry.ts';
import { isSingleStatement } from '../journal/sql-tokens.ts';
import { transactionEffect } from '../journal/transaction-effect.ts';

interface Commit {
  readonly end: Micros;
  done: boolean;
}

/**
 * Which ends of the record's transactions have happened on the target (`syncCommits`): a statement may start when
 * every transaction that had ended before it started has. A binary heap by recorded end, done ones dropped from
 * its top.
 */
export class CommitFrontier {
  private readonly heap: Commit[] = [];

  /**
   * A statement that ends a transaction was handed out; `end` is when the record had it ended. Call what is
   * returned when it ended on the target. Null: it ends none.
   */
  dispatched(end: Micros | null): (() => void) | null {
    if (end === null) return null;
    const commit: Commit = { end, done: false };
    this.push(commit);
    return () => {
      commit.done = true;
    };
  }

  /** True when every end that the record has before this time is done. */
  passed(start: Micros): boolean {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || first.end > start) return true;
      if (!first.done) return false;
      this.pop();
    }
  }

  private push(commit: Commit): void {
    const { heap } = this;
    let at = heap.push(commit) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Commit;
      if (above.end <= commit.end) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = commit;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop() as Commit;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Commit).end < (heap[child] as Commit).end) child += 1;
      const below = heap[child] as Commit;
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
