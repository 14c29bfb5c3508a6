// Of the package as a whole, the server's half would load all of `graphql`.
import { createClient } from 'graphql-ws/client';
import { Channel } from './channel.ts';
import { ConnectionLost, fromGraphQL, fromStatus, ServiceError } from './errors.ts';
import { authorizationOf, type Result, type Transport } from './transport.ts';

const PING_MS = 12_000;
const PONG_MS = 12_000;

/** Node's `ws` sockets can be paused; a browser's cannot, and queue what comes. */
interface PausableSocket {
  pause?(): void;
  resume?(): void;
}

/**
 * GraphQL over WebSocket (graphql-ws). Each subscription has a socket of its own, so that holding one back
 * holds nothing else back.
 */
export const webSocketTransport: Transport = async function* (endpoint, operation, signal) {
  if (signal.aborted) return;
  let socket: PausableSocket | null = null;
  let paused = false;
  let acknowledged = false;
  let pongTimer: ReturnType<typeof setTimeout> | undefined;
  const authorization = authorizationOf(endpoint);
  const channel = new Channel<Result | null>((full) => {
    paused = full;
    if (full) socket?.pause?.();
    else socket?.resume?.();
  });
  const client = createClient({
    url: `${endpoint.url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: await webSocketFor(authorization, signal),
    ...(endpoint.token === null ? {} : { connectionParams: authorization }),
    connectionAckWaitTimeout: 10_000,
    keepAlive: PING_MS,
    // The resuming iterator reconnects: only it knows the cursor.
    retryAttempts: 0,
    on: {
      opened: (opened) => {
        socket = opened as PausableSocket;
      },
      connected: () => {
        acknowledged = true;
        channel.push(null);
      },
      message: (message) => {
        if (message.type === 'next') channel.push(message.payload as Result);
        if (message.type === 'complete') channel.end();
      },
      ping: (received) => {
        if (received) return;
        clearTimeout(pongTimer);
        pongTimer = setTimeout(() => {
          // While this side holds the socket back, it is this side that does not read the pong.
          if (!paused) channel.end(new ConnectionLost('the service does not answer pings'));
        }, PONG_MS);
      },
      pong: (received) => {
        if (received) clearTimeout(pongTimer);
      },
      error: (error) => channel.end(refusal(endpoint.url, error, acknowledged)),
      closed: (event) => channel.end(refusal(endpoint.url, event, acknowledged)),
    },
  });
  const abort = () => channel.end();
  signal.addEventListener('abort', abort);
  const unsubscribe = client.subscribe(operation as { query: string; variables: Record<string, unknown> }, {
    next: () => {},
    error: (error) => channel.end(refusal(endpoint.url, error, acknowledged)),
    complete: () => channel.end(),
  });
  try {
    for (;;) {
      const item = await channel.next();
      if (item.done || signal.aborted) return;
      yield item.value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    clearTimeout(pongTimer);
    if (paused) (socket as PausableSocket | null)?.resume?.();
    unsubscribe();
    await client.dispose();
  }
};

/**
 * Close codes of graphql-ws that say "do not come back": bad request, unauthorised, and the like. A request
 * that was cut off, a timeout and a service that goes away are worth another attempt.
 */
function refusal(url: string, thrown: unknown, acknowledged: boolean): Error {
  if (Array.isArray(thrown)) return fromGraphQL(thrown);
  const { code, reason, message } = thrown as { code?: unknown; reason?: unknown; message?: unknown };
  const status = /Unexpected server response: (\d{3})/.exec(String(message))?.[1];
  if (status && Number(status) < 500) return fromStatus(url, Number(status), '');
  const why = String(reason || message || `closed with ${String(code)}`);
  if (code === 4401) return fromStatus(url, 401, why);
  if (code === 4403) return fromStatus(url, 403, why);
  if (code === 4429) return fromStatus(url, 429, why);
  if (typeof code === 'number' && code >= 4400 && code <= 4500 && code !== 4408 && code !== 4499) {
    return new ServiceError(`the service closed the stream: ${why}`);
  }
  return new ConnectionLost(acknowledged ? why : `could not connect: ${why}`);
}

/** `signal` aborted: a socket that still waits for the service's first answer is given up, and holds up nobody. */
async function webSocketFor(headers: ReturnType<typeof authorizationOf>, signal: AbortSignal): Promise<unknown> {
  if (typeof process === 'undefined' || !process.versions?.node) return WebSocket;
  const { WebSocket: NodeWebSocket } = await import('ws');
  return class extends NodeWebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol, {
        handshakeTimeout: 10_000,
        maxPayload: 64 * 1024 * 1024,
        headers,
      });
      const giveUp = () => this.terminate();
      const settled = () => signal.removeEventListener('abort', giveUp);
      signal.addEventListener('abort', giveUp);
      this.once('open', settled).once('close', settled);
    }
  };
}
