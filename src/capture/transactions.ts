import type { Micros } from '../journal/entry.ts';
import { splitStatements } from '../journal/sql-tokens.ts';
import type { TransactionEffect } from '../journal/statement-type.ts';
import type { TransactionEnd } from '../journal/transaction.ts';
import { detach, type LogRecord } from './log-record.ts';
import type { OperationSink } from './operation-sink.ts';
import type { OpenTransaction, PendingStatement, Session } from './session.ts';
import type { StatementFacts } from './statement-facts.ts';
import { decidingPart, partsOf } from './string-parts.ts';

const SYNTAX_ERROR = '42601';
const IN_FAILED_BLOCK = '25P02';
/** What a deferred constraint or its trigger raises, or a conflict; a CHECK is not deferred, and that of a domain fails as a value is bound. */
const FAILS_COMMIT = /^(?:2350[35]|23P01|P0001|40...)$/;
const CALL = /^\s*CALL\b/i;
const DO = /^\s*DO\b/i;
/** What the server says of a text that it cannot take apart; it gives the same SQLSTATE to what it makes out only when it comes to it. */
const NOT_PARSED = /^(?:syntax error|unterminated |zero-length delimited identifier|trailing junk after )/;

/** Follows what statements do to the transactions of their sessions, and reports the ends. */
export class TransactionTracker {
  readonly #sink: OperationSink;
  /** Transactions after PREPARE TRANSACTION, which belong to no session, by name: a server has each name once. */
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
      if (!session.blockInDoubt) transaction.virtualXid ??= virtualXid;
      if (transaction.virtualXid === virtualXid) session.blockInDoubt = false;
      else if (transaction.virtualXid !== null) {
        if (session.failed) this.end(session, 'ROLLED_BACK', record.time);
        else {
          const detail = 'the end of a transaction is not in the log';
          this.#sink.loss('OUTCOME_UNKNOWN', record.time, `${record.file}:${record.line}`, detail);
        }
        session.transaction = null;
        leaveBlock(session);
      }
    }
    if (session.blockInDoubt && record.tag === 'idle') this.#endedInDoubt(session, record.time);
    if (session.block && record.tag?.startsWith('idle in transaction')) session.blockInDoubt = false;
    if (!session.block && record.tag?.startsWith('idle in transaction')) {
      session.block = true;
      session.failed = record.tag === 'idle in transaction (aborted)';
    }
  }

  /**
   * A statement that is logged behind its end: a simple one that began no block has ended its transaction by then, unless it
   * ran in a block of which the log does not show the beginning (`log_min_duration_statement` above 0). A fastpath call is
   * logged within its transaction.
   */
  checkEnd(session: Session, pending: PendingStatement): void {
    if (session.block || pending.protocol !== 'SIMPLE' || pending.virtualXid === null) return;
    if (pending.unreplayable === 'FASTPATH' || leavesBlockOpen(pending.facts)) return;
    this.#uncertain(pending, 'a statement of a block whose BEGIN is not in the log counts as committed by itself');
  }

  /**
   * Tells, where a block is in doubt, by the outcome of what came next whether there is one: a block that has failed refuses
   * all but its end. Where nothing tells, it stays in doubt.
   */
  settle(session: Session, pending: PendingStatement, sqlstate: string | null): void {
    if (!session.blockInDoubt) return;
    if (sqlstate === IN_FAILED_BLOCK) session.blockInDoubt = false;
    // Where the outcome is not known (that is told), what may be there is not taken away.
    else if (sqlstate === null && pending.provisional) this.#endedInDoubt(session, pending.timestamp);
  }

  #endedInDoubt(session: Session, at: Micros): void {
    this.end(session, 'ROLLED_BACK', at);
    leaveBlock(session);
  }

  /** A statement has ended without a failure that the log knows of; `certain` when the log says so. */
  succeeded(session: Session, pending: PendingStatement, certain: boolean, at: Micros): void {
    const { effects, prepared } = pending.facts;
    if (effects !== null) {
      this.#follow(session, pending, effects, certain, at);
      return;
    }
    // A block that had failed would have refused it.
    if (session.failed && pending.place && certain && isRefusedInFailedBlock(pending.facts)) session.failed = false;
    if (!session.block && certain) countInPipeline(session, pending);
    if (prepared) this.#endPrepared(prepared.gid, prepared.commits, at);
    if (!session.block) this.end(session, 'COMMITTED', at);
  }

  /** Follows transaction control, alone or in a string. */
  #follow(
    session: Session,
    pending: PendingStatement,
    effects: readonly TransactionEffect[],
    certain: boolean,
    at: Micros,
  ): void {
    const { block, transaction, pipeline } = session;
    pipeline.statements = 0;
    const parts = partsOf(effects, block, session.failed);
    const deciding = decidingPart(parts, block);
    if (deciding === null) this.end(session, 'COMMITTED', at);
    else if (deciding.gid !== null) {
      if (transaction) this.#prepared.set(detach(deciding.gid), transaction);
      session.transaction = null;
    } else if (deciding.end === 'COMMITTED' || deciding.end === 'ROLLED_BACK') this.end(session, deciding.end, at);
    const last = parts.at(-1);
    const goesOn = block && parts.length === 1 && last?.end === null;
    if (goesOn) {
      session.failed = last.failed;
      if (certain && effects.some(({ kind }) => kind === 'ROLLBACK_TO')) session.blockInDoubt = false;
    } else {
      leaveBlock(session);
      session.block = last?.end === null;
      // To the server, what goes on is another transaction than it was.
      if (session.transaction && parts.length > 1) session.transaction.virtualXid = null;
    }
    const end = deciding?.end ?? null;
    if (parts.some((part) => part.works && part.end !== end)) {
      const detail = 'a string ends a transaction and goes on behind it, which counts as part of what it ended';
      this.#uncertain(pending, detail);
    }
  }

  /** A statement has failed, with this SQLSTATE and message. */
  failed(session: Session, pending: PendingStatement, sqlstate: string, message: string, at: Micros): void {
    const { facts } = pending;
    const { block, blockInDoubt } = session;
    if (!block) this.#pipelineFailed(session, pending);
    session.pipeline.statements = 0;
    const ran = sqlstate !== IN_FAILED_BLOCK && !(sqlstate === SYNTAX_ERROR && NOT_PARSED.test(message));
    if (ran && mayHaveCommitted(facts, sqlstate, block && !blockInDoubt)) {
      this.#uncertain(
        pending,
        'a statement that may have committed a part of its work failed, and counts as rolled back',
      );
    }
    const left = whatFailureLeaves(ran ? facts.effects : null, block, !block || blockInDoubt);
    if (left.block) {
      session.block = true;
      session.failed = true;
      session.blockInDoubt = left.noBlock;
      return;
    }
    this.end(session, 'ROLLED_BACK', at);
    leaveBlock(session);
  }

  /** The session's transaction is over, if it has one. */
  end(session: Session, status: TransactionEnd['status'], at: Micros): void {
    const { transaction } = session;
    session.transaction = null;
    if (transaction) this.#sink.end({ transactionId: transaction.id, status, at });
  }

  /**
   * An ERROR that names no statement. Outside of a block, and behind an extended statement that has ended, that one's transaction failed
   * to commit (a deferred constraint, a conflict), which it does at Sync. False where it was something else, as far as its transaction
   * tells or else, where the log does not name that, its SQLSTATE.
   */
  failedAtSync(session: Session, { virtualXid, tag }: LogRecord, sqlstate: string): boolean {
    const { pipeline } = session;
    if (session.block || pipeline.statements === 0 || tag === 'PARSE' || tag === 'BIND' || tag === 'idle') return false;
    const tells = virtualXid !== null && !Number.isNaN(pipeline.localXid);
    if (tells && localXid(virtualXid) !== pipeline.localXid) return false;
    if (!tells && tag === null && !FAILS_COMMIT.test(sqlstate)) {
      // Whatever failed, the server ended the transaction behind it.
      pipeline.statements = 0;
      return false;
    }
    this.#undone(
      session,
      'a statement without BEGIN counts as committed, and was rolled back when its transaction failed to commit',
    );
    return true;
  }

  /** The server rolls back all that a pipeline did since its last Sync, which the log showed as done. */
  #pipelineFailed(session: Session, { virtualXid }: PendingStatement): void {
    const { pipeline } = session;
    if (virtualXid === null || localXid(virtualXid) !== pipeline.localXid) return;
    const detail =
      'statements of a pipeline without BEGIN count as committed, and were rolled back when one behind them failed';
    this.#undone(session, detail);
  }

  #undone({ pipeline }: Session, detail: string): void {
    const source = `${pipeline.file}:${pipeline.line}`;
    for (; pipeline.statements > 0; pipeline.statements--) {
      this.#sink.loss('EFFECT_UNCERTAIN', pipeline.timestamp, source, detail);
    }
  }

  #uncertain({ place, timestamp, file, line }: PendingStatement, detail: string): void {
    if (place) this.#sink.loss('EFFECT_UNCERTAIN', timestamp, `${file}:${line}`, detail);
  }

  #endPrepared(gid: string, commits: boolean, at: Micros): void {
    const transaction = this.#prepared.get(gid);
    if (!transaction) return;
    this.#prepared.delete(gid);
    this.#sink.end({ transactionId: transaction.id, status: commits ? 'COMMITTED' : 'ROLLED_BACK', at });
  }
}

