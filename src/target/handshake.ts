import type { Socket } from 'node:net';
import { messageOf, RepriseError } from '../errors.ts';
import { cleartextResponse, md5Response, ScramExchange } from './authentication.ts';
import { SaltedPasswords } from './salted-passwords.ts';
import { type ResolvedTarget, targetLabel } from './spec.ts';
import type { ConnectOptions } from './statement.ts';
import { ClosedEarly, openTransport, TlsRefused, type Transport } from './transport.ts';
import { type FrameHandler, readServerMessage, type ServerMessage, WireReader } from './wire-reader.ts';
import { cancelRequest, startupMessage, WireWriter } from './wire-writer.ts';

/** A session that the server has made ready; whoever gets it owns the socket. */
export interface ReadySession {
  /** Held: nothing is read until it is released. */
  readonly transport: Transport;
  /** What the server has sent behind its ReadyForQuery; usually nothing. */
  readonly rest: Buffer;
  readonly tls: boolean;
  readonly processId: number;
  readonly secretKey: Buffer;
  readonly parameters: Map<string, string>;
  /** False when the server (a pooler) refused timeouts at start-up: they must be SET. */
  readonly limitsSet: boolean;
}

/** What the server said instead of letting us in. */
class Refusal extends Error {
  readonly sqlstate: string;

  constructor({ severity, message, sqlstate, detail }: ServerMessage) {
    super(`${message} (${severity} ${sqlstate})${detail === null ? '' : `: ${detail}`}`);
    this.sqlstate = sqlstate;
  }
}

/** Who logs in, to what. */
export interface Login {
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
}

/** Of all logins to a target, as long as somebody holds it: a run does until its end. */
const saltedPasswords = new WeakMap<ResolvedTarget, SaltedPasswords>();

/**
 * The login of a connection. Another user than the target's never gets the target's password.
 */
export function loginOf(
  target: ResolvedTarget,
  options: Pick<ConnectOptions, 'user' | 'password' | 'database'>,
): Login {
  const user = options.user ?? target.user;
  const inherited = user === target.user ? target.password : null;
  return {
    user,
    password: options.password === undefined ? inherited : options.password,
    database: options.database ?? target.database,
  };
}

/**
 * Connects, negotiates TLS and authenticates. Nothing is taken from PG* variables or .pgpass.
 *
 * `statement_timeout`, `default_transaction_read_only` and `startSettings` go into the start-up message, so that a recorded
 * RESET ALL or DISCARD ALL returns to them. A pooler that refuses unknown start-up parameters is connected to
 * again without (`limitsSet` false).
 * @throws RepriseError TARGET_UNREACHABLE
 */
export async function openSession(target: ResolvedTarget, options: ConnectOptions): Promise<ReadySession> {
  const login = loginOf(target, options);
  const salted = saltedPasswords.get(target) ?? new SaltedPasswords();
  saltedPasswords.set(target, salted);
  let socket: Socket | null = null;
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    socket?.destroy();
  }, options.connectTimeoutMs);
  const { signal } = options;
  const onAbort = () => socket?.destroy();
  signal?.addEventListener('abort', onAbort, { once: true });
  const track = (opened: Socket) => {
    socket = opened;
    if (timedOut || signal?.aborted) opened.destroy();
  };
  const attempt = async (tls: boolean, limits: boolean): Promise<ReadySession> => {
    const opened = await openTransport(target, tls, track);
    return {
      ...(await logIn(opened, login, salted, startupParameters(login, options, limits))),
      tls,
      limitsSet: limits,
    };
  };
  try {
    // Sockets of this machine go without TLS, whatever the mode, as with libpq.
    let tls = target.tls !== 'DISABLE' && !target.address.startsWith('/');
    let limits = true;
    for (;;) {
      try {
        return await attempt(tls, limits);
      } catch (error) {
        (socket as Socket | null)?.destroy();
        if (timedOut || signal?.aborted) throw error;
        if (tls && target.tls === 'PREFER' && prefersPlain(error)) tls = false;
        else if (limits && error instanceof Refusal && error.sqlstate === '08P01') limits = false;
        else throw error;
      }
    }
  } catch (error) {
    const where = { ...target, database: login.database };
    // That the socket was closed then is our own doing.
    if (timedOut) throw unreachable(where, `no session within ${options.connectTimeoutMs} ms`, undefined);
    throw unreachable(where, messageOf(error), error);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  }
}

