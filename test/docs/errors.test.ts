import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../src/cli/exit-codes.ts';
import { ERROR_CODES } from '../../src/errors.ts';
import type { ServiceContext } from '../../src/graphql/context.ts';
import { socketClient, startService, type TestService } from '../server/support.ts';

const page = await readFile('docs/errors.md', 'utf8');
/** Codes outside of `ErrorCode`: rows without an exit status. */
const others = [...page.matchAll(/^\| `([A-Z_]+)` \| [^|]+ \| [^|]+ \|$/gm)].map((row) => row[1]);

/** Tables that name every code, and so prove nothing about its use. */
const TABLES = ['src/errors.ts', 'src/cli/exit-codes.ts', 'src/graphql/errors.ts'];

async function sources(): Promise<Map<string, string>> {
  const files = await readdir('src', { recursive: true });
  const paths = files
    .map((file) => `src/${file}`)
    .filter((path) => /\.tsx?$/.test(path) && !path.includes('generated'));
  return new Map(await Promise.all(paths.map(async (path) => [path, await readFile(path, 'utf8')] as const)));
}

test('docs/errors.md explains every error code, no other, with the exit status of the CLI', () => {
  const rows = page.matchAll(/^\| `([A-Z_]+)` \| (.+?) \| (.+?) \| (\d+) \|$/gm);
  const documented = [...rows].map((row) => [row[1], Number(row[4])]);
  expect(documented).toEqual(ERROR_CODES.map((code) => [code, exitCodeOf(code)]));
});

test('every error code has a place in the source that refuses with it', async () => {
  const text = [...(await sources())].flatMap(([path, source]) => (TABLES.includes(path) ? [] : [source])).join('\n');
  // As the first argument of an error, or as the `code` of one that is made later.
  const used = (code: string) => new RegExp(`(?:Error|refuse|bad)\\(\\s*'${code}'|code: '${code}'`).test(text);
  expect(ERROR_CODES.filter((code) => !used(code))).toEqual([]);
});

