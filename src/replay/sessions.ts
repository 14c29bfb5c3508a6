import { RepriseError } from '../errors.ts';
import type { Value } from '../journal/value.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { TargetOutcome } from '../target/statement.ts';
import { ConnectionPlaces } from './connection-places.ts';
import type { Connector } from './connector.ts';
import { runHasEnded } from './control.ts';
import type { NoticeCode } from './event.ts';
import type { EventFeed } from './feed.ts';
import { withoutIdleTimeouts } from './idle-timeouts.ts';
import { openPersistently, REOPEN_ATTEMPTS, TargetFull } from './open-persistently.ts';
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
  /** Of the target, as it tells it. */
  readonly serverVersion: string;
  /** Ends what connections that are lost leave on the target. */
  readonly lostBackends: { end(processId: number, sessionId: string): Promise<void>; close(): Promise<void> };
}

/** How long what is prepared again waits for a lock: its holder may be waiting for the same walk. Milliseconds. */
const LOCK_WAIT_MS = 100;
const LOCK_NOT_AVAILABLE = '55P03';

/** How long an idle connection may take to close when the run is cut short. Milliseconds. */
const CLOSE_MS = 300;

/** The connections of a run: one for each session that needs one, as far as there are places (`connection-places.ts`). */
export class SessionPool {
  private readonly options: SessionPoolOptions;
  private readonly sessions = new Map<string, TargetSession>();
  private readonly connected = new Set<TargetSession>();
  private readonly byProcess = new Map<number, TargetSession>();
  private readonly places: ConnectionPlaces;
  private closed = false;
  private clock = 0;

  constructor(options: SessionPoolOptions) {
    this.options = options;
    const { request, databaseFor } = options;
    this.places = new ConnectionPlaces({
      request,
      databaseFor,
      connected: this.connected,
      release: (session) => this.release(session),
    });
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
    return this.places.hasRoom;
  }

  /** How many more sessions may ask for a connection, and get it without closing another. */
  get room(): number {
    return this.places.room;
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
    for (;;) {
      await this.places.take(session);
      try {
        return await this.openPlaced(session);
      } catch (error) {
        if (!(error instanceof TargetFull)) throw error;
        const news = this.places.refused(session, error);
        if (news !== null) this.notice('CONNECTIONS_LIMITED', session, news);
      }
    }
  }

  /** Opens the connection of a session that has a place for it. @throws TargetFull, and as `connect` */
  private async openPlaced(session: TargetSession): Promise<TargetConnection> {
    session.placedAt = performance.now();
    session.isPlaced = true;
    try {
      // What it held went with the connection that it had before.
      session.memory.connectionLost();
      // Its transaction may still be there, with locks that the session's next statements would wait for.
      await session.backendEnds;
      for (let attempt = 1; ; attempt++) {
        const connection = await openPersistently(
          () => this.openOnce(session),
          () => [...this.connected].some((other) => !other.mustKeep),
          this.options.signal,
        );
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
      session.isPlaced = false;
      this.places.arrived();
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
    session.backendEnds = this.options.lostBackends.end(connection.processId, session.planned.sessionId);
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
    this.places.changed();
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
      startSettings: withoutIdleTimeouts(this.options.serverVersion),
      database: databaseFor(session.planned.database) ?? connector.target.database,
      ...(login === undefined ? {} : { user: login.user, password: login.password }),
    });
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
    session.unmade = [];
    if (statements.length === 0) return;
    const prepares = new Set(session.memory.prepared().values());
    const failed: string[] = [];
    for (const { statement, parameters } of statements) {
      // One string is one transaction, which the setting goes with.
      const bound = prepares.has(statement) ? `SET LOCAL lock_timeout = ${LOCK_WAIT_MS}; ` : '';
      const outcome = await sendAlone(connection, bound + statement, parameters);
      if (outcome.ok) continue;
      if (bound !== '' && outcome.sqlstate === LOCK_NOT_AVAILABLE) session.unmade.push(statement);
      else failed.push(outcome.message ?? 'connection lost');
    }
    const waiting = session.unmade.length;
    const made = statements.length - failed.length - waiting;
    const rest = [
      ...(waiting > 0 ? [`; ahead of its next statement, for a lock: ${waiting}`] : []),
      ...(failed.length > 0 ? [`; failed: ${failed[0]}`] : []),
    ].join('');
    this.notice(
      'SESSION_PREPARED',
      session,
      `made ${made} of ${statements.length} earlier settings and prepared statements of session ${session.planned.sessionId} again${rest}`,
    );
  }

  /** Sends what waits for a lock ahead of the session's next statement: whoever looks for what that waits for sees this. */
  makeRest(session: TargetSession, connection: TargetConnection): void {
    for (const text of session.unmade.splice(0)) {
      connection.send({ protocol: 'SIMPLE', text, preparedName: null, parameters: [], digest: false }, (outcome) => {
        if (outcome.ok || outcome.lost) return;
        const { sessionId } = session.planned;
        const message = `a prepared statement of session ${sessionId} could not be made again: ${outcome.message}`;
        this.notice('SESSION_PREPARED', session, message);
      });
    }
  }

  /** Closes a session's connection; the session can be connected again. */
  private async release(session: TargetSession, timeoutMs?: number): Promise<void> {
    const { connection } = session;
    if (connection === null) return;
    this.disconnected(session, connection);
    const closing = connection.close(timeoutMs);
    this.places.leaves(closing);
    await closing;
  }

  /** The session's record has ended: what is open is rolled back, its connection closed. Never rejects. */
  end(session: TargetSession): Promise<void> {
    session.ending ??= this.endSession(session).finally(() => {
      session.ending = null;
      this.places.changed();
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
    this.places.close();
    await Promise.all(
      [...this.connected].map((session) => {
        if (!now) return this.end(session);
        if ((session.connection?.inFlight ?? 0) > 0) session.connection?.destroy('the run has ended');
        return this.release(session, CLOSE_MS);
      }),
    );
    await this.places.left();
    await this.options.lostBackends.close();
  }

  private notice(code: NoticeCode, session: TargetSession, message: string): void {
    this.options.feed.emit({ kind: 'NOTICE', code, sessionId: session.planned.sessionId, message });
  }
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
