import type { Micros } from '../journal/entry.ts';
import { transactionEffect } from '../journal/transaction-effect.ts';
import { messageOf, RepriseError } from '../errors.ts';
import { CommitFrontier } from './commit-frontier.ts';
import { sendIsTimely, waitUntilDue } from './due.ts';
import type { LagCause } from './event.ts';
import type { Plan } from './plan.ts';
import { sessionKey } from './plan.ts';
import type { Lag, PlannedEntry } from './reporter.ts';
import { messageFor, type TargetSession } from './sessions.ts';
import { mayProceed, type WalkContext } from './walk.ts';

/** Entries that wait in lanes, lock-blocked lanes apart, before the dispatcher waits too. */
const MOST_WAITING = 2_000;
/** The same, all lanes counted: memory has an end even where locks do not. */
const MOST_HELD = 200_000;
/** How often lanes are looked at for locks while the dispatcher waits for one. Milliseconds. */
const LOOK_MS = 50;

interface Waiting {
  readonly place: PlannedEntry;
  readonly due: number | null;
  readonly settle: (() => void) | null;
}

/** One (copy of a) session: its connection and what waits to be sent on it, in recorded order. */
interface Lane {
  readonly session: TargetSession;
  queue: Waiting[];
  head: number;
  /** CLOSED: no connection. OPENING: one is being made. BLOCKED: none is free. */
  state: 'CLOSED' | 'OPENING' | 'READY' | 'BLOCKED';
  /** The last look found it waiting for a lock of another session of this replay. */
  locked: boolean;
  /** Why its next statement may be late. */
  cause: LagCause;
}

/**
 * SESSION ordering: the recorded concurrency (docs/replay.md). One dispatcher hands entries to their lanes
 * in recorded order; each lane sends its own as fast as its session answers. No lane waits for another,
 * except for the target's own locks and, with `syncCommits`, for commits that the record had before.
 */
export class SessionWalk {
  private readonly context: WalkContext;
  private readonly plan: Plan;
  private readonly window: number;
  private readonly frontier: CommitFrontier | null;
  private readonly lanes = new Map<string, Lane>();
  private waiting = 0;
  private wakeUp: (() => void) | null = null;
  private failure: unknown = null;

  constructor(context: WalkContext, plan: Plan) {
    this.context = context;
    this.plan = plan;
    // At recorded pace a client sends its next statement when it has the answer to the one before.
    this.window = context.request.pace.mode === 'RECORDED' ? 1 : context.request.inFlight;
    this.frontier = context.request.syncCommits ? new CommitFrontier() : null;
  }

  async run(): Promise<void> {
    const onEnd = () => this.wakeUp?.();
    this.context.control.signal.addEventListener('abort', onEnd);
    const ticker = setInterval(() => void this.look(), LOOK_MS);
    try {
      await this.dispatchPlan();
      while (!this.over && this.lanes.size > 0) {
        this.endIdleLanes();
        await this.change();
      }
    } finally {
      clearInterval(ticker);
      this.context.control.signal.removeEventListener('abort', onEnd);
    }
    if (this.failure !== null) throw this.failure;
  }

  private get over(): boolean {
    return this.failure !== null || this.context.control.endReason !== null;
  }

  private async dispatchPlan(): Promise<void> {
    const { request } = this.context;
    let ordinal = 0;
    for (;;) {
      const page = await this.plan.nextPage();
      if (page === null) return;
      for (const entry of page) {
        const planned = this.plan.sessions.get(sessionKey(entry.origin));
        for (let copy = 0; copy < request.scale; copy++) {
          if (this.over) return;
          ordinal += 1;
          if (planned === undefined) continue;
          const lane = this.lane(planned.key, copy);
          const place = { ordinal, entry, copy };
          if (this.passSettled(lane, place)) continue;
          await this.dispatch(lane, place);
        }
      }
    }
  }

  private async dispatch(lane: Lane, place: PlannedEntry): Promise<void> {
    const { context } = this;
    const due = context.pacer.dueAt(place.entry.timestamp, performance.now());
    if (due !== null) await waitUntilDue(context);
    for (let wait = mayProceed(context, place.ordinal); wait !== null && !this.over; wait = mayProceed(context, place.ordinal)) await wait;
    if (this.frontier !== null) {
      while (!this.over && !this.frontier.passed(place.entry.timestamp)) await this.change();
    }
    while (!this.over && this.mustHold()) await this.change();
    if (this.over) return;
    const settle = this.frontier === null ? null : this.frontier.dispatched(commitEnd(place));
    lane.queue.push({ place, due: due === null ? null : context.pacer.lastDue, settle });
    this.waiting += 1;
    this.pump(lane);
  }

