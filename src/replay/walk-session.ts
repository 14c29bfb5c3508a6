import type { Entry } from '../journal/entry.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { Doubt } from './commit-doubts.ts';
import { CommitFrontier, transactionEnd } from './commit-frontier.ts';
import { DispatcherHolds } from './dispatcher-holds.ts';
import { waitUntilDue } from './due.ts';
import type { SkipReason } from './event.ts';
import { LaneLook } from './lane-look.ts';
import { OpenAhead } from './open-ahead.ts';
import type { Plan } from './plan.ts';
import { FAILING, messageFor } from './recorded-message.ts';
import { ownBegin, refusalOf } from './refusal.ts';
import type { PlannedEntry } from './reporter.ts';
import { refillMark } from './request.ts';
import { sessionKey } from './session-key.ts';
import {
  causeAfter,
  enoughWaits,
  FEW_WAITING,
  hasMoved,
  isIdle,
  type Lane,
  lagOf,
  MOST_HELD,
  MOST_WAITING,
  type Waiting,
} from './session-lane.ts';
import { SessionLanes } from './session-lanes.ts';
import type { TargetSession } from './target-session.ts';
import { mayProceed, passSettled, resumed, untilMayProceed, type WalkContext } from './walk.ts';

/** How often lanes are looked at for locks while the dispatcher waits for one. Milliseconds. */
const LOOK_MS = 50;

/**
 * SESSION ordering: the recorded concurrency (docs/replay.md). One dispatcher hands entries to their lanes
 * in recorded order; each lane sends its own as fast as its session answers. No lane waits for another,
 * except for the target's own locks and, with `syncCommits`, for commits that the record had before.
 */
export class SessionWalk {
  private readonly context: WalkContext;
  private readonly plan: Plan;
  private readonly frontier: CommitFrontier<Lane> | null;
  private readonly holds = new DispatcherHolds();
  private readonly lanes: SessionLanes;
  private readonly ahead: OpenAhead;
  private readonly look: LaneLook;
  private waiting = 0;
  /** The dispatcher waits because enough waits. */
  private holding = false;
  private awaitsResume = false;
  private wakeUp: (() => void) | null = null;

  constructor(context: WalkContext, plan: Plan) {
    this.context = context;
    this.plan = plan;
    this.ahead = new OpenAhead(context);
    this.lanes = new SessionLanes(context, plan, this.ahead, {
      pump: (lane) => this.pump(lane),
      lost: (lane) => void this.settleLost(lane),
      moved: () => this.wakeUp?.(),
    });
    this.look = new LaneLook(context, this.lanes.byKey);
    this.frontier = context.request.syncCommits ? new CommitFrontier<Lane>() : null;
  }

  async run(): Promise<void> {
    const onEnd = () => this.wakeUp?.();
    this.context.control.signal.addEventListener('abort', onEnd);
    const ticker = setInterval(() => void this.lookAround(), LOOK_MS);
    try {
      await this.dispatchPlan();
      this.look.planIsOver = true;
      while (!this.over && this.lanes.byKey.size > 0) {
        this.lanes.closeIdle();
        await this.changeOrLimit();
      }
    } finally {
      clearInterval(ticker);
      this.context.control.signal.removeEventListener('abort', onEnd);
    }
  }

  private get over(): boolean {
    return this.context.control.endReason !== null;
  }

  private async dispatchPlan(): Promise<void> {
    const { request, pacer } = this.context;
    let ordinal = 0;
    for (;;) {
      const page = await this.context.control.unlessEnded(this.plan.nextPage());
      if (page === null) return;
      if (this.ahead.isAsked) {
        this.ahead.next(this.sessionsOf(page));
        if (ordinal === 0) await this.ahead.rest();
      }
      for (const entry of page) {
        for (let copy = 0; copy < request.scale; copy++) {
          if (this.over) return;
          ordinal += 1;
          const lane = this.lanes.lane(sessionKey(entry.origin), copy);
          const place = { ordinal, entry, copy };
          if (passSettled(this.context, lane.session, place)) {
            if (lane.session.remaining <= 0) this.lanes.close(lane);
            continue;
          }
          const due = pacer.placeOf(entry.timestamp, performance.now());
          // What need not wait does not: a promise for each of ten million statements is a good part of what it costs.
          const atOnce =
            due === null && this.frontier === null && mayProceed(this.context, ordinal) === null && !this.mustHold();
          if (atOnce) this.enqueue(lane, place, null);
          else await this.dispatch(lane, place, due);
        }
      }
    }
  }

