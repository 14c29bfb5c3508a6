import { get, type IncomingMessage } from 'node:http';
import { createClient as createSseClient } from 'graphql-sse';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openPullStreams } from '../../src/replay/pull-stream.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import {
  ask,
  type Backend,
  failure,
  openBackend,
  outcome,
  scriptedRun,
  socketClient,
  startService,
  type TestService,
  until,
} from './support.ts';

const DAY_MS = 86_400_000;

let backend: Backend;
let service: TestService;

beforeAll(async () => {
  backend = await openBackend();
});
afterAll(() => backend.close());
beforeEach(async () => {
  service = await startService(backend, { limits: { writeDeadlineMs: 300, pingMs: 200, subscriptionsPerSocket: 3 } });
});
afterEach(async () => {
  await service.stop();
  expect(openPullStreams()).toBe(0);
});

const PROGRESS = `
  subscription ($id: UUID!, $after: Cursor, $size: Int! = 1, $wait: Int! = 0, $detail: EventDetail! = STATEMENTS) {
    replayProgress(replayId: $id, after: $after, batchSize: $size, maxWaitMs: $wait, detail: $detail) {
      cursor
      events { seq __typename ... on OutcomeEvent { ordinal status entry { id } } ... on StateEvent { state } }
    }
  }`;

interface Payload {
  readonly cursor: string;
  readonly events: readonly {
    readonly seq: number;
    readonly __typename: string;
    readonly ordinal?: number;
    readonly state?: string;
  }[];
}
type Result = { readonly data?: { readonly replayProgress: Payload } | null; readonly errors?: readonly unknown[] };

/** The same operation over both transports, as an async iterator of payloads. */
const TRANSPORTS = {
  'a WebSocket': (variables: object) => {
    const client = socketClient(service.url);
    return {
      results: client.iterate<NonNullable<Result['data']>>({ query: PROGRESS, variables: { ...variables } }),
      close: () => void client.dispose(),
    };
  },
  SSE: (variables: object) => {
    const client = createSseClient({ url: `${service.url}/graphql`, retryAttempts: 0 });
    return {
      results: client.iterate<NonNullable<Result['data']>>({ query: PROGRESS, variables: { ...variables } }),
      close: () => client.dispose(),
    };
  },
};

for (const [name, open] of Object.entries(TRANSPORTS)) {
  describe(`over ${name}`, () => {
    async function payloads(variables: object): Promise<Payload[]> {
      const { results, close } = open(variables);
      const got: Payload[] = [];
      for await (const result of results) {
        expect((result as Result).errors).toBeUndefined();
        got.push((result as Result).data!.replayProgress);
      }
      close();
      return got;
    }

    test('a client gets every event once, in order, and the stream ends with the run', async () => {
      const { id, feed } = await scriptedRun(backend.replays);
      const reading = payloads({ id, size: 7 });
      for (let n = 1; n <= 100; n++) feed.emit(outcome(n));
      await feed.transition('COMPLETE', { endedAt: 1 }, null);
      const got = await reading;
      const events = got.flatMap((payload) => payload.events);
      expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 103 }, (_, index) => index + 1));
      expect(events.at(-1)).toMatchObject({ __typename: 'StateEvent', state: 'COMPLETED' });
      expect(Math.max(...got.map((payload) => payload.events.length))).toBeLessThanOrEqual(7);
    });

    test('a client that comes back with any of its cursors misses nothing and gets nothing twice', async () => {
      const { id, feed } = await scriptedRun(backend.replays);
      for (let n = 1; n <= 30; n++) feed.emit(outcome(n));
      await feed.transition('COMPLETE', {}, null);
      const all = await payloads({ id, size: 4 });
      for (const [index, { cursor }] of all.entries()) {
        const rest = await payloads({ id, size: 9, after: cursor });
        expect(rest.flatMap((payload) => payload.events)).toEqual(
          all.slice(index + 1).flatMap((payload) => payload.events),
        );
      }
    });

    test('a client that leaves while it waits is released at once', async () => {
      const { id, feed } = await scriptedRun(backend.replays);
      const { results, close } = open({ id, size: 1000 });
      await results.next();
      await until(() => service.server.openStreams === 1);
      close();
      await until(() => service.server.openStreams === 0);
      await feed.transition('CANCEL', {}, null);
    });

    test('FAILURES carries states and failures only, and its cursor moves over the rest', async () => {
      const { id, feed } = await scriptedRun(backend.replays);
      for (let n = 1; n <= 50; n++) feed.emit(n % 20 === 0 ? failure(n) : outcome(n));
      await feed.transition('COMPLETE', {}, null);
      const got = await payloads({ id, size: 2, detail: 'FAILURES' });
      const events = got.flatMap((payload) => payload.events);
      expect(events.filter((event) => event.__typename === 'OutcomeEvent').map((event) => event.ordinal)).toEqual([
        20, 40,
      ]);
      expect(events.filter((event) => event.__typename === 'StateEvent').map((event) => event.state)).toEqual([
        'CONNECTING',
        'RUNNING',
        'COMPLETED',
      ]);
      for (const { cursor } of got.slice(0, -1)) {
        const rest = (await payloads({ id, size: 1000, detail: 'FAILURES', after: cursor })).flatMap(
          (payload) => payload.events,
        );
        expect(rest).toEqual(events.slice(events.length - rest.length));
      }
    });

    test('SUMMARY carries no outcome, and ends behind the last event', async () => {
      const { id, feed } = await scriptedRun(backend.replays);
      for (let n = 1; n <= 5000; n++) feed.emit(outcome(n));
      await feed.transition('COMPLETE', {}, null);
      const got = await payloads({ id, size: 100, detail: 'SUMMARY' });
      expect(got.flatMap((payload) => payload.events).map((event) => event.state)).toEqual([
        'CONNECTING',
        'RUNNING',
        'COMPLETED',
      ]);
      expect(await payloads({ id, after: got.at(-1)!.cursor })).toEqual([]);
    });

    test('a stopping service breaks the stream off rather than ending it', async () => {
      const { id, feed } = await scriptedRun(backend.replays);
      const { results } = open({ id, size: 1000 });
      await results.next();
      const rest = (async () => {
        for await (const _ of results);
      })();
      // Attached before the stop, or the rejection would be nobody's. Going away, or an answer that was not complete.
      const why = name === 'a WebSocket' ? { code: 1001 } : { name: 'NetworkError' };
      const broken = expect(rest).rejects.toMatchObject(why);
      await service.stop();
      await broken;
      await feed.transition('CANCEL', {}, null);
    });
  });
}

