import { compareEntryKeys } from '../journal/entry.ts';
import type { TargetOutcome } from '../target/statement.ts';
import { sendIsTimely, waitUntilDue } from './due.ts';
import type { LagCause } from './event.ts';
import type { Plan } from './plan.ts';
import { sessionKey } from './plan.ts';
import type { Lag, PlannedEntry } from './reporter.ts';
import { messageFor, sendAlone, type TargetSession } from './sessions.ts';
import { mayProceed, type WalkContext } from './walk.ts';

/** A statement older than this is looked at for locks; most answer long before. Milliseconds. */
const STALL_CHECK_MS = 1;
/** Entries that may queue behind stalled sessions before the walk waits for one of them to go on. */
const MOST_QUEUED = 50_000;
/** Beyond `statement_timeout` the server itself must have answered: the connection is dead. Milliseconds. */
const ANSWER_GRACE_MS = 10_000;

/** Where a session stands with the walk. */
interface Lane {
  readonly session: TargetSession;
  /** Entries behind a stalled statement, in recorded order. */
  readonly queue: PlannedEntry[];
  stalled: boolean;
}

/** The statement that the walk waits for. */
interface Current {
  readonly lane: Lane;
  readonly sentAt: number;
  readonly settle: (how: 'DONE' | 'STALLED') => void;
}

/**
 * TIMESTAMP ordering: one statement after another in the journal's total order (docs/replay.md T1–T5).
 *
 * The walk is one loop. It takes the next entry (from a session that the stall breaker has released, else
 * from the plan), sends it, and waits until it has either answered or is found waiting for a lock that
 * another session of this replay holds. Then that session is stalled and the loop goes on.
 */
export class TimestampWalk {
  private readonly context: WalkContext;
  private readonly plan: Plan;
  private readonly lanes = new Map<string, Lane>();
  private readonly stalled = new Set<Lane>();
  /** Lanes whose stall ended and whose queue is not empty: served before the plan. */
  private readonly released = new Set<Lane>();
  private queued = 0;
  private current: Current | null = null;
  private wakeUp: (() => void) | null = null;
  private lastCause: LagCause = 'NONE';
  private lastLane: Lane | null = null;
  private looking = false;
  private nextLookAt = 0;

  constructor(context: WalkContext, plan: Plan) {
    this.context = context;
    this.plan = plan;
  }

  async run(): Promise<void> {
    const ticker = setInterval(() => void this.lookForStall(), STALL_CHECK_MS);
    const onEnd = () => this.wakeUp?.();
    this.context.control.signal.addEventListener('abort', onEnd);
    try {
      await this.walkPlan();
      await this.endIdleSessions();
      while ((this.stalled.size > 0 || this.released.size > 0) && !this.ended) {
        if (this.released.size > 0) await this.serveReleased();
        else await this.anyStallEnd();
      }
    } finally {
      clearInterval(ticker);
      this.context.control.signal.removeEventListener('abort', onEnd);
    }
  }

  private get ended(): boolean {
    return this.context.control.endReason !== null;
  }

  private async walkPlan(): Promise<void> {
    let ordinal = 0;
    for (;;) {
      const page = await this.plan.nextPage();
      if (page === null) return;
      for (const entry of page) {
        if (this.ended) return;
        ordinal += 1;
        const planned = this.plan.sessions.get(sessionKey(entry.origin));
        // An entry appended to the window while it is replayed belongs to no planned session.
        if (planned === undefined) continue;
        const lane = this.lane(planned.key);
        const place = { ordinal, entry, copy: 0 };
        if (this.context.settled !== null && this.passSettled(lane, place)) continue;
        await this.take(lane, place);
        while (this.released.size > 0 && !this.ended) await this.serveReleased();
        while (this.queued >= MOST_QUEUED && this.stalled.size > 0 && !this.ended) {
          await this.anyStallEnd();
          while (this.released.size > 0 && !this.ended) await this.serveReleased();
        }
      }
    }
  }

  /** The plan has ended: whoever waits for nothing must hold no lock that a stalled session waits for. */
  private async endIdleSessions(): Promise<void> {
    if (this.ended) return;
    for (const lane of [...this.lanes.values()]) {
      if (!lane.stalled && lane.queue.length === 0) await this.context.pool.end(lane.session);
    }
  }

  /** Runs the entry, or queues it where its session is stalled. */
  private async take(lane: Lane, place: PlannedEntry): Promise<void> {
    if (lane.stalled || lane.queue.length > 0) {
      lane.queue.push(place);
      this.queued += 1;
      return;
    }
    await this.execute(lane, place);
  }

