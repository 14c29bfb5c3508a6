import { get, type IncomingMessage } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { RateLimiter } from '../../src/server/limits.ts';
import { ask, type Backend, openBackend, socketClient, startService, type TestService, until } from './support.ts';

let backend: Backend;
let service: TestService;

beforeAll(async () => {
  backend = await openBackend();
  service = await startService(backend, {
    limits: {
      bodyBytes: 100_000,
      messageBytes: 50_000,
      documentLength: 40_000,
      tokens: 800,
      sockets: 3,
      subscriptionsPerSocket: 2,
      eventStreams: 1,
    },
  });
});
afterAll(async () => {
  await service.stop();
  await backend.close();
});

const WINDOW = 'window: { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" }';

describe('an operation is refused, with its limit named, when', () => {
  async function refusal(query: string, variables: Record<string, unknown> = {}): Promise<string> {
    const answer = await ask(service.url, query, variables);
    expect(answer.errors[0]?.extensions['code']).toBe('LIMIT_EXCEEDED');
    const client = socketClient(service.url);
    const errors = await client
      .iterate({ query, variables })
      .next()
      .then((result) => result.value?.errors ?? [])
      .catch((thrown: unknown) => thrown as readonly { message: string; extensions: object }[]);
    await client.dispose();
    expect(errors[0]).toMatchObject({ message: answer.errors[0]?.message, extensions: { code: 'LIMIT_EXCEEDED' } });
    return answer.errors[0]!.message;
  }

  test('it has too many characters', async () => {
    expect(await refusal(`{ __typename #${'x'.repeat(40_000)}\n}`)).toContain('more than 40000 characters');
  });

  test('it has too many lines', async () => {
    for (const end of ['\n', '\r', '\r\n']) {
      expect(await refusal(`{ ${end.repeat(801)} __typename }`)).toContain('more than 800 lines');
      expect((await ask(service.url, `{ ${end.repeat(800)} __typename }`)).errors).toEqual([]);
    }
  });

  test('it has too many tokens', async () => {
    expect(await refusal(`{ ${'replays { nodes { id } } '.repeat(200)} }`)).toContain('more than 800 tokens');
  });

  test('it has too many fields twice, in inline fragments too', async () => {
    const same = (field: string, times: number) => `{ replays { nodes { ${`${field} `.repeat(times)} } } }`;
    for (const field of ['id', '... { id }']) {
      expect(await refusal(same(field, 102))).toContain('more than 100 fields that stand once more in their selection');
      expect((await ask(service.url, same(field, 101))).errors).toEqual([]);
    }
  });

  test('it has too many fragments', async () => {
    const some = (count: number) =>
      `{ ...F0 } ${Array.from({ length: count }, (_, n) => `fragment F${n} on Query { __typename }`).join(' ')}`;
    expect(await refusal(some(101))).toContain('more than 100 fragments');
    expect((await ask(service.url, some(100))).errors[0]?.message).toContain('is never used');
  });

  test('it is too deep, also through fragments', async () => {
    const fragments = Array.from(
      { length: 10 },
      (_, n) => `fragment F${n} on JournalTransaction { entries { nodes { transaction { ...F${n + 1} } } } }`,
    );
    const query = `{ journalTransaction(id: "00000000-0000-4000-8000-000000000001") { ...F0 } } ${fragments.join(' ')} fragment F10 on JournalTransaction { id }`;
    expect(await refusal(query)).toContain('a depth of 32, the limit is 15');
  });

  test('it has too many aliases', async () => {
    expect(await refusal(`{ ${Array.from({ length: 51 }, (_, n) => `a${n}: __typename`).join(' ')} }`)).toContain(
      'aliases',
    );
  });

  test('it has too many directives', async () => {
    expect(await refusal(`{ replays { nodes { ${'id @include(if: true) '.repeat(51)} } } }`)).toContain('directives');
  });

  test('its lists ask for too much together, also through variables', async () => {
    const query = `query ($n: Int!) { journalEntries(${WINDOW}, first: $n) { nodes { transaction { entries(first: $n) { nodes { id } } } } } }`;
    expect(await refusal(query, { n: 1000 })).toContain('more than 20000 objects');
    expect((await ask(service.url, query, { n: 10 })).errors).toEqual([]);
  });

  test('its lists ask for too much from their ends, or by ids', async () => {
    const inner = 'entry { transaction { entries(first: 1000) { nodes { id } } } }';
    const runs = `replayStatements(replayId: "00000000-0000-4000-8000-000000000000"`;
    const tooMuch = 'more than 20000 objects';
    expect(await refusal(`{ ${runs}, last: 1000) { nodes { ${inner} } } }`)).toContain(tooMuch);
    expect(await refusal(`{ ${runs}) { nodes { ${inner} } } }`)).toContain(tooMuch);
    const query = `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on JournalTransaction { entries(first: 1000) { nodes { id } } } } }`;
    expect(await refusal(query, { ids: Array.from({ length: 30 }, (_, n) => `x${n}`) })).toContain(tooMuch);
  });

  test('its variables are nested without end', async () => {
    let value: object = { null: true };
    for (let n = 0; n < 2000; n++) value = { array: [value] };
    const query =
      'mutation ($v: [ParameterInput!]) { logStatement(input: { statement: "SELECT 1", parameters: $v, autocommit: { origin: { sessionId: "s" } } }) { __typename } }';
    expect(await refusal(query, { v: [value] })).toContain('nested deeper than 32');
  });
});

