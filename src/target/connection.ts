import type { Socket } from 'node:net';
import { messageOf, RepriseError } from '../errors.ts';
import type { Value } from '../journal/value.ts';
import { AnswerGuard } from './answer-guard.ts';
import { AnswerReader } from './answer-reader.ts';
import { GatheredReads } from './gathered-reads.ts';
import { limitSettings, loginOf, openSession, type ReadySession, sendCancel, unreachable } from './handshake.ts';
import { Pending, PendingQueue } from './pending.ts';
import { type ResolvedTarget, targetLabel } from './spec.ts';
import type {
  ConnectOptions,
  OutcomeListener,
  QueryResult,
  StatementMessage,
  TargetOutcome,
  TransactionStatus,
} from './statement.ts';
import { StatementEncoder } from './statement-encoder.ts';
import { ProtocolError } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

const DEFAULT_ANSWER_GRACE_MS = 30_000;

/** The server refused a statement of `query`. */
export class TargetQueryError extends Error {
  readonly sqlstate: string;

  constructor(outcome: TargetOutcome) {
    super(outcome.message ?? 'the statement failed');
    this.name = 'TargetQueryError';
    this.sqlstate = outcome.sqlstate ?? '';
  }
}

/**
 * One session on the target, spoken to in raw protocol messages. Every statement is followed by its own Sync
 * (or is a Query of its own), so that a failure touches no other; rows are passed over by their length. A
 * statement_timeout of the server ends one statement and leaves the connection in step.
 *
 * A recorded `SET client_encoding` is undone at once: statement text is kept and sent as UTF-8. So is, in a read-only
 * session, what makes its next transactions writable, where the server tells of it (PostgreSQL 14 or later).
 */
export class TargetConnection {
  readonly target: ResolvedTarget;
  /** Backend process id, as pg_blocking_pids and pg_terminate_backend know it. */
  readonly processId: number;
  /** `server_version`: `18.4`. */
  readonly serverVersion: string;
  /** True when the session is encrypted. */
  readonly tls: boolean;
  /** Latest ParameterStatus values by name. */
  readonly parameters: ReadonlyMap<string, string>;

  private readonly session: ReadySession;
  private readonly socket: Socket;
  private readonly options: ConnectOptions;
  private readonly writer = new WireWriter();
  private readonly queue = new PendingQueue();
  private readonly encoder = new StatementEncoder(this.writer);
  private readonly answers: AnswerReader;
  private readonly guard: AnswerGuard;
  private readonly gathered: GatheredReads;
  private unsent: Pending[] = [];
  /** Of those in the queue, the ones that nobody outside knows of and waits for. */
  private ownInFlight = 0;
  private flushScheduled = false;
  private reading = false;
  private lostListeners: ((reason: RepriseError) => void)[] = [];
  private lostReason: RepriseError | null = null;
  private endedBy = 'closed';
  private closing: Promise<void> | null = null;
  private dead = false;

