import type { Micros } from '../journal/entry.ts';
import type { TransactionEnd } from '../journal/transaction.ts';
import type { LogRecord } from './log-record.ts';
import type { OperationSink } from './operation-sink.ts';
import type { OpenTransaction, PendingStatement, Session } from './session.ts';
import type { StatementFacts } from './statement-facts.ts';

/** Follows what statements do to the transactions of their sessions, and reports the ends. */
export class TransactionTracker {
  readonly #sink: OperationSink;
  /** Transactions after PREPARE TRANSACTION, by database and name. */
  readonly #prepared = new Map<string, OpenTransaction>();

  constructor(sink: OperationSink) {
    this.#sink = sink;
  }

  /** Corrects what lost records have made wrong about the session's transaction, where the server's own name for it tells. */
  check(session: Session, record: LogRecord): void {
    const { virtualXid } = record;
    const { transaction } = session;
    const tells = virtualXid !== null && !virtualXid.endsWith('/0');
    if (session.block && transaction && tells) {
      transaction.virtualXid ??= virtualXid;
      if (transaction.virtualXid !== virtualXid) {
        if (session.failed) this.end(session, 'ROLLED_BACK', record.time);
        else {
          const detail = 'the end of a transaction is not in the log';
          this.#sink.loss('OUTCOME_UNKNOWN', record.time, `${record.file}:${record.line}`, detail);
        }
        session.transaction = null;
        session.block = false;
        session.failed = false;
      }
    }
    if (!session.block && record.tag?.startsWith('idle in transaction')) {
      session.block = true;
      session.failed = record.tag === 'idle in transaction (aborted)';
    }
  }

  /** A statement has ended without a failure that the log knows of; `certain` when the log says so. */
  succeeded(session: Session, pending: PendingStatement, certain: boolean, at: Micros): void {
    const { effects, prepared } = pending.facts;
    if (effects === null) {
      // A block that had failed would have refused it.
      if (pending.place && certain) session.failed = false;
    } else {
      for (const effect of effects) {
        switch (effect.kind) {
          case 'BEGIN':
            session.block = true;
            break;
          case 'ROLLBACK_TO':
            session.failed = false;
            break;
          case 'COMMIT':
          case 'ROLLBACK':
            if (!session.block) break;
            this.end(session, effect.kind === 'ROLLBACK' || session.failed ? 'ROLLED_BACK' : 'COMMITTED', at);
            session.block = effect.chain;
            session.failed = false;
            break;
          case 'PREPARE_TRANSACTION':
            this.#prepareTransaction(session, effect.name, at);
            break;
          default:
        }
      }
    }
    if (prepared) this.#endPrepared(session, prepared.gid, prepared.commits, at);
    if (!session.block) this.end(session, 'COMMITTED', at);
  }

  /** A statement has failed. */
  failed(session: Session, facts: StatementFacts, sqlstate: string, at: Micros): void {
    const { effects } = facts;
    // A string that does not parse has not run in any part.
    const ran = sqlstate !== '42601' && effects !== null;
    if (session.block) {
      session.failed = true;
      const ends =
        ran && effects.length === 1 && (effects[0]?.kind === 'COMMIT' || effects[0]?.kind === 'PREPARE_TRANSACTION');
      // COMMIT may be refused (25P02 never is its answer): the transaction is rolled back and over.
      if (!ends) return;
    } else if (ran && effects.length > 1 && effects[0]?.kind === 'BEGIN') {
      // The string opened a block and failed within it: the block waits for its ROLLBACK.
      session.block = true;
      session.failed = true;
      return;
    }
    this.end(session, 'ROLLED_BACK', at);
    session.block = false;
    session.failed = false;
  }

  /** The session's transaction is over, if it has one. */
  end(session: Session, status: TransactionEnd['status'], at: Micros): void {
    const { transaction } = session;
    session.transaction = null;
    if (transaction) this.#sink.end({ transactionId: transaction.id, status, at });
  }

  /** From here on the transaction belongs to no session; whoever says COMMIT PREPARED ends it. */
  #prepareTransaction(session: Session, gid: string, at: Micros): void {
    if (!session.block) return;
    if (session.failed) this.end(session, 'ROLLED_BACK', at);
    else if (session.transaction) this.#prepared.set(`${session.database}\0${gid}`, session.transaction);
    session.transaction = null;
    session.block = false;
    session.failed = false;
  }

  #endPrepared(session: Session, gid: string, commits: boolean, at: Micros): void {
    const key = `${session.database}\0${gid}`;
    const transaction = this.#prepared.get(key);
    if (!transaction) return;
    this.#prepared.delete(key);
    this.#sink.end({ transactionId: transaction.id, status: commits ? 'COMMITTED' : 'ROLLED_BACK', at });
  }
}

/** Whether a text that runs outside of a block leaves one open behind it. */
export function leavesBlockOpen(facts: StatementFacts): boolean {
  let open = false;
  for (const effect of facts.effects ?? []) {
    if (effect.kind === 'BEGIN') open = true;
    else if (effect.kind === 'COMMIT' || effect.kind === 'ROLLBACK') open = effect.chain && open;
  }
  return open;
}