test('variables of more values than can be looked at are refused, whatever their field takes', async () => {
  const wide = await startService(backend);
  onTestFinished(() => wide.stop());
  const query = `query ($ids: [String!]) { journalEntries(${WINDOW}, filter: { sessionIds: $ids }) { edges { cursor } } }`;
  const { errors } = await ask(wide.url, query, { ids: Array.from({ length: 1_000_000 }, () => 's') });
  expect(errors).toMatchObject([
    { message: expect.stringContaining('more than 1000000 values'), extensions: { code: 'LIMIT_EXCEEDED' } },
  ]);
});

test('a fragment that spreads itself is refused and does not hang the service', async () => {
  const answer = await ask(
    service.url,
    '{ replays { nodes { ...A } } } fragment A on Replay { ...B } fragment B on Replay { ...A }',
  );
  expect(answer.errors[0]?.message).toContain('Cannot spread fragment');
});

test('fragments that spread the next one twice are counted in full and do not hang the service', async () => {
  const wide = await startService(backend);
  const chain = (type: string, end: string) =>
    `${Array.from({ length: 60 }, (_, n) => `fragment F${n} on ${type} { ...F${n + 1} ...F${n + 1} }`).join(' ')} fragment F60 on ${type} { ${end} }`;
  const cheap = await ask(wide.url, `{ ...F0 } ${chain('Query', '__typename')}`);
  expect(cheap).toMatchObject({ status: 200, data: { __typename: 'Query' }, errors: [] });
  const costly = await ask(wide.url, `{ ...F0 } ${chain('Query', 'replays(first: 1) { nodes { id } }')}`);
  expect(costly.errors[0]).toMatchObject({
    message: expect.stringContaining('more than 20000 objects'),
    extensions: { code: 'LIMIT_EXCEEDED' },
  });
  await wide.stop();
});

test('documents that come once are not kept in memory, be they parsed or refused', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heap = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const wide = await startService(backend);
  const fields = Array.from({ length: 4900 }, (_, n) => `a${n}`).join(' ');
  const before = heap();
  for (let n = 0; n < 25; n++) {
    expect((await ask(wide.url, `{ ${fields} } #${n}`)).errors.length).toBeGreaterThan(1);
    expect((await ask(wide.url, `{ #${'x'.repeat(1_000_000)}${n}`)).errors).toHaveLength(1);
  }
  expect(heap() - before).toBeLessThan(30e6);
  await wide.stop();
});

test('introspection passes all limits', async () => {
  const wide = await startService(backend);
  const answer = await ask(wide.url, getIntrospectionQuery({ oneOf: true, specifiedByUrl: true }));
  expect(answer.errors).toEqual([]);
  await wide.stop();
});

test('a body over the limit is refused with 413, with and without its length declared', async () => {
  const body = JSON.stringify({ query: '{ __typename }', variables: { x: 'y'.repeat(100_000) } });
  const headers = { 'content-type': 'application/json' };
  const declared = await fetch(`${service.url}/graphql`, { method: 'POST', headers, body });
  expect(declared.status).toBe(413);
  const stream = new Blob([body]).stream();
  const chunked = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers,
    body: stream,
    duplex: 'half',
  } as RequestInit);
  expect(chunked.status).toBe(413);
});