test('SUMMARY sends a fresh summary while a long statement gives no event', async () => {
  const { id, feed } = await scriptedRun(backend.replays);
  const client = socketClient(service.url);
  const query = `subscription { replayProgress(replayId: "${id}", batchSize: 10, detail: SUMMARY) { events { seq } state summary { elapsedMs } } }`;
  const results = client.iterate<{ replayProgress: { events: unknown[]; state: string } }>({ query });
  let seen = 0;
  while (seen < 2) seen += (await results.next()).value?.data?.replayProgress.events.length ?? 0;
  const fresh = await results.next();
  expect(fresh.value?.data?.replayProgress).toMatchObject({ events: [], state: 'RUNNING' });
  await client.dispose();
  await until(() => service.server.openStreams === 0);
  await feed.transition('CANCEL', {}, null);
});

test('an unknown run, a foreign cursor and a wild batch size are refused with their codes', async () => {
  const { id, feed } = await scriptedRun(backend.replays);
  const client = socketClient(service.url);
  const refusal = async (variables: Record<string, unknown>) => {
    for await (const result of client.iterate({ query: PROGRESS, variables }))
      return result.errors?.[0]?.extensions?.['code'];
    return 'nothing';
  };
  expect(await refusal({ id: '00000000-0000-4000-8000-00000000dead' })).toBe('REPLAY_NOT_FOUND');
  expect(await refusal({ id, after: 'bm9uc2Vuc2U' })).toBe('CURSOR_INVALID');
  expect(await refusal({ id, after: Buffer.from('s1:99999').toString('base64url') })).toBe('CURSOR_INVALID');
  expect(await refusal({ id, size: 1001 })).toBe('BAD_INPUT');
  expect(await refusal({ id, wait: -1 })).toBe('BAD_INPUT');
  await client.dispose();
  await feed.transition('CANCEL', {}, null);
});

const BIG = 400;
async function bigRun(): Promise<string> {
  const { id, feed } = await scriptedRun(backend.replays);
  const message = 'x'.repeat(8000);
  for (let n = 1; n <= BIG * 20; n++) feed.emit({ ...failure(n), message });
  await feed.transition('COMPLETE', {}, null);
  return id;
}
const BIG_QUERY = (id: string) =>
  `subscription { replayProgress(replayId: "${id}", batchSize: ${BIG}) { events { ... on OutcomeEvent { message } } } }`;

/** A socket of a client that reads itself, behind its `connection_ack`. */
async function acknowledged({ url } = service): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  await new Promise((resolve) => socket.once('open', resolve));
  socket.send(JSON.stringify({ type: 'connection_init' }));
  await new Promise((resolve) => socket.once('message', resolve));
  return socket;
}

