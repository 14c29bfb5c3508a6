import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Window } from '../../src/journal/window.ts';
import { openPullStreams } from '../../src/replay/pull-stream.ts';
import { type Backend, openBackend, startService, type TestService, until } from '../server/support.ts';
import { type Target, useBench } from '../support/replay.ts';
import { importWorkload, schemaOf } from './workload.ts';

/** One payload of the subscription, as the client sees it. */
interface Payload {
  readonly cursor: string;
  readonly events: readonly { readonly seq: number }[];
}

/** A subscriber of one transport: reads until told to stop, then vanishes without a word. */
type Subscribe = (
  url: string,
  replayId: string,
  after: string | null,
  take: (payload: Payload) => boolean,
) => Promise<'CUT' | 'ENDED'>;

const QUERY = `subscription ($id: UUID!, $after: Cursor) {
  replayProgress(replayId: $id, after: $after, batchSize: 100, maxWaitMs: 20) { cursor events { seq } }
}`;

/** Its payloads are fifty megabytes in all, which no socket's buffers take in. */
const BIG_QUERY = QUERY.replace(
  'seq',
  `seq ... on OutcomeEvent { ${Array.from({ length: 40 }, (_, n) => `id${n}: transactionId`).join(' ')} }`,
);

const overWebSocket: Subscribe = (url, id, after, take) =>
  new Promise((resolve, reject) => {
    let socket: WebSocket | null = null;
    const client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      onNonLazyError: () => {},
      on: {
        connected: (opened) => {
          socket = opened as WebSocket;
        },
      },
    });
    let cut = false;
    client.subscribe<{ replayProgress: Payload }>(
      { query: QUERY, variables: { id, after } },
      {
        next: ({ data, errors }) => {
          if (errors) reject(errors[0]);
          else if (data && !cut && !take(data.replayProgress)) {
            cut = true;
            socket?.terminate();
          }
        },
        error: (error) => (cut ? resolve('CUT') : reject(error)),
        complete: () => resolve(cut ? 'CUT' : 'ENDED'),
      },
    );
  });

const overSse: Subscribe = async (url, id, after, take) => {
  const abort = new AbortController();
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query: QUERY, variables: { id, after } }),
    signal: abort.signal,
  });
  let text = '';
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString('utf8');
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const message = text.slice(0, end);
        text = text.slice(end + 2);
        if (message.startsWith('event: complete')) return 'ENDED';
        const data = /^data: (\{.*)$/m.exec(message)?.[1];
        if (data === undefined) continue;
        const { data: result, errors } = JSON.parse(data) as { data?: { replayProgress: Payload }; errors?: unknown[] };
        if (errors) throw new Error(JSON.stringify(errors));
        if (result && !take(result.replayProgress)) return 'CUT';
      }
    }
    return 'ENDED';
  } finally {
    abort.abort();
  }
};

describe.each([
  ['WebSocket', overWebSocket, stallOverWebSocket],
  ['SSE', overSse, stallOverSse],
])('a subscriber over %s', (_name, subscribe, stall) => {
  const bench = useBench();
  let backend: Backend;
  let service: TestService;
  let window: Window;
  beforeAll(async () => {
    backend = await openBackend();
    service = await startService(backend);
    ({ window } = await importWorkload(backend.journal, 'pgbench'));
  });
  afterAll(async () => {
    await service.stop();
    await backend.close();
  });

  const start = async ({ host, port, user, password, name: database }: Target) =>
    (await backend.engine.start({ window, ordering: 'COMMIT', target: { host, port, user, password, database } })).id;

  it('that is cut off twenty times gets every event exactly once, in order', { timeout: 240_000 }, async () => {
    const target = await bench.target(await schemaOf('pgbench'));
    const id = await start(target);
    const seen: number[] = [];
    let cursor: string | null = null;
    for (let cuts = 0; cuts < 20; cuts++) {
      let left = 1 + Math.floor(Math.random() * 10);
      const how = await subscribe(service.url, id, cursor, (payload) => {
        seen.push(...payload.events.map((event) => event.seq));
        cursor = payload.cursor;
        left -= 1;
        return left > 0;
      });
      expect(how).toBe('CUT');
    }
    const how = await subscribe(service.url, id, cursor, (payload) => {
      seen.push(...payload.events.map((event) => event.seq));
      return true;
    });
    expect(how).toBe('ENDED');
    const { lastSeq, state } = (await backend.engine.get(id)) ?? {};
    expect(state).toBe('COMPLETED');
    expect(seen).toEqual(Array.from({ length: lastSeq ?? 0 }, (_, index) => index + 1));
    await until(() => service.server.openStreams === 0);
    expect(openPullStreams()).toBe(0);
  });

  it('that stalls is waited for by nobody, and is let go when it leaves', { timeout: 240_000 }, async () => {
    const target = await bench.target(await schemaOf('pgbench'));
    const id = await start(target);
    let leave = () => {};
    const stalled = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const staller = stall(service.url, id, stalled);
    // The run ends although one of its subscribers takes nothing.
    const seen: number[] = [];
    await subscribe(service.url, id, null, (payload) => {
      seen.push(...payload.events.map((event) => event.seq));
      return true;
    });
    expect(seen.at(-1)).toBe((await backend.engine.get(id))?.lastSeq);
    // What it does not take waits in the log: a service that pushed, or held it in memory, would be done with it.
    expect(service.server.openStreams).toBe(1);
    leave();
    await staller;
    await until(() => service.server.openStreams === 0);
  });
});

/** Takes one payload over a raw socket and then reads nothing more, until told to vanish. */
async function stallOverWebSocket(url: string, id: string, leave: Promise<void>): Promise<void> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await new Promise((resolve) => socket.once('open', resolve));
  socket.send(JSON.stringify({ type: 'connection_init' }));
  await new Promise((resolve) => socket.once('message', resolve));
  socket.send(
    JSON.stringify({ id: '1', type: 'subscribe', payload: { query: BIG_QUERY, variables: { id, after: null } } }),
  );
  await new Promise((resolve) => socket.once('message', resolve));
  socket.pause();
  await leave;
  socket.terminate();
}

/** The same over SSE. */
async function stallOverSse(url: string, id: string, leave: Promise<void>): Promise<void> {
  const abort = new AbortController();
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query: BIG_QUERY, variables: { id, after: null } }),
    signal: abort.signal,
  });
  await response.body?.getReader().read();
  await leave;
  abort.abort();
}
