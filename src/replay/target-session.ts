import type { Entry } from '../journal/entry.ts';
import { splitStatements } from '../journal/sql-tokens.ts';
import { isPlainCommit, type TransactionEffect, transactionEffect } from '../journal/transaction-effect.ts';
import type { TargetConnection } from '../target/connection.ts';
import { isCascade } from '../target/sqlstate.ts';
import type { Plan, PlannedSession } from './plan.ts';
import { SessionMemory } from './session-memory.ts';

/** One recorded session on the target (or one copy of it). */
export class TargetSession {
  readonly planned: PlannedSession;
  readonly copy: number;
  readonly memory = new SessionMemory();
  connection: TargetConnection | null = null;
  /** Planned entries of this copy not yet reported on. */
  remaining: number;
  /** A recorded transaction whose rest cannot be replayed because its connection went. */
  lostTransaction: string | null = null;
  /** Recorded transaction of the last statement sent, to notice one that begins in the middle. */
  transactionId: string | null = null;
  /** When it was last used, for giving connections back; any increasing number. */
  usedAt = 0;
  /** When it last got a place for a connection, and its login began; `performance.now()`. */
  placedAt = 0;
  /** True while it has such a place and is being let in. */
  isPlaced = false;
  /** Its connection was lost, and it has had no other since. */
  wasLost = false;
  /** Resolves when the backend of the connection that was lost last has gone, or is not to be waited for any longer. */
  backendEnds: Promise<void> | null = null;
  /** PREPAREs that wait on its connection for a lock, and are to be sent there ahead of its next statement. */
  unmade: string[] = [];
  /** Called when its connection was lost and every statement on it has its outcome, with the process id that its backend had. */
  onLost: ((processId: number) => void) | null = null;
  /** Under way: its connection being opened, or its end. */
  opening: Promise<TargetConnection> | null = null;
  ending: Promise<void> | null = null;
  /** Recorded transaction that has sent a statement which may write. */
  private writer: string | null = null;
  /** Where the statement before has chained a transaction: the connection that has begun that, null where it was not sent. */
  private chained: { readonly by: TargetConnection | null } | null = null;
  /** The last statement that began a transaction, with its modes, which those that are chained to it share. */
  private begin: string | null = null;
  private recordedTransaction: string | null = null;
  private recordedFailed = false;

  constructor(planned: PlannedSession, copy: number) {
    this.planned = planned;
    this.copy = copy;
    this.remaining = planned.remaining;
  }

  /**
   * Follows the record, entry by entry in order: true when the entry's transaction had failed there before it,
   * and was not rolled back to a savepoint since.
   */
  recordedAborted(entry: Entry): boolean {
    if (entry.transactionId !== this.recordedTransaction) {
      this.recordedTransaction = entry.transactionId;
      this.recordedFailed = false;
    }
    const before = this.recordedFailed;
    if (entry.outcome.status === 'FAILED') this.recordedFailed = true;
    else if (before && entry.statementType === 'TRANSACTION' && rollsBackToSavepoint(entry.statement))
      this.recordedFailed = false;
    return before;
  }

  /**
   * Follows what is about to be sent: true for a COMMIT of a transaction that may have written, which is worth a
   * question ahead of it. The same answer when asked again.
   */
  commitsWrites(entry: Pick<Entry, 'statement' | 'statementType' | 'transactionId'>): boolean {
    const type = entry.statementType;
    if (type === 'TRANSACTION') return this.writer === entry.transactionId && isPlainCommit(entry.statement);
    if (type !== 'SELECT' && type !== 'SET') this.writer = entry.transactionId;
    return false;
  }

  /** Follows the record, entry by entry in order: the entry is being sent on this connection, or not at all (null). */
  follow({ statement, statementType, outcome }: Entry, by: TargetConnection | null): void {
    this.chained = null;
    if (statementType !== 'TRANSACTION' || outcome.status === 'FAILED') return;
    const effects = transactionEffect(statement);
    if (effects.some(({ kind }) => kind === 'BEGIN')) this.begin = effects.length === 1 ? statement : null;
    if (chains(effects)) this.chained = { by };
  }

  /**
   * True for the first entry that is sent of a transaction which nothing has begun on this connection: its BEGIN, or what it was
   * chained to, is not in the plan, or it was chained to the one before, and that was on a connection that has gone, or has
   * failed. Of one that is still under way nobody knows.
   */
  needsBegin({ transactionId, sequence }: Entry, connection: TargetConnection, plan: Pick<Plan, 'isChained'>): boolean {
    if (this.transactionId === transactionId) return false;
    if (this.chained === null) return sequence > 1 || plan.isChained(transactionId);
    return this.chained.by !== connection || (connection.inFlight === 0 && connection.transactionStatus === 'I');
  }

  /**
   * True where an entry that is not sent must fail its transaction on the target all the same: it failed in the record, and what
   * that refused from then on would go through here, and be committed.
   */
  failsUnsent({ outcome, sequence }: Entry): boolean {
    return outcome.status === 'FAILED' && (sequence > 1 || this.chained !== null);
  }

  /**
   * True for an entry that the record refused, or a COMMIT that rolled back there, because the transaction had failed by a statement
   * that is not in the plan (it lies before the window, was filtered away, or the log does not tell it): the transaction has to be
   * failed ahead of it. `aborted`: what `recordedAborted` says.
   */
  failedUnplanned(entry: Entry, aborted: boolean, plan: Pick<Plan, 'rollsBack'>): boolean {
    const { outcome } = entry;
    if (aborted) return false;
    return outcome.status === 'FAILED' ? isCascade(outcome.sqlstate) : plan.rollsBack(entry);
  }

  /** What begins the transaction of such an entry. */
  beginOf({ transactionId }: Entry, plan: Pick<Plan, 'beginOf'>): string {
    // A chain has the modes of what began it.
    const text = plan.beginOf(transactionId) ?? (this.chained === null ? null : this.begin) ?? 'BEGIN';
    // Savepoints that are set again behind it are of this transaction alone.
    this.begin = splitStatements(text)[0] ?? 'BEGIN';
    return text;
  }

  /**
   * Of the time since, in which it waited for its connection: true when most of it went into the login, and not into the wait
   * for a place among `maxConnections`.
   */
  waitedForLogin(since: number): boolean {
    const placedAt = Math.max(since, this.placedAt);
    return performance.now() - placedAt >= placedAt - since;
  }

  /** True while its connection must stay with it. */
  get mustKeep(): boolean {
    const { connection } = this;
    if (connection === null) return false;
    return connection.inFlight > 0 || connection.transactionStatus !== 'I' || this.memory.holdsConnection;
  }
}

/** One name for a copy of a session. */
export function copyKey(key: string, copy: number): string {
  return copy === 0 ? key : `${key}\u0000${copy}`;
}

function chains(effects: readonly TransactionEffect[]): boolean {
  const last = effects.findLast(({ kind }) => kind !== 'NONE');
  return (last?.kind === 'COMMIT' || last?.kind === 'ROLLBACK') && last.chain;
}

/** True for ROLLBACK TO SAVEPOINT. */
export function rollsBackToSavepoint(text: string): boolean {
  return transactionEffect(text).some((effect) => effect.kind === 'ROLLBACK_TO');
}
