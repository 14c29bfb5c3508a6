import { messageOf, RepriseError } from '../errors.ts';
import type { Value } from '../journal/value.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { TargetOutcome } from '../target/statement.ts';
import type { Connector } from './connector.ts';
import { runHasEnded } from './control.ts';
import type { NoticeCode } from './event.ts';
import type { EventFeed } from './feed.ts';
import type { PlannedSession } from './plan.ts';
import { type ReplayRequest, refillMark } from './request.ts';
import { runKey } from './run-key.ts';
import type { Tally } from './tally.ts';
import { copyKey, TargetSession } from './target-session.ts';

/** Everything that opening a session needs to know. */
export interface SessionPoolOptions {
  readonly connector: Connector;
  readonly request: ReplayRequest;
  readonly replayId: string;
  readonly feed: EventFeed;
  readonly tally: Tally;
  /** Target database for a recorded one; null: the target's own. */
  readonly databaseFor: (recorded: string | null) => string | null;
  readonly signal: AbortSignal;
}

/** Attempts to open a connection again before the target counts as lost: some six seconds. */
const REOPEN_ATTEMPTS = 6;
/** How often who waits for a login of another looks whether a session has come to hold nothing. Milliseconds. */
const LOOK_FOR_IDLE_MS = 50;
/** How long an idle connection may take to close when the run is cut short. Milliseconds. */
const CLOSE_MS = 300;

/**
 * The connections of a run: one for each session that needs one, within `maxConnections` (one of which is
 * the monitor's). Sessions that hold nothing lend theirs when the limit is reached.
 */
export class SessionPool {
  private readonly options: SessionPoolOptions;
  private readonly sessions = new Map<string, TargetSession>();
  private readonly connected = new Set<TargetSession>();
  private readonly byProcess = new Map<number, TargetSession>();
  /** Being opened or closed: they count against the limit too. */
  private opening = 0;
  /** Sessions that ask for a connection and have no place for it yet. */
  private asking = 0;
  /** When whoever came last has a place, or was refused one. */
  private placeTaken: Promise<void> = Promise.resolve();
  /** Wakes the one that looks for a place, where a connection has gone or come. */
  private placesChanged: (() => void) | null = null;
  private readonly closing = new Set<Promise<void>>();
  private closed = false;
  private clock = 0;

  constructor(options: SessionPoolOptions) {
    this.options = options;
  }

  /** The session (copy) of a planned one; made on first use. */
  session(planned: PlannedSession, copy = 0): TargetSession {
    const key = copyKey(planned.key, copy);
    let session = this.sessions.get(key);
    if (session === undefined) {
      session = new TargetSession(planned, copy);
      this.sessions.set(key, session);
    }
    return session;
  }

  /** Forgets a session that has no connection and is of no more use; asked for again, it is a new one. */
  forget({ planned, copy }: TargetSession): void {
    this.sessions.delete(copyKey(planned.key, copy));
  }

  /** The session whose backend on the target has this process id. */
  byProcessId(pid: number): TargetSession | null {
    return this.byProcess.get(pid) ?? null;
  }

  /** Sessions that have a connection now. */
  *open(): Iterable<TargetSession> {
    yield* this.connected;
  }

  /** True when another session can be connected now or soon, be it by taking the place of one that holds nothing. */
  get hasRoom(): boolean {
    return (
      !this.isFull ||
      this.closing.size > 0 ||
      // Opened ahead of its statements, a connection holds nothing when it is there.
      this.opening > 0 ||
      [...this.connected].some((session) => session.ending !== null || !session.mustKeep)
    );
  }

  /**
   * The session's connection, opened if need be, with its settings and prepared statements made again.
   * @throws RepriseError CONNECTION_LIMIT, TARGET_LOST; TARGET_UNREACHABLE where the target refuses this login
   * or database; REPLAY_STATE when the run is being ended
   */
  connect(session: TargetSession): Promise<TargetConnection> {
    const connection = this.connectionOf(session);
    if (connection !== null) return Promise.resolve(connection);
    session.opening ??= this.openSession(session).finally(() => {
      session.opening = null;
    });
    return session.opening;
  }

  /** The session's connection where it has one: `connect` without a promise. */
  connectionOf(session: TargetSession): TargetConnection | null {
    session.usedAt = ++this.clock;
    return session.connection;
  }

