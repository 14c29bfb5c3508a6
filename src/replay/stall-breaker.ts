import { within } from './cut-short.ts';
import type { Fifo } from './fifo.ts';
import { NO_PROCESS } from './prepared-transactions.ts';
import type { PlannedEntry } from './reporter.ts';
import type { Blockers } from './target-monitor.ts';
import type { TargetSession } from './target-session.ts';
import type { WalkContext } from './walk.ts';

/** A statement older than this is looked at for locks; most answer long before. Milliseconds. */
const STALL_CHECK_MS = 1;
/** Looks in a row without a statement under way after which the ticker rests until the next one is sent. */
const IDLE_TICKS = 100;
/** A statement older than this is also looked at for a page that it waits for. Milliseconds. */
const PIN_CHECK_MS = 50;
/** How long one that a page was given free for may take to notice. Milliseconds. */
const WAKE_MS = 10;
/** How long the walk waits to be told who has been freed, and how long it asks nothing then. Milliseconds. */
const MOST_ASKING_MS = 1_000;
const ASK_AGAIN_MS = 500;

/** An entry that the walk has taken from the plan, and its place in the schedule. */
export interface Taken extends PlannedEntry {
  readonly due: number | null;
}

/** Where a session stands with a TIMESTAMP walk. */
export interface StrictLane {
  readonly session: TargetSession;
  /** Entries behind a stalled statement, in recorded order. */
  readonly queue: Fifo<Taken>;
  stalled: boolean;
  /** When its last statement was sent, `performance.now()`. */
  sentAt: number;
  /** Whom its stalled statement waits for, as seen last: process ids, 0 of a prepared transaction, null where it waits for a page. */
  waitsFor: readonly number[] | null;
  /** Told when its stalled statement has ended, by whoever waits for it again. */
  answered: (() => void) | null;
}

/** A stalled session, and the process id of its backend. */
interface Waiting {
  readonly lane: StrictLane;
  readonly pid: number;
}

/** The statement that the walk waits for. */
interface Current {
  readonly lane: StrictLane;
  readonly sentAt: number;
  /** It was found waiting for a lock, whoever holds it. */
  locked: boolean;
  readonly settle: (how: 'DONE' | 'STALLED') => void;
}

/** How a wait for a statement has ended. */
export interface Waited {
  /** It goes on without the walk. */
  readonly stalled: boolean;
  /** It waited for a lock, whoever held it. */
  readonly locked: boolean;
}

/**
 * The stall breaker of TIMESTAMP ordering (docs/replay.md T2). While the walk waits for a statement, follows that one's
 * blockers: where they lead to a session of this replay that the walk could carry on, waiting for it would be waiting for
 * the walk itself, and the session is stalled.
 */
export class StallBreaker {
  readonly stalled = new Set<StrictLane>();
  private readonly context: WalkContext;
  private readonly lanes: ReadonlyMap<string, StrictLane>;
  private readonly onStall: (lane: StrictLane) => void;
  private current: Current | null = null;
  private ticker: NodeJS.Timeout | null = null;
  private idleTicks = 0;
  private looking = false;
  private nextLookAt = 0;
  /** A question who has been freed has no answer yet. */
  private asking = false;
  private askAgainAt = 0;

  /** `lanes`: those of the walk, by session key. `onStall` is called at the moment in which one is stalled. */
  constructor(context: WalkContext, lanes: ReadonlyMap<string, StrictLane>, onStall: (lane: StrictLane) => void) {
    this.context = context;
    this.lanes = lanes;
    this.onStall = onStall;
  }

  /** Waits for a statement of the lane, which `begin` sends, until that is done or the lane is stalled. */
  async waitFor(lane: StrictLane, begin: (done: () => void) => void): Promise<Waited> {
    this.startTicker();
    let current: Current | null = null;
    const how = await new Promise<'DONE' | 'STALLED'>((settle) => {
      current = { lane, sentAt: performance.now(), locked: false, settle };
      this.current = current;
      this.nextLookAt = 0;
      begin(() => settle('DONE'));
    });
    this.current = null;
    const stalled = how === 'STALLED';
    return { stalled, locked: stalled || (current as Current | null)?.locked === true };
  }

  /** True while a stalled session waits for a page, as seen last. */
  get pageWaitedFor(): boolean {
    for (const { stalled, waitsFor } of this.stalled) if (stalled && waitsFor === null) return true;
    return false;
  }

  /** The lane's statement has ended, though who waits for it is told later: a look that is under way finds nothing any more. */
  hasAnswered(lane: StrictLane): void {
    if (this.current?.lane === lane) this.current = null;
  }

