import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { createClient as createSseClient } from 'graphql-sse';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ask, type Backend, openBackend, socketClient, startService, type TestService, until } from './support.ts';

let backend: Backend;
let service: TestService;
const tokens = [
  { token: 'reader-token', role: 'reader' as const },
  { token: 'operator-token', role: 'operator' as const },
];

beforeAll(async () => {
  backend = await openBackend();
  service = await startService(backend, { tokens, allowedOrigins: ['https://tools.example'] });
});
afterAll(async () => {
  await service.stop();
  await backend.close();
});

const QUERY = '{ replays { nodes { id } } }';
const MUTATION = 'mutation { beginTransaction(input: { origin: { sessionId: "s" } }) { __typename } }';
const SUBSCRIPTION = 'subscription { journalTail { cursor } }';
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('over HTTP', () => {
  test.each([
    ['no token', {}],
    ['an unknown token', bearer('wrong')],
    ['a token that is the beginning of a known one', bearer('operator-toke')],
    ['another scheme', { authorization: 'Basic b3BlcmF0b3ItdG9rZW4=' }],
  ])('a request with %s is told to authenticate', async (_name, headers) => {
    const answer = await ask(service.url, QUERY, {}, headers);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(answer.errors[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED' });
  });

  test('a reader queries, an operator queries and mutates', async () => {
    expect((await ask(service.url, QUERY, {}, bearer('reader-token'))).data.replays.nodes).toEqual([]);
    expect((await ask(service.url, QUERY, {}, bearer('operator-token'))).data.replays.nodes).toEqual([]);
    expect((await ask(service.url, MUTATION, {}, bearer('operator-token'))).data.beginTransaction).toEqual({
      __typename: 'JournalTransaction',
    });
  });

  test('a mutation of a reader is FORBIDDEN and nothing of it is executed', async () => {
    const before = await backend.journal.tailEnd();
    const answer = await ask(service.url, MUTATION, {}, bearer('reader-token'));
    expect(answer.status).toBe(403);
    expect(answer.data).toBeUndefined();
    expect(answer.errors[0]?.extensions['code']).toBe('FORBIDDEN');
    expect(await backend.journal.tailEnd()).toEqual(before);
  });

  test('/api/replay needs an operator, /metrics a token, /health and /ready none', async () => {
    const replay = (headers: Record<string, string>) =>
      fetch(`${service.url}/api/replay`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{}',
      });
    expect((await replay({})).status).toBe(401);
    expect((await replay(bearer('reader-token'))).status).toBe(403);
    expect((await replay(bearer('operator-token'))).status).toBe(400);
    expect((await fetch(`${service.url}/metrics`)).status).toBe(401);
    const metrics = await fetch(`${service.url}/metrics`, { headers: bearer('reader-token') });
    expect(await metrics.text()).toMatch(/^reprise_open_streams 0$/m);
    expect((await fetch(`${service.url}/health`)).status).toBe(200);
    expect((await fetch(`${service.url}/ready`)).status).toBe(200);
  });

  test('GraphiQL is a page of its own, without a token and without anything from elsewhere', async () => {
    const page = await fetch(`${service.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(page.status).toBe(200);
    const html = await page.text();
    expect(html).toContain('Reprise');
    expect(html).not.toMatch(/(?:src|href)="https?:/);
  });
});

describe('over a WebSocket', () => {
  const closeCode = (params: Record<string, unknown>) =>
    new Promise<number>((resolve) => {
      const client = socketClient(service.url, params);
      client.on('closed', (event) => resolve((event as { code: number }).code));
      client.subscribe({ query: QUERY }, { next() {}, error() {}, complete() {} });
    });

  test('a peer without a known token is closed with 4401', async () => {
    expect(await closeCode({})).toBe(4401);
    expect(await closeCode({ authorization: 'Bearer wrong' })).toBe(4401);
    expect(await closeCode({ authorization: 42 })).toBe(4401);
  });

  test('a reader queries and is FORBIDDEN to mutate, with the socket left open', async () => {
    const client = socketClient(service.url, bearer('reader-token'));
    const run = async (query: string) =>
      (await client.iterate(query === '' ? { query: QUERY } : { query }).next()).value;
    const denied = await run(MUTATION);
    expect(denied?.errors?.[0]?.extensions).toEqual({ code: 'FORBIDDEN' });
    expect((await run(QUERY))?.data).toEqual({ replays: { nodes: [] } });
    await client.dispose();
  });

  test('an operator mutates', async () => {
    const client = socketClient(service.url, bearer('operator-token'));
    const result = await client.iterate({ query: MUTATION }).next();
    expect(result.value?.data).toEqual({ beginTransaction: { __typename: 'JournalTransaction' } });
    await client.dispose();
  });

  test('nothing is executed before the token was shown', async () => {
    const socket = new WebSocket(`${service.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: SUBSCRIPTION } }));
    expect(await new Promise((resolve) => socket.once('close', resolve))).toBe(4401);
  });
});

