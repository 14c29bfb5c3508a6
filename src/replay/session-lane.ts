import type { Doubt, LostStatement } from './commit-doubts.ts';
import type { DispatcherHolds } from './dispatcher-holds.ts';
import { sendIsTimely } from './due.ts';
import type { LagCause } from './event.ts';
import { Fifo } from './fifo.ts';
import type { Lag, PlannedEntry } from './reporter.ts';
import type { TargetSession } from './target-session.ts';

/** Entries that wait in lanes, those behind locks and slow statements apart, before the dispatcher waits too. */
export const MOST_WAITING = 2_000;
/** … and with which it goes on: to be woken for each answer would cost half of what an answer costs. */
export const FEW_WAITING = 1_500;
/** Entries that wait behind slow statements: whoever has a long report to make must not hold up the others at once. */
const MOST_BEHIND_SLOW = 20_000;
/** Entries that wait in all lanes: memory has an end even where locks do not. */
export const MOST_HELD = 200_000;

/** An entry on its way to the target. */
export interface Waiting {
  readonly place: PlannedEntry;
  /** Its place in the schedule. */
  readonly due: number | null;
  /** Tells the frontier that its commit needs no more waiting for. */
  readonly settle: (() => void) | null;
}

/** One (copy of a) session: its connection and what waits to be sent on it, in recorded order. */
export interface Lane {
  readonly session: TargetSession;
  readonly queue: Fifo<Waiting>;
  /** CLOSED: no connection. OPENING: one is being made. BLOCKED: none is free. */
  state: 'CLOSED' | 'OPENING' | 'READY' | 'BLOCKED';
  /** The last look found it waiting for a lock of another session of this replay, or of what one prepared. */
  locked: boolean;
  /**
   * Since when looks have found the statement under way waiting for what nobody frees before the dispatcher has gone on, if ever;
   * `performance.now()`. Null: the last one did not.
   */
  heldSince: number | null;
  /** A look found the statement under way waiting for a lock, whoever holds it, be it free by now. */
  waited: boolean;
  /** Statements that have ended: what was asked about one says nothing of the next. */
  answers: number;
  /** `answers` at the last look. */
  looked: number;
  /** Two looks in a row found it at the same statement, which waits for no lock of this replay. */
  slow: boolean;
  /** Why its next statement may be late. */
  cause: LagCause;
  /** The dispatcher has its next statement in hand, and waits for the one under way. */
  nextIsHeld: boolean;
  /** Since when it has waited for a connection, `performance.now()`; null while it does not. */
  waitsSince: number | null;
  /** Commits handed out that have not ended. */
  readonly commits: Set<() => void>;
  /** Of the COMMIT that is next in the queue, once the target was asked what it ends. */
  doubt: Doubt | null;
  /** What was under way when the connection was lost, and the connection; what comes next waits until it is reported. */
  lost: (LostStatement & { readonly waiting: Waiting; readonly processId: number })[];
}

/** The lane of a session that has sent nothing yet. */
export function newLane(session: TargetSession): Lane {
  return {
    session,
    queue: new Fifo(),
    state: 'CLOSED',
    locked: false,
    heldSince: null,
    waited: false,
    answers: 0,
    looked: -1,
    slow: false,
    cause: 'NONE',
    nextIsHeld: false,
    waitsSince: null,
    commits: new Set(),
    doubt: null,
    lost: [],
  };
}

/** True when nothing of the lane is queued, under way or in doubt. */
export function isIdle(lane: Lane): boolean {
  return lane.queue.length === 0 && lane.lost.length === 0 && (lane.session.connection?.inFlight ?? 0) === 0;
}

/**
 * True while the dispatcher is to wait. `waiting`: the entries that wait in these lanes, `most` at least. Entries of sessions
 * without a place for a connection count while no session that has one waits for the dispatcher, and some of them get on: to read
 * on would give nobody anything to do, and thousands of such sessions are memory.
 */
export function enoughWaits(waiting: number, lanes: Iterable<Lane>, most: number): boolean {
  if (waiting >= MOST_HELD) return true;
  let movable = 0;
  let behindSlow = 0;
  let withoutPlace = 0;
  let getsOn = false;
  let waitsForDispatcher = false;
  for (const lane of lanes) {
    const queued = lane.queue.length;
    if (lane.session.connection !== null) {
      const idle = isIdle(lane);
      waitsForDispatcher ||= idle;
      getsOn ||= !idle && !lane.locked && !lane.slow;
    } else getsOn ||= lane.session.isPlaced;
    if (lane.slow) behindSlow += queued;
    else if (hasNoPlace(lane)) withoutPlace += queued;
    else if (!lane.locked) movable += queued;
  }
  if (getsOn && !waitsForDispatcher) movable += withoutPlace;
  return movable >= most || behindSlow >= MOST_BEHIND_SLOW;
}

/** True while there is no place for its connection: only a session that ends or lends its own gives it one. */
export function hasNoPlace({ state, session }: Lane): boolean {
  return state === 'BLOCKED' || (state === 'OPENING' && !session.isPlaced);
}

/** Notes that a statement has ended: what looks have found says nothing of the next. */
export function hasMoved(lane: Lane): void {
  lane.locked = false;
  lane.heldSince = null;
  lane.waited = false;
  lane.slow = false;
  lane.answers += 1;
}

/** How late the statement that is being sent is, and why. */
export function lagOf(lane: Lane, dueAt: number, holds: DispatcherHolds): Lag {
  const lateMs = performance.now() - dueAt;
  if (sendIsTimely(lateMs)) return { ms: Math.max(0, lateMs), cause: 'NONE' };
  return { ms: lateMs, cause: lane.cause === 'NONE' ? holds.causeOf(dueAt, lateMs) : lane.cause };
}

/** What the session's next statement will have waited for: a lock, a slow target, or just its turn. */
export function causeAfter(lane: Lane, tookMs: number, recordedMs: number | null): LagCause {
  if (lane.queue.length === 0 && !lane.nextIsHeld) return 'NONE';
  if (lane.waited) return 'LOCK';
  return recordedMs !== null && tookMs > recordedMs * 1.5 + 1 ? 'TARGET' : 'SESSION_BUSY';
}