  /** True while enough waits in lanes that can move by themselves. */
  private mustHold(): boolean {
    if (this.waiting < MOST_WAITING) return false;
    if (this.waiting >= MOST_HELD) return true;
    let movable = 0;
    let moving = false;
    for (const lane of this.lanes.values()) {
      const queued = lane.queue.length - lane.head;
      if (lane.locked || lane.state === 'BLOCKED') continue;
      movable += queued;
      if (queued > 0) moving = true;
    }
    return moving && movable >= MOST_WAITING;
  }

  /** Sends what the lane may send now. */
  private pump(lane: Lane): void {
    const { session } = lane;
    while (lane.head < lane.queue.length && !this.over) {
      const next = lane.queue[lane.head] as Waiting;
      if (this.skips(lane, next)) continue;
      const { connection } = session;
      if (connection === null) {
        this.open(lane);
        return;
      }
      if (connection.inFlight >= this.window) return;
      this.advance(lane);
      this.send(lane, connection, next);
    }
  }

  private advance(lane: Lane): void {
    lane.head += 1;
    this.waiting -= 1;
    if (lane.head === lane.queue.length || lane.head > 1_024) {
      lane.queue = lane.queue.slice(lane.head);
      lane.head = 0;
    }
  }

  /** Reports the entry without sending it, where it cannot be sent. */
  private skips(lane: Lane, next: Waiting): boolean {
    const { entry } = next.place;
    const { session } = lane;
    const reason = entry.unreplayable ?? (session.lostTransaction === entry.transactionId ? ('TRANSACTION_LOST' as const) : null);
    if (reason === null) return false;
    // Answers that are still under way may find the transaction lost; the order of outcomes does not matter.
    this.advance(lane);
    this.context.reporter.skipped(next.place, reason);
    this.settle(lane, next);
    return true;
  }

  private send(lane: Lane, connection: NonNullable<TargetSession['connection']>, next: Waiting): void {
    const { session } = lane;
    const { entry } = next.place;
    const { context } = this;
    if (session.transactionId !== entry.transactionId) {
      session.transactionId = entry.transactionId;
      session.lostTransaction = null;
      if (entry.sequence > 1) {
        connection.send({ protocol: 'SIMPLE', text: 'BEGIN', preparedName: null, parameters: [], digest: false }, () => {});
        context.feed.emit({
          kind: 'NOTICE',
          code: 'TRANSACTION_CUT',
          sessionId: session.planned.sessionId,
          message: `transaction ${entry.transactionId} began before the replayed entries: replayed from its statement ${entry.sequence} on`,
        });
      }
    }
    const aborted = session.recordedAborted(entry);
    const lag = next.due === null ? null : lagOf(lane, performance.now() - next.due);
    connection.send(messageFor(entry, context.request.digestRows), (outcome) => {
      context.reporter.answered(next.place, outcome, lag, aborted);
      if (outcome.lost) session.lostTransaction = entry.transactionId;
      else if (outcome.ok) session.memory.note(entry.statement);
      lane.cause = causeAfter(lane, outcome.serviceMs, entry.durationMs);
      lane.locked = false;
      this.settle(lane, next);
      this.pump(lane);
    });
  }

  private settle(lane: Lane, next: Waiting): void {
    const { session } = lane;
    next.settle?.();
    session.remaining -= 1;
    if (session.remaining <= 0 && lane.head >= lane.queue.length) this.close(lane);
    if (this.wakeUp !== null) this.wakeUp();
  }

  private open(lane: Lane): void {
    if (lane.state === 'OPENING') return;
    lane.state = 'OPENING';
    this.context.pool.connect(lane.session).then(
      () => {
        lane.state = 'READY';
        this.pump(lane);
      },
      (error: unknown) => {
        if (error instanceof RepriseError && error.code === 'CONNECTION_LIMIT') {
          // Honest queueing: the lane waits until a session ends or holds nothing.
          lane.state = 'BLOCKED';
        } else if (!this.context.control.signal.aborted) {
          this.failure ??= error instanceof RepriseError ? error : new Error(messageOf(error), { cause: error });
        }
        this.wakeUp?.();
      },
    );
  }

  private close(lane: Lane): void {
    this.lanes.delete(laneKey(lane.session.planned.key, lane.session.copy));
    this.context.pool.end(lane.session).then(
      () => this.openBlocked(),
      () => this.openBlocked(),
    );
  }

