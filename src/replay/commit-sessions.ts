import type { Entry, Origin } from '../journal/entry.ts';
import type { TargetConnection } from '../target/connection.ts';
import { keepsState } from './commit-entries.ts';
import { findEarlierState } from './earlier-state.ts';
import type { PlannedSession, TransactionStart } from './plan.ts';
import type { PlannedEntry } from './reporter.ts';
import { sessionKey } from './session-key.ts';
import type { NotedStatement } from './session-memory.ts';
import { LASTING } from './sessions.ts';
import type { TargetSession } from './target-session.ts';
import { resumed, type WalkContext } from './walk.ts';

/** Sessions met since others were forgotten. A window may hold a hundred thousand, most of which keep no state. */
const MOST_MET = 1_000;

/** The sessions on the target that an origin's transactions may run in. */
interface Route {
  /** As it was recorded, whichever connection its statements share. */
  readonly recorded: TargetSession;
  /** Shared by all sessions of its database and user that keep no state. */
  readonly trunk: TargetSession;
}

/**
 * Where a COMMIT walk runs each transaction (docs/replay.md C3): sessions that keep no state share one connection (the
 * trunk), others have their own from their first state on.
 */
export class CommitSessions {
  private readonly context: WalkContext;
  private readonly sessions: ReadonlyMap<string, PlannedSession>;
  private readonly databaseFor: (recorded: string | null) => string | null;
  /** The journal gives equal origins as one object, as long as it remembers them: no key to put together each time. */
  private routes = new WeakMap<Origin, Route>();
  /** Sessions whose earlier state is noted. */
  private readonly prepared = new WeakSet<TargetSession>();
  /** Of sessions whose first transaction began before the window: where that does. */
  private readonly starts = new WeakMap<TargetSession, TransactionStart>();
  private readonly met: TargetSession[] = [];
  /** Sessions with a connection of their own, by session key. */
  private readonly own = new Map<string, TargetSession>();

  constructor(
    context: WalkContext,
    sessions: ReadonlyMap<string, PlannedSession>,
    databaseFor: (recorded: string | null) => string | null,
  ) {
    this.context = context;
    this.sessions = sessions;
    this.databaseFor = databaseFor;
  }

  /** The session as it was recorded. */
  recorded({ origin }: Entry): TargetSession {
    return this.route(origin).recorded;
  }

  /** Notes what the entry's session had set up before the window; null where that is done. */
  prepare(entry: Entry): Promise<void> | null {
    const { origin } = entry;
    let { recorded } = this.route(origin);
    if (this.prepared.has(recorded)) return null;
    if (this.met.length >= MOST_MET) {
      this.forgetStateless();
      recorded = this.route(origin).recorded;
    }
    this.met.push(recorded);
    this.prepared.add(recorded);
    return this.noteEarlier(recorded, entry);
  }

  /** The session that a transaction runs in. Behind `prepare`. */
  choose(planned: readonly PlannedEntry[]): TargetSession {
    const { recorded, trunk } = this.route((planned[0] as PlannedEntry).entry.origin);
    const { key } = recorded.planned;
    if (!this.own.has(key)) {
      const { roles } = this.context;
      const keeps = ({ entry }: PlannedEntry) => keepsState(entry) || roles.keepsRole(entry);
      if (!recorded.memory.isStateful && !planned.some(keeps)) return trunk;
      this.own.set(key, recorded);
    }
    return recorded;
  }

  /** Where the record goes on behind what is noted of a session as earlier. */
  startOf(session: TargetSession): TransactionStart {
    return this.starts.get(session) ?? { timestamp: this.context.request.window.from, position: 0n };
  }

  /** True for a session with a connection of its own. */
  isOwn(session: TargetSession): boolean {
    return this.own.has(session.planned.key);
  }

  /** The session's connection; a pause that came while it was being opened is waited for. */
  async connect(session: TargetSession): Promise<TargetConnection> {
    const { context } = this;
    for (;;) {
      const connection = await context.pool.connect(session);
      if (!context.control.isPaused) return connection;
      await resumed(context);
    }
  }

  /** Sessions whose record ended before this entry give their connections back, except the one in use. */
  async endOver(next: Entry, inUse: TargetSession): Promise<void> {
    const { pool } = this.context;
    for (const session of [...pool.open()]) {
      if (session === inUse || !this.isOwn(session)) continue;
      const last = this.sessions.get(session.planned.key)?.last ?? 0;
      if (last < next.timestamp) await pool.end(session);
    }
  }

  /** One without state holds nothing that is not noted again when it comes again. */
  private forgetStateless(): void {
    for (const session of this.met) {
      if (!this.isOwn(session) && !session.memory.isStateful) this.context.pool.forget(session);
    }
    this.met.length = 0;
    // Else another origin of a session could lead to the one that is forgotten.
    this.routes = new WeakMap();
  }

  private route(origin: Origin): Route {
    const known = this.routes.get(origin);
    if (known !== undefined) return known;
    const { pool, request } = this.context;
    const key = sessionKey(origin);
    const database = this.databaseFor(origin.database);
    const user = request.users.find((mapped) => mapped.recorded === origin.user)?.recorded ?? null;
    const route: Route = {
      recorded: pool.session(this.sessions.get(key) ?? { ...NOTHING_PLANNED, ...origin, key }),
      trunk: pool.session({
        ...NOTHING_PLANNED,
        key: `trunk\u0000${database ?? ''}\u0000${user ?? ''}`,
        sessionId: 'shared',
        user,
        database: origin.database,
      }),
    };
    this.routes.set(origin, route);
    return route;
  }

  private async noteEarlier(session: TargetSession, first: Entry): Promise<void> {
    const { earlier, journal, request } = this.context;
    const { key } = session.planned;
    let statements: readonly NotedStatement[] = earlier.get(key) ?? [];
    if (first.timestamp < request.window.from) this.starts.set(session, first);
    // Of a transaction that began before the window, or of a session without a statement in it.
    if (first.timestamp < request.window.from || !this.sessions.has(key)) {
      const before = Math.min(request.window.from, first.timestamp + 1);
      const session = { key, sessionId: first.origin.sessionId };
      const { made } = await findEarlierState(journal, before, [session], new Map([[key, first]]));
      statements = made.get(key) ?? [];
    }
    for (const noted of statements) session.memory.note(noted, LASTING);
  }
}

const NOTHING_PLANNED = { last: 0, remaining: 0 };