  /** The sessions that will send something of the page. */
  private sessionsOf(page: readonly Entry[]): TargetSession[] {
    const { request } = this.context;
    const copies = Array.from({ length: request.scale }, (_, copy) => copy);
    return page.flatMap((entry) =>
      refusalOf(entry, request) === null
        ? copies.map((copy) => this.lanes.lane(sessionKey(entry.origin), copy).session)
        : [],
    );
  }

  private async dispatch(lane: Lane, place: PlannedEntry, due: number | null): Promise<void> {
    const { context } = this;
    if (due !== null) {
      if (context.pacer.dueAt(due) > performance.now()) this.holds.caughtUp();
      await waitUntilDue(context, due);
    }
    await untilMayProceed(context, place.ordinal);
    if (this.holderOf(place) !== null) await this.awaitCommits(lane, place);
    if (this.mustHold()) {
      const since = performance.now();
      do await this.changeOrLimit();
      while (!this.over && this.mustHold());
      this.holds.waited('TARGET', since, performance.now());
    }
    if (!this.over) this.enqueue(lane, place, due);
  }

  /** The lane whose commit the entry has to wait for first (`syncCommits`). */
  private holderOf(place: PlannedEntry): Lane | null {
    return this.over || this.frontier === null ? null : this.frontier.heldBy(place.entry.timestamp);
  }

  private async awaitCommits(lane: Lane, place: PlannedEntry): Promise<void> {
    const since = performance.now();
    let locked = false;
    this.look.awaitsCommit = true;
    for (let holder = this.holderOf(place); holder !== null; holder = this.holderOf(place)) {
      lane.nextIsHeld = holder === lane;
      // With its answer it is forgotten that a statement waited; and a look that finds it waiting may give its commit up.
      locked ||= holder.waited;
      await this.changeOrLimit();
      locked ||= holder.waited;
    }
    this.look.awaitsCommit = false;
    lane.nextIsHeld = false;
    this.holds.waited(locked ? 'LOCK' : 'TARGET', since, performance.now());
  }

  private enqueue(lane: Lane, place: PlannedEntry, due: number | null): void {
    const done = this.frontier === null ? null : this.frontier.dispatched(transactionEnd(place.entry), lane);
    let settle: Waiting['settle'] = null;
    if (done !== null) {
      settle = () => {
        lane.commits.delete(done);
        done();
      };
      lane.commits.add(done);
    }
    lane.queue.push({ place, due, settle });
    this.waiting += 1;
    this.pump(lane);
  }

  private mustHold(): boolean {
    const most = this.holding ? FEW_WAITING : MOST_WAITING;
    this.holding = this.waiting >= most && enoughWaits(this.waiting, this.lanes.byKey.values(), most);
    return this.holding;
  }

  /** Sends what the lane may send now. */
  private pump(lane: Lane): void {
    const { session } = lane;
    const { window } = this.lanes;
    const refillAt = refillMark(window);
    let filling = false;
    while (lane.lost.length === 0 && !this.over) {
      const next = lane.queue.first;
      if (next === undefined) return;
      if (this.skips(lane, next)) continue;
      const { connection } = session;
      if (this.context.control.isPaused) this.pumpWhenResumed();
      else if (connection === null) this.lanes.open(lane);
      // Its loss is being told statement by statement; `onLost` comes behind the last.
      else if (!connection.ended && connection.inFlight < (filling ? window : refillAt + 1)) {
        if (!filling && window > 1) connection.gatherAbove(refillAt);
        filling = true;
        if (this.asks(lane, connection, next)) continue;
        const { doubt } = lane;
        this.advance(lane);
        this.send(lane, connection, next, doubt);
        continue;
      }
      return;
    }
  }

  /**
   * Asks ahead of a COMMIT what it ends, once. With one statement under way at a time COMMIT waits for the answer, and
   * its own time stays its own.
   */
  private asks(lane: Lane, connection: TargetConnection, next: Waiting): boolean {
    const { doubts } = this.context;
    if (!doubts.asks || lane.doubt !== null || !lane.session.commitsWrites(next.place.entry)) return false;
    lane.doubt = doubts.ask(connection, () => this.pump(lane));
    return true;
  }

  private pumpWhenResumed(): void {
    if (this.awaitsResume) return;
    this.awaitsResume = true;
    void resumed(this.context).then(() => {
      this.awaitsResume = false;
      for (const lane of this.lanes.byKey.values()) this.pump(lane);
    });
  }

