import { compareEntryKeys, type Entry } from '../journal/entry.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { TargetOutcome } from '../target/statement.ts';
import type { Doubt } from './commit-doubts.ts';
import { within } from './cut-short.ts';
import { waitUntilDue } from './due.ts';
import type { SkipReason } from './event.ts';
import { Fifo } from './fifo.ts';
import { endsPrepared, frees } from './freeing.ts';
import { OpenAhead } from './open-ahead.ts';
import type { Plan } from './plan.ts';
import { NO_PROCESS } from './prepared-transactions.ts';
import { FAILING, messageFor } from './recorded-message.ts';
import { ownBegin, refusalOf } from './refusal.ts';
import type { PlannedEntry } from './reporter.ts';
import { sessionKey } from './session-key.ts';
import { LASTING, sendAlone } from './sessions.ts';
import { StallBreaker, type StrictLane, type Taken } from './stall-breaker.ts';
import { idleMs, StrictLag } from './strict-lag.ts';
import type { TargetSession } from './target-session.ts';
import { mayProceed, passSettled, resumed, type WalkContext } from './walk.ts';

/** Entries that may queue behind stalled sessions before the walk waits for one of them to go on. */
const MOST_QUEUED = 50_000;
/** The same where they wait for the walk itself, which is asked again behind each so many: memory has an end. */
const MOST_HELD = 200_000;
const ASK_BEHIND = 1_000;
/** Between two such questions while the walk waits: what a stalled session waits for may have changed. Milliseconds. */
const ASK_AGAIN_MS = 500;

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
  private readonly lanes = new Map<string, StrictLane>();
  private readonly ahead: OpenAhead;
  private readonly breaker: StallBreaker;
  /** Lanes whose stall ended and whose queue is not empty: served before the plan. */
  private readonly released = new Set<StrictLane>();
  private queued = 0;
  private mostQueued = MOST_QUEUED;
  /** Backends that may have given up what stalled sessions wait for, since that was asked last. */
  private freedBy = new Set<number>();
  private wakeUp: (() => void) | null = null;
  private readonly lag = new StrictLag();

  constructor(context: WalkContext, plan: Plan) {
    this.context = context;
    this.plan = plan;
    this.ahead = new OpenAhead(context);
    // What queues behind it waits for its end, which may come before the walk has gone on.
    this.breaker = new StallBreaker(context, this.lanes, (lane) => this.released.delete(lane));
  }

  async run(): Promise<void> {
    const onEnd = () => this.wakeUp?.();
    this.context.control.signal.addEventListener('abort', onEnd);
    try {
      await this.walkPlan();
      // Whoever waits for nothing must hold no lock that a stalled session waits for.
      for (;;) {
        await this.endIdleSessions();
        await this.serveReleased();
        if (this.ended || this.breaker.stalled.size === 0) break;
        await within(ASK_AGAIN_MS, this.anyStallEnd());
        await this.breaker.cancelHopeless(this.context.request.statementTimeoutMs);
      }
    } finally {
      this.breaker.stop();
      this.context.control.signal.removeEventListener('abort', onEnd);
    }
  }

  private get ended(): boolean {
    return this.context.control.endReason !== null;
  }

  private async walkPlan(): Promise<void> {
    const { pacer } = this.context;
    let ordinal = 0;
    for (;;) {
      const page = await this.context.control.unlessEnded(this.plan.nextPage());
      if (page === null) return;
      if (this.ahead.isAsked) {
        this.ahead.next(this.sessionsOf(page));
        if (ordinal === 0) await this.ahead.rest();
      }
      for (const entry of page) {
        if (this.ended) return;
        ordinal += 1;
        const lane = this.lane(sessionKey(entry.origin));
        if (passSettled(this.context, lane.session, { ordinal, entry, copy: 0 })) continue;
        await this.take(lane, { ordinal, entry, copy: 0, due: pacer.placeOf(entry.timestamp, performance.now()) });
        if (this.released.size > 0) await this.serveReleased();
        while (this.queued >= this.mostQueued && this.breaker.stalled.size > 0 && !this.ended) {
          if (this.queued < MOST_HELD && (await this.breaker.isWaitedFor())) this.mostQueued = this.queued + ASK_BEHIND;
          else {
            await within(ASK_AGAIN_MS, this.anyStallEnd());
            if (this.queued >= MOST_HELD) await this.breaker.cancelHeld(this.context.request.statementTimeoutMs);
          }
          await this.serveReleased();
        }
      }
    }
  }

  /** The sessions that will send something of the page. */
  private sessionsOf(page: readonly Entry[]): TargetSession[] {
    const { request } = this.context;
    return page.flatMap((entry) =>
      refusalOf(entry, request) === null ? [this.lane(sessionKey(entry.origin)).session] : [],
    );
  }

  private async endIdleSessions(): Promise<void> {
    for (const [key, lane] of [...this.lanes]) {
      if (this.ended) return;
      if (lane.stalled || lane.queue.length > 0) continue;
      this.lanes.delete(key);
      await this.endSession(lane.session);
    }
  }

  /** Runs the entry, or queues it where its session is stalled. */
  private async take(lane: StrictLane, taken: Taken): Promise<void> {
    if (lane.stalled || lane.queue.length > 0) {
      lane.queue.push(taken);
      this.queued += 1;
      return;
    }
    await this.untilMaySend(taken);
    await this.execute(lane, taken);
  }

  /** Until the entry of the plan is due and may be sent; what is released comes before it, also when that was in a pause. */
  private async untilMaySend({ due, ordinal }: Taken): Promise<void> {
    for (;;) {
      if (this.freedBy.size > 0 || this.released.size > 0) await this.serveReleased();
      if (this.ended) return;
      if (due !== null && !(await this.comesDue(due))) continue;
      const wait = mayProceed(this.context, ordinal);
      if (wait === null) return;
      await wait;
    }
  }

  /** Serves all that is released, and what is freed meanwhile. */
  private async serveReleased(): Promise<void> {
    for (;;) {
      await this.waitForFreed();
      if (this.ended || this.released.size === 0) return;
      await this.serveFirst();
    }
  }

  /** Waits until the place is due; false: before, a stall has ended, or what it waits for may have been freed. */
  private comesDue(due: number): Promise<boolean> {
    return waitUntilDue(this.context, due, this.breaker.stalled.size > 0 ? this.woken() : null);
  }

  /** The earliest queued entry among the released lanes, unless another one may be released before it can be sent. */
  private async serveFirst(): Promise<void> {
    let first: StrictLane | null = null;
    for (const lane of this.released) {
      const head = lane.queue.first;
      if (head === undefined) continue;
      if (first === null || compareEntryKeys(head.entry, (first.queue.first as Taken).entry) < 0) first = lane;
    }
    const taken = first?.queue.first;
    if (first === null || taken === undefined) {
      this.released.clear();
      return;
    }
    if (taken.due !== null && !(await this.comesDue(taken.due))) return;
    const wait = mayProceed(this.context, taken.ordinal);
    if (wait !== null) await wait;
    if (wait !== null || this.ended) return;
    first.queue.shift();
    this.queued -= 1;
    if (this.queued < MOST_QUEUED) this.mostQueued = MOST_QUEUED;
    if (first.queue.length === 0) this.released.delete(first);
    await this.execute(first, taken, true);
  }

  /** `queued`: it had to wait for its session's lock. */
  private async execute(lane: StrictLane, taken: Taken, queued = false): Promise<void> {
    const { context } = this;
    const { session } = lane;
    const { entry } = taken;
    if (this.ended) return;
    const asked = this.doubtOf(session, entry);
    const doubt = asked === null ? null : await asked;
    if (this.ended) return;

    const refusal = refusalOf(entry, this.context.request);
    const isLost = session.lostTransaction === entry.transactionId;
    const reason = refusal ?? (isLost ? 'TRANSACTION_LOST' : null);
    if (reason !== null && (isLost || !session.failsUnsent(entry))) return this.skip(lane, taken, reason);
    const askedAt = performance.now();
    const idleBefore = idleMs();
    const connection = await this.connectionFor(session, taken);
    if (connection === null) return;
    this.lag.askedForConnection(lane, askedAt, idleBefore);
    // A pause that came in between may have cost it its connection.
    if (session.lostTransaction === entry.transactionId) return this.skip(lane, taken, 'TRANSACTION_LOST');
    session.transactionId = entry.transactionId;
    session.follow(entry, connection);

    const sentAt = performance.now();
    lane.sentAt = sentAt;
    const sentIdle = idleMs();
    const lag = taken.due === null ? null : this.lag.of(lane, sentAt - context.pacer.dueAt(taken.due), queued);
    const { holdsConnection: holds } = session.memory;
    const inTransaction = connection.transactionStatus !== 'I';
    const { stalled, locked } = await this.breaker.waitFor(lane, (done) => {
      const aborted = session.recordedAborted(entry);
      context.pool.makeRest(session, connection);
      const failsAhead = session.failedUnplanned(entry, aborted, this.plan);
      if (failsAhead) connection.send(FAILING, () => {});
      const message = refusal === null ? messageFor(entry, context.request.digestRows) : FAILING;
      connection.send(message, (outcome) => {
        const goOn = () => {
          this.finish(lane, taken, outcome);
          if (this.breaker.stalled.size > 0) {
            const { pageWaitedFor } = this.breaker;
            const before = { inTransaction, holds, stalled: lane.stalled, pageWaitedFor };
            if (frees(entry, outcome, before)) this.freedBy.add(connection.processId);
            if (endsPrepared(entry, outcome)) this.freedBy.add(NO_PROCESS);
          }
          if (lane.stalled) this.endStall(lane);
          else done();
        };
        const unknown = () => {
          if (refusal === null) context.reporter.answered(taken, outcome, lag, aborted || failsAhead);
          else context.reporter.skipped(taken, refusal);
        };
        const settling = outcome.lost
          ? context.doubts.settle(
              [{ place: taken, doubt, tellsItself: outcome.fatal || refusal !== null, unknown }],
              connection.processId,
            )
          : unknown();
        if (settling instanceof Promise) void settling.then(goOn);
        else goOn();
      });
      connection.flush();
    });
    this.lag.waited(lane, sentIdle, locked);
    if (!stalled) await this.closeIfOver(lane);
    await this.waitForFreed();
  }

  /**
   * Waits for stalled sessions that wait for nothing any more: in the record their statements came before the one that the
   * walk comes to next. Until its lock has been handed on, or it waits for another one, the next would run ahead of it.
   */
  private async waitForFreed(): Promise<void> {
    while (this.freedBy.size > 0 && !this.ended) {
      const by = this.freedBy;
      this.freedBy = new Set();
      if (this.breaker.stalled.size === 0) return;
      const free = await this.breaker.freed(by);
      if (free === null) {
        // Asked for again behind the next statement.
        for (const processId of by) this.freedBy.add(processId);
        return;
      }
      for (const lane of free) {
        const since = idleMs();
        const processId = lane.session.connection?.processId;
        const { stalled, locked } = await this.breaker.waitFor(lane, (done) => {
          // It may have ended meanwhile.
          if (this.breaker.stalled.has(lane)) lane.answered = done;
          else done();
        });
        lane.answered = null;
        // It waits for something else now, and a procedure may have committed on its way there.
        if (stalled && processId !== undefined) this.freedBy.add(processId);
        this.lag.waited(lane, since, locked);
      }
    }
  }

  private async skip(lane: StrictLane, taken: Taken, reason: SkipReason): Promise<void> {
    this.context.reporter.skipped(taken, reason);
    lane.session.follow(taken.entry, null);
    lane.session.remaining -= 1;
    await this.closeIfOver(lane);
    await this.waitForFreed();
  }

  /**
   * The session's connection, ready for the entry: opened, and in a transaction where the entry's own BEGIN is not
   * in the plan. Null when the run was ended meanwhile.
   */
  private async connectionFor(session: TargetSession, taken: Taken): Promise<TargetConnection | null> {
    const { entry } = taken;
    for (;;) {
      const connection = await this.context.pool.connect(session);
      if (this.ended) return null;
      // To open it may have taken long.
      if (this.context.control.isPaused) {
        await resumed(this.context);
        continue;
      }
      if (session.needsBegin(entry, connection, this.plan) && connection.transactionStatus === 'I') {
        await this.beginCut(session, connection, entry);
        if (this.ended) return null;
        // Waited for above; it may cost the connection.
        if (this.context.control.isPaused) continue;
      }
      // It may have been lost while its transaction was begun: nothing has happened on it then.
      if (session.connection === connection) return connection;
    }
  }

  /** Ahead of a COMMIT: what it ends. Asked for before, so that COMMIT's own time stays its own. */
  private doubtOf(session: TargetSession, entry: Entry): Promise<Doubt> | null {
    const { doubts } = this.context;
    const { connection } = session;
    if (!doubts.asks || !session.commitsWrites(entry) || connection === null) return null;
    return new Promise((resolve) => {
      const doubt = doubts.ask(connection, () => resolve(doubt));
    });
  }

  private finish(lane: StrictLane, place: PlannedEntry, outcome: TargetOutcome): void {
    const { session } = lane;
    session.remaining -= 1;
    this.context.prepared.note(place.entry, outcome);
    if (outcome.lost) session.lostTransaction = place.entry.transactionId;
    else session.memory.note(place.entry, outcome);
  }

  private async closeIfOver(lane: StrictLane): Promise<void> {
    if (lane.session.remaining > 0 || lane.stalled) return;
    this.lanes.delete(lane.session.planned.key);
    await this.endSession(lane.session);
  }

  private async endSession(session: TargetSession): Promise<void> {
    const { pool } = this.context;
    const holds = session.mustKeep;
    const processId = session.connection?.processId;
    const ended = pool.end(session).then(() => {
      // Not before: until its backend has gone, who waits for it would be seen to wait.
      if (processId !== undefined) this.freedBy.add(processId);
      pool.forget(session);
      this.ahead.more();
    });
    // What comes next may count on what it gives free, and who stalls may go on before; else nobody waits until a backend has gone.
    if (holds || this.breaker.stalled.size > 0) await ended;
  }

  /** A transaction that began before the window, or whose BEGIN was filtered away, gets a BEGIN of its own. */
  private async beginCut(session: TargetSession, connection: TargetConnection, entry: Entry): Promise<void> {
    const text = ownBegin(session.beginOf(entry, this.plan), this.context.request);
    const outcome = await sendAlone(connection, text);
    if (outcome.lost) return;
    this.context.reporter.cut(entry, session.planned.sessionId, text);
  }

  private endStall(lane: StrictLane): void {
    lane.stalled = false;
    this.breaker.hasAnswered(lane);
    if (lane.queue.length > 0) this.released.add(lane);
    this.context.feed.emit({
      kind: 'NOTICE',
      code: 'STALL_ENDED',
      sessionId: lane.session.planned.sessionId,
      message: `session ${lane.session.planned.sessionId} goes on${lane.queue.length > 0 ? ` with ${lane.queue.length} queued statement${lane.queue.length === 1 ? '' : 's'}` : ''}`,
    });
    // Until the session is closed, where its record is over, its locks stand and the walk has to wait.
    void this.closeIfOver(lane).finally(() => {
      this.breaker.stalled.delete(lane);
      lane.answered?.();
      this.wakeUp?.();
    });
  }

  /** Waits until a stalled session goes on, or the run is being ended. */
  private anyStallEnd(): Promise<void> {
    const isThere = this.breaker.stalled.size === 0 || this.released.size > 0 || this.ended;
    return isThere ? Promise.resolve() : this.woken();
  }

  /** Until a stall ends, a session is lost that may have held what stalled ones wait for, or the run is being ended. */
  private woken(): Promise<void> {
    return new Promise((resolve) => {
      this.wakeUp = () => {
        this.wakeUp = null;
        resolve();
      };
    });
  }

  private lane(key: string): StrictLane {
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      const planned = this.plan.sessions.get(key);
      if (planned === undefined) throw new Error(`no planned session ${key}`);
      const session = this.context.pool.session(planned);
      for (const noted of this.context.earlier.get(key) ?? []) session.memory.note(noted, LASTING);
      session.onLost = (processId) => {
        this.freedBy.add(processId);
        this.wakeUp?.();
      };
      lane = { session, queue: new Fifo(), stalled: false, sentAt: 0, waitsFor: [], answered: null };
      this.lanes.set(key, lane);
    }
    return lane;
  }
}
