import { randomUUID } from 'node:crypto';
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { GraphQLError } from 'graphql';
import type { Logger } from 'pino';
import { messageOf, RepriseError } from '../errors.ts';
import type { Role, ServiceContext } from '../graphql/context.ts';
import { openPullStreams } from '../replay/pull-stream.ts';
import type { TracedSpan, Tracer } from '../tracing/tracer.ts';
import { type AccessToken, Authenticator } from './auth.ts';
import { EventStreams } from './event-streams.ts';
import {
  ANSWER_TYPES,
  accepts,
  answer,
  graphqlError,
  isJson,
  pathOf,
  readBody,
  refuseUpgrade,
  requestIdOf,
  STREAM_TYPES,
} from './exchange.ts';
import { DEFAULT_LIMITS, RateLimiter, type ServerLimits } from './limits.ts';
import { Metrics, type ServiceStatistics } from './metrics.ts';
import { type Caller, createOperations, type Operations } from './operations.ts';
import { isLoopbackName, type OriginPolicy, refuseOrigin } from './origins.ts';
import { readReplayBody, runReplay, statusOf } from './replay-endpoint.ts';
import { traceOf } from './trace-headers.ts';
import { GraphQLSockets } from './websocket.ts';

/** What the server needs of the configuration. */
export interface ServerConfig {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Empty: everyone is an operator. */
  readonly tokens: readonly AccessToken[];
  /** Names of this service besides loopback's, as they stand in `Host`; empty and not on loopback: any. */
  readonly allowedHosts?: readonly string[];
  /** Origins of pages elsewhere that may use the API. */
  readonly allowedOrigins?: readonly string[];
  readonly limits?: Partial<ServerLimits>;
}

/** What the server serves. */
export interface ServerParts {
  readonly config: ServerConfig;
  readonly context: ServiceContext;
  readonly logger: Logger;
  /** Spans of requests and operations; null or left out: none. */
  readonly tracer?: Tracer | null;
  /** Counted elsewhere, for `/metrics`; without it, only what the server itself counts is shown. */
  readonly statistics?: ServiceStatistics;
  /** Serves what is not the API's (the dashboard); false: not found. No token is asked for. */
  readonly pages?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
}

/** A server; start and stop it once. */
export interface Server {
  /** Listens; resolves with where. */
  start(): Promise<{ readonly url: string; readonly port: number }>;
  /** Resolves when no stream is open, or after so many milliseconds: readers of runs that ended leave by themselves. */
  drained(ms: number): Promise<void>;
  /** Ends every socket and stream, and resolves when the port is free. Idempotent. */
  stop(): Promise<void>;
  /** Subscriptions open in this process. */
  readonly openStreams: number;
  readonly openSockets: number;
}

/** Requests that are under way get this long to end when the service stops. */
const STOP_GRACE_MS = 2000;
const REPLAY_BODY_BYTES = 64 * 1024;
const READY_TIMEOUT_MS = 2000;

/** The HTTP and WebSocket server of the service. Nothing listens before `start`. */
export function createServer(parts: ServerParts): Server {
  return new RepriseServer(parts);
}

class RepriseServer implements Server {
  private readonly parts: ServerParts;
  private readonly limits: ServerLimits;
  private readonly origins: OriginPolicy;
  private readonly authenticator: Authenticator;
  private readonly rate: RateLimiter;
  private readonly metrics: Metrics;
  private readonly operations: Operations;
  private readonly sockets: GraphQLSockets;
  private readonly streams: EventStreams;
  private readonly http: HttpServer;
  /** Connections without a request; Node's own closing of idle ones spares those that never had any. */
  private readonly idle = new Set<Socket>();
  private readonly stopping = new AbortController();
  private stopped: Promise<void> | null = null;
  /** As `/ready` answered last. */
  private wasReady = true;