  /** Looks at nothing any more. */
  stop(): void {
    if (this.ticker !== null) clearInterval(this.ticker);
    this.ticker = null;
  }

  /**
   * The stalled sessions whose statements wait for nothing any more, now that these backends may have given up what they
   * held. Who waited for none of them, when that was seen last, still waits; who waits now for others of the replay is asked again
   * when they go. Who waits for nobody of it is asked about by nobody else: it is waited for. Null: the target did not tell, in time.
   */
  async freed(by: ReadonlySet<number>): Promise<readonly StrictLane[] | null> {
    // A monitor that is long in getting a connection again must not hold up statement after statement.
    if (this.asking || performance.now() < this.askAgainAt) return null;
    this.asking = true;
    const answer: { free: readonly StrictLane[] | null } = { free: null };
    const asked = this.askFreed(by)
      // The monitor's connection was lost: it is opened again when it is asked again.
      .catch(() => this.askFreed(by))
      .then(
        (free) => {
          answer.free = free;
        },
        () => {},
      )
      .finally(() => {
        this.asking = false;
      });
    await within(MOST_ASKING_MS, asked);
    if (answer.free === null) this.askAgainAt = performance.now() + ASK_AGAIN_MS;
    return answer.free;
  }

  private async askFreed(by: ReadonlySet<number>): Promise<readonly StrictLane[]> {
    const { pool, prepared, monitor } = this.context;
    const waiting = this.waiting().filter(({ lane }) => lane.waitsFor?.some((pid) => by.has(pid)) ?? true);
    const free: StrictLane[] = [];
    const blockers = await monitor.blockers(waiting.map(({ pid }) => pid));
    for (const { lane, pid } of waiting) {
      const found = blockers.get(pid) ?? [];
      const ours = found.some((one) => pool.byProcessId(one) !== null) || prepared.isAmong(found);
      if (found.length > 0) lane.waitsFor = found;
      if (ours) continue;
      if (lane.waitsFor !== null || !(await this.stillWaitsForPage(pid))) free.push(lane);
    }
    return free;
  }

  /** Unlike a lock, a page is not handed over: whoever waits for it shows that until it has woken. */
  private async stillWaitsForPage(processId: number): Promise<boolean> {
    const until = performance.now() + WAKE_MS;
    // On a busy machine the questions themselves take long.
    for (let asked = 0; asked < 3 || performance.now() < until; asked++) {
      if (!(await this.context.monitor.waitsForPage(processId))) return false;
    }
    return true;
  }

  /** True when a stalled session waits for what only the walk can free: to wait for its end would have none. */
  async isWaitedFor(): Promise<boolean> {
    const waiting = this.waiting();
    try {
      const blockers = await this.context.monitor.blockers(waiting.map(({ pid }) => pid));
      for (const { lane, pid } of waiting) {
        if ((await this.heldByWalk(lane, pid, blockers.get(pid) ?? [])) !== null) return true;
      }
    } catch {
      // The monitor's connection was lost: as in `freed`.
    }
    return false;
  }

  /**
   * With the plan at its end: cancels what has waited for so many milliseconds, be it that the record has set `statement_timeout` to
   * more, for nothing but prepared transactions, whose COMMIT PREPARED nobody brings any more, or for a page on which the cursor
   * may stand of one that waits for it itself, which the server takes for no deadlock.
   */
  cancelHopeless(afterMs: number): Promise<void> {
    return this.cancel(afterMs, async ({ pid }, blockers) => {
      const found = blockers.get(pid);
      if (found !== undefined) return found.every((blocker) => blocker === NO_PROCESS);
      const waitsForIt = this.waiting().some(
        ({ lane, pid: other }) =>
          lane.session.connection?.transactionStatus === 'T' && blockers.get(other)?.includes(pid) === true,
      );
      return waitsForIt && (await this.context.monitor.waitsForPage(pid));
    });
  }

  /** While the walk takes nothing from the plan: likewise what waits for what only the walk can free. */
  cancelHeld(afterMs: number): Promise<void> {
    return this.cancel(
      afterMs,
      async ({ lane, pid }, blockers) => (await this.heldByWalk(lane, pid, blockers.get(pid) ?? [])) !== null,
    );
  }

