import { RepriseError } from '../errors.ts';
import { failureOf } from './control.ts';
import type { OpenAhead } from './open-ahead.ts';
import type { Plan } from './plan.ts';
import { isIdle, type Lane, newLane } from './session-lane.ts';
import { LASTING } from './sessions.ts';
import { copyKey } from './target-session.ts';
import type { WalkContext } from './walk.ts';

/** Statements under way over all lanes, about: with more than a few lanes they share it. */
const MOST_UNDER_WAY = 4_096;
/** What a lane may have under way however many there are. */
const LEAST_WINDOW = 8;

/** What the lanes tell their walk. */
export interface LanesOwner {
  /** The lane has a connection, or may ask for one again. */
  pump(lane: Lane): void;
  /** Its connection was lost, and every statement on it has its outcome. */
  lost(lane: Lane): void;
  /** A connection came or went. */
  moved(): void;
}

/** The lanes of a SESSION walk: which there are, and which of them has a connection. What they send is the walk's. */
export class SessionLanes {
  /** By key of the session's copy. */
  readonly byKey: ReadonlyMap<string, Lane>;
  private readonly lanes = new Map<string, Lane>();
  private readonly context: WalkContext;
  private readonly plan: Plan;
  private readonly ahead: OpenAhead;
  private readonly owner: LanesOwner;
  /** What the request allows on one connection. */
  private readonly widest: number;
  private share: number;
  private limit: RepriseError | null = null;

  constructor(context: WalkContext, plan: Plan, ahead: OpenAhead, owner: LanesOwner) {
    this.byKey = this.lanes;
    this.context = context;
    this.plan = plan;
    this.ahead = ahead;
    this.owner = owner;
    // At recorded pace a client sends its next statement when it has the answer to the one before.
    this.widest = context.request.pace.mode === 'RECORDED' ? 1 : context.request.inFlight;
    this.share = this.widest;
  }

  /** What a lane may have under way at most, by how many lanes there are now. */
  get window(): number {
    return this.share;
  }

  /** The lane of a session's copy; made on first use. */
  lane(key: string, copy: number): Lane {
    const id = copyKey(key, copy);
    let lane = this.lanes.get(id);
    if (lane === undefined) {
      const planned = this.plan.sessions.get(key);
      if (planned === undefined) throw new Error(`no planned session ${key}`);
      const session = this.context.pool.session(planned, copy);
      const opened = newLane(session);
      for (const noted of this.context.earlier.get(key) ?? []) session.memory.note(noted, LASTING);
      session.onLost = () => this.owner.lost(opened);
      lane = opened;
      this.lanes.set(id, lane);
      this.shareWindow();
    }
    return lane;
  }

  /** Asks for the lane's connection, unless that is under way. */
  open(lane: Lane): void {
    if (lane.state === 'OPENING') return;
    lane.state = 'OPENING';
    lane.waitsSince ??= performance.now();
    const since = lane.waitsSince;
    this.context.pool.connect(lane.session).then(
      () => {
        lane.state = 'READY';
        lane.waitsSince = null;
        // What is late by a login is late by the target.
        lane.cause = lane.session.waitedForLogin(since) ? 'TARGET' : 'NONE';
        this.owner.pump(lane);
        // Where one got in there may be room for the next.
        if (this.limit !== null) this.openBlocked();
      },
      (error: unknown) => {
        if (error instanceof RepriseError && error.code === 'CONNECTION_LIMIT') {
          // Honest queueing: the lane waits until a session ends or holds nothing.
          lane.state = 'BLOCKED';
          this.limit = error;
        } else this.context.control.end(failureOf(error));
        this.owner.moved();
      },
    );
  }

  /** The record of the lane's session has ended. */
  close({ session }: Lane): void {
    const { pool } = this.context;
    this.lanes.delete(copyKey(session.planned.key, session.copy));
    this.shareWindow();
    void pool.end(session).then(() => {
      pool.forget(session);
      this.openBlocked();
      this.ahead.more();
    });
  }

  /** The plan has ended: whoever has nothing left must hold neither a lock nor a connection. */
  closeIdle(): void {
    for (const lane of [...this.lanes.values()]) {
      if (isIdle(lane) && lane.state !== 'OPENING') this.close(lane);
    }
  }

  /** True while a lane has no place for its connection. */
  get anyIsBlocked(): boolean {
    return [...this.lanes.values()].some((lane) => lane.state === 'BLOCKED');
  }

  /**
   * Lets the first lane that waits for a connection try again, as it did longest. Only that one: thousands may wait, and
   * nearly all would be refused at once.
   */
  openBlocked(): void {
    for (const lane of this.lanes.values()) {
      if (lane.state !== 'BLOCKED') continue;
      lane.state = 'CLOSED';
      this.owner.pump(lane);
      if ((lane.state as Lane['state']) === 'OPENING') break;
    }
    this.owner.moved();
  }

  /** Ends the run when nothing can change before the dispatcher goes on because the connections do not suffice. */
  endWhereStuck(): void {
    const { control, pool } = this.context;
    const stuck =
      this.limit !== null &&
      !control.isPaused &&
      this.anyIsBlocked &&
      [...this.lanes.values()].every(
        (lane) =>
          lane.state !== 'OPENING' && ((lane.session.connection?.inFlight ?? 0) === 0 || lane.heldSince !== null),
      ) &&
      !pool.hasRoom;
    if (stuck) control.end(failureOf(this.limit));
  }

  /** Texts and parameters of what is under way are held in memory: a thousand lanes must not hold a full window each. */
  private shareWindow(): void {
    const share = Math.floor(MOST_UNDER_WAY / this.lanes.size);
    this.share = Math.min(this.widest, Math.max(LEAST_WINDOW, share));
  }
}