  /**
   * @throws RepriseError TARGET_UNREACHABLE: `connect to target host:port/database: why`, whatever failed
   * (TCP, TLS, authentication, timeout, a setting); never the password.
   */
  static async connect(target: ResolvedTarget, options: ConnectOptions): Promise<TargetConnection> {
    const session = await openSession(target, options);
    const connection = new TargetConnection(target, options, session);
    const settings = { ...(session.limitsSet ? {} : limitSettings(options)), ...options.settings };
    const timer = setTimeout(() => connection.destroy('settings took too long'), options.connectTimeoutMs);
    const onAbort = () => connection.destroy('nobody waits for it any more');
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for (const [name, value] of Object.entries(settings)) {
        await connection.applySetting(name, value);
      }
      return connection;
    } catch (error) {
      connection.destroy();
      throw unreachable({ ...target, ...loginOf(target, options) }, messageOf(error), error);
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      clearTimeout(timer);
    }
  }

  private constructor(target: ResolvedTarget, options: ConnectOptions, session: ReadySession) {
    this.target = target;
    this.options = options;
    this.session = session;
    this.socket = session.transport.socket;
    this.gathered = new GatheredReads(session.transport);
    this.processId = session.processId;
    this.parameters = session.parameters;
    this.serverVersion = session.parameters.get('server_version')?.split(' ')[0] ?? '';
    this.tls = session.tls;
    this.answers = new AnswerReader(this.queue, this.encoder, session.parameters, () => this.onParameter());
    this.guard = new AnswerGuard(
      options.statementTimeoutMs,
      options.answerGraceMs ?? DEFAULT_ANSWER_GRACE_MS,
      () => this.queue.first?.message ?? null,
      (silentMs) => this.end(`no answer for ${Math.round(silentMs)} ms, long after statement_timeout`),
    );
    session.transport.receive((chunk) => this.onData(chunk));
    this.socket
      .on('error', (error) => this.end(error.message))
      .on('close', () => this.end('the server closed the connection'));
    if (session.rest.length > 0) this.onData(session.rest);
    session.transport.release();
  }

  /** Statements sent or queued that have no outcome yet. */
  get inFlight(): number {
    return this.queue.length + this.answers.untold - this.ownInFlight;
  }

  /** From the last ReadyForQuery. */
  get transactionStatus(): TransactionStatus {
    return this.answers.transactionStatus;
  }

  /** True once the connection was closed, destroyed or lost: `send` answers `lost` then. */
  get ended(): boolean {
    return this.dead || this.closing !== null;
  }

  /** True once the server itself has said that it ends the session: its backend has gone, or is about to. */
  get saidFarewell(): boolean {
    return this.answers.lastWords !== null;
  }

  /**
   * While more statements than this are under way, their answers may come some milliseconds late and many at once, which
   * costs client and server a part of what they cost one by one (GatheredReads). For whoever sends more only when so few
   * are left.
   */
  gatherAbove(mark: number): void {
    this.gathered.above(mark);
  }

  /** Somebody waits for what is under way: answers are read as they come until they are down to the mark. */
  hurry(): void {
    this.gathered.hurry();
  }

  /**
   * Called once when the connection ended though nobody asked, after every statement in flight got its
   * outcome with `lost: true`. Called in a microtask when it is already lost.
   */
  onLost(listener: (reason: RepriseError) => void): void {
    const reason = this.lostReason;
    if (reason !== null) queueMicrotask(() => listener(reason));
    else this.lostListeners.push(listener);
  }

  /**
   * Queues a statement. What is queued in one turn, or from within the outcomes of one read, is one write.
   * What cannot be put into a message (NUL in the text, more than 65,535 parameters) fails in its turn, with the
   * SQLSTATE that the server would give and a message that begins `not sent`.
   */
  send(message: StatementMessage, done: OutcomeListener): void {
    this.enqueue(message, done, null);
  }

  /** Writes what is queued now instead of at the end of the turn. */
  flush(): void {
    if (this.writer.length === 0 || this.dead) return;
    const now = performance.now();
    for (const pending of this.unsent) pending.sentAt = now;
    if (this.unsent.length > 0 && this.unsent.length === this.queue.length) this.guard.started(now);
    this.unsent = [];
    this.socket.write(this.writer.take());
    // A TLS socket may hold on to what it was given although it counts it as written.
    this.writer.recycle(this.socket.writableLength === 0 && !this.tls);
  }

  /**
   * For catalog queries: EXTENDED when there are parameters, else SIMPLE; result rows as text. Goes in line
   * behind statements under way. Holds the whole result: small results only. With a name it is prepared, for who asks it often.
   * @throws RepriseError TARGET_LOST when the connection died; TargetQueryError for an error of the server.
   */
  query(text: string, parameters: readonly Value[] = [], preparedName: string | null = null): Promise<QueryResult> {
    const protocol = parameters.length > 0 ? 'EXTENDED' : 'SIMPLE';
    const rows: (string | null)[][] = [];
    return new Promise((resolve, reject) => {
      const done = (outcome: TargetOutcome) => {
        if (outcome.ok) resolve({ rows, tag: outcome.tag });
        else if (outcome.lost) reject(this.lostError(outcome.message ?? ''));
        else reject(new TargetQueryError(outcome));
      };
      this.enqueue({ protocol, text, preparedName, parameters, digest: false }, done, rows);
    });
  }

  /** As `query`, for who has to hear the answer in its turn: `done` gets the rows, too. Must not throw. */
  ask(text: string, done: (outcome: TargetOutcome, rows: QueryResult['rows']) => void): void {
    const rows: (string | null)[][] = [];
    this.enqueue(simple(text), (outcome) => done(outcome, rows), rows);
  }

  /**
   * Calls a function without arguments by its OID, in line behind statements under way: no parser, no planner.
   * `done` gets its value as text; null for NULL, an error, or a lost connection. Must not throw.
   */
  call(oid: number, done: (value: string | null) => void): void {
    const rows: (string | null)[][] = [];
    this.enqueue(simple(''), (outcome) => done(outcome.ok ? (rows[0]?.[0] ?? null) : null), rows, oid);
  }

  /**
   * Asks the server to cancel what this session runs at the moment the request arrives, which may be a later
   * statement than the one meant. Resolves when the server closed the request's connection; at once when this
   * connection is gone.
   * @throws RepriseError TARGET_UNREACHABLE when the request could not be delivered.
   */
  async cancel(): Promise<void> {
    if (!this.dead) await sendCancel(this.target, this.session, this.options.connectTimeoutMs);
  }

  /**
   * Ends the session in order: Terminate behind what is under way, then waits for the socket to end, at most
   * `timeoutMs`, then destroys. Idempotent, never rejects. Statements still without an answer at the end are
   * `lost`; cancel first what may run long.
   */
  close(timeoutMs = 1000): Promise<void> {
    if (this.dead) return this.closing ?? Promise.resolve();
    this.closing ??= new Promise((resolve) => {
      const timer = setTimeout(() => this.socket.destroy(), timeoutMs);
      this.socket.once('close', () => {
        clearTimeout(timer);
        this.end('closed');
        resolve();
      });
      this.gathered.stop();
      this.writer.terminate();
      this.flush();
      this.socket.end();
    });
    return this.closing;
  }

  /** Ends the connection at once; statements in flight get `lost: true` before this returns. `onLost` is not called. */
  destroy(reason = 'destroyed'): void {
    this.closing ??= Promise.resolve();
    this.end(reason);
  }

  /** `functionOid`: not 0 for a call instead of a statement. */
  private enqueue(
    message: StatementMessage,
    done: OutcomeListener,
    collected: (string | null)[][] | null,
    functionOid = 0,
  ): void {
    const last = this.queue.last;
    const pending = new Pending(message, done, collected, last === undefined);
    if (this.ended) {
      const outcome = pending.lostOutcome(this.endedBy, null, this.transactionStatus, performance.now());
      queueMicrotask(() => done(outcome));
      return;
    }
    if (last !== undefined) last.alone = false;
    if (functionOid !== 0) this.writer.functionCall(functionOid);
    else if (this.encoder.encode(pending).setsTimeout) this.guard.disarm();
    this.queue.push(pending);
    this.unsent.push(pending);
    if (last === undefined) this.answers.prepare(pending);
    if (collected !== null) this.gathered.hurry();
    if (this.reading || this.flushScheduled) return;
    this.flushScheduled = true;
    // A walk that awaits between two statements sends them in one chain of microtasks: only when these have all run is it
    // known what goes into one write. A microtask alone would come in between, and cost a system call a statement.
    queueMicrotask(() =>
      process.nextTick(() => {
        this.flushScheduled = false;
        this.flush();
      }),
    );
  }

  private onData(chunk: Buffer): void {
    const now = performance.now();
    this.guard.heard(now);
    this.reading = true;
    try {
      this.answers.read(chunk, now);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.end(`the server does not speak the PostgreSQL protocol: ${error.message}`);
    } finally {
      this.reading = false;
    }
    this.flush();
    const { shareMs } = this.answers;
    if (shareMs > 0) this.gathered.after(shareMs, this.inFlight);
  }

  private onParameter(): void {
    this.setBack('client_encoding', 'UTF8');
    if (this.options.readOnly) this.setBack('default_transaction_read_only', 'on');
  }

  private setBack(name: string, value: string): void {
    const current = this.parameters.get(name);
    if (current === undefined || current === value || this.ended) return;
    this.session.parameters.set(name, value);
    this.ownInFlight += 1;
    this.enqueue(simple(`SET ${name} TO '${value}'`), () => this.ownInFlight--, null);
  }

  private async applySetting(name: string, value: string): Promise<void> {
    try {
      await this.query('SELECT set_config($1, $2, false)', [text(name), text(value)]);
    } catch (error) {
      throw new Error(`setting ${name}: ${messageOf(error)}`, { cause: error });
    }
  }

  private lostError(why: string): RepriseError {
    return new RepriseError('TARGET_LOST', `target ${targetLabel(this.target)}: connection lost: ${why}`);
  }

  private end(why: string): void {
    if (this.dead) return;
    this.dead = true;
    this.guard.disarm();
    this.answers.stop();
    this.gathered.stop();
    this.socket.destroy();
    this.unsent = [];
    const now = performance.now();
    const { lastWords } = this.answers;
    const reason = lastWords === null ? why : `${lastWords.message} (${lastWords.sqlstate})`;
    this.endedBy = reason;
    if (this.closing === null) this.lostReason = this.lostError(reason);
    this.answers.tell();
    const { first } = this.queue;
    for (const pending of this.queue.takeAll()) {
      pending.done(pending.lostOutcome(reason, lastWords, this.transactionStatus, now, pending === first));
    }
    const listeners = this.lostListeners;
    this.lostListeners = [];
    if (this.lostReason !== null) for (const listener of listeners) listener(this.lostReason);
  }
}

function simple(text: string): StatementMessage {
  return { protocol: 'SIMPLE', text, preparedName: null, parameters: [], digest: false };
}

function text(value: string): Value {
  return { kind: 'text', value, oid: null };
}
