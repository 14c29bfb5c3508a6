import { NO_PROCESS } from './prepared-transactions.ts';
import { hasNoPlace, isIdle, type Lane } from './session-lane.ts';
import { copyKey, type TargetSession } from './target-session.ts';
import type { WalkContext } from './walk.ts';

/** How much longer than a look takes the target is left alone behind it: it looks at all locks for each backend. */
const LEFT_ALONE = 4;
const NO_LANES: ReadonlySet<Lane> = new Set();

/**
 * The look of SESSION ordering at the locks of its lanes: which wait for this replay and which are slow. With `syncCommits`
 * it is the stall breaker, too (docs/replay.md).
 */
export class LaneLook {
  /** Set while the dispatcher waits for a commit. */
  awaitsCommit = false;
  /** Set when it has nothing left to hand out. */
  planIsOver = false;
  private readonly context: WalkContext;
  private readonly lanes: ReadonlyMap<string, Lane>;
  private underWay = false;
  /** No look before; `performance.now()`. */
  private nextLookAt = 0;

  /** `lanes`: those of the walk, by key of the session's copy. */
  constructor(context: WalkContext, lanes: ReadonlyMap<string, Lane>) {
    this.context = context;
    this.lanes = lanes;
  }

  /** One look at a time. */
  get isUnderWay(): boolean {
    return this.underWay;
  }

  /**
   * True when the target has answered. Only asked while it can matter: lanes are full, or the dispatcher waits. `mostIsHeld`: it
   * hands out nothing more before something moves. Never rejects.
   */
  async look(lanesAreFull: boolean, mostIsHeld: boolean): Promise<boolean> {
    if (this.underWay || !(lanesAreFull || this.awaitsCommit || this.planIsOver)) return false;
    this.underWay = true;
    try {
      return await this.ask(mostIsHeld || this.planIsOver);
    } catch {
      // The monitor's connection failed: it is opened again at the next look.
      return false;
    } finally {
      this.underWay = false;
    }
  }

  private async ask(cancels: boolean): Promise<boolean> {
    const busy = [...this.lanes.values()].filter((lane) => (lane.session.connection?.inFlight ?? 0) > 0);
    const startedAt = performance.now();
    if (busy.length === 0 || startedAt < this.nextLookAt) return false;
    const answers = busy.map((lane) => lane.answers);
    const matters = this.awaitsCommit || cancels;
    const idle = new Map(matters ? [...this.lanes.values()].filter(isIdle).map((lane) => [lane, lane.answers]) : []);
    const blockers = await this.context.monitor.blockers(processIdsOf(busy));
    // The statement that was asked about may have its answer by now.
    const still = busy.filter((lane, index) => lane.answers === answers[index]);
    const foundFor = (lane: Lane) => blockers.get(processIdOf(lane)) ?? [];
    for (const lane of still) {
      const found = foundFor(lane);
      lane.waited ||= found.length > 0;
      lane.locked =
        this.context.prepared.isAmong(found) || found.some((pid) => this.context.pool.byProcessId(pid) !== null);
      lane.slow = !lane.locked && lane.looked === lane.answers;
      lane.looked = lane.answers;
    }
    const pages = matters ? await this.waitForPages(still) : NO_LANES;
    const cursor = pages.size === 0 ? undefined : [...idle.keys()].find((lane) => inTransaction(lane) && isIdle(lane));
    const anyGetsOn = this.anyGetsOn(pages);
    for (const lane of still) {
      // It has its answer by now.
      if (lane.looked !== lane.answers) continue;
      const found = foundFor(lane);
      const holders = found.flatMap((pid) => this.context.pool.byProcessId(pid) ?? []);
      const holder = holders.find((session) => this.waitsForDispatcher(session, idle));
      const byPrepared = this.context.prepared.isAmong(found);
      const onlyPrepared = byPrepared && found.every((pid) => pid === NO_PROCESS);
      const waitsForPage = pages.has(lane);
      const isWaitedFor = () =>
        still.some((other) => inTransaction(other) && foundFor(other).includes(processIdOf(lane)));
      const inVain = onlyPrepared || (waitsForPage && (cursor !== undefined || isWaitedFor()));
      const isHeld = (holder !== undefined || (inVain && !anyGetsOn)) && !this.context.control.isPaused;
      lane.heldSince = isHeld ? (lane.heldSince ?? startedAt) : null;
      // Whatever the dispatcher hands out does not end what two sessions wait for of each other.
      if (cancels || (waitsForPage && cursor === undefined)) this.cancelHeld(lane);
      if (!this.awaitsCommit || lane.commits.size === 0) continue;
      const vacuuming = holders.find((session) => pages.has(this.laneOf(session) ?? lane));
      if (holder !== undefined) this.giveUpOrder(lane, `a lock that session ${holder.planned.sessionId} holds`);
      else if (byPrepared && this.onlyDispatcherGoesOn(pages))
        this.giveUpOrder(lane, 'a lock that a prepared transaction holds');
      else if (cursor !== undefined && waitsForPage)
        this.giveUpOrder(lane, `a page that a cursor of session ${cursor.session.planned.sessionId} may hold`);
      else if (cursor !== undefined && vacuuming !== undefined)
        this.giveUpOrder(lane, `a lock that session ${vacuuming.planned.sessionId} holds`);
    }
    this.nextLookAt = performance.now() + (performance.now() - startedAt) * LEFT_ALONE;
    return true;
  }

