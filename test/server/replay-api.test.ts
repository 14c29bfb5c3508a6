import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, type Backend, openBackend, startService, type TestService } from './support.ts';

let backend: Backend;
let service: TestService;
let target: TestDatabase;

beforeAll(async () => {
  backend = await openBackend();
  service = await startService(backend);
  target = await createTestDatabase();
  const origin = { nodeId: null, sessionId: 's1', user: 'app', database: 'shop', application: null };
  const base = Date.UTC(2026, 5, 1) * 1000;
  const statements = [
    'CREATE TABLE t (a int PRIMARY KEY)',
    'INSERT INTO t VALUES (1)',
    'INSERT INTO t VALUES (1)',
    'SELECT * FROM t',
  ];
  for (const [n, statement] of statements.entries()) {
    await backend.recorder.log({ autocommit: { origin }, statement, timestamp: base + n * 1000 });
  }
});
afterAll(async () => {
  await service.stop();
  await backend.close();
  await target.drop();
});

const post = async (body: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(`${service.url}/api/replay`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

describe('POST /api/replay', () => {
  const there = () => ({
    target_host: target.host,
    target_port: target.port,
    target_user: target.user,
    target_password: target.password,
    target_database: target.name,
  });

  test('replays the window, waits for the end and answers with the summary of the original', async () => {
    const { status, body } = await post({ from: '2026-06-01T00:00:00Z', to: '2026-06-01T01:00:00Z', ...there() });
    expect(body).toEqual({
      statements_replayed: 4,
      failures: 1,
      elapsed_ms: expect.any(Number),
      from: Date.UTC(2026, 5, 1) / 1000,
      to: Date.UTC(2026, 5, 1, 1) / 1000,
      first_error: expect.stringMatching(/^tx [0-9a-f-]{36} seq 1: .*duplicate key/),
    });
    expect(status).toBe(200);
  });

  test('counts what failed by itself: not the statements that an aborted transaction refuses after it', async () => {
    const origin = { nodeId: null, sessionId: 's2', user: 'app', database: 'shop', application: null };
    const base = Date.UTC(2026, 6, 1) * 1000;
    const { id } = await backend.recorder.begin({ origin, timestamp: base });
    for (const [n, statement] of ['SELECT 1/0', 'SELECT 2', 'SELECT 3'].entries()) {
      await backend.recorder.log({ transactionId: id, statement, timestamp: base + (n + 1) * 1000 });
    }
    await backend.recorder.rollback({ transactionId: id, timestamp: base + 4000 });
    const { status, body } = await post({ from: '2026-07-01T00:00:00Z', to: '2026-07-01T01:00:00Z', ...there() });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      statements_replayed: 5,
      failures: 1,
      first_error: `tx ${id} seq 2: division by zero`,
    });
  });

  test('takes epoch seconds, and an empty window proves that the target is there', async () => {
    const { status, body } = await post({ from: 1.5, to: 2, ...there() });
    expect(status).toBe(200);
    expect(body).toEqual({
      statements_replayed: 0,
      failures: 0,
      elapsed_ms: expect.any(Number),
      from: 1.5,
      to: 2,
      first_error: null,
    });
  });

  const whole = { from: 1, to: 2, target_host: 'localhost', target_port: 1 };
  const wrong: [string, unknown, RegExp | string][] = [
    ['no JSON', '{', /not JSON/],
    ['no object', '[]', 'the body must be a JSON object'],
    ['no port', { ...whole, target_port: undefined }, 'target_port is missing'],
    ['a port out of range', { ...whole, target_port: 65_536 }, 'target_port must be 1 to 65535'],
    ['a port that is text', { ...whole, target_port: '5432' }, 'target_port must be a whole number'],
    [
      'a user that no login can be',
      { ...whole, target_user: 'a\0b' },
      'target_user holds a NUL character, which no name of PostgreSQL does',
    ],
    ['a password that is a number', { ...whole, target_password: 5 }, 'target_password must be text'],
    ['an empty database', { ...whole, target_database: '' }, 'target_database is empty: leave it out for the default'],
    ['a time without a zone', { ...whole, from: '2026-06-01T00:00:00' }, /from .*zone/],
    ['a time that is none', { ...whole, to: {} }, 'to must be an RFC 3339 time with a zone, or epoch seconds'],
    ['a time beyond all years', { ...whole, from: 1e300 }, /from/],
  ];
  test.each(wrong)('with %s is 400', async (_name, given, message) => {
    const { status, body } = await post(given);
    expect(status).toBe(400);
    expect(body['error']).toEqual({
      code: 'BAD_INPUT',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    });
  });

  test('with a misspelt field is 400 and replays nothing', async () => {
    const runs = async () => (await ask(service.url, '{ replays(first: 1) { nodes { id } } }')).data.replays.nodes;
    const before = await runs();
    const { target_database, ...rest } = there();
    expect(await post({ from: 1, to: 2, ...rest, target_databse: target_database })).toEqual({
      status: 400,
      body: {
        error: {
          code: 'BAD_INPUT',
          message:
            'the body has an unknown field "target_databse": it takes from, to, target_host, target_port, target_user, target_password, target_database',
        },
      },
    });
    expect(await post({ from: 1, to: 2, ...rest, target_prot: 5432, target_port: undefined })).toMatchObject({
      body: { error: { message: expect.stringContaining('"target_prot"') } },
    });
    expect(await runs()).toEqual(before);
  });

  test('with an inverted window is 400', async () => {
    expect(await post({ from: 2, to: 1, ...there() })).toMatchObject({
      status: 400,
      body: { error: { code: 'WINDOW_INVERTED' } },
    });
  });

  test('against a target that policy refuses is 403, against the journal itself too', async () => {
    expect(await post({ from: 1, to: 2, ...there(), target_host: '192.0.2.1' })).toMatchObject({
      status: 403,
      body: { error: { code: 'TARGET_REFUSED' } },
    });
    expect(await post({ from: 1, to: 2, ...there(), target_database: backend.database })).toMatchObject({
      status: 403,
      body: { error: { code: 'TARGET_REFUSED' } },
    });
  });

  test('against a target that does not answer is 502, with what was attempted', async () => {
    const { status, body } = await post({ from: 1, to: 2, ...there(), target_port: 1 });
    expect(status).toBe(502);
    expect(body['error']).toEqual({
      code: 'TARGET_UNREACHABLE',
      message: expect.stringMatching(/^connect to target /),
    });
  });

  test('with another method is 405, and with a body that is too large 413', async () => {
    expect((await fetch(`${service.url}/api/replay`)).status).toBe(405);
    expect((await post(JSON.stringify({ from: 'x'.repeat(70_000) }))).status).toBe(413);
  });
});