/** The error of everything that keeps us from the target. */
export function unreachable(
  target: { readonly host: string; readonly port: number; readonly database: string },
  why: string,
  cause: unknown,
): RepriseError {
  return new RepriseError('TARGET_UNREACHABLE', `connect to target ${targetLabel(target)}: ${why}`, { cause });
}

/**
 * True for what `unreachable` was made of where the server, or the path to it, was there and broke off: it may let the next one in.
 * Not for one that is not there, does not answer or refuses the login.
 */
export function isBreak(cause: unknown): boolean {
  if (cause instanceof Refusal) return ENDING_OR_STARTING.includes(cause.sqlstate);
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (cause instanceof ClosedEarly || BROKEN.includes(code)) return true;
  // It broke in the midst of a TLS handshake, or of what is set behind the login.
  return cause instanceof Error && isBreak(cause.cause);
}

const BROKEN = ['ECONNRESET', 'EPIPE', 'TARGET_LOST'];

/** What a server says that is going down or coming up. */
const ENDING_OR_STARTING = ['57P01', '57P02', '57P03'];

/** PREFER goes on without TLS where there is none, or where pg_hba.conf has no line for TLS. */
function prefersPlain(error: unknown): boolean {
  return error instanceof TlsRefused || (error instanceof Refusal && error.sqlstate === '28000');
}

function startupParameters(login: Login, options: ConnectOptions, limits: boolean): Record<string, string> {
  const parameters: Record<string, string> = {
    user: login.user,
    database: login.database,
    application_name: options.applicationName,
    client_encoding: 'UTF8',
  };
  if (limits) Object.assign(parameters, limitSettings(options));
  return parameters;
}

/** The settings at start-up: by which the server bounds what the session does, and others that were asked for. */
export function limitSettings(options: ConnectOptions): Record<string, string> {
  const settings: Record<string, string> = { statement_timeout: String(Math.ceil(options.statementTimeoutMs)) };
  if (options.readOnly) settings['default_transaction_read_only'] = 'on';
  return { ...settings, ...options.startSettings };
}

/**
 * Delivers a CancelRequest over a connection of its own and waits until the server has closed it.
 * @throws RepriseError TARGET_UNREACHABLE
 */
export async function sendCancel(
  target: ResolvedTarget,
  session: Pick<ReadySession, 'tls' | 'processId' | 'secretKey'>,
  timeoutMs: number,
): Promise<void> {
  let socket: Socket | null = null;
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    socket?.destroy();
  }, timeoutMs);
  try {
    const { socket: opened } = await openTransport(target, session.tls, (tracked) => {
      socket = tracked;
      if (timedOut) tracked.destroy();
    });
    await new Promise<void>((resolve) => {
      opened.on('close', () => resolve());
      opened.resume();
      opened.end(cancelRequest(session.processId, session.secretKey));
    });
    if (timedOut) throw new Error(`the server did not take the cancel request within ${timeoutMs} ms`);
  } catch (error) {
    throw unreachable(target, `cancel: ${messageOf(error)}`, error);
  } finally {
    clearTimeout(timer);
    (socket as Socket | null)?.destroy();
  }
}

type LoggedIn = Pick<ReadySession, 'transport' | 'rest' | 'processId' | 'secretKey' | 'parameters'>;