test('a WebSocket message over the limit closes its socket with 1009', async () => {
  const socket = new WebSocket(`${service.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await new Promise((resolve) => socket.once('open', resolve));
  socket.send('x'.repeat(50_001));
  expect(await new Promise((resolve) => socket.once('close', resolve))).toBe(1009);
});

test('a socket takes no more subscriptions than its limit, and more when one has ended', async () => {
  const client = socketClient(service.url);
  const query = 'subscription { journalTail { cursor } }';
  const open = [client.iterate({ query }), client.iterate({ query })];
  for (const stream of open) stream.next().catch(() => {});
  await until(() => service.server.openStreams === 2);
  const refused = await client
    .iterate({ query })
    .next()
    .catch((errors: readonly { extensions: object }[]) => errors);
  expect(refused).toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED' } }]);
  await open[0]?.return?.();
  await until(() => service.server.openStreams === 1);
  const another = client.iterate({ query });
  another.next().catch(() => {});
  await until(() => service.server.openStreams === 2);
  await client.dispose();
  await until(() => service.server.openStreams === 0);
});

test('no more sockets are opened than the limit', async () => {
  const url = `${service.url.replace('http', 'ws')}/graphql`;
  const sockets = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const socket = new WebSocket(url, 'graphql-transport-ws');
      await new Promise((resolve) => socket.once('open', resolve));
      return socket;
    }),
  );
  const refused = new WebSocket(url, 'graphql-transport-ws');
  refused.on('error', () => {});
  const status = await new Promise((resolve) =>
    refused.once('unexpected-response', (_request, response) => {
      response.resume();
      resolve(response.statusCode);
    }),
  );
  expect(status).toBe(503);
  for (const socket of sockets) socket.terminate();
  await until(() => service.server.openSockets === 0);
});

test.each([
  ['text/event-stream', { accept: 'text/event-stream' }],
  ['it in capitals', { accept: 'Text/Event-Stream' }],
  ['any text', { accept: 'text/*' }],
  ['anything', { accept: '*/*' }],
  ['it does not say what', {}],
])('no more event streams are opened than the limit by requests that accept %s', async (_name, headers) => {
  const open = () =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const query = encodeURIComponent('subscription { journalTail { cursor } }');
      get(`${service.url}/graphql?query=${query}`, { headers }, resolve).once('error', reject);
    });
  const first = await open();
  expect([first.statusCode, first.headers['content-type']]).toEqual([200, 'text/event-stream']);
  const metrics = await fetch(`${service.url}/metrics`);
  expect(await metrics.text()).toMatch(/^reprise_open_event_streams 1$/m);
  const second = await open();
  expect(second.statusCode).toBe(503);
  expect(await second.reduce((text, chunk) => text + chunk, '')).toContain('"code":"TOO_MANY_REQUESTS"');
  first.destroy();
  await until(() => service.server.openStreams === 0);
});

test('an address has so many requests at once and so many a second', () => {
  const rate = new RateLimiter({ requestsPerSecond: 2, requestBurst: 3 });
  const taken = (now: number) => rate.take('a', now);
  expect([taken(0), taken(0), taken(0), taken(0)]).toEqual([true, true, true, false]);
  expect(rate.take('b', 0)).toBe(true);
  expect([taken(500), taken(500)]).toEqual([true, false]);
  expect([taken(60_000), taken(60_000), taken(60_000), taken(60_000)]).toEqual([true, true, true, false]);
});

test('a client that asks too often is told to wait, over both transports', async () => {
  const strict = await startService(backend, { limits: { requestsPerSecond: 0.001, requestBurst: 2 } });
  expect((await ask(strict.url, '{ __typename }')).status).toBe(200);
  const client = socketClient(strict.url);
  const query = '{ __typename }';
  expect((await client.iterate({ query }).next()).value?.data).toEqual({ __typename: 'Query' });
  const errors = await client
    .iterate({ query })
    .next()
    .catch((thrown: unknown) => thrown);
  expect(errors).toMatchObject([{ extensions: { code: 'TOO_MANY_REQUESTS' } }]);
  const answer = await ask(strict.url, '{ __typename }');
  expect(answer.status).toBe(429);
  expect(answer.errors[0]?.extensions).toEqual({ code: 'TOO_MANY_REQUESTS' });
  expect((await fetch(`${strict.url}/health`)).status).toBe(200);
  await client.dispose();
  await strict.stop();
});