test('every code that an answer or a stored error is given by its name is explained', async () => {
  const layers = [...(await sources())].filter(([path]) => /^src\/(?:server|cli|graphql|store)\//.test(path));
  const given = layers.flatMap(([, source]) =>
    [...source.matchAll(/code(?:: | \?\? )'([A-Z_]+)'/g)].map((at) => at[1]),
  );
  expect(given.length).toBeGreaterThan(5);
  expect(given.filter((code) => ![...ERROR_CODES, ...others].includes(code))).toEqual([]);
});

describe('a request that reaches no resolver', () => {
  let service: TestService;
  beforeAll(async () => {
    // Without a journal: what goes beyond the checks is a bug, and shown as one.
    service = await startService({} as ServiceContext, { limits: { bodyBytes: 50_000 } });
  });
  afterAll(() => service.stop());

  const JSON_TYPE = { 'content-type': 'application/json' };
  const post = (body: unknown, headers: Record<string, string> = JSON_TYPE): RequestInit => ({
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const TWO = 'query A { __typename } query B { __typename }';
  const MUTATION = 'mutation { cancelReplay(replayId: "00000000-0000-4000-8000-000000000000") { __typename } }';
  const stream = (text: string): RequestInit =>
    ({ method: 'POST', headers: JSON_TYPE, body: new Blob([text]).stream(), duplex: 'half' }) as RequestInit;

  test.each<[string, string, string, RequestInit]>([
    ['no GraphQL', 'GRAPHQL_PARSE_FAILED', '/graphql', post({ query: '{' })],
    ['an unknown field', 'GRAPHQL_VALIDATION_FAILED', '/graphql', post({ query: '{ nothing }' })],
    [
      'a variable of a wrong shape',
      'BAD_INPUT',
      '/graphql',
      post({ query: 'query ($i: UUID!) { replay(id: $i) { id } }', variables: { i: 'x' } }),
    ],
    [
      'a variable that is missing',
      'BAD_INPUT',
      '/graphql',
      post({ query: 'query ($i: UUID!) { replay(id: $i) { id } }' }),
    ],
    ['a literal of a wrong shape', 'BAD_INPUT', '/graphql', post({ query: '{ replay(id: "x") { id } }' })],
    ['no query', 'BAD_REQUEST', '/graphql', post({})],
    ['no JSON', 'BAD_REQUEST', '/graphql', post('{')],
    ['a batch', 'BAD_REQUEST', '/graphql', post([{ query: '{ __typename }' }])],
    ['a parameter too many', 'BAD_REQUEST', '/graphql', post({ query: '{ __typename }', more: 1 })],
    ['another method', 'BAD_REQUEST', '/graphql', { method: 'PUT', headers: JSON_TYPE, body: '{}' }],
    ['a mutation by GET', 'BAD_REQUEST', `/graphql?query=${encodeURIComponent(MUTATION)}`, {}],
    ['another type of body', 'BAD_INPUT', '/graphql', post('{}', { 'content-type': 'text/plain' })],
    [
      'a mutation whose answer is not accepted',
      'BAD_REQUEST',
      '/graphql',
      post({ query: MUTATION }, { ...JSON_TYPE, accept: 'text/plain' }),
    ],
    [
      'a subscription whose stream is not accepted',
      'BAD_REQUEST',
      '/graphql',
      post({ query: 'subscription { journalTail { cursor } }' }, { ...JSON_TYPE, accept: 'application/json' }),
    ],
    ['two operations and no name', 'OPERATION_RESOLUTION_FAILURE', '/graphql', post({ query: TWO })],
    ['a name of no operation', 'OPERATION_RESOLUTION_FAILURE', '/graphql', post({ query: TWO, operationName: 'C' })],
    [
      'a body over the limit',
      'LIMIT_EXCEEDED',
      '/graphql',
      post({ query: '{ __typename }', variables: { x: 'x'.repeat(50_000) } }),
    ],
    [
      'a body over the limit, of no declared length',
      'LIMIT_EXCEEDED',
      '/graphql',
      stream(JSON.stringify({ query: '{ __typename }', variables: { x: 'x'.repeat(50_000) } })),
    ],
    [
      'the origin of another page',
      'FORBIDDEN',
      '/graphql',
      post({ query: '{ __typename }' }, { ...JSON_TYPE, origin: 'http://elsewhere.example' }),
    ],
    ['a resolver that fails', 'INTERNAL_SERVER_ERROR', '/graphql', post({ query: '{ replays { nodes { id } } }' })],
    ['a path of nothing', 'NOT_FOUND', '/nothing', {}],
    ['the wrong method of another endpoint', 'BAD_INPUT', '/api/replay', {}],
  ])('with %s is answered with %s, which is explained', async (_what, code, path, init) => {
    const response = await fetch(`${service.url}${path}`, init);
    const answer = (await response.json()) as { errors?: { extensions: { code: string } }[]; error?: { code: string } };
    expect(answer.error?.code ?? answer.errors?.[0]?.extensions.code).toBe(code);
    expect([...ERROR_CODES, ...others]).toContain(code);
  });

  test.each<[string, string, { query: string; operationName?: string }]>([
    // Another text than over HTTP: an error is remembered with its text.
    ['no GraphQL', 'GRAPHQL_PARSE_FAILED', { query: '{ viewer' }],
    ['an unknown field', 'GRAPHQL_VALIDATION_FAILED', { query: '{ nothing }' }],
    ['two operations and no name', 'BAD_INPUT', { query: TWO }],
    ['a name of no operation', 'BAD_INPUT', { query: TWO, operationName: 'C' }],
    ['a resolver that fails', 'INTERNAL_SERVER_ERROR', { query: '{ replays { nodes { id } } }' }],
  ])('over WebSocket, with %s, is answered with %s', async (_what, code, payload) => {
    const client = socketClient(service.url);
    const errors = await client
      .iterate(payload)
      .next()
      .then((result) => result.value?.errors)
      .catch((thrown: unknown) => thrown);
    await client.dispose();
    expect(errors).toMatchObject([{ extensions: { code } }]);
  });

  test('does not get a piece of its malformed body back', async () => {
    const response = await fetch(`${service.url}/graphql`, post('{"variables":{"password":"hush-hush" x}}'));
    const text = await response.text();
    expect(text).toContain('invalid JSON');
    expect(text).not.toContain('hush');
  });
});