/** Runs the start-up phase on an open socket; leaves it held. */
async function logIn(
  transport: Transport,
  login: Login,
  salted: SaltedPasswords,
  startup: Record<string, string>,
): Promise<LoggedIn> {
  const { socket } = transport;
  const messages = new MessageQueue(transport);
  const writer = new WireWriter();
  const respond = (payload: Buffer) => {
    writer.password(payload);
    socket.write(writer.take());
    writer.recycle(false);
  };
  const parameters = new Map<string, string>();
  let processId = 0;
  let secretKey: Buffer = Buffer.alloc(0);
  let scram: ScramExchange | null = null;
  try {
    socket.write(startupMessage(startup));
    for (;;) {
      const { type, payload } = await messages.next();
      if (type === 'E') throw new Refusal(readServerMessage(payload, 0, payload.length));
      if (type === 'R') scram = await authenticate(payload, login, salted, scram, respond);
      else if (type === 'S') readParameter(payload, 0, payload.length, parameters);
      else if (type === 'K') {
        processId = payload.readInt32BE(0);
        secretKey = payload.subarray(4);
      } else if (type === 'Z') {
        return { transport, rest: messages.rest, processId, secretKey, parameters };
      } else if (type !== 'N' && type !== 'v') {
        throw new Error('it does not speak the PostgreSQL protocol');
      }
    }
  } finally {
    messages.release();
  }
}

async function authenticate(
  payload: Buffer,
  login: Login,
  salted: SaltedPasswords,
  scram: ScramExchange | null,
  respond: (payload: Buffer) => void,
): Promise<ScramExchange | null> {
  const kind = payload.readInt32BE(0);
  const text = () => payload.toString('utf8', 4);
  if (kind === 0) {
    if (scram !== null && !scram.verified) throw new Error('it does not prove that it knows the password');
    return scram;
  }
  if (kind === 11 && scram !== null) {
    respond(await scram.next(text()));
    return scram;
  }
  if (kind === 12 && scram !== null) {
    scram.verify(text());
    return scram;
  }
  if (kind !== 3 && kind !== 5 && kind !== 10) {
    throw new Error('it asks for a kind of authentication that is not spoken: use scram-sha-256, md5 or password');
  }
  if (login.password === null || login.password === '') {
    throw new Error(`it asks for the password of user ${JSON.stringify(login.user)}, and none is given`);
  }
  if (kind === 3) respond(cleartextResponse(login.password));
  if (kind === 5) respond(md5Response(login.user, login.password, payload.subarray(4, 8)));
  if (kind !== 10) return scram;
  const exchange = new ScramExchange(login.user, login.password, salted);
  respond(exchange.first(text().split('\0').filter(Boolean)));
  return exchange;
}

/** Adds a ParameterStatus. */
export function readParameter(buffer: Buffer, start: number, end: number, into: Map<string, string>): void {
  const [name = '', value = ''] = buffer.toString('utf8', start, end).split('\0');
  into.set(name, value);
}

/** The messages of a socket one at a time, for the start-up phase only. */
class MessageQueue implements FrameHandler {
  private readonly transport: Transport;
  private readonly reader = new WireReader(this);
  private queue: { type: string; payload: Buffer }[] = [];
  private failure: Error | null = null;
  private wake: (() => void) | null = null;
  private ready = false;
  /** What came behind ReadyForQuery: the connection's first bytes. */
  rest: Buffer = Buffer.alloc(0);

  constructor(transport: Transport) {
    this.transport = transport;
    transport.receive((chunk) => this.onData(chunk));
    transport.socket.on('error', this.onError).on('close', this.onClose);
    transport.release();
  }

  async next(): Promise<{ type: string; payload: Buffer }> {
    for (;;) {
      const message = this.queue.shift();
      if (message !== undefined) return message;
      if (this.failure !== null) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  frame(type: number, buffer: Buffer, start: number, end: number): void {
    this.queue.push({ type: String.fromCharCode(type), payload: Buffer.from(buffer.subarray(start, end)) });
    if (type !== 0x5a) return;
    this.ready = true;
    this.reader.stop();
    this.transport.socket.pause();
  }

  rowBytes(): void {}

  release(): void {
    const { socket } = this.transport;
    socket.pause();
    socket.off('error', this.onError).off('close', this.onClose);
  }

  private onData(chunk: Buffer): void {
    try {
      const used = this.reader.push(chunk);
      if (this.ready) this.rest = Buffer.concat([this.rest, chunk.subarray(used)]);
    } catch {
      this.fail(new Error('it does not speak the PostgreSQL protocol'));
    }
    this.wake?.();
  }

  private readonly onError = (error: Error) => this.fail(error);
  private readonly onClose = () => this.fail(new ClosedEarly());

  private fail(error: Error): void {
    this.failure ??= error;
    this.wake?.();
  }
}