  constructor(parts: ServerParts) {
    const { config, context } = parts;
    this.parts = parts;
    this.limits = { ...DEFAULT_LIMITS, ...config.limits };
    this.origins = {
      loopbackOnly: isLoopbackName(config.host),
      allowedHosts: config.allowedHosts ?? [],
      allowedOrigins: config.allowedOrigins ?? [],
    };
    this.authenticator = new Authenticator(config.tokens);
    this.rate = new RateLimiter(this.limits);
    this.streams = new EventStreams(this.limits.writeDeadlineMs);
    this.metrics = new Metrics(
      { sockets: () => this.openSockets, eventStreams: () => this.streams.size },
      parts.statistics ?? null,
    );
    const report = (error: unknown) => this.report(error);
    this.operations = createOperations({
      service: context,
      limits: this.limits,
      metrics: this.metrics,
      logger: parts.logger,
      tracer: parts.tracer ?? null,
      report,
      allowedOrigins: this.origins.allowedOrigins,
    });
    this.sockets = new GraphQLSockets({
      operations: this.operations,
      authenticator: this.authenticator,
      rate: this.rate,
      limits: this.limits,
      report,
      nextRequestId: randomUUID,
    });
    this.http = createHttpServer((request, response) => void this.handle(request, response));
    this.http.maxConnections = this.limits.connections;
    this.http.on('connection', (socket: Socket) => {
      this.idle.add(socket);
      socket.once('close', () => this.idle.delete(socket));
    });
    this.http.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  get openStreams(): number {
    return openPullStreams();
  }

  get openSockets(): number {
    return this.sockets.open;
  }

  async start(): Promise<{ readonly url: string; readonly port: number }> {
    const { host, port } = this.parts.config;
    await new Promise<void>((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(port, host, () => {
        this.http.off('error', reject);
        resolve();
      });
    });
    const bound = (this.http.address() as AddressInfo).port;
    // What is listened on with 0.0.0.0 is reached as localhost.
    const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
    return { url: `http://${name}:${bound}`, port: bound };
  }

  stop(): Promise<void> {
    this.stopped ??= this.shutDown();
    return this.stopped;
  }

  async drained(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (this.openStreams > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  private async shutDown(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.http.close(() => resolve()));
    this.sockets.close();
    this.streams.destroy();
    this.stopping.abort();
    for (const socket of this.idle) socket.destroy();
    const cut = setTimeout(() => {
      // Peers that are slow to answer the close frame: http.close waits for upgraded sockets too, closeAllConnections spares them.
      this.sockets.terminate();
      this.http.closeAllConnections();
    }, STOP_GRACE_MS);
    await closed;
    clearTimeout(cut);
    await this.operations.dispose();
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const begun = performance.now();
    const { socket } = request;
    this.idle.delete(socket);
    const path = pathOf(request);
    const route = ROUTES.has(path) ? path : 'other';
    const requestId = requestIdOf(request);
    const span = this.traceRequest(request, route, requestId);
    response.setHeader('X-Request-Id', requestId);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.once('close', () => {
      if (!socket.destroyed) this.idle.add(socket);
      if (this.stopping.signal.aborted) socket.destroySoon();
      this.metrics.requests.inc({ route, status: String(response.statusCode) });
      const ms = performance.now() - begun;
      if (!this.streams.has(response)) this.metrics.requestSeconds.observe({ route }, ms / 1000);
      const { statusCode: status } = response;
      this.parts.logger.debug({ requestId, method: request.method, route, status, ms: Math.round(ms) }, 'request');
      span?.end({ 'http.response.status_code': status }, status >= 500 ? String(status) : undefined);
    });
    try {
      await this.route(path, request, response, { requestId, trace: span?.context ?? null });
    } catch (error) {
      this.fail(error, path, response, requestId);
    }
  }

  private async route(path: string, request: IncomingMessage, response: ServerResponse, cause: Cause): Promise<void> {
    const foreign = refuseOrigin(request, this.origins);
    if (foreign !== null) throw new RepriseError('FORBIDDEN', foreign);
    if (path === '/health') {
      answer(response, 200, { status: 'up' });
      return;
    }
    if (path === '/ready') return this.ready(response);
    if (!this.rate.take(request.socket.remoteAddress ?? '')) {
      response.setHeader('Retry-After', '1');
      throw new RepriseError('TOO_MANY_REQUESTS', 'too many requests from this address: try again in a second');
    }
    if (path === '/graphql') return this.graphql(request, response, cause);
    if (path === '/api/replay') return this.replay(request, response, cause);
    if (path === '/metrics') {
      this.authenticator.authenticate(request.headers.authorization);
      response.setHeader('Content-Type', this.metrics.contentType);
      response.end(await this.metrics.text());
      return;
    }
    if (this.parts.pages !== undefined && (await this.parts.pages(request, response))) return;
    answer(response, 404, { error: { code: 'NOT_FOUND', message: `there is nothing at ${path}` } });
  }

  private async graphql(request: IncomingMessage, response: ServerResponse, cause: Cause): Promise<void> {
    const page = request.method === 'GET' && (request.headers.accept ?? '').includes('text/html');
    // GraphiQL itself holds nothing secret, and asks for a token in its header editor. A browser's preflight
    // carries no token, and executes nothing.
    const role: Role =
      page || request.method === 'OPTIONS' ? 'reader' : this.authenticator.authenticate(request.headers.authorization);
    // Browsers send other types from any page without asking first.
    if (request.method === 'POST' && !isJson(request)) {
      return answer(response, 415, graphqlError('BAD_INPUT', 'send the operation as application/json'));
    }
    // Told ahead of its execution: a mutation that was carried out is not to look refused.
    if (request.method !== 'OPTIONS' && !page && !accepts(request, ANSWER_TYPES)) {
      const message = 'nothing that Accept asks for is answered here: accept application/json';
      return answer(response, 406, graphqlError('BAD_REQUEST', message));
    }
    if (Number(request.headers['content-length'] ?? 0) > this.limits.bodyBytes) {
      // The body is not read: the connection cannot be used again.
      response.setHeader('Connection', 'close');
      return answer(
        response,
        413,
        graphqlError('LIMIT_EXCEEDED', `the body is larger than ${this.limits.bodyBytes} bytes: split it`),
      );
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const beginStream = () => {
      if (gone.signal.aborted) return null;
      return accepts(request, STREAM_TYPES) ? this.beginStream(response) : noStreamAccepted();
    };
    await this.operations(request, response, {
      caller: { role, ...cause, transport: 'http', beginStream, signal: gone.signal },
    });
  }

  /** Makes the response one of the event streams, whatever its request accepts: the subscription decides. */
  private beginStream(response: ServerResponse): GraphQLError | null {
    if (this.streams.size >= this.limits.eventStreams) {
      return new GraphQLError(`${this.limits.eventStreams} event streams are open, the limit`, {
        extensions: { code: 'TOO_MANY_REQUESTS', http: { status: 503 } },
      });
    }
    this.streams.add(response);
    // The others were broken off before this one came to be.
    if (this.stopping.signal.aborted) response.destroy();
    return null;
  }

  private async replay(request: IncomingMessage, response: ServerResponse, cause: Cause): Promise<void> {
    if (request.method !== 'POST') {
      response.setHeader('Allow', 'POST');
      return answer(response, 405, { error: { code: 'BAD_INPUT', message: 'use POST' } });
    }
    const role = this.authenticator.authenticate(request.headers.authorization);
    if (role !== 'operator')
      throw new RepriseError('FORBIDDEN', 'a replay needs a token of the role operator; this one is a reader');
    if (!isJson(request)) {
      return answer(response, 415, { error: { code: 'BAD_INPUT', message: 'send the body as application/json' } });
    }
    const input = readReplayBody(await readBody(request, REPLAY_BODY_BYTES));
    const leaving = new AbortController();
    response.once('close', () => leaving.abort());
    const gone = AbortSignal.any([leaving.signal, this.stopping.signal]);
    answer(response, 200, await runReplay(this.parts.context.engine, input, cause, gone));
  }

  private async ready(response: ServerResponse): Promise<void> {
    if (this.stopping.signal.aborted) {
      return answer(response, 503, { status: 'unavailable', reason: 'the service stops' });
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new RepriseError('STORE_UNAVAILABLE', 'the database of the journal does not answer')),
        READY_TIMEOUT_MS,
      );
    });
    try {
      await Promise.race([this.parts.context.journal.tailEnd(), late]);
      if (!this.wasReady) this.parts.logger.info("the journal's database answers again");
      this.wasReady = true;
      answer(response, 200, { status: 'ready' });
    } catch (error) {
      // Once, and not for each probe. What the log tells, addresses included, is not for whoever may ask.
      if (this.wasReady) this.parts.logger.warn({ reason: messageOf(error) }, 'not ready');
      this.wasReady = false;
      answer(response, 503, { status: 'unavailable', reason: "the journal's database cannot be used" });
    } finally {
      clearTimeout(timer);
    }
  }