  private async openSession(session: TargetSession): Promise<TargetConnection> {
    this.asking += 1;
    try {
      await session.ending;
      await this.takePlace();
    } finally {
      this.asking -= 1;
    }
    session.placedAt = performance.now();
    session.isPlaced = true;
    try {
      // What it held went with the connection that it had before.
      session.memory.connectionLost();
      for (let attempt = 1; ; attempt++) {
        const connection = await this.openPersistently(session);
        // Before anyone can send on it: what the session set up comes first.
        await this.prepare(session, connection);
        if (this.closed || this.options.signal.aborted) {
          connection.destroy('the run has ended');
          throw runHasEnded();
        }
        if (!connection.ended) {
          this.attach(session, connection);
          return connection;
        }
        if (attempt >= REOPEN_ATTEMPTS) {
          throw new RepriseError(
            'TARGET_LOST',
            `the target closes each connection of session ${session.planned.sessionId} at once`,
          );
        }
      }
    } finally {
      this.opening -= 1;
      session.isPlaced = false;
      // Behind the first statement of who has opened it: else two sessions could take it from each other for ever.
      setImmediate(() => this.placesChanged?.());
    }
  }

  private attach(session: TargetSession, connection: TargetConnection): void {
    session.connection = connection;
    const { inFlight } = this.options.request;
    if (inFlight > 1) connection.gatherAbove(refillMark(inFlight));
    this.connected.add(session);
    this.byProcess.set(connection.processId, session);
    this.options.tally.connection();
    connection.onLost((reason) => this.detach(session, connection, reason));
    if (!session.wasLost) return;
    session.wasLost = false;
    this.notice('CONNECTION_REOPENED', session, `session ${session.planned.sessionId} has a connection again`);
  }

  private detach(session: TargetSession, connection: TargetConnection, { message }: RepriseError): void {
    if (session.connection !== connection) return;
    this.disconnected(session, connection);
    if (connection.transactionStatus !== 'I') session.lostTransaction = session.transactionId;
    const held = session.memory.heldState;
    const withIt = held.length > 0 ? `, and with it ${held.join(', ')}` : '';
    session.memory.connectionLost();
    if (this.options.signal.aborted) return;
    session.wasLost = true;
    this.notice(
      'CONNECTION_LOST',
      session,
      `the connection of session ${session.planned.sessionId} was lost${withIt} (${message})`,
    );
    session.onLost?.(connection.processId);
  }

  private disconnected(session: TargetSession, connection: TargetConnection): void {
    session.connection = null;
    this.connected.delete(session);
    this.placesChanged?.();
    if (this.byProcess.get(connection.processId) === session) this.byProcess.delete(connection.processId);
  }

  private openOnce(session: TargetSession): Promise<TargetConnection> {
    const { connector, request, databaseFor, replayId } = this.options;
    const login = request.users.find((user) => user.recorded === session.planned.user);
    return connector.open({
      connectTimeoutMs: request.connectTimeoutMs,
      applicationName: `reprise ${replayId.slice(0, 8)}`,
      statementTimeoutMs: request.statementTimeoutMs,
      readOnly: request.readOnly,
      database: databaseFor(session.planned.database) ?? connector.target.database,
      ...(login === undefined ? {} : { user: login.user, password: login.password }),
    });
  }