function leaveBlock(session: Session): void {
  session.block = false;
  session.failed = false;
  session.blockInDoubt = false;
}

/**
 * What a statement or string may leave that failed in one of its parts, at whichever (a COMMIT fails, too: a deferred constraint, a
 * conflict): a block, which has failed then, or none. `effects`: null for what fails as one. `block` and `noBlock`: what may have been
 * ahead of it.
 */
function whatFailureLeaves(
  effects: readonly TransactionEffect[] | null,
  block: boolean,
  noBlock: boolean,
): { readonly block: boolean; readonly noBlock: boolean } {
  if (effects === null) return { block, noBlock };
  const left = { block: false, noBlock: false };
  for (const begun of [true, false]) {
    let open = begun;
    if (begun ? !block : !noBlock) continue;
    for (const effect of effects) {
      const { kind } = effect;
      if (open && kind !== 'COMMIT' && kind !== 'PREPARE_TRANSACTION') left.block = true;
      else left.noBlock = true;
      if (kind === 'BEGIN') open = true;
      else if (kind === 'COMMIT' || kind === 'ROLLBACK') open = effect.chain && open;
      else if (kind === 'PREPARE_TRANSACTION') open = false;
    }
  }
  return left;
}

/** Whether a block that has failed refuses it: all but what ends it, or rolls back to a savepoint, and what holds no statement. */
export function isRefusedInFailedBlock({ text, effects }: StatementFacts): boolean {
  if (effects === null) return splitStatements(text).length > 0;
  const [first] = effects;
  return first?.kind === 'NONE' || first?.kind === 'BEGIN' || first?.kind === 'SAVEPOINT' || first?.kind === 'RELEASE';
}

