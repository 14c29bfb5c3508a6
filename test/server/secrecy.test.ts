import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServiceContext } from '../../src/graphql/context.ts';
import { secretsOf } from '../../src/server/client-errors.ts';
import { ask, type Backend, openBackend, socketClient, startService, type TestService } from './support.ts';

let backend: Backend;
let service: TestService;
/** A service whose journal has a bug. */
let broken: TestService;

beforeAll(async () => {
  backend = await openBackend();
  service = await startService(backend);
  const journal = new Proxy(backend.journal, {
    get(target, name) {
      if (name === 'coverage') {
        return () =>
          Promise.reject(
            Object.assign(new Error('password of db at 10.0.0.7 is hunter2'), { parameters: ['private'] }),
          );
      }
      const value = target[name as keyof typeof target];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  broken = await startService({ ...backend, journal } as ServiceContext);
});
afterAll(async () => {
  await service.stop();
  await broken.stop();
  await backend.close();
});

const SECRET = 'hunter2-correct-horse';
const START = `mutation ($input: ReplayInput!) {
  startReplay(input: $input) { __typename ... on Replay { id request { ordering } } ... on Error { code message path } }
}`;
const window = { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' };
const target = { host: '127.0.0.1', port: 1, user: 'u', password: SECRET };

describe('a password comes back in no answer and no log line, when', () => {
  const variables: [string, object][] = [
    ['a field beside it is wrong', { window, target: { ...target, port: 'x' } }],
    ['a field beside it is unknown', { window, target: { ...target, nope: 1 } }],
    ['a field beside it is missing', { target, window: { from: window.from } }],
    ['it is a number', { window, target: { ...target, password: 918273645 } }],
    ['it is in a list', { window, target: { ...target, password: [SECRET] } }],
    ['a mapped user holds it and is wrong', { window, target, users: [{ recorded: 1, user: 'x', password: SECRET }] }],
    ['the whole target is in a list', { window, target: [[target]] }],
    ['an alias is named with a host', { window, target: { ...target, alias: 'staging' } }],
    ['the host is a URL', { window, target: { host: `postgresql://me:${SECRET}@127.0.0.1/shop` } }],
    ['policy refuses the target', { window, target: { ...target, host: '192.0.2.1' } }],
    ['the alias is unknown', { window, target: { alias: 'nowhere', password: SECRET } }],
  ];
  test.each(variables)('%s', async (_name, input) => {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: START, variables: { input } }),
    });
    const text = await response.text();
    expect(text).toMatch(/"code":"(BAD_INPUT|TARGET_REFUSED|TARGET_UNKNOWN)"/);
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain('918273645');
    const client = socketClient(service.url);
    const result = await client
      .iterate({ query: START, variables: { input } })
      .next()
      .catch((errors: unknown) => errors);
    await client.dispose();
    expect(JSON.stringify(result)).not.toContain(SECRET);
    expect(JSON.stringify(result)).not.toContain('918273645');
    expect(service.log.join('')).not.toContain(SECRET);
  });

  const documents = [
    `mutation { startReplay(input: { target: { host: "a", password: "${SECRET}" } }) { __typename } }`,
    `mutation { startReplay(input: { target: [{ host: "a", password: "${SECRET}" }], window: 1 }) { __typename } }`,
    `mutation { startReplay(input: { target: { host: "a" password "${SECRET}" } }) { __typename } }`,
    `mutation { startReplay(input: { target: { password: """${SECRET}""", port: "x" } }) { __typename } }`,
    `mutation { startReplay(input: { target: { password: ${SECRET.replaceAll('-', '')} } }) { __typename } }`,
  ];
  test.each(documents)('the document is wrong: %s', async (query) => {
    const answer = await ask(service.url, query);
    expect(answer.errors.length).toBeGreaterThan(0);
    expect(JSON.stringify(answer)).not.toContain(SECRET);
    expect(JSON.stringify(answer)).not.toContain(SECRET.replaceAll('-', ''));
  });
});

test('a run shows what was asked for, without its password', async () => {
  const { data } = await ask(service.url, START, {
    input: { window, target, users: [{ recorded: 'a', user: 'b', password: SECRET }] },
  });
  expect(data.startReplay.__typename).toBe('Replay');
  const { data: shown } = await ask(
    service.url,
    'query ($id: UUID!) { replay(id: $id) { target error { message } request { users { recorded target } ordering } } }',
    { id: data.startReplay.id },
  );
  expect(shown.replay.request.users).toEqual([{ recorded: 'a', target: 'b' }]);
  expect(JSON.stringify(shown)).not.toContain(SECRET);
  expect(
    JSON.stringify(await backend.replays.get(data.startReplay.id), (_key, value) =>
      typeof value === 'bigint' ? String(value) : value,
    ),
  ).not.toContain(SECRET);
});

test('secrets are found under their names, whatever their place', () => {
  expect(
    secretsOf({
      query: 'mutation { a(input: { password: "one", userPassword: """two""", token: $t, x: "plain" }) }',
      variables: { input: { target: { password: 'three', host: 'plain' }, users: [{ Password: 'four' }] } },
    }).toSorted(),
  ).toEqual(['four', 'one', 'three', 'two']);
});

test('a word of any length is looked through for the name of a secret', () => {
  const long = 'pass'.repeat(1_000_000);
  expect(secretsOf({ query: `{ ${long} ${long}: "one", word: "plain" }` })).toEqual(['one']);
});

test('more secrets than any request has leave its errors without their words', async () => {
  const input = { window, target, users: Array.from({ length: 2001 }, (_, n) => ({ password: `secret-${n}` })) };
  const { errors } = await ask(service.url, START, { input });
  expect(errors[0]?.message).toBe('the request holds too many secrets to tell of it');
  expect(errors[0]?.extensions['code']).toBe('BAD_INPUT');
});

describe('a bug', () => {
  const QUERY = `{ journalCoverage(window: { from: "${window.from}", to: "${window.to}" }) { entries } }`;

  test('is masked over both transports, and found in the log by the id that the client got', async () => {
    const overHttp = await ask(broken.url, QUERY);
    const client = socketClient(broken.url);
    const overSocket = (await client.iterate({ query: QUERY }).next()).value;
    await client.dispose();
    for (const error of [overHttp.errors[0]!, overSocket!.errors![0]!]) {
      expect(JSON.stringify(error)).not.toMatch(/hunter2|10\.0\.0\.7|private/);
      expect(error.extensions).toMatchObject({
        code: 'INTERNAL_SERVER_ERROR',
        errorId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
      const line = broken.log.find((logged) => logged.includes(String(error.extensions!['errorId'])));
      expect(JSON.parse(line ?? '{}')).toMatchObject({
        msg: 'unexpected error',
        err: { stack: expect.stringContaining('Error') },
      });
    }
    expect(broken.log.join('')).not.toContain('private');
  });

  test('is counted', async () => {
    expect(await (await fetch(`${broken.url}/metrics`)).text()).toMatch(/^reprise_unexpected_errors_total [1-9]/m);
  });
});
