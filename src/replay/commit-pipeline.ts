import type { TargetConnection } from '../target/connection.ts';
import type { QueryResult, StatementMessage, TargetOutcome } from '../target/statement.ts';
import { sendIsTimely } from './due.ts';
import type { LagCause } from './event.ts';
import type { Pacer } from './pacer.ts';
import type { Lag } from './reporter.ts';
import type { TargetSession } from './target-session.ts';

/** What a COMMIT walk has under way, which is on one connection at a time (docs/replay.md C2, C5). */
export class CommitPipeline {
  /** The session whose connection is in use. To be drained before it changes. */
  lane: TargetSession | null = null;
  private readonly pacer: Pacer;
  private wakeUp: (() => void) | null = null;
  private wakeAt = 0;
  /** What held the walk up since it was last on time, and until when (`performance.now()`). */
  private behind: LagCause = 'DISPATCHER';
  private heldUntil = Number.NEGATIVE_INFINITY;

  constructor(pacer: Pacer) {
    this.pacer = pacer;
  }

  /** Sends a statement; `done` must not throw. */
  send(connection: TargetConnection, message: StatementMessage, done: (outcome: TargetOutcome) => void): void {
    connection.send(message, (outcome) => {
      done(outcome);
      if (!sendIsTimely(outcome.serviceMs)) {
        this.behind = 'TARGET';
        this.heldUntil = outcome.doneAt;
      }
      this.answered(connection);
    });
  }

  /** Sends a question that only the target can answer; `done` must not throw. */
  ask(
    connection: TargetConnection,
    question: string,
    done: (outcome: TargetOutcome, rows: QueryResult['rows']) => void,
  ): void {
    connection.ask(question, (outcome, rows) => {
      done(outcome, rows);
      this.answered(connection);
    });
  }

  /** Something that was sent has its answer: whoever drains may go on. */
  answered(connection: TargetConnection): void {
    if (this.wakeUp !== null && connection.inFlight <= this.wakeAt) this.wakeUp();
  }

  /** Waits until at most so many statements are under way. */
  drain(left: number): Promise<void> {
    const connection = this.lane?.connection ?? null;
    if (connection === null || connection.inFlight <= left) return Promise.resolve();
    connection.flush();
    if (left === 0) connection.hurry();
    // Woken by an answer, or by the outcome that every statement gets when the connection goes.
    this.wakeAt = left;
    return new Promise((resolve) => {
      this.wakeUp = () => {
        this.wakeUp = null;
        resolve();
      };
    });
  }

  /** Waits, behind a statement that filled the window, until at most so many are under way. */
  async makeRoom(left: number): Promise<void> {
    await this.drain(left);
    if (this.behind !== 'TARGET') this.behind = 'SESSION_BUSY';
    this.heldUntil = performance.now();
  }

  /**
   * Late because of a slow statement or a full window, until the walk has caught up. What else is under way on the
   * connection holds nothing up, and what was due only when a wait was over was not late for it.
   */
  lagOf(due: number): Lag {
    const dueAt = this.pacer.dueAt(due);
    const late = performance.now() - dueAt;
    if (sendIsTimely(late)) {
      this.behind = 'DISPATCHER';
      return { ms: Math.max(0, late), cause: 'NONE' };
    }
    return { ms: late, cause: dueAt < this.heldUntil ? this.behind : 'DISPATCHER' };
  }
}