/** Whether a text that runs outside of a block leaves one open behind it. */
export function leavesBlockOpen({ effects }: StatementFacts): boolean {
  return effects !== null && partsOf(effects, false, false).at(-1)?.end === null;
}

/** Takes note of a statement without a block, in case its transaction fails behind it. Where the log names none, each has its own. */
function countInPipeline({ pipeline }: Session, pending: PendingStatement): void {
  const { place, virtualXid, timestamp, file, line, protocol } = pending;
  if (!place) return;
  const xid = virtualXid === null ? Number.NaN : localXid(virtualXid);
  if (pipeline.localXid === xid) pipeline.statements++;
  else {
    pipeline.localXid = xid;
    // A simple one has committed by the time that it has ended.
    pipeline.statements = virtualXid === null && protocol === 'SIMPLE' ? 0 : 1;
    pipeline.timestamp = timestamp;
    pipeline.file = file;
    pipeline.line = line;
  }
}

/** What tells the transactions of one session apart: a number, so that no record is held by a part of its text. */
function localXid(virtualXid: string): number {
  return Number(virtualXid.slice(virtualXid.indexOf('/') + 1));
}

/** Whether a part of what has failed may be there: behind a COMMIT in a string, or of a procedure or DO that commits. */
function mayHaveCommitted({ text, effects }: StatementFacts, sqlstate: string, block: boolean): boolean {
  if (effects !== null) {
    return effects.slice(0, -1).some(({ kind }) => kind === 'COMMIT' || kind === 'PREPARE_TRANSACTION');
  }
  // What names no procedure has not run.
  if (block || sqlstate === SYNTAX_ERROR || sqlstate === '42883') return false;
  return CALL.test(text) || (DO.test(text) && /commit/i.test(text));
}