  private advance(lane: Lane): void {
    lane.doubt = null;
    lane.queue.shift();
    this.waiting -= 1;
  }

  /** Reports the entry without sending it, where it cannot be sent. */
  private skips(lane: Lane, next: Waiting): boolean {
    const { entry } = next.place;
    const { session } = lane;
    const isLost = session.lostTransaction === entry.transactionId;
    const refusal = refusalOf(entry, this.context.request);
    const reason: SkipReason | null = refusal ?? (isLost ? 'TRANSACTION_LOST' : null);
    if (reason === null || (!isLost && session.failsUnsent(entry))) return false;
    session.follow(entry, null);
    this.advance(lane);
    this.context.reporter.skipped(next.place, reason);
    this.settle(lane, next);
    return true;
  }

  private send(lane: Lane, connection: TargetConnection, next: Waiting, doubt: Doubt | null): void {
    const { session } = lane;
    const { entry } = next.place;
    const { context } = this;
    const begins = session.needsBegin(entry, connection, this.plan);
    context.pool.makeRest(session, connection);
    if (session.transactionId !== entry.transactionId) {
      session.transactionId = entry.transactionId;
      session.lostTransaction = null;
    }
    if (begins) {
      const text = ownBegin(session.beginOf(entry, this.plan), context.request);
      connection.send({ protocol: 'SIMPLE', text, preparedName: null, parameters: [], digest: false }, () => {});
      context.reporter.cut(entry, session.planned.sessionId, text);
    }
    session.follow(entry, connection);
    const aborted = session.recordedAborted(entry);
    const failsAhead = session.failedUnplanned(entry, aborted, this.plan);
    if (failsAhead) connection.send(FAILING, () => {});
    const lag = next.due === null ? null : lagOf(lane, context.pacer.dueAt(next.due), this.holds);
    // Others that are refused were passed over: to look again costs as much as a short statement.
    const refusal = entry.outcome.status === 'FAILED' ? refusalOf(entry, context.request) : null;
    const message = refusal === null ? messageFor(entry, context.request.digestRows) : FAILING;
    connection.send(message, (outcome) => {
      const report = () => {
        if (refusal === null) context.reporter.answered(next.place, outcome, lag, aborted || failsAhead);
        else context.reporter.skipped(next.place, refusal);
      };
      context.prepared.note(entry, outcome);
      if (outcome.lost) {
        session.lostTransaction = entry.transactionId;
        // `onLost` comes behind the last, unless the run has cut it off.
        if (!this.over && session.connection === connection) {
          const tellsItself = outcome.fatal || refusal !== null;
          const { processId } = connection;
          lane.lost.push({ place: next.place, doubt, tellsItself, unknown: report, waiting: next, processId });
          return;
        }
      }
      report();
      if (!outcome.lost) session.memory.note(entry, outcome);
      lane.cause = causeAfter(lane, outcome.serviceMs, entry.durationMs);
      hasMoved(lane);
      this.settle(lane, next);
      this.pump(lane);
    });
  }

  /** The lane's connection went: reports what was under way on it, and goes on. */
  private async settleLost(lane: Lane): Promise<void> {
    const [first] = lane.lost;
    if (first !== undefined) {
      const settling = this.context.doubts.settle(lane.lost, first.processId);
      if (settling !== null) await settling;
      hasMoved(lane);
      for (const { waiting } of lane.lost.splice(0)) this.settle(lane, waiting);
    }
    this.pump(lane);
  }

  private settle(lane: Lane, next: Waiting): void {
    const { session } = lane;
    next.settle?.();
    session.remaining -= 1;
    if (session.remaining <= 0 && lane.queue.length === 0) this.lanes.close(lane);
    if (!this.holding || this.waiting < FEW_WAITING || isIdle(lane)) this.wakeUp?.();
  }

  /** Gives blocked lanes another try, and looks at what the others wait for. */
  private async lookAround(): Promise<void> {
    if (this.look.isUnderWay) return;
    if (this.lanes.anyIsBlocked) this.lanes.openBlocked();
    // With one statement under way at a time, as at recorded pace, lag is to be explained.
    const lanesAreFull = this.waiting >= MOST_WAITING / 2 || this.lanes.window <= 1;
    if (await this.look.look(lanesAreFull, this.waiting >= MOST_HELD)) this.wakeUp?.();
  }

  /** As `change`; ends the run when nothing can change because the connections do not suffice. */
  private changeOrLimit(): Promise<void> {
    this.lanes.endWhereStuck();
    return this.change();
  }

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
}