  private openBlocked(): void {
    for (const lane of this.lanes.values()) {
      if (lane.state !== 'BLOCKED') continue;
      lane.state = 'CLOSED';
      this.pump(lane);
    }
    this.wakeUp?.();
  }

  /** The plan has ended: whoever has nothing left must hold neither a lock nor a connection. */
  private endIdleLanes(): void {
    for (const lane of [...this.lanes.values()]) {
      if (lane.head >= lane.queue.length && (lane.session.connection?.inFlight ?? 0) === 0 && lane.state !== 'OPENING') this.close(lane);
    }
  }

  /** Looks which lanes wait for locks of this replay, and gives blocked lanes another try. */
  private async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    try {
      if ([...this.lanes.values()].some((lane) => lane.state === 'BLOCKED')) this.openBlocked();
      const busy = [...this.lanes.values()].filter((lane) => (lane.session.connection?.inFlight ?? 0) > 0);
      // Only asked while it can matter: lanes are full, or lag is to be explained.
      if (busy.length === 0 || (this.waiting < MOST_WAITING / 2 && this.window > 1)) return;
      const blockers = await this.context.monitor.blockers(busy.flatMap((lane) => lane.session.connection?.processId ?? []));
      for (const lane of busy) {
        const pid = lane.session.connection?.processId;
        lane.locked = pid !== undefined && (blockers.get(pid) ?? []).some((blocker) => this.context.pool.byProcessId(blocker) !== null);
        if (lane.locked) lane.cause = 'LOCK';
      }
      this.wakeUp?.();
    } catch {
      // The monitor's connection failed: the lanes' own will show what is wrong with the target.
    } finally {
      this.looking = false;
    }
  }

  private looking = false;

  /** Something moved: an answer, a connection, a look at the locks, or the end of the run. */
  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.wakeUp = () => {
        this.wakeUp = null;
        resolve();
      };
      if (this.over) this.wakeUp();
    });
  }

  private lane(key: string, copy: number): Lane {
    const id = laneKey(key, copy);
    let lane = this.lanes.get(id);
    if (lane === undefined) {
      const planned = this.plan.sessions.get(key);
      if (planned === undefined) throw new Error(`no planned session ${key}`);
      const session = this.context.pool.session(planned, copy);
      if (session.usedAt === 0) for (const statement of this.context.earlier.get(key) ?? []) session.memory.note(statement);
      lane = { session, queue: [], head: 0, state: 'CLOSED', locked: false, cause: 'NONE' };
      this.lanes.set(id, lane);
    }
    return lane;
  }

  /** In a resumed run: true when the entry was handed out before, so that it must not be sent again. */
  private passSettled(lane: Lane, place: PlannedEntry): boolean {
    const { settled, reporter } = this.context;
    if (settled === null || place.ordinal > settled.sentThrough) return false;
    const { session } = lane;
    session.remaining -= 1;
    if (!settled.has(place.ordinal)) reporter.unknown(place, 'the service stopped while the statement may have been under way');
    if (place.entry.outcome.status === 'SUCCEEDED') session.memory.note(place.entry.statement);
    session.memory.connectionLost();
    session.transactionId = place.entry.transactionId;
    session.lostTransaction = place.entry.transactionId;
    if (session.remaining <= 0) this.close(lane);
    return true;
  }
}

function laneKey(key: string, copy: number): string {
  return `${key}\u0000${copy}`;
}

/** When the record had the entry's transaction committed; null when the entry commits nothing. */
function commitEnd({ entry }: PlannedEntry): Micros | null {
  if (entry.outcome.status === 'FAILED') return null;
  const ends =
    entry.statementType === 'TRANSACTION'
      ? transactionEffect(entry.statement).some((effect) => effect.kind === 'COMMIT')
      : entry.sequence === 1 && entry.statementType !== 'SELECT';
  return ends ? entry.timestamp + Math.round((entry.durationMs ?? 0) * 1000) : null;
}

function lagOf(lane: Lane, lateMs: number): Lag {
  if (sendIsTimely(lateMs)) return { ms: Math.max(0, lateMs), cause: 'NONE' };
  return { ms: lateMs, cause: lane.cause === 'NONE' ? 'DISPATCHER' : lane.cause };
}

/** What the session's next statement will have waited for: a lock, a slow target, or just its turn. */
function causeAfter(lane: Lane, tookMs: number, recordedMs: number | null): LagCause {
  if (lane.locked) return 'LOCK';
  const more = lane.head < lane.queue.length;
  if (!more) return 'NONE';
  return recordedMs !== null && tookMs > recordedMs * 1.5 + 1 ? 'TARGET' : 'SESSION_BUSY';
}
