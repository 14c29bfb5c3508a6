import { once as nextOf } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ServiceError } from '../../src/client/errors.ts';
import { type ConnectionState, resumingStream, SequenceCheck } from '../../src/client/resuming-stream.ts';
import { sseTransport } from '../../src/client/sse.ts';
import type { Transport } from '../../src/client/transport.ts';
import { webSocketTransport } from '../../src/client/websocket.ts';
import { CountingServer, type Script } from './counting-server.ts';

let server: CountingServer;
// graphql-ws writes there what it meets on the sockets that these tests cut.
beforeEach(() => void vi.spyOn(console, 'error').mockImplementation(() => {}));
afterEach(() => server.stop());
afterEach(() => void vi.restoreAllMocks());

const serve = async (script: Script) => {
  server = await new CountingServer(script).start();
};

function numbers(
  transport: Transport,
  end: number,
  more: {
    onConnection?: (state: ConnectionState) => void;
    signal?: AbortSignal;
    token?: string;
    firstWaitMs?: number;
  } = {},
) {
  const check = new SequenceCheck(0, true);
  return resumingStream<number>({
    endpoint: { url: server.url, token: more.token ?? null },
    transport,
    after: null,
    operation: (after) => ({
      query: 'subscription ($after: Int!) { numbers(after: $after) }',
      variables: { after: Number(after ?? 0) },
    }),
    read: (data) => {
      const value = (data as { numbers: number }).numbers;
      check.check(value);
      return { value, cursor: String(value), ended: value === end };
    },
    firstWaitMs: 1,
    ...more,
  });
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

const range = (end: number) => Array.from({ length: end }, (_, index) => index + 1);

describe.each([
  ['graphql-ws', webSocketTransport],
  ['SSE', sseTransport],
] as const)('a resuming stream over %s', (_, transport) => {
  test('gives every payload in order and ends with its source', async () => {
    await serve({ end: 500 });
    const states: string[] = [];
    expect(await all(numbers(transport, 500, { onConnection: ({ state }) => states.push(state) }))).toEqual(range(500));
    expect(server.subscriptions).toEqual([0]);
    expect(states).toEqual(['CONNECTING', 'LIVE']);
  });

  test('a connection cut again and again loses nothing and repeats nothing', async () => {
    await serve({ end: 400, beforeNumber: (n, { cut }) => (n % 97 === 0 && once(n) ? cut.call(server) : undefined) });
    const seen = new Set<number>();
    const once = (n: number) => !seen.has(n) && Boolean(seen.add(n));
    const states: ConnectionState[] = [];
    expect(await all(numbers(transport, 400, { onConnection: (state) => states.push(state) }))).toEqual(range(400));
    expect(server.subscriptions.length).toBeGreaterThan(1);
    expect(states.filter(({ state }) => state === 'RECONNECTING').length).toBe(server.subscriptions.length - 1);
    expect(states.at(-1)).toEqual({ state: 'LIVE' });
  });

  test('a service that restarts is found again', async () => {
    let restarted: Promise<void> | null = null;
    await serve({
      end: 20,
      beforeNumber: (n) => {
        if (n === 10 && !restarted) restarted = server.stop().then(() => void server.start());
      },
    });
    expect(await all(numbers(transport, 20))).toEqual(range(20));
    await restarted;
    expect(server.subscriptions.length).toBeGreaterThan(1);
  });

  test('a stream completed before its source has ended is taken up again', async () => {
    await serve({ end: 20, completeEarlyAt: 7 });
    expect(await all(numbers(transport, 20))).toEqual(range(20));
    expect(server.subscriptions).toEqual([0, 7]);
  });

  test('return() does not wait for a service that accepts and never answers', { timeout: 8_000 }, async () => {
    await serve({ end: 1 });
    const deaf = createServer();
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
    const reached = nextOf(deaf, 'connection') as Promise<[Socket]>;
    const stream = resumingStream<number>({
      endpoint: { url: `http://127.0.0.1:${(deaf.address() as AddressInfo).port}`, token: null },
      transport,
      after: null,
      operation: () => ({ query: 'subscription { numbers }', variables: {} }),
      read: () => ({ value: 0, cursor: '', ended: false }),
    });
    const pending = stream.next();
    const [socket] = await reached;
    const gone = nextOf(socket.on('error', () => {}).resume(), 'close');
    await stream.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
    await gone;
    await new Promise((resolve) => deaf.close(resolve));
  });

  test('return() settles a pending next() at once and returns the source', async () => {
    let parked = () => {};
    const isParked = new Promise<void>((resolve) => {
      parked = resolve;
    });
    await serve({
      end: 5,
      beforeNumber: (n) => {
        if (n < 3) return;
        parked();
        return new Promise<void>(() => {});
      },
    });
    const returned = new Promise<void>((resolve) => {
      server.onReturn = resolve;
    });
    const stream = numbers(transport, 5);
    expect([await stream.next(), await stream.next()].map(({ value }) => value)).toEqual([1, 2]);
    const pending = stream.next();
    await isParked;
    await stream.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
    await returned;
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test('an aborted signal ends it without an error', async () => {
    const abort = new AbortController();
    await serve({ end: 1000 });
    const items: number[] = [];
    for await (const item of numbers(transport, 1000, { signal: abort.signal })) {
      items.push(item);
      if (item === 10) abort.abort();
    }
    expect(items).toEqual(range(10));
  });

  test('whoever gives up when told of a lost connection does not wait for the next attempt', {
    timeout: 4_000,
  }, async () => {
    await serve({ end: 10, beforeNumber: (n, { cut }) => (n === 5 ? cut.call(server) : undefined) });
    const abort = new AbortController();
    const onConnection = ({ state }: ConnectionState) => state === 'RECONNECTING' && abort.abort();
    const more = { onConnection, signal: abort.signal, firstWaitMs: 60_000 };
    expect(await all(numbers(transport, 10, more))).toEqual(range(4));
  });

  test('a reader that stalls holds the source back', async () => {
    await serve({ end: 1_000_000 });
    const stream = numbers(transport, 1_000_000);
    await stream.next();
    let before = -1;
    // Bounded: the source stops being asked. A million small payloads would need seconds and all be pulled.
    while (before !== server.pulled) {
      before = server.pulled;
      await new Promise((resolve) => setImmediate(resolve));
      for (let turn = 0; turn < 2000 && before === server.pulled; turn++) await new Promise((r) => setImmediate(r));
    }
    expect(server.pulled).toBeLessThan(500_000);
    await stream.return?.();
  });

  test('a gap is an error, not a silence', async () => {
    await serve({ end: 10 });
    const check = new SequenceCheck(0, true);
    const stream = resumingStream({
      endpoint: { url: server.url, token: null },
      transport,
      after: '3',
      operation: (after) => ({
        query: 'subscription ($after: Int!) { numbers(after: $after) }',
        variables: { after: Number(after) },
      }),
      read: (data) => {
        const value = (data as { numbers: number }).numbers;
        check.check(value);
        return { value, cursor: String(value), ended: false };
      },
    });
    await expect(all(stream)).rejects.toThrow(/event 4 came after event 0/);
  });

  test('a request that the schema does not know fails at once', async () => {
    await serve({ end: 10 });
    const stream = resumingStream({
      endpoint: { url: server.url, token: null },
      transport,
      after: null,
      operation: () => ({ query: 'subscription { letters }', variables: {} }),
      read: (data) => ({ value: data, cursor: '', ended: false }),
    });
    await expect(all(stream)).rejects.toBeInstanceOf(ServiceError);
  });

  test('nothing listening is SERVICE_UNREACHABLE at once, with what to do', async () => {
    await serve({ end: 1 });
    const stream = numbers(transport, 1);
    await server.stop();
    await expect(all(stream)).rejects.toMatchObject({
      code: 'SERVICE_UNREACHABLE',
      message: expect.stringMatching(/^no answer from http:.*ECONNREFUSED.*reprise serve/),
    });
  });
});

test.each(['TOO_MANY_REQUESTS', 'STORE_UNAVAILABLE'])(
  'a reconnection over SSE that is refused with %s is tried again, a first connection is not',
  async (code) => {
    await serve({ end: 20, completeEarlyAt: 7, refused: { subscription: 2, code } });
    const states: ConnectionState[] = [];
    const options = { onConnection: (state: ConnectionState) => states.push(state) };
    expect(await all(numbers(sseTransport, 20, options))).toEqual(range(20));
    expect(server.subscriptions).toEqual([0, 7]);
    const reasons = states.flatMap((state) => (state.state === 'RECONNECTING' ? [state.reason] : []));
    expect(reasons).toEqual(['the service ended the stream early', 'no room']);

    await server.stop();
    await serve({ end: 20, refused: { subscription: 1, code } });
    await expect(all(numbers(sseTransport, 20))).rejects.toMatchObject({ code, message: 'no room' });
  },
);

test('a token that graphql-ws refuses ends the stream with FORBIDDEN', async () => {
  await serve({ end: 1 });
  await expect(all(numbers(webSocketTransport, 1, { token: 'wrong' }))).rejects.toMatchObject({ code: 'FORBIDDEN' });
});