  /** The server's `statement_timeout` would have ended it, had the record not set that to more, or to 0. */
  private cancelHeld(lane: Lane): void {
    if (lane.heldSince === null || performance.now() - lane.heldSince < this.context.request.statementTimeoutMs) return;
    lane.heldSince = null;
    // One that is not delivered is followed by another.
    lane.session.connection?.cancel().catch(() => {});
  }

  /**
   * Those of the lanes that wait for a page: nobody is named as the blocker of VACUUM then, an open cursor, of whoever has a
   * transaction, may stand on it.
   */
  private async waitForPages(lanes: readonly Lane[]): Promise<ReadonlySet<Lane>> {
    // A statement that is new may have its answer before the question is asked.
    const slow = lanes.filter((lane) => lane.slow);
    if (slow.length === 0 || ![...this.lanes.values()].some(inTransaction)) return NO_LANES;
    const waiting = await this.context.monitor.waitForPages(processIdsOf(slow));
    // Not slow any more: it has its answer by now.
    const still = slow.filter((lane) => lane.slow && waiting.has(processIdOf(lane)));
    for (const lane of still) lane.waited = true;
    return new Set(still);
  }

  /**
   * True for a session that is a blocker and has nothing to send until the dispatcher goes on. `idle`: who had nothing when the
   * target was asked, and how many answers by then; of another it may be what it has given up since.
   */
  private waitsForDispatcher(session: TargetSession, idle: ReadonlyMap<Lane, number>): boolean {
    const lane = this.laneOf(session);
    return lane !== undefined && isIdle(lane) && idle.get(lane) === lane.answers;
  }

  private laneOf(session: TargetSession): Lane | undefined {
    return this.lanes.get(copyKey(session.planned.key, session.copy));
  }

  /** True when whatever is under way waits for locks or pages of this replay: no session will end what holds them by itself. */
  private onlyDispatcherGoesOn(pages: ReadonlySet<Lane>): boolean {
    return [...this.lanes.values()].every((lane) => lane.locked || pages.has(lane) || isIdle(lane));
  }

  /** True when a session gets on by itself, in a pause behind that: its next statements may end what others wait for. */
  private anyGetsOn(pages: ReadonlySet<Lane>): boolean {
    return [...this.lanes.values()].some(
      (lane) => !lane.locked && !pages.has(lane) && !isIdle(lane) && !hasNoPlace(lane),
    );
  }

  /** `syncCommits` waits for a commit that waits for what a session holds that waits for the dispatcher: never both. */
  private giveUpOrder(lane: Lane, held: string): void {
    for (const done of lane.commits) done();
    lane.commits.clear();
    this.context.reporter.stalled(lane.session.planned.sessionId, held, 'its end is not waited for');
  }
}

function processIdOf({ session }: Lane): number {
  return session.connection?.processId ?? NO_PROCESS;
}

function processIdsOf(lanes: readonly Lane[]): readonly number[] {
  return lanes.flatMap(({ session }) => session.connection?.processId ?? []);
}

/** True for a session that has a transaction, and so perhaps a cursor. */
function inTransaction({ session }: Lane): boolean {
  return session.connection?.transactionStatus === 'T';
}
