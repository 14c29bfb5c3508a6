import { performance } from 'node:perf_hooks';
import { sendIsTimely } from './due.ts';
import type { LagCause } from './event.ts';
import type { Lag } from './reporter.ts';
import type { StrictLane } from './stall-breaker.ts';

/**
 * Milliseconds that this process has had nothing to do, since it began. What passes between two of these was waited for; the
 * rest of the time was its own work, however long a statement was under way meanwhile.
 */
export function idleMs(): number {
  return performance.eventLoopUtilization().idle;
}

/**
 * Why a TIMESTAMP walk is behind its schedule: in strict order a statement is late because one before it was, by a lock, by its
 * run time, or by us. The cause stands until the walk has caught up.
 */
export class StrictLag {
  private cause: LagCause = 'DISPATCHER';
  /** The lane that put it there; null: none of them. */
  private lane: StrictLane | null = null;

  /**
   * What comes next may be late by a statement that was waited for since then (`idleMs`); `locked`: by a lock that this
   * waited for.
   */
  waited(lane: StrictLane, sinceIdle: number, locked: boolean): void {
    if (locked) this.put('LOCK', lane);
    else if (!sendIsTimely(idleMs() - sinceIdle)) this.put('TARGET', lane);
  }

  /** A connection was asked for since then (`performance.now()`, `idleMs`): a login is the target's time. */
  askedForConnection({ session }: StrictLane, since: number, sinceIdle: number): void {
    if (!sendIsTimely(idleMs() - sinceIdle) && session.waitedForLogin(since)) this.put('TARGET', null);
  }

  /** How late the lane's statement is that is being sent, and why. `queued`: it had to wait for its session's lock. */
  of(lane: StrictLane, lateMs: number, queued: boolean): Lag {
    const timely = sendIsTimely(lateMs);
    if (queued && !timely) return { ms: lateMs, cause: 'LOCK' };
    if (timely) {
      this.put('DISPATCHER', null);
      return { ms: Math.max(0, lateMs), cause: 'NONE' };
    }
    return { ms: lateMs, cause: this.cause === 'TARGET' && this.lane === lane ? 'SESSION_BUSY' : this.cause };
  }

  private put(cause: LagCause, lane: StrictLane | null): void {
    this.cause = cause;
    this.lane = lane;
  }
}