  /** The earliest queued entry among the released lanes. */
  private async serveReleased(): Promise<void> {
    let first: Lane | null = null;
    for (const lane of this.released) {
      const head = lane.queue[0];
      if (head === undefined) continue;
      if (first === null || compareEntryKeys(head.entry, (first.queue[0] as PlannedEntry).entry) < 0) first = lane;
    }
    const place = first?.queue.shift();
    if (first === null || place === undefined) {
      this.released.clear();
      return;
    }
    this.queued -= 1;
    if (first.queue.length === 0) this.released.delete(first);
    await this.execute(first, place);
  }

  private async execute(lane: Lane, place: PlannedEntry): Promise<void> {
    const { context } = this;
    const { entry } = place;
    const { session } = lane;
    const due = context.pacer.dueAt(entry.timestamp, performance.now());
    if (due !== null) await waitUntilDue(context);
    for (let wait = mayProceed(context, place.ordinal); wait !== null && !this.ended; wait = mayProceed(context, place.ordinal)) await wait;
    if (this.ended) return;

    if (entry.unreplayable !== null) {
      context.reporter.skipped(place, entry.unreplayable);
      return this.settled(lane);
    }
    if (session.lostTransaction === entry.transactionId) {
      context.reporter.skipped(place, 'TRANSACTION_LOST');
      return this.settled(lane);
    }
    session.lostTransaction = null;
    const connection = session.connection ?? (await context.pool.connect(session));
    if (session.transactionId !== entry.transactionId) {
      session.transactionId = entry.transactionId;
      if (entry.sequence > 1 && connection.transactionStatus === 'I') await this.beginCut(session, place);
    }

    const sentAt = performance.now();
    const scheduled = context.pacer.lastDue;
    const lag = scheduled === null ? null : this.lagOf(lane, sentAt - scheduled);
    const how = await new Promise<'DONE' | 'STALLED'>((settle) => {
      this.current = { lane, sentAt, settle };
      this.nextLookAt = 0;
      const aborted = session.recordedAborted(entry);
      connection.send(messageFor(entry, context.request.digestRows), (outcome) => {
        const wasStalled = lane.stalled;
        this.finish(lane, place, outcome, lag, aborted);
        if (wasStalled) this.endStall(lane);
        else settle('DONE');
      });
      connection.flush();
    });
    this.current = null;
    this.lastCause = how === 'STALLED' ? 'LOCK' : !sendIsTimely(performance.now() - sentAt) ? 'TARGET' : 'DISPATCHER';
    this.lastLane = lane;
    if (how === 'DONE') await this.closeIfOver(lane);
  }

  /** In strict order a statement is late because the one before it was: by its lock, its run time, or us. */
  private lagOf(lane: Lane, lateMs: number): Lag {
    if (sendIsTimely(lateMs)) return { ms: Math.max(0, lateMs), cause: 'NONE' };
    const cause = this.lastCause === 'TARGET' && this.lastLane === lane ? 'SESSION_BUSY' : this.lastCause;
    return { ms: lateMs, cause };
  }

  private finish(lane: Lane, place: PlannedEntry, outcome: TargetOutcome, lag: Lag | null, aborted: boolean): void {
    const { session } = lane;
    this.context.reporter.answered(place, outcome, lag, aborted);
    session.remaining -= 1;
    if (outcome.lost) session.lostTransaction = place.entry.transactionId;
    else if (outcome.ok) session.memory.note(place.entry.statement);
  }

  /** Nothing was sent for the entry; its session moves on all the same. */
  private async settled(lane: Lane): Promise<void> {
    lane.session.remaining -= 1;
    await this.closeIfOver(lane);
  }

  private async closeIfOver(lane: Lane): Promise<void> {
    if (lane.session.remaining <= 0 && !lane.stalled) {
      await this.context.pool.end(lane.session);
      this.lanes.delete(lane.session.planned.key);
    }
  }

  /** A transaction that began before the window, or whose BEGIN was filtered away, gets a BEGIN of its own. */
  private async beginCut(session: TargetSession, place: PlannedEntry): Promise<void> {
    const { connection } = session;
    if (connection === null) return;
    const { entries } = await this.context.journal.transactionEntries(place.entry.transactionId, 0, 1);
    const first = entries[0];
    const text = first !== undefined && first.statementType === 'TRANSACTION' ? first.statement : 'BEGIN';
    await sendAlone(connection, text);
    this.context.feed.emit({
      kind: 'NOTICE',
      code: 'TRANSACTION_CUT',
      sessionId: session.planned.sessionId,
      message: `transaction ${place.entry.transactionId} began before the replayed entries: replayed from its statement ${place.entry.sequence} on, behind ${text.trim().slice(0, 60)}`,
    });
  }

