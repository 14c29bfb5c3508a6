import type { Entry } from '../journal/entry.ts';
import { isSingleStatement } from '../journal/sql-tokens.ts';
import type { TargetOutcome } from '../target/statement.ts';

/** Tags of statements that free locks, ROLLBACK TO SAVEPOINT among them, and also those that a chained transaction follows. */
const FREEING: ReadonlySet<string> = new Set(['COMMIT', 'ROLLBACK']);
/** Those that move a cursor on from a page. */
const MOVING = /^(?:FETCH|MOVE|CLOSE)\b/;

/** How a session stood before one of its statements. */
export interface Before {
  readonly inTransaction: boolean;
  /** It held something beyond its transactions, such as advisory locks. */
  readonly holds: boolean;
  /** The statement was stalled: others may have come to wait for what it took itself. */
  readonly stalled: boolean;
  /** A stalled session waits for a page. */
  readonly pageWaitedFor: boolean;
}

/** Whether a statement that has ended may have freed what others wait for. */
export function frees({ statement }: Entry, outcome: TargetOutcome, before: Before): boolean {
  if (FREEING.has(outcome.tag ?? '') || outcome.lost || before.holds) return true;
  // A transaction that fails gives its locks up at once.
  if (!outcome.ok || outcome.transactionStatus === 'I') return before.inTransaction || before.stalled;
  if (before.pageWaitedFor && MOVING.test(outcome.tag ?? '')) return true;
  // Of a string the tag tells the last statement only.
  return before.inTransaction && !isSingleStatement(statement);
}

/** Whether it may have ended a prepared transaction, whose locks are no backend's. */
export function endsPrepared({ statement }: Entry, { tag, lost }: TargetOutcome): boolean {
  return lost ? /prepared/i.test(statement) : (tag?.endsWith(' PREPARED') ?? false);
}