describe('over SSE', () => {
  test('a subscription needs a token, a mutation an operator', async () => {
    const run = (query: string, headers: Record<string, string>) =>
      createSseClient({ url: `${service.url}/graphql`, headers, retryAttempts: 0 })
        .iterate({ query })
        .next();
    await expect(run(SUBSCRIPTION, {})).rejects.toMatchObject({ response: { status: 401 } });
    await expect(run(MUTATION, bearer('reader-token'))).rejects.toMatchObject({ response: { status: 403 } });
    const client = createSseClient({
      url: `${service.url}/graphql`,
      headers: bearer('reader-token'),
      retryAttempts: 0,
    });
    const pending = client.iterate({ query: SUBSCRIPTION }).next();
    pending.catch(() => {});
    await until(() => service.server.openStreams === 1);
    client.dispose();
    await until(() => service.server.openStreams === 0);
  });
});

/** A request with headers that `fetch` does not let a page set. */
function raw(headers: Record<string, string>, method = 'POST', path = '/graphql'): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(`${service.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...bearer('operator-token'), ...headers },
    });
    sent.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.once('error', reject);
    if (method === 'POST') sent.write(JSON.stringify({ query: QUERY }));
    sent.end();
  });
}

describe('a browser', () => {
  test('that was led here by DNS rebinding is refused by its Host', async () => {
    expect(await raw({ host: 'evil.example' })).toBe(403);
    expect(await raw({ host: 'localhost.evil.example:4000' })).toBe(403);
    expect(await raw({ host: 'localhost:1' })).toBe(200);
    expect(await raw({ host: '[::1]:4000' })).toBe(200);
  });

  test('of another origin is refused, of our own or an allowed one is not', async () => {
    const host = new URL(service.url).host;
    expect(await raw({ origin: 'https://evil.example' })).toBe(403);
    expect(await raw({ origin: 'null' })).toBe(403);
    expect(await raw({ origin: 'http://127.0.0.1:1' })).toBe(403);
    expect(await raw({ origin: `http://${host}` })).toBe(200);
    expect(await raw({ origin: 'https://tools.example' })).toBe(200);
    expect(await raw({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(
      await raw(
        { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
        'GET',
        `/graphql?query=${encodeURIComponent(QUERY)}`,
      ),
    ).toBe(403);
    expect(
      await raw({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', accept: 'text/html' }, 'GET'),
    ).toBe(200);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/json+x'])(
    'cannot send an operation as %s, which needs no preflight',
    async (type) => {
      expect(await raw({ 'content-type': type })).toBe(415);
      expect(await raw({ 'content-type': type }, 'POST', '/api/replay')).toBe(415);
    },
  );

  test('cannot mutate with GET', async () => {
    expect(await raw({}, 'GET', `/graphql?query=${encodeURIComponent(MUTATION)}`)).toBe(405);
  });

  test('of an allowed origin may ask beforehand, without a token, and is told what it may do', async () => {
    const ask = (origin: string) =>
      fetch(`${service.url}/graphql`, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
      });
    const allowed = await ask('https://tools.example');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://tools.example');
    const refused = await ask('https://evil.example');
    expect(refused.status).toBe(403);
    expect(refused.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('of another origin opens no WebSocket', async () => {
    const open = (origin: string) =>
      new Promise<number>((resolve) => {
        const socket = new WebSocket(`${service.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
          origin,
        });
        socket.once('open', () => {
          socket.terminate();
          resolve(101);
        });
        socket.once('unexpected-response', (_request, response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        socket.on('error', () => {});
      });
    expect(await open('https://evil.example')).toBe(403);
    expect(await open('null')).toBe(403);
    expect(await open(service.url)).toBe(101);
    expect(await open('https://tools.example')).toBe(101);
  });
});

test('a client that is refused a WebSocket and keeps its side open is cut off', async () => {
  const small = await startService(backend, { tokens, limits: { connections: 2 } });
  const { host, hostname, port } = new URL(small.url);
  const upgrade = async (path: string, origin: string): Promise<Socket> => {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.on('error', () => {});
    const status = new Promise((resolve) => socket.once('data', (data) => resolve(String(data).slice(9, 12))));
    const ended = new Promise((resolve) => socket.once('end', resolve));
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    expect(await status).toBe(path === '/graphql' ? '403' : '404');
    await ended;
    return socket;
  };
  const refused = [await upgrade('/elsewhere', small.url), await upgrade('/graphql', 'https://evil.example')];
  // Both are gone: there is room for a third.
  await until(() =>
    fetch(`${small.url}/health`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  await small.stop();
  for (const socket of refused) socket.destroy();
});