describe('startReplay', () => {
  const START = `mutation ($input: ReplayInput!) {
    startReplay(input: $input) { __typename ... on Replay { id state window { from to } request { ordering inFlight } } ... on Error { code message path } }
  }`;
  const window = { from: '2026-06-01T00:00:00Z', to: '2026-06-01T01:00:00.000001Z' };
  const free = () => ({
    host: target.host,
    port: target.port,
    user: target.user,
    password: target.password,
    database: target.name,
  });
  const start = async (input: object) => (await ask(service.url, START, { input })).data.startReplay;

  test('returns the PENDING run at once, with its defaults filled in', async () => {
    expect(await start({ window, target: free() })).toMatchObject({
      __typename: 'Replay',
      state: 'PENDING',
      window: { from: '2026-06-01T00:00:00.000000Z', to: '2026-06-01T01:00:00.000001Z' },
      request: { ordering: 'TIMESTAMP', inFlight: 1 },
    });
  });

  test.each([
    ['InputError', 'WINDOW_INVERTED', { window: { from: window.to, to: window.from }, target: { host: 'localhost' } }],
    ['InputError', 'BAD_INPUT', { window, target: {} }],
    ['InputError', 'BAD_INPUT', { window, target: { host: 'localhost', port: 0 } }],
    ['InputError', 'BAD_INPUT', { window, target: { host: 'localhost' }, pace: { mode: 'RECORDED', speed: 1000 } }],
    ['NotFoundError', 'TARGET_UNKNOWN', { window, target: { alias: 'staging' } }],
    ['TargetError', 'TARGET_REFUSED', { window, target: { host: '192.0.2.1' } }],
  ])('answers with a %s of code %s', async (type, code, input) => {
    expect(await start(input)).toMatchObject({ __typename: type, code });
  });

  test.each([
    [{ pace: { mode: 'AS_FAST_AS_POSSIBLE', speed: 2 } }, ['pace', 'speed']],
    [{ pace: { mode: 'AS_FAST_AS_POSSIBLE', maxIdleMs: 5 } }, ['pace', 'maxIdleMs']],
    [{ restoreIds: true }, ['restoreIds']],
    [{ restoreIds: true, ordering: 'SESSION' }, ['restoreIds']],
  ])('an option that would change nothing is refused: %j', async (option, path) => {
    const refused = await start({ window, target: { host: 'localhost' }, ...option });
    expect(refused).toMatchObject({ code: 'BAD_INPUT', path: ['input', ...path] });
  });

  test('a field is named by its place among the arguments, whichever mutation it is given to', async () => {
    const paced = { window, target: { host: 'localhost' }, pace: { mode: 'RECORDED', speed: 0 } };
    expect(await start(paced)).toMatchObject({
      message: 'pace.speed must be 0.1 to 100, not 0',
      path: ['input', 'pace', 'speed'],
    });
    const set = 'mutation ($id: UUID!) { setReplaySpeed(replayId: $id, speed: 0) { ... on Error { message path } } }';
    expect((await ask(service.url, set, { id: randomUUID() })).data.setReplaySpeed).toEqual({
      message: 'speed must be 0.1 to 100, not 0',
      path: ['speed'],
    });
  });

  test.each([
    [{ alias: 'staging' }, ['input', 'target', 'alias']],
    [{ host: '192.0.2.1' }, ['input', 'target', 'host']],
    [{ host: 'no such host' }, ['input', 'target', 'host']],
  ])('a target that is refused is named by its place among the arguments: %j', async (refused, path) => {
    expect((await start({ window, target: refused })).path).toEqual(path);
    const check = 'query ($input: ReplayInput!) { preflightReplay(input: $input) { ... on Error { path } } }';
    const { data } = await ask(service.url, check, { input: { window, target: refused } });
    expect(data.preflightReplay).toEqual({ path });
  });

  test('a recorded database or user that is mapped twice is refused', async () => {
    const databases = ['a', 'b'].map((name) => ({ recorded: 'shop', target: name }));
    const users = ['a', 'b'].map((name) => ({ recorded: 'app', user: name }));
    expect(await start({ window, target: free(), databases })).toEqual({
      __typename: 'InputError',
      code: 'BAD_INPUT',
      message: 'databases must not map "shop" twice: give it one place to go',
      path: ['input', 'databases'],
    });
    expect(await start({ window, target: free(), users })).toMatchObject({ path: ['input', 'users'] });
  });

  test.each([
    ['databases', [{ recorded: 'shop', target: '' }], 'databases must not map "shop" to an empty name'],
    ['users', [{ recorded: 'app', user: '' }], 'users must not map "app" to an empty name'],
    ['users', [{ recorded: 'app', user: 'app\0options\0-c' }], 'users must not map "app" to a name that holds a NUL'],
    ['databases', [{ recorded: 'shop', target: 'a\0b' }], 'databases must not map "shop" to a name that holds a NUL'],
    ['databases', [{ recorded: 'a\0b', target: 'shop' }], 'databases must not map a recorded name that holds a NUL'],
    ['users', [{ recorded: 'x'.repeat(1001), user: 'app' }], 'users must not map a recorded name that has 1001'],
    [
      'users',
      Array.from({ length: 1001 }, (_, n) => ({ recorded: `u${n}`, user: 'app' })),
      'users must be at most 1000, not 1001',
    ],
  ])('a mapping of %s to what nothing can be called is refused', async (field, mappings, message) => {
    const refused = await start({ window, target: free(), [field]: mappings });
    expect(refused).toMatchObject({ code: 'BAD_INPUT', path: ['input', field] });
    expect(refused.message).toContain(message);
  });

  test.each([
    ['BAD_INPUT', 'minDurationMs', -1, 'filter.minDurationMs must be 0 or more, not -1'],
    ['LIMIT_EXCEEDED', 'sessionIds', Array(10_001).fill('s'), 'filter.sessionIds are 10001: give at most 10000'],
    [
      'BAD_INPUT',
      'users',
      ['app', 'a\0b'],
      'filter.users hold a name with a NUL character, which no name of PostgreSQL has',
    ],
    ['BAD_INPUT', 'text', 'a\0b', 'filter.text holds a NUL character, which no statement does'],
  ])('a filter that asks for nothing, or for too much, is refused with %s', async (code, field, value, message) => {
    const filter = { [field]: value };
    expect(await start({ window, target: free(), filter })).toMatchObject({
      ...{ code, message, path: ['input', 'filter', field] },
    });
    const entries =
      'query ($window: WindowInput!, $filter: EntryFilterInput) { journalEntries(window: $window, filter: $filter) { nodes { id } } }';
    expect((await ask(service.url, entries, { window, filter })).errors).toMatchObject([
      { message, extensions: { code } },
    ]);
  });

  test.each([
    ['{ replay(id: "xyz") { id } }', 14],
    ['{ replays(after: 5) { nodes { id } } }', 18],
    ['{ journalCoverage(window: { from: "now", to: "2026-06-01T00:00:00Z" }) { entries } }', 35],
    ['{ checkTarget(target: { host: "h", password: 5 }) { __typename } }', 46],
  ])('a literal that is refused is told with its place in the document: %s', async (document, column) => {
    const { errors } = await ask(service.url, document);
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_INPUT' }, locations: [{ line: 1, column }] }]);
  });

  test('preflight tells what a run would do, and what it would meet', async () => {
    const query = `query ($input: ReplayInput!) { preflightReplay(input: $input) { ... on Preflight { target reachable statements reads writes problems { code } coverage { entries } } } }`;
    const { data } = await ask(service.url, query, { input: { window, target: free() } });
    expect(data.preflightReplay).toMatchObject({
      reachable: true,
      statements: 4,
      reads: 1,
      writes: 3,
      coverage: { entries: 4 },
    });
    const nobody = await ask(service.url, query, { input: { window, target: { ...free(), port: 1 } } });
    expect(nobody.data.preflightReplay).toMatchObject({ reachable: false, problems: [{ code: 'TARGET_UNREACHABLE' }] });
  });

  test('runs are listed newest first, page by page, and by state', async () => {
    const LIST =
      'query ($after: Cursor, $states: [ReplayState!]) { replays(first: 2, after: $after, states: $states) { nodes { id createdAt } pageInfo { hasNextPage endCursor } } }';
    const seen: { id: string; createdAt: string }[] = [];
    let after: string | null = null;
    for (;;) {
      const { data, errors }: Awaited<ReturnType<typeof ask>> = await ask(service.url, LIST, { after });
      expect(errors).toEqual([]);
      seen.push(...data.replays.nodes);
      if (!data.replays.pageInfo.hasNextPage) break;
      after = data.replays.pageInfo.endCursor;
    }
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    expect(seen.map(({ createdAt }) => createdAt)).toEqual(
      seen
        .map(({ createdAt }) => createdAt)
        .toSorted()
        .reverse(),
    );
    const { data } = await ask(service.url, LIST, { states: ['PAUSED'] });
    expect(data.replays.nodes).toEqual([]);
    const { errors } = await ask(service.url, LIST, { states: Array(10_001).fill('PAUSED') });
    expect(errors[0]?.extensions).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['states'] });
  });

  test('what cannot be done to a run is a ConflictError, what is not there a NotFoundError', async () => {
    const act = async (id: string) =>
      (
        await ask(
          service.url,
          'mutation ($id: UUID!) { pauseReplay(replayId: $id) { __typename ... on Error { code } } }',
          { id },
        )
      ).data.pauseReplay;
    expect(await act('00000000-0000-4000-8000-000000000000')).toEqual({
      __typename: 'NotFoundError',
      code: 'REPLAY_NOT_FOUND',
    });
    const { data } = await ask(service.url, '{ replays(states: [COMPLETED], first: 1) { nodes { id } } }');
    expect(await act(data.replays.nodes[0].id)).toEqual({ __typename: 'ConflictError', code: 'REPLAY_STATE' });
  });
});

test('the service is stopped twice without harm, and its port is free', async () => {
  const second = await startService(backend);
  await Promise.all([second.stop(), second.stop()]);
  await second.stop();
  await expect(fetch(`${second.url}/health`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});
