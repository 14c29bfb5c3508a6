import { RepriseError } from '../errors.ts';
import { runHasEnded } from './control.ts';
import type { TargetFull } from './open-persistently.ts';
import type { ReplayRequest } from './request.ts';
import { type TargetLimit, TargetLimits } from './target-limits.ts';
import type { TargetSession } from './target-session.ts';

/** How often who waits for a login of another looks whether a session has come to hold nothing. Milliseconds. */
const LOOK_FOR_IDLE_MS = 50;

/** What the places ask of the pool that they are those of. */
export interface PlacesOwner {
  readonly request: Pick<ReplayRequest, 'maxConnections' | 'users'>;
  readonly databaseFor: (recorded: string | null) => string | null;
  /** Sessions that have a connection now. */
  readonly connected: ReadonlySet<TargetSession>;
  /** Closes the connection of a session that holds nothing; resolves when its place is free. */
  release(session: TargetSession): Promise<void>;
}

/**
 * The places for the connections of a run: `maxConnections` (one of which is the monitor's), fewer where the target lets it have
 * fewer. First come, first served; sessions that hold nothing give theirs up when there are no more.
 */
export class ConnectionPlaces {
  private readonly owner: PlacesOwner;
  private readonly limits = new TargetLimits();
  private readonly closing = new Set<Promise<void>>();
  /** Sessions that have a place and no connection yet. */
  private opening = 0;
  /** Sessions that ask for a place and have none yet. */
  private asking = 0;
  /** When whoever came last has a place, or was refused one. */
  private taken: Promise<void> = Promise.resolve();
  private wakeUp: (() => void) | null = null;
  private closed = false;

  constructor(owner: PlacesOwner) {
    this.owner = owner;
  }

  /** How many more sessions may ask for a place, and get it without closing another's connection. */
  get room(): number {
    return this.limits.hold ? 0 : this.free - this.asking;
  }

  /** True when another session can be connected now or soon, be it by taking the place of one that holds nothing. */
  get hasRoom(): boolean {
    return (
      (this.free > 0 && !this.limits.hold) ||
      this.closing.size > 0 ||
      // Opened ahead of its statements, a connection holds nothing when it is there.
      this.opening > 0 ||
      [...this.owner.connected].some(
        (session) => session.ending !== null || (!session.mustKeep && this.limits.yields(this.loginOf(session))),
      )
    );
  }

  /**
   * A place for the session's connection; `arrived` is to be called when that is there, or does not come.
   * @throws RepriseError CONNECTION_LIMIT; REPLAY_STATE when the run is being ended
   */
  async take(session: TargetSession): Promise<void> {
    this.asking += 1;
    try {
      await session.ending;
      // Thousands of sessions may want one: if each of them looked at whatever leaves, that would take longer than a login.
      const taken = this.taken.then(() => this.find(this.loginOf(session)));
      this.taken = taken.catch(() => {});
      await taken;
    } finally {
      this.asking -= 1;
    }
  }

  /** Whoever has taken a place has its connection, or none, and needs the place no more. */
  arrived(): void {
    this.opening -= 1;
    // Behind the first statement of who has opened it: else two sessions could take it from each other for ever.
    setImmediate(() => this.changed());
  }

  /** The target lets nobody in beside those that it has let in. What is to be told of it, where that is news. */
  refused(session: TargetSession, { message }: TargetFull): string | null {
    const login = this.loginOf(session);
    const connections = this.connectedBy(login).length;
    const isNew = this.limits.refused(login, { connections, ofRun: this.owner.connected.size, why: message });
    const others = connections === 0 ? '' : ` beside ${connections} of this run`;
    return isNew
      ? `the target takes no more connections${others}: sessions without state take turns (${message})`
      : null;
  }

  /** A connection is on its way out: its place is free when that has ended. */
  leaves(closing: Promise<void>): void {
    const leaving = closing.finally(() => {
      this.closing.delete(leaving);
      this.changed();
    });
    this.closing.add(leaving);
  }

  /** A connection has gone or come. */
  changed(): void {
    this.wakeUp?.();
  }

  /** Nobody gets a place any more. */
  close(): void {
    this.closed = true;
    this.changed();
  }

  /** Resolves when what was on its way out is out. */
  async left(): Promise<void> {
    await Promise.all(this.closing);
  }

  private get free(): number {
    const { request, connected } = this.owner;
    // The monitor has one of the connections.
    return request.maxConnections - 1 - connected.size - this.opening - this.closing.size;
  }

  private async find(login: string): Promise<void> {
    for (;;) {
      if (this.closed) throw runHasEnded();
      const limit = this.free > 0 ? this.limits.of(login) : null;
      if (this.free > 0 && limit === null) break;
      // Where it may be the login that is limited, a place of another is of no use to it.
      const isOwn = limit !== null && limit.connections > 0;
      const holders = isOwn ? this.connectedBy(login) : [...this.owner.connected];
      if (limit !== null && this.opening === 0 && holders.length < (isOwn ? limit.connections : limit.ofRun)) break;
      let idle: TargetSession | null = null;
      let leaves = this.closing.size > 0;
      for (const session of holders) {
        if (session.ending !== null) leaves = true;
        else if (!session.mustKeep && (idle === null || session.usedAt < idle.usedAt)) idle = session;
      }
      // One that is being opened may be so ahead of its statements, and hold nothing when it is there.
      if (leaves) await this.change(null);
      else if ((idle === null || limit !== null) && this.opening > 0) await this.change(LOOK_FOR_IDLE_MS);
      else if (idle !== null) await this.owner.release(idle);
      else throw this.limitReached(limit);
    }
    this.opening += 1;
  }

  private limitReached(limit: TargetLimit | null): RepriseError {
    const held = `${this.owner.connected.size} sessions hold a transaction or session state at once`;
    if (limit !== null) {
      const why = `${held}, and the target takes no more connections: ${limit.why}; raise that limit, or replay a narrower window`;
      return new RepriseError('CONNECTION_LIMIT', why);
    }
    const why = `${held}, and maxConnections is ${this.owner.request.maxConnections}: raise it, or replay a narrower window`;
    return new RepriseError('CONNECTION_LIMIT', why, { path: ['input', 'maxConnections'] });
  }

  /** A connection has gone or come, or so long has passed. */
  private change(mostMs: number | null): Promise<void> {
    return new Promise((resolve) => {
      const timer = mostMs === null ? null : setTimeout(() => this.changed(), mostMs);
      this.wakeUp = () => {
        if (timer !== null) clearTimeout(timer);
        this.wakeUp = null;
        resolve();
      };
    });
  }

  /** Who a session logs in as, and where: what the target may limit. */
  private loginOf({ planned }: TargetSession): string {
    const { request, databaseFor } = this.owner;
    const user = request.users.find(({ recorded }) => recorded === planned.user)?.user ?? null;
    return JSON.stringify([user, databaseFor(planned.database)]);
  }

  private connectedBy(login: string): readonly TargetSession[] {
    return [...this.owner.connected].filter((session) => this.loginOf(session) === login);
  }
}
