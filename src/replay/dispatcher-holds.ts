import type { LagCause } from './event.ts';

/**
 * What the dispatcher of SESSION ordering has waited for since it was last on time, to tell why statements that it hands
 * out are late (docs/replay.md). Times are of one clock of the caller's choice, in milliseconds.
 */
export class DispatcherHolds {
  private lockMs = 0;
  private targetMs = 0;
  private until = Number.NEGATIVE_INFINITY;

  /** The next entry is not due yet: what it has waited for is made up for. */
  caughtUp(): void {
    this.lockMs = 0;
    this.targetMs = 0;
  }

  /** It has waited. */
  waited(cause: 'LOCK' | 'TARGET', since: number, until: number): void {
    this.until = until;
    if (cause === 'LOCK') this.lockMs += until - since;
    else this.targetMs += until - since;
  }

  /** Why a statement that nothing else held up is late. What was due only when the waits were over is not late for them. */
  causeOf(dueAt: number, lateMs: number): LagCause {
    if (dueAt >= this.until || 2 * (this.lockMs + this.targetMs) < lateMs) return 'DISPATCHER';
    return this.lockMs > this.targetMs ? 'LOCK' : 'TARGET';
  }
}