test('a WebSocket peer that takes nothing holds one payload, and is dropped', async () => {
  const id = await bigRun();
  const socket = await acknowledged();
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: BIG_QUERY(id) } }));
  await until(() => service.server.openStreams === 1);
  // 64 MB wait for it; what it does not take must not be read either.
  const before = process.memoryUsage().arrayBuffers;
  socket.pause();
  await until(() => service.server.openSockets === 0);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(48e6);
  expect(service.server.openStreams).toBe(0);
  socket.terminate();
});

test('a WebSocket peer that vanishes in the midst of its streams is no error of the service', async () => {
  const id = await bigRun();
  const socket = await acknowledged();
  socket.pause();
  for (const stream of ['1', '2', '3']) {
    socket.send(JSON.stringify({ id: stream, type: 'subscribe', payload: { query: BIG_QUERY(id) } }));
  }
  // A busy machine drops the peer before its third stream has begun.
  await until(() => service.server.openStreams > 0);
  await until(() => service.server.openSockets === 0 && service.server.openStreams === 0);
  socket.terminate();
  await service.stop();
  expect(service.log.filter((line) => line.includes('unexpected error'))).toEqual([]);
});

test('a peer that uses an id twice is closed with 4409, and its streams end before it answers', async () => {
  const { id, feed } = await scriptedRun(backend.replays);
  const patient = await startService(backend);
  const socket = await acknowledged(patient);
  const again = JSON.stringify({ id: 'é'.repeat(60), type: 'subscribe', payload: { query: BIG_QUERY(id) } });
  socket.send(again);
  await until(() => patient.server.openStreams === 1);
  const closed = new Promise((resolve) => socket.once('close', (code, reason) => resolve([code, String(reason)])));
  socket.pause();
  socket.send(again);
  await until(() => patient.server.openStreams === 0);
  expect(patient.server.openSockets).toBe(1);
  socket.resume();
  expect(await closed).toEqual([4409, `Subscriber for ${'é'.repeat(54)}`]);
  await until(() => patient.server.openSockets === 0);
  await patient.stop();
  expect(patient.log.filter((line) => line.includes('unexpected error'))).toEqual([]);
  await feed.transition('CANCEL', {}, null);
});

test('a peer that was closed and goes on to send has nothing executed', async () => {
  const socket = await acknowledged();
  socket.send(JSON.stringify({ type: 'connection_init' }));
  const payload = { query: 'mutation { beginTransaction(input: { origin: { sessionId: "late" } }) { __typename } }' };
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload }));
  expect(await new Promise((resolve) => socket.once('close', resolve))).toBe(4429);
  expect(service.log.filter((line) => line.includes('"type":"mutation"'))).toEqual([]);
});

test('a peer that sends what only a server sends is closed with 4400, and that is no error of the service', async () => {
  const socket = await acknowledged();
  socket.send(JSON.stringify({ id: '1', type: 'next', payload: {} }));
  expect(await new Promise((resolve) => socket.once('close', resolve))).toBe(4400);
  expect(service.log.filter((line) => line.includes('unexpected error'))).toEqual([]);
});

test('an SSE client that takes nothing is closed after the write deadline, and one that waits is not', async () => {
  const id = await bigRun();
  const waiting = await scriptedRun(backend.replays);
  const open = (query: string, accept: string) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const url = `${service.url}/graphql?query=${encodeURIComponent(query)}`;
      get(url, { headers: { accept } }, resolve).once('error', reject);
    });
  const patient = await open(BIG_QUERY(waiting.id), 'text/event-stream');
  let taken = '';
  patient.on('data', (chunk) => {
    taken += chunk;
  });
  const stalled = await open(BIG_QUERY(id), '*/*');
  expect(stalled.headers['x-accel-buffering']).toBe('no');
  stalled.on('error', () => {});
  stalled.pause();
  await until(() => service.server.openStreams === 2);
  await until(() => service.server.openStreams === 1);
  expect(taken).toContain('event: next');
  patient.destroy();
  await until(() => service.server.openStreams === 0);
  await waiting.feed.transition('CANCEL', {}, null);
});

test('a socket that closes while its subscription is being opened leaves nothing behind', async () => {
  const { id, feed } = await scriptedRun(backend.replays);
  for (let n = 0; n < 20; n++) {
    const socket = await acknowledged();
    socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: BIG_QUERY(id) } }));
    if (n % 2) socket.send(JSON.stringify({ id: '1', type: 'complete' }));
    socket.terminate();
  }
  await until(() => service.server.openSockets === 0 && service.server.openStreams === 0);
  await feed.transition('CANCEL', {}, null);
});

