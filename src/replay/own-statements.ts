import type { Entry } from '../journal/entry.ts';
import type { QueryResult, TargetOutcome } from '../target/statement.ts';
import type { Doubt } from './commit-doubts.ts';
import type { CommitPipeline } from './commit-pipeline.ts';
import type { CommitSessions } from './commit-sessions.ts';
import type { LostAnswers } from './lost-answers.ts';
import { abandon, hasCommitted, isLost, noteOwn, type Open, release } from './open-transaction.ts';
import type { NotedStatement } from './session-memory.ts';
import type { TargetSession } from './target-session.ts';
import type { WalkContext } from './walk.ts';

/** The COMMIT that a walk sends of itself, as the memory of a session notes it. */
const COMMIT: NotedStatement = { statement: 'COMMIT', statementType: 'TRANSACTION', parameters: [] };

/**
 * What a COMMIT walk sends of itself beside the record: BEGIN and COMMIT where the record has none, marks, what restores
 * ids, and the question for the xid that a COMMIT ends. No event tells of these statements.
 */
export class OwnStatements {
  private readonly context: WalkContext;
  private readonly sessions: CommitSessions;
  private readonly pipeline: CommitPipeline;
  private readonly lost: LostAnswers;

  constructor(context: WalkContext, sessions: CommitSessions, pipeline: CommitPipeline, lost: LostAnswers) {
    this.context = context;
    this.sessions = sessions;
    this.pipeline = pipeline;
    this.lost = lost;
  }

  private get ended(): boolean {
    return this.context.control.endReason !== null;
  }

  /**
   * A statement of the walk's own, which no event tells of. `open`: the transaction that it belongs to. False when it
   * was not sent, because the run or the connection ended before.
   */
  async send(
    session: TargetSession,
    text: string,
    open: Open,
    then: (outcome: TargetOutcome, processId: number) => void = () => {},
  ): Promise<boolean> {
    const connection = await this.sessions.connect(session);
    if (this.lost.settling !== null) await this.lost.settling;
    if (this.ended || isLost(session, open)) return false;
    session.transactionId = open.id;
    this.pipeline.send(
      connection,
      { protocol: 'SIMPLE', text, preparedName: null, parameters: [], digest: false },
      (outcome) => {
        noteOwn(open, outcome);
        then(outcome, connection.processId);
      },
    );
    // One at a time is for the sake of the durations: this must not be under way beside a recorded statement.
    if (this.context.request.inFlight === 1) await this.pipeline.drain(0);
    return true;
  }

  /** Sends what restores the ids of an entry. */
  restore(session: TargetSession, sql: string, open: Open, entry: Entry): Promise<boolean> {
    return this.send(session, sql, open, (outcome) => {
      if (!outcome.ok && !outcome.lost && !this.ended) this.context.ids?.refused(entry, outcome);
    });
  }

  /** Asks what a statement has to wait for that comes next, with all that is under way; null where nothing is answered. */
  async ask(session: TargetSession, question: string, open: Open): Promise<QueryResult['rows'] | null> {
    const connection = await this.sessions.connect(session);
    if (this.lost.settling !== null) await this.lost.settling;
    if (this.ended || isLost(session, open)) return null;
    session.transactionId = open.id;
    return new Promise((resolve) => {
      this.pipeline.ask(connection, question, (outcome, rows) => {
        noteOwn(open, outcome);
        resolve(outcome.ok ? rows : null);
      });
    });
  }

  /**
   * Asks ahead of a COMMIT what it ends. With one statement under way at a time COMMIT waits for the answer, and its
   * own time stays its own.
   */
  async askXid(session: TargetSession, open: Open): Promise<Doubt | null> {
    const { pool, doubts, request } = this.context;
    const connection = await pool.connect(session);
    if (this.ended || isLost(session, open)) return null;
    return new Promise((resolve) => {
      const doubt = doubts.ask(connection, () => {
        resolve(doubt);
        this.pipeline.answered(connection);
      });
      if (request.inFlight > 1) resolve(doubt);
    });
  }

  /** Puts the mark and a COMMIT behind a transaction that the planned entries do not end. */
  async commit(session: TargetSession, open: Open, mark: string | null): Promise<void> {
    if (mark !== null) await this.send(session, mark, open);
    const asks = this.context.doubts.asks && session.commitsWrites({ ...COMMIT, transactionId: open.id });
    const doubt = asks ? await this.askXid(session, open) : null;
    const sent =
      !isLost(session, open) &&
      (await this.send(session, 'COMMIT', open, (outcome, processId) => {
        if (this.sessions.isOwn(session) && !outcome.lost) session.memory.note(COMMIT, outcome);
        this.committed(open, outcome, processId, doubt);
      }));
    if (sent) return;
    if (this.ended) abandon(open);
    else await this.lost.neverCommitted(open);
  }

  /** What became of the COMMIT that the walk itself sent. */
  private committed(open: Open, outcome: TargetOutcome, processId: number, doubt: Doubt | null): void {
    const { last, wrapped } = open;
    const committed = hasCommitted(outcome);
    // Where a statement failed, that has been told, and whatever becomes of COMMIT rolls back.
    if (outcome.lost && !open.failed) this.lost.addCommit(open, processId, doubt);
    else {
      if (!committed && !open.failed) open.undone = open.trouble ?? outcome;
      release(open, !outcome.lost);
    }
    if (wrapped || this.ended) return;
    const { reporter } = this.context;
    if (open.undone !== null) reporter.uncommitted(last.entry, `failed: ${open.undone.message}`);
    else if (outcome.lost) reporter.uncommitted(last.entry, 'was not answered before the connection was lost');
  }
}
