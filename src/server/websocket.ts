import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ExecutionArgs, FormattedExecutionResult, GraphQLError } from 'graphql';
import { CloseCode, type Context, handleProtocols, makeServer } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { RepriseError } from '../errors.ts';
import type { Role } from '../graphql/context.ts';
import type { Authenticator } from './auth.ts';
import { type Report, recast, toClientError, withoutSecrets } from './client-errors.ts';
import { limitExceeded, type RateLimiter, type ServerLimits } from './limits.ts';
import type { Caller, CallerContext, Operations } from './operations.ts';
import { traceOf } from './trace-headers.ts';

/** What the sockets are served with. */
export interface WebSocketParts {
  readonly operations: Operations;
  readonly authenticator: Authenticator;
  readonly rate: RateLimiter;
  readonly limits: ServerLimits;
  readonly report: Report;
  readonly nextRequestId: () => string;
}

/** RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001;

interface Peer {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  /** Aborted when the socket has closed: ends whatever the socket still has open. */
  readonly gone: AbortController;
  role: Role;
}

type Payload = {
  readonly query?: unknown;
  readonly variables?: unknown;
  readonly operationName?: string | null | undefined;
  readonly extensions?: unknown;
};
type Args = ExecutionArgs & { rootValue: Pick<ReturnType<Operations['getEnveloped']>, 'execute' | 'subscribe'> };

/** GraphQL over WebSocket (graphql-transport-ws), with the same rules and limits as over HTTP. */
export class GraphQLSockets {
  private readonly parts: WebSocketParts;
  private readonly sockets: WebSocketServer;
  private readonly peers = new Set<Peer>();
  private readonly protocol;

  constructor(parts: WebSocketParts) {
    this.parts = parts;
    this.sockets = new WebSocketServer({
      noServer: true,
      maxPayload: parts.limits.messageBytes,
      handleProtocols,
      clientTracking: false,
    });
    this.protocol = makeServer<Record<string, unknown>, { readonly peer: Peer }>({
      onConnect: (context) => this.connect(context.extra.peer, context.connectionParams),
      onSubscribe: (context, _id, payload) => this.prepare(context, payload as Payload),
      onNext: (_context, _id, payload, _args, result) => {
        if (!result.errors?.length) return undefined;
        const errors = this.shown(result.errors, payload as Payload).map((error) => error.toJSON());
        return { ...result, errors } as FormattedExecutionResult;
      },
      onError: (_context, _id, payload, errors) =>
        this.shown(errors, payload as Payload).map((error) => error.toJSON()),
      execute: (args) => (args as Args).rootValue.execute(args) as never,
      subscribe: (args) => (args as Args).rootValue.subscribe(args) as never,
    });
  }

  get open(): number {
    return this.peers.size;
  }

  /** Takes an upgrade request over; the caller has checked its path and origin. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.sockets.handleUpgrade(request, socket, head, (accepted) => this.accept(accepted, request));
  }

  /** Tells every peer that the service goes away, then ends what they had open. */
  close(): void {
    for (const peer of [...this.peers]) dismiss(peer, GOING_AWAY, 'the service stops');
  }

  /** Cuts peers that did not answer the close. */
  terminate(): void {
    for (const { socket } of this.peers) socket.terminate();
  }

  private accept(socket: WebSocket, request: IncomingMessage): void {
    const peer: Peer = { socket, request, gone: new AbortController(), role: 'reader' };
    this.peers.add(peer);
    const stopPings = keepAlive(socket, this.parts.limits.pingMs);
    const closed = this.protocol.opened(
      {
        protocol: socket.protocol,
        // Resolves when the kernel has taken the message: this is what holds a stream at its client's speed. A message that
        // cannot be written is no news either: its socket closes, and that ends the streams.
        send: (data) =>
          new Promise((resolve) => {
            if (socket.readyState !== socket.OPEN) resolve();
            else socket.send(data, () => resolve());
          }),
        close: (code, reason) => dismiss(peer, code, reason),
        onMessage: (listener) => {
          socket.on('message', (data) => {
            // A peer that was dismissed may go on to send: nothing would hold back what it asked for.
            if (socket.readyState !== socket.OPEN) return;
            listener(String(data)).catch((error: unknown) => this.fail(peer, error));
          });
        },
      },
      { peer },
    );
    // ws has sent its close frame (1009 for a message that is too big) before it tells of the error.
    socket.on('error', () => {});
    socket.once('close', (code, reason) => {
      stopPings();
      this.peers.delete(peer);
      closed(code, String(reason)).catch(this.parts.report);
      peer.gone.abort();
    });
  }