test('the entry of an outcome is looked up, for a whole payload at once', async () => {
  const transactionId = '00000000-0000-4000-8000-0000000000aa';
  const origin = { nodeId: null, sessionId: 'e', user: null, database: null, application: null };
  await backend.recorder.begin({ id: transactionId, origin });
  for (let n = 2; n <= 20; n++) await backend.recorder.log({ transactionId, statement: `SELECT ${n}` });
  const { id, feed } = await scriptedRun(backend.replays);
  for (let n = 1; n <= 21; n++) feed.emit(outcome(n, { transactionId }));
  await feed.transition('COMPLETE', {}, null);
  const { data } = await ask(
    service.url,
    'query ($id: UUID!) { replayStatements(replayId: $id) { nodes { sequence entry { statement } } pageInfo { hasNextPage } } }',
    { id },
  );
  const { nodes } = data.replayStatements;
  expect(nodes[1]).toEqual({ sequence: 2, entry: { statement: 'SELECT 2' } });
  expect(nodes[20]).toEqual({ sequence: 21, entry: null });
});

describe('journalTail', () => {
  const TAIL =
    'subscription ($after: Cursor) { journalTail(after: $after, batchSize: 3, filter: { sessionIds: ["tail"] }) { cursor evicted entries { statement } } }';
  interface Tail {
    journalTail: { cursor: string; evicted: boolean; entries: { statement: string }[] };
  }
  const log = (statement: string, sessionId = 'tail') =>
    backend.recorder.log({
      autocommit: { origin: { nodeId: null, sessionId, user: null, database: null, application: null } },
      statement,
    });

  /** Retention, as of another process in three days. */
  async function evictAll(): Promise<void> {
    const database = await openDatabase(backend.databaseUrl, { poolSize: 1 });
    const limits = { entriesPerTransaction: 1, bytesPerTransaction: 1, retentionMs: DAY_MS, retentionBytes: null };
    await createJournalStore(database, limits).evict((Date.now() + 3 * DAY_MS) * 1000);
    await database.close();
  }

  test('gives what arrives after it was opened, and after any cursor what arrived since', async () => {
    await log('SELECT 0');
    const client = socketClient(service.url);
    const results = client.iterate<Tail>({ query: TAIL });
    const first = results.next();
    await until(() => service.server.openStreams === 1);
    await log('SELECT 1');
    await log('SELECT x', 'other');
    const { value } = await first;
    expect(value?.data?.journalTail.entries).toEqual([{ statement: 'SELECT 1' }]);
    await client.dispose();
    await until(() => service.server.openStreams === 0);
    for (let n = 2; n <= 6; n++) await log(`SELECT ${n}`);
    const later = socketClient(service.url);
    const got: string[] = [];
    for await (const result of later.iterate<Tail>({
      query: TAIL,
      variables: { after: value!.data!.journalTail.cursor },
    })) {
      got.push(...result.data!.journalTail.entries.map(({ statement }) => statement));
      if (got.length === 5) break;
    }
    expect(got).toEqual(['SELECT 2', 'SELECT 3', 'SELECT 4', 'SELECT 5', 'SELECT 6']);
    await until(() => service.server.openStreams === 0);
    await later.dispose();
  });

  test('tells a client that comes back with its cursor of what retention has taken since', async () => {
    const client = socketClient(service.url);
    const following = client.iterate<Tail>({ query: TAIL });
    const first = following.next();
    await until(() => service.server.openStreams === 1);
    await log('SELECT 1');
    const { journalTail: last } = (await first).value!.data!;
    expect(last).toMatchObject({ evicted: false, entries: [{ statement: 'SELECT 1' }] });
    await following.return?.();
    await evictAll();
    const nothingMissed = client.iterate<Tail>({ query: TAIL, variables: { after: last.cursor } });
    const second = nothingMissed.next();
    await until(() => service.server.openStreams === 1);
    await log('SELECT 2');
    expect((await second).value?.data?.journalTail).toMatchObject({ evicted: false, entries: [{}] });
    await nothingMissed.return?.();
    await evictAll();
    const missed = client.iterate<Tail>({ query: TAIL, variables: { after: last.cursor } });
    expect((await missed.next()).value?.data?.journalTail).toMatchObject({ evicted: true, entries: [] });
    const third = missed.next();
    await log('SELECT 3');
    expect((await third).value?.data?.journalTail).toMatchObject({
      evicted: false,
      entries: [{ statement: 'SELECT 3' }],
    });
    await client.dispose();
  });

  test('releases a client that leaves while nothing arrives', async () => {
    const client = createSseClient({ url: `${service.url}/graphql`, retryAttempts: 0 });
    const results = client.iterate<Tail>({ query: TAIL });
    const pending = results.next();
    pending.catch(() => {});
    await until(() => service.server.openStreams === 1);
    client.dispose();
    await until(() => service.server.openStreams === 0);
  });
});