  private async cancel(
    afterMs: number,
    isHopeless: (one: Waiting, blockers: Blockers) => Promise<boolean>,
  ): Promise<void> {
    const waiting = this.waiting();
    const long = waiting.filter(({ lane }) => performance.now() - lane.sentAt >= afterMs);
    if (long.length === 0) return;
    try {
      const blockers = await this.context.monitor.blockers(waiting.map(({ pid }) => pid));
      if (await this.anyGoesOn(waiting, blockers)) return;
      const hopeless: Waiting[] = [];
      for (const one of long) if (await isHopeless(one, blockers)) hopeless.push(one);
      await within(MOST_ASKING_MS, Promise.all(hopeless.map(({ lane }) => lane.session.connection?.cancel())));
    } catch {
      // Likewise.
    }
  }

  /** Whether a session with queued statements goes on without the walk, or has: these may end what others wait for. */
  private async anyGoesOn(waiting: readonly Waiting[], blockers: Blockers): Promise<boolean> {
    const { pool, prepared, monitor } = this.context;
    for (const { stalled, queue } of this.lanes.values()) if (!stalled && queue.length > 0) return true;
    for (const { lane, pid } of waiting) {
      const found = blockers.get(pid) ?? [];
      if (lane.queue.length === 0 || prepared.isAmong(found)) continue;
      if (found.some((blocker) => pool.byProcessId(blocker) !== null)) continue;
      if (found.length > 0 || !(await monitor.waitsForPage(pid))) return true;
    }
    return false;
  }

  private waiting(): Waiting[] {
    return [...this.stalled].flatMap((lane) => {
      const pid = lane.session.connection?.processId;
      return pid === undefined || !lane.stalled ? [] : [{ lane, pid }];
    });
  }

  private startTicker(): void {
    this.idleTicks = 0;
    this.ticker ??= setInterval(() => {
      if (this.current !== null) void this.look(this.current);
      else if (++this.idleTicks > IDLE_TICKS) this.stop();
    }, STALL_CHECK_MS);
  }

  private async look(current: Current): Promise<void> {
    const now = performance.now();
    const age = now - current.sentAt;
    if (this.looking || age < STALL_CHECK_MS || now < this.nextLookAt) return;
    // Looked at less and less often while it runs: a report of ten minutes needs no thousand questions.
    this.nextLookAt = now + Math.min(age / 2, 1_000);
    const pid = current.lane.session.connection?.processId;
    if (pid === undefined) return;
    // The answer may have come while we asked, or the connection been lost.
    const isOver = () => this.current !== current || current.lane.session.connection?.processId !== pid;
    this.looking = true;
    try {
      const blockers = (await this.context.monitor.blockers([pid])).get(pid) ?? [];
      if (isOver()) return;
      if (blockers.length > 0) current.locked = true;
      else if (age < PIN_CHECK_MS) return;
      const held = await this.heldByWalk(current.lane, pid, blockers);
      if (held === null || isOver()) return;
      current.lane.waitsFor = blockers.length > 0 ? blockers : null;
      this.stall(current.lane, held);
      current.settle('STALLED');
    } catch {
      // Likewise, at the next look.
    } finally {
      this.looking = false;
    }
  }

  /**
   * What the lane's statement waits for that only the walk can free; null: nothing of that. `blockers` name nobody who
   * keeps a page, which VACUUM may wait for: it is an open cursor, and may be that of anybody with a transaction, also of one that
   * is stalled: then it waits for the walk itself.
   */
  private async heldByWalk(lane: StrictLane, processId: number, blockers: readonly number[]): Promise<string | null> {
    const { pool, prepared, monitor } = this.context;
    const holder = blockers.map((blocker) => pool.byProcessId(blocker)).find((one) => this.carriesOn(one, lane));
    if (holder) return `a lock that session ${holder.planned.sessionId} holds`;
    if (prepared.isAmong(blockers)) return 'a lock that a prepared transaction holds';
    if (blockers.length > 0 || !(await monitor.waitsForPage(processId))) return null;
    for (const session of pool.open()) {
      if (session.connection?.transactionStatus === 'T' && session !== lane.session)
        return `a page that a cursor of session ${session.planned.sessionId} may hold`;
    }
    return null;
  }

  /**
   * True for a session that waits for the walk; false for one that waits itself, or is none of this replay. One that waits for a
   * page does wait for the walk: there is no blocker behind it that would show that.
   */
  private carriesOn(session: TargetSession | null, waiting: StrictLane): boolean {
    if (session === null || session === waiting.session) return false;
    const lane = this.lanes.get(session.planned.key);
    return lane?.stalled !== true || lane.waitsFor === null;
  }

  private stall(lane: StrictLane, held: string): void {
    // One that was waited for again has been told.
    if (lane.stalled) return;
    lane.stalled = true;
    this.stalled.add(lane);
    this.onStall(lane);
    this.context.reporter.stalled(lane.session.planned.sessionId, held, 'the walk goes on without it');
  }
}