  private fail(peer: Peer, error: unknown): void {
    // The protocol's word on a message that only a server sends; it has no class of its own.
    if (error instanceof Error && /^Unexpected message of type \w+ received$/.test(error.message)) {
      dismiss(peer, CloseCode.BadRequest, error.message);
      return;
    }
    this.parts.report(error);
    dismiss(peer, CloseCode.InternalServerError, 'the service failed');
  }

  private connect(peer: Peer, params: Readonly<Record<string, unknown>> | undefined): boolean {
    const given = params?.['authorization'] ?? params?.['Authorization'] ?? peer.request.headers.authorization;
    try {
      peer.role = this.parts.authenticator.authenticate(typeof given === 'string' ? given : undefined);
      return true;
    } catch (error) {
      // Not the Forbidden of graphql-ws, which clients take for a reason to try again.
      dismiss(peer, CloseCode.Unauthorized, error instanceof RepriseError ? error.message : 'Unauthorized');
      return false;
    }
  }

  /** Checks an operation; what is wrong with it is returned, because a throw would close the whole socket. */
  private async prepare(
    { extra: { peer }, subscriptions }: Context<Record<string, unknown>, { readonly peer: Peer }>,
    payload: Payload,
  ): Promise<ExecutionArgs | readonly GraphQLError[]> {
    const { limits, rate, operations, nextRequestId } = this.parts;
    try {
      if (!rate.take(peer.request.socket.remoteAddress ?? '')) {
        throw new RepriseError('TOO_MANY_REQUESTS', 'too many requests from this address: try again in a second');
      }
      if (Object.keys(subscriptions).length > limits.subscriptionsPerSocket) {
        throw limitExceeded(
          `the socket has ${limits.subscriptionsPerSocket} operations open, the limit: end one, or open another socket`,
        );
      }
      const caller: Caller = {
        role: peer.role,
        requestId: nextRequestId(),
        transport: 'websocket',
        // The socket's own limit was looked at above.
        beginStream: () => null,
        trace: traceOf(payload.extensions) ?? traceOf(peer.request.headers),
        signal: peer.gone.signal,
      };
      const initial = { caller, params: payload } as unknown as CallerContext;
      const enveloped = operations.getEnveloped(initial);
      const document = enveloped.parse(String(payload.query ?? ''));
      const errors = enveloped.validate(enveloped.schema, document) as readonly GraphQLError[];
      if (errors.length > 0) return errors;
      return {
        schema: enveloped.schema,
        document,
        operationName: payload.operationName ?? null,
        variableValues: (payload.variables ?? {}) as Record<string, unknown>,
        contextValue: await enveloped.contextFactory(),
        rootValue: { execute: enveloped.execute, subscribe: enveloped.subscribe },
      };
    } catch (error) {
      return [toClientError(error, this.parts.report)];
    }
  }

  /** Errors as this transport shows them: nothing of HTTP in them, and nothing secret. */
  private shown(errors: readonly unknown[], payload: Payload): GraphQLError[] {
    const masked = errors.map((error) => toClientError(error, this.parts.report));
    return withoutSecrets(masked, payload).map((error) => {
      const { http: _http, ...extensions } = error.extensions;
      return recast(error, error.message, extensions);
    });
  }
}

/** Closes a peer's socket, and ends what it has open, without waiting for the peer's answer. */
function dismiss({ socket, gone }: Peer, code?: number, reason = ''): void {
  // First the close frame: an ended stream would otherwise tell its client that the run is over.
  socket.close(code, cutReason(reason));
  gone.abort();
}

/** RFC 6455, section 5.5: what a control frame holds, less the code. */
const REASON_BYTES = 123;

/** As much of a reason as a close frame holds, in whole characters. */
function cutReason(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= REASON_BYTES) return reason;
  let end = REASON_BYTES;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/** Pings a peer and drops it when it has not answered by the next ping. Returns what stops it. */
function keepAlive(socket: WebSocket, intervalMs: number): () => void {
  let answered = true;
  socket.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) {
      socket.terminate();
      return;
    }
    answered = false;
    socket.ping();
  }, intervalMs);
  return () => clearInterval(timer);
}