  /**
   * The stall breaker. While the current statement waits for a lock, follows its blockers: when they lead to
   * a session of this replay, waiting for it would wait for the walk itself.
   */
  private async lookForStall(): Promise<void> {
    const { current } = this;
    if (current === null || this.looking) return;
    const age = performance.now() - current.sentAt;
    if (age < STALL_CHECK_MS || performance.now() < this.nextLookAt) return;
    // Looked at less and less often while it runs: a report of ten minutes needs no thousand questions.
    this.nextLookAt = performance.now() + Math.min(age / 2, 1_000);
    const { connection } = current.lane.session;
    if (connection === null) return;
    if (age > this.context.request.statementTimeoutMs + ANSWER_GRACE_MS) {
      connection.destroy(`no answer within statement_timeout and ${ANSWER_GRACE_MS / 1000} s`);
      return;
    }
    this.looking = true;
    try {
      const blocker = await this.replayBlocker(connection.processId);
      // The answer may have come while we asked.
      if (blocker !== null && this.current === current) this.beginStall(current, blocker);
    } catch {
      // The monitor's connection failed: the run's own statements will show what is wrong with the target.
    } finally {
      this.looking = false;
    }
  }

  /** The session of this replay that a backend waits for in the end, if any. */
  private async replayBlocker(processId: number): Promise<TargetSession | null> {
    const { monitor, pool } = this.context;
    const waiting = [processId, ...[...this.stalled].map((lane) => lane.session.connection?.processId).filter((pid) => pid !== undefined)];
    const blockers = await monitor.blockers(waiting);
    for (const pid of blockers.get(processId) ?? []) {
      // A parallel worker or a prepared transaction (pid 0) is no session of ours.
      const session = pool.byProcessId(pid);
      if (session !== null) return session;
    }
    return null;
  }

  private beginStall(current: Current, blocker: TargetSession): void {
    const { lane } = current;
    lane.stalled = true;
    this.stalled.add(lane);
    this.released.delete(lane);
    this.context.tally.stall();
    this.context.feed.emit({
      kind: 'NOTICE',
      code: 'STALL',
      sessionId: lane.session.planned.sessionId,
      message: `session ${lane.session.planned.sessionId} waits for a lock that session ${blocker.planned.sessionId} holds: the walk goes on without it`,
    });
    current.settle('STALLED');
  }

  private endStall(lane: Lane): void {
    lane.stalled = false;
    this.stalled.delete(lane);
    if (lane.queue.length > 0) this.released.add(lane);
    this.context.feed.emit({
      kind: 'NOTICE',
      code: 'STALL_ENDED',
      sessionId: lane.session.planned.sessionId,
      message: `session ${lane.session.planned.sessionId} goes on${lane.queue.length > 0 ? ` with ${lane.queue.length} queued statement${lane.queue.length === 1 ? '' : 's'}` : ''}`,
    });
    void this.closeIfOver(lane).then(() => this.wakeUp?.());
  }

  private anyStallEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.wakeUp = () => {
        this.wakeUp = null;
        resolve();
      };
      if (this.stalled.size === 0 || this.released.size > 0 || this.ended) this.wakeUp();
    });
  }

  private lane(key: string): Lane {
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      const planned = this.plan.sessions.get(key);
      if (planned === undefined) throw new Error(`no planned session ${key}`);
      const session = this.context.pool.session(planned);
      for (const statement of this.context.earlier.get(key) ?? []) session.memory.note(statement);
      lane = { session, queue: [], stalled: false };
      this.lanes.set(key, lane);
    }
    return lane;
  }

  /** In a resumed run: true when the entry was sent before, so that it must not be sent again. */
  private passSettled(lane: Lane, place: PlannedEntry): boolean {
    const { settled, reporter } = this.context;
    if (settled === null || place.ordinal > settled.sentThrough) return false;
    const { session } = lane;
    const { entry } = place;
    session.remaining -= 1;
    if (!settled.has(place.ordinal)) reporter.unknown(place, 'the service stopped while the statement may have been under way');
    // What the session did before the crash died with its connections: settings are made again, an open
    // transaction was rolled back by the server and its rest cannot be replayed.
    if (entry.outcome.status === 'SUCCEEDED') session.memory.note(entry.statement);
    session.memory.connectionLost();
    session.lostTransaction = entry.transactionId;
    return true;
  }
}