  /** A target that restarts is back within seconds; one that is gone for longer ends the run. */
  private async openPersistently(session: TargetSession): Promise<TargetConnection> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.openOnce(session);
      } catch (error) {
        // A login or database that the server refuses now, it refuses in a second too.
        if (this.options.signal.aborted || isRefusal(error)) throw error;
        if (attempt >= REOPEN_ATTEMPTS) {
          throw new RepriseError('TARGET_LOST', `the target was lost during the run: ${messageOf(error)}`, {
            cause: error,
          });
        }
        await pause(100 * 2 ** attempt, this.options.signal);
      }
    }
  }

  private async prepare(session: TargetSession, connection: TargetConnection): Promise<void> {
    const cutShort = () => connection.destroy('the run has ended');
    this.options.signal.addEventListener('abort', cutShort, { once: true });
    // Where it is refused, the connection is found by its name only.
    await sendAlone(connection, `SELECT pg_catalog.pg_advisory_lock_shared(${runKey(this.options.replayId)})`);
    await this.restore(session, connection);
    this.options.signal.removeEventListener('abort', cutShort);
  }

  private async restore(session: TargetSession, connection: TargetConnection): Promise<void> {
    const statements = session.memory.statements();
    if (statements.length === 0) return;
    const failed: string[] = [];
    for (const { statement, parameters } of statements) {
      const outcome = await sendAlone(connection, statement, parameters);
      if (!outcome.ok) failed.push(outcome.message ?? 'connection lost');
    }
    this.notice(
      'SESSION_PREPARED',
      session,
      `made ${statements.length - failed.length} of ${statements.length} earlier settings and prepared statements of session ${session.planned.sessionId} again${failed.length > 0 ? `; failed: ${failed[0]}` : ''}`,
    );
  }

  /** How many more sessions may ask for a connection, and get it without closing another. */
  get room(): number {
    return this.free - this.asking;
  }

  private get free(): number {
    // The monitor has one of the connections.
    return this.options.request.maxConnections - 1 - this.connected.size - this.opening - this.closing.size;
  }

  private get isFull(): boolean {
    return this.free <= 0;
  }

  /** Reserves a place for one connection, first come, first served; whoever gets it counts `opening` down. */
  private takePlace(): Promise<void> {
    // Thousands of sessions may want one: if each of them looked at whatever leaves, that would take longer than a login.
    const taken = this.placeTaken.then(() => this.findPlace());
    this.placeTaken = taken.catch(() => {});
    return taken;
  }

  private async findPlace(): Promise<void> {
    while (this.isFull) {
      if (this.closed) throw runHasEnded();
      let idle: TargetSession | null = null;
      let leaves = this.closing.size > 0;
      for (const session of this.connected) {
        if (session.ending !== null) leaves = true;
        else if (!session.mustKeep && (idle === null || session.usedAt < idle.usedAt)) idle = session;
      }
      // One that is being opened may be so ahead of its statements, and hold nothing when it is there.
      if (leaves) await this.changeOfPlaces(null);
      else if (idle === null && this.opening > 0) await this.changeOfPlaces(LOOK_FOR_IDLE_MS);
      else if (idle !== null) await this.release(idle);
      else {
        throw new RepriseError(
          'CONNECTION_LIMIT',
          `${this.connected.size} sessions hold a transaction or session state at once, and maxConnections is ${this.options.request.maxConnections}: raise it, or replay a narrower window`,
          { path: ['input', 'maxConnections'] },
        );
      }
    }
    this.opening += 1;
  }

  /** A connection has gone or come, or so long has passed. */
  private changeOfPlaces(mostMs: number | null): Promise<void> {
    return new Promise((resolve) => {
      const timer = mostMs === null ? null : setTimeout(() => this.placesChanged?.(), mostMs);
      this.placesChanged = () => {
        if (timer !== null) clearTimeout(timer);
        this.placesChanged = null;
        resolve();
      };
    });
  }

  /** Closes a session's connection; the session can be connected again. */
  private async release(session: TargetSession, timeoutMs?: number): Promise<void> {
    const { connection } = session;
    if (connection === null) return;
    this.disconnected(session, connection);
    const closing = connection.close(timeoutMs).finally(() => {
      this.closing.delete(closing);
      this.placesChanged?.();
    });
    this.closing.add(closing);
    await closing;
  }

  /** The session's record has ended: what is open is rolled back, its connection closed. Never rejects. */
  end(session: TargetSession): Promise<void> {
    session.ending ??= this.endSession(session).finally(() => {
      session.ending = null;
      this.placesChanged?.();
    });
    return session.ending;
  }

  private async endSession(session: TargetSession): Promise<void> {
    // Opened again ahead of statements that were skipped: it must not stay when the session has gone.
    await session.opening?.catch(() => {});
    const { connection } = session;
    if (connection !== null && connection.transactionStatus !== 'I') {
      this.notice(
        'TRANSACTION_CLOSED',
        session,
        `the record of session ${session.planned.sessionId} ends in an open transaction: rolled back`,
      );
      await sendAlone(connection, 'ROLLBACK');
    }
    await this.release(session);
  }

  /** Ends every session, once. `now`: cuts off what is still under way. Never rejects. */
  async close(now: boolean): Promise<void> {
    this.closed = true;
    this.placesChanged?.();
    await Promise.all(
      [...this.connected].map((session) => {
        if (!now) return this.end(session);
        if ((session.connection?.inFlight ?? 0) > 0) session.connection?.destroy('the run has ended');
        return this.release(session, CLOSE_MS);
      }),
    );
    await Promise.all(this.closing);
  }

  private notice(code: NoticeCode, session: TargetSession, message: string): void {
    this.options.feed.emit({ kind: 'NOTICE', code, sessionId: session.planned.sessionId, message });
  }
}

/** True when the server itself refused the login (28…), or the database: it is none (3D000), closed (55000), not for this user (42501). */
function isRefusal(error: unknown): boolean {
  const cause = error instanceof RepriseError ? error.cause : null;
  const sqlstate = cause instanceof Error && 'sqlstate' in cause ? String(cause.sqlstate) : '';
  return sqlstate.startsWith('28') || sqlstate === '3D000' || sqlstate === '55000' || sqlstate === '42501';
}

/** How statements before the window ended whose effect lasts into it. */
export const LASTING = { ok: true, tag: null, transactionStatus: 'I' } as const;

/** Sends one statement and waits for its outcome. Never rejects: a lost connection is an outcome. */
export function sendAlone(
  connection: TargetConnection,
  text: string,
  parameters: readonly Value[] = [],
): Promise<TargetOutcome> {
  const protocol = parameters.length > 0 ? 'EXTENDED' : 'SIMPLE';
  return new Promise((resolve) => {
    connection.send({ protocol, text, preparedName: null, parameters, digest: false }, resolve);
    connection.flush();
  });
}

/** Waits, or ends early (without an error) when the signal is aborted. Milliseconds. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