  /** A span to the end of the response. Probes and scrapes, which come all the time, have none. */
  private traceRequest(request: IncomingMessage, route: string, requestId: string): TracedSpan | null {
    const { tracer } = this.parts;
    if (!tracer || UNTRACED.has(route)) return null;
    const method = METHODS.has(request.method ?? '') ? request.method : '_OTHER';
    const attributes = { 'http.request.method': `${method}`, 'http.route': route, 'reprise.request.id': requestId };
    return tracer.begin(`${method} ${route}`, traceOf(request.headers), attributes, 'server');
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = pathOf(request);
    this.idle.delete(socket as Socket);
    // A client that leaves during the handshake is no error of ours.
    socket.on('error', () => {});
    if (path !== '/graphql') refuseUpgrade(socket, 404, 'Not Found');
    else if (refuseOrigin(request, this.origins) !== null) refuseUpgrade(socket, 403, 'Forbidden');
    else if (this.stopping.signal.aborted || this.sockets.open >= this.limits.sockets) {
      refuseUpgrade(socket, 503, 'Service Unavailable');
    } else this.sockets.upgrade(request, socket, head);
  }

  private fail(thrown: unknown, path: string, response: ServerResponse, requestId: string): void {
    const known = thrown instanceof RepriseError;
    const error = known
      ? { code: thrown.code, message: thrown.message }
      : {
          code: 'INTERNAL_SERVER_ERROR',
          message: `the service failed: its log tells more under ${this.report(thrown, requestId)}`,
        };
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const status = known ? statusOf(thrown) : 500;
    if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
    answer(response, status, path === '/graphql' ? graphqlError(error.code, error.message) : { error });
  }

  private report(error: unknown, requestId?: string): string {
    const errorId = randomUUID();
    this.metrics.unexpectedErrors.inc();
    // Message and stack only: an error's other fields may hold what a statement or a login held.
    const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
    this.parts.logger.error({ errorId, requestId, err: { message, stack } }, 'unexpected error');
    return errorId;
  }
}

const ROUTES = new Set(['/graphql', '/api/replay', '/health', '/ready', '/metrics']);
const UNTRACED = new Set(['/health', '/ready', '/metrics']);
/** Others are not told apart, so that no caller makes up names of spans. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'OPTIONS']);

/** What a request hands on to what it starts. */
type Cause = Pick<Caller, 'requestId' | 'trace'>;

/** Why a subscription is refused whose answer would be no event stream. */
function noStreamAccepted(): GraphQLError {
  return new GraphQLError('a subscription is answered over a WebSocket, or with `Accept: text/event-stream`', {
    extensions: { code: 'BAD_REQUEST', http: { status: 406 } },
  });
}
