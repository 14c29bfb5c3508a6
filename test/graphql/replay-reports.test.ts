import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { encodeSeqCursor } from '../../src/journal/cursor.ts';
import { normaliseStatement, statementFingerprint } from '../../src/journal/normalise.ts';
import { hasEnded } from '../../src/replay/run-state.ts';
import {
  type Answer,
  ask,
  type Backend,
  openBackend,
  outcome,
  scriptedRun,
  startService,
  type TestService,
} from '../server/support.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const BASE = Date.UTC(2026, 5, 1) * 1000;
const WINDOW = { from: '2026-06-01T00:00:00Z', to: '2026-06-01T01:00:00Z' };
const NOBODY = '00000000-0000-4000-8000-000000000000';

let backend: Backend;
let service: TestService;
/** Has the table with its column; the other lacks the column, and has a row more. */
let before: TestDatabase;
let after: TestDatabase;
let runBefore: string;
let runAfter: string;

beforeAll(async () => {
  backend = await openBackend();
  service = await startService(backend);
  [before, after] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  await prepare(before, 'CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1)');
  await prepare(after, 'CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)');
  const origin = { nodeId: null, sessionId: 's1', user: 'app', database: 'shop', application: null };
  const statements = ['SELECT a FROM t', 'SELECT b FROM t WHERE a = 1', 'SELECT b FROM t WHERE a = $1', 'SELECT 1'];
  for (const [n, statement] of statements.entries()) {
    const rows = n === 2 ? 0 : 1;
    await backend.recorder.log({
      autocommit: { origin },
      statement,
      parameters: n === 2 ? [{ kind: 'int64', value: 2n }] : [],
      timestamp: BASE + n * 1000,
      rows,
      durationMs: 1000,
    });
  }
  runBefore = await replay(before);
  runAfter = await replay(after);
});
afterAll(async () => {
  await service.stop();
  await backend.close();
  await Promise.all([before.drop(), after.drop()]);
});

async function prepare(database: TestDatabase, statements: string): Promise<void> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query(statements);
  await client.end();
}

function inputOf({ host, port, user, password, name }: TestDatabase, over: Record<string, unknown> = {}) {
  return { window: WINDOW, target: { host, port, user, password, database: name }, ...over };
}

async function replay(database: TestDatabase): Promise<string> {
  const input = inputOf(database, { thresholds: ['new_failures = 0', 'p95<1h'.replace('1h', '3600s')] });
  const { data } = await ask(
    service.url,
    'mutation ($input: ReplayInput!) { startReplay(input: $input) { ... on Replay { id } ... on Error { message } } }',
    { input },
  );
  const { id } = data.startReplay;
  const reader = backend.engine.events(id, 0);
  while (!(await reader.read(1000, 50)).ended);
  reader.close();
  const run = await backend.engine.get(id);
  expect(run !== null && hasEnded(run.state)).toBe(true);
  return id;
}

const compare = (a: string, b: string, slower: unknown = null): Promise<Answer> =>
  ask(
    service.url,
    `query ($a: UUID!, $b: UUID!, $slower: SlowerInput) { compareReplays(a: $a, b: $b, slower: $slower) {
      __typename
      ... on ReplayComparison {
        a { id } b { id } remarks totals { verdict statements }
        statements { normalised verdict deltaMs { p95 } a { calls failures replayed { p95 } } b { calls failures } }
      }
      ... on Error { code message path }
    } }`,
    { a, b, slower },
  );

describe('thresholds', () => {
  const report = (replayId: string, thresholds: readonly string[] = []) =>
    ask(
      service.url,
      'query ($replayId: UUID!, $thresholds: [String!]) { replayReport(replayId: $replayId, thresholds: $thresholds) { thresholds { threshold actual unit passed } statements { normalised regressed } } replay(id: $replayId) { request { thresholds } } }',
      { replayId, thresholds },
    );

  test('of a request are evaluated at the end of the run, and every reader sees the same', async () => {
    const good = (await report(runBefore)).data;
    expect(good.replay.request.thresholds).toEqual(['new_failures=0', 'p95<3600s']);
    expect(good.replayReport.thresholds).toEqual([
      { threshold: 'new_failures=0', actual: 0, unit: 'STATEMENTS', passed: true },
      { threshold: 'p95<3600s', actual: expect.any(Number), unit: 'MS', passed: true },
    ]);
    expect((await report(runAfter)).data.replayReport.thresholds[0]).toEqual({
      threshold: 'new_failures=0',
      actual: 2,
      unit: 'STATEMENTS',
      passed: false,
    });
  });

  test('can be asked for afterwards, beside those of the run', async () => {
    const { data } = await report(runAfter, ['failures<=50%', 'regressions<2']);
    expect(data.replayReport.thresholds.slice(2)).toEqual([
      { threshold: 'failures<=50%', actual: 50, unit: 'PERCENT', passed: true },
      { threshold: 'regressions<2', actual: 2, unit: 'STATEMENTS', passed: false },
    ]);
    const worse = data.replayReport.statements.filter((line: { regressed: boolean }) => line.regressed);
    expect(worse.map((line: { normalised: string }) => line.normalised).sort()).toEqual([
      'SELECT a FROM t',
      'SELECT b FROM t WHERE a = ?',
    ]);
  });

  test('that cannot be read are refused with what is wrong', async () => {
    const { errors } = await report(runAfter, ['speed<1']);
    expect(errors[0]?.message).toContain('unknown metric "speed": known are failures');
    expect(errors[0]?.extensions['code']).toBe('BAD_INPUT');
    const { data } = await ask(
      service.url,
      'mutation ($input: ReplayInput!) { startReplay(input: $input) { ... on Error { code path message } } }',
      { input: inputOf(before, { thresholds: ['p95<50'] }) },
    );
    expect(data.startReplay).toMatchObject({ code: 'BAD_INPUT', path: ['input', 'thresholds'] });
  });

  test('of which too many are asked for afterwards are refused', async () => {
    expect((await report(runAfter, Array(100).fill('failures<1'))).errors).toEqual([]);
    const { errors } = await report(runAfter, Array(101).fill('failures<1'));
    expect(errors[0]?.message).toBe('thresholds are 101: give at most 100');
    expect(errors[0]?.extensions).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['thresholds'] });
  });
});

test.each([
  ['by number', { lostStatements: 2, remarks: [] }, 2],
  ['by a remark, as earlier releases stored it', { remarks: ['transactions were lost: 5 statements were not'] }, 5],
  ['not at all, as releases before those', { remarks: ['the transactions were lost: 5 of them'] }, 0],
])('a report tells %s of lost transactions', async (_, told, lostStatements) => {
  const { id, feed } = await scriptedRun(backend.replays);
  await feed.transition('COMPLETE', { endedAt: 1 }, null);
  await backend.replays.saveReport(id, { statements: [], failures: [], divergences: [], thresholds: [], ...told });
  const { data } = await ask(service.url, 'query ($id: UUID!) { replayReport(replayId: $id) { lostStatements } }', {
    id,
  });
  expect(data.replayReport).toEqual({ lostStatements });
});

describe('replayDivergences', () => {
  const divergences = (variables: Record<string, unknown>) =>
    ask(
      service.url,
      `query ($replayId: UUID!, $divergences: [Divergence!], $fingerprint: String, $after: Cursor) {
        replayDivergences(replayId: $replayId, divergences: $divergences, fingerprint: $fingerprint) {
          divergence normalised count firstSeq lastSeq sample firstCursor fingerprint
        }
        replayStatements(replayId: $replayId, first: 1, after: $after) { nodes { seq } }
      }`,
      variables,
    );

  test('groups by kind and statement, and leads to the first of a group', async () => {
    const groups = (await divergences({ replayId: runAfter })).data.replayDivergences;
    expect(groups).toMatchObject([
      { divergence: 'NEW_FAILURE', normalised: 'SELECT b FROM t WHERE a = ?', count: 2 },
      { divergence: 'ROW_COUNT', normalised: 'SELECT a FROM t', count: 1, sample: '2 rows, 1 in the record' },
    ]);
    expect(groups[0].sample).toBe('succeeded in the record, failed with 42703: column "b" does not exist');
    const { data } = await divergences({
      replayId: runAfter,
      divergences: ['ROW_COUNT', 'CHECKSUM'],
      after: groups[0].firstCursor,
    });
    expect(data.replayDivergences).toEqual([groups[1]]);
    expect(data.replayStatements.nodes).toEqual([{ seq: groups[0].firstSeq }]);
    const one = await divergences({ replayId: runAfter, fingerprint: groups[0].fingerprint });
    expect(one.data.replayDivergences).toEqual([groups[0]]);
  });

  test('refuses a list that is too long to hold groups against', async () => {
    const { errors } = await divergences({ replayId: runAfter, divergences: Array(10_001).fill('SLOWER') });
    expect(errors[0]?.message).toBe('divergences are 10001: give at most 10000');
    expect(errors[0]?.extensions).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['divergences'] });
  });

  test('is empty without any, and null without a run', async () => {
    expect((await divergences({ replayId: runBefore })).data.replayDivergences).toEqual([]);
    expect((await divergences({ replayId: NOBODY })).data.replayDivergences).toBeNull();
  });
});

describe('compareReplays', () => {
  test('tells statement by statement what became worse', async () => {
    const { data, errors } = await compare(runBefore, runAfter, { ratio: 1000, minMs: 60_000 });
    expect(errors).toEqual([]);
    const { a, b, statements, totals, remarks } = data.compareReplays;
    expect([a.id, b.id]).toEqual([runBefore, runAfter]);
    expect(remarks).toEqual([]);
    expect(statements[0]).toMatchObject({
      normalised: 'SELECT b FROM t WHERE a = ?',
      verdict: 'NEW_FAILURES',
      deltaMs: { p95: expect.any(Number) },
      a: { calls: 2, failures: 0, replayed: { p95: expect.any(Number) } },
      b: { calls: 2, failures: 2 },
    });
    const counts = Object.fromEntries(
      totals.map(({ verdict, statements: many }: { verdict: string; statements: number }) => [verdict, many]),
    );
    const none = { ONLY_IN_A: 0, ONLY_IN_B: 0, FIXED: 0, SLOWER: 0, FASTER: 0 };
    expect(counts).toEqual({ ...none, NEW_FAILURES: 1, DIFFERENT_RESULTS: 1, SAME: 1 });
    const back = await compare(runAfter, runBefore);
    expect(back.data.compareReplays.statements).toContainEqual(
      expect.objectContaining({ normalised: 'SELECT b FROM t WHERE a = ?', verdict: 'FIXED' }),
    );
  });

  test('half a measure is completed by the one that holds without it', async () => {
    const asked = vi.spyOn(backend.engine, 'compare');
    await compare(runBefore, runAfter, { ratio: 3 });
    await compare(runBefore, runAfter, { minMs: 50 });
    await compare(runBefore, runAfter);
    const measures = asked.mock.calls.map(([, , slower]) => slower);
    expect(measures).toEqual([
      { ratio: 3, minMs: 1 },
      { ratio: 1.25, minMs: 50 },
      { ratio: 1.25, minMs: 1 },
    ]);
    asked.mockRestore();
  });

  test.each([
    [{ ratio: 0.5, minMs: 1 }, 'slower.ratio must be 1 to 1000000, not 0.5', ['slower', 'ratio']],
    [{ ratio: 2, minMs: -1 }, 'slower.minMs must be 0 to 86400000, not -1', ['slower', 'minMs']],
  ])('refuses a measure by which less is slower: %j', async (slower, message, path) => {
    const { data } = await compare(runBefore, runAfter, slower);
    expect(data.compareReplays).toEqual({ __typename: 'InputError', code: 'BAD_INPUT', message, path });
  });

  test('refuses a run that has not ended, and one that does not exist', async () => {
    const { id, feed } = await scriptedRun(backend.replays);
    expect((await compare(runBefore, id)).data.compareReplays).toMatchObject({
      __typename: 'ConflictError',
      code: 'REPLAY_STATE',
      message: `replay ${id} is RUNNING: only runs that have ended can be compared`,
    });
    await feed.transition('FAIL', {}, null);
    await feed.close();
    expect((await compare(NOBODY, runBefore)).data.compareReplays).toMatchObject({
      code: 'REPLAY_NOT_FOUND',
      path: ['a'],
    });
  });
});

describe('compareReplayCalls', () => {
  const calls = (variables: Record<string, unknown>): Promise<Answer> =>
    ask(
      service.url,
      `query ($a: UUID!, $b: UUID!, $filter: ComparedCallFilterInput, $slower: SlowerInput, $first: Int, $after: Cursor) {
        compareReplayCalls(a: $a, b: $b, filter: $filter, slower: $slower, first: $first, after: $after) {
          __typename
          ... on ReplayCallComparison {
            a { id } b { id } remarks
            calls {
              nodes {
                transactionId sequence timestamp sessionId copy differences
                entry { id statement parameters { text } }
                a { seq status rows sqlstate } b { seq status rows sqlstate message }
              }
              edges { cursor }
              pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
            }
          }
          ... on Error { code message path }
        }
      }`,
      { a: runBefore, b: runAfter, slower: { ratio: 1000, minMs: 60_000 }, ...variables },
    );
  const BY_RESULT = {
    differences: ['NEW_FAILURE', 'FIXED', 'DIFFERENT_FAILURE', 'ROW_COUNT', 'ONLY_IN_A', 'ONLY_IN_B'],
  };

  test('tells which calls became worse, with their parameters and what became of them in both', async () => {
    const { data, errors } = await calls({ filter: BY_RESULT, first: 100 });
    expect(errors).toEqual([]);
    const { a, b, remarks, calls: page } = data.compareReplayCalls;
    expect([a.id, b.id, remarks]).toEqual([runBefore, runAfter, []]);
    const good = { status: 'SUCCEEDED', sqlstate: null };
    const bad = { status: 'FAILED', sqlstate: '42703', message: 'column "b" does not exist', rows: null };
    expect(page.nodes).toMatchObject([
      {
        timestamp: '2026-06-01T00:00:00.000000Z',
        sessionId: 's1',
        copy: 0,
        sequence: 1,
        differences: ['ROW_COUNT'],
        entry: { statement: 'SELECT a FROM t', parameters: [] },
        a: { ...good, rows: 1 },
        b: { ...good, rows: 2 },
      },
      { differences: ['NEW_FAILURE'], entry: { statement: 'SELECT b FROM t WHERE a = 1' }, a: good, b: bad },
      {
        differences: ['NEW_FAILURE'],
        entry: { statement: 'SELECT b FROM t WHERE a = $1', parameters: [{ text: '2' }] },
        a: { ...good, rows: 0 },
        b: bad,
      },
    ]);
    for (const { entry, transactionId, sequence } of page.nodes) expect(entry.id).toBe(`${transactionId}/${sequence}`);
    expect(page.pageInfo).toEqual({
      hasNextPage: false,
      hasPreviousPage: false,
      startCursor: page.edges[0].cursor,
      endCursor: page.edges[2].cursor,
    });
  });

  test('pages by its cursors, with a filter by statement, too', async () => {
    const filter = {
      ...BY_RESULT,
      fingerprint: statementFingerprint(normaliseStatement('SELECT b FROM t WHERE a = 5')),
    };
    const one = (await calls({ filter, first: 1 })).data.compareReplayCalls.calls;
    expect(one.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const rest = (await calls({ filter, first: 1, after: one.pageInfo.endCursor })).data.compareReplayCalls.calls;
    expect(rest.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const both = [...one.nodes, ...rest.nodes];
    expect(both.map(({ entry }) => entry.statement)).toEqual([
      'SELECT b FROM t WHERE a = 1',
      'SELECT b FROM t WHERE a = $1',
    ]);
    const behind = (await calls({ filter, after: rest.pageInfo.endCursor })).data.compareReplayCalls.calls;
    expect(behind.nodes).toEqual([]);
    const none = await calls({ b: runBefore, filter: {} });
    expect(none.data.compareReplayCalls.calls).toEqual({
      nodes: [],
      edges: [],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
    });
  });

  test.each([
    [{ first: 0 }, 'BAD_INPUT', 'first must be 1 to 1000, not 0', ['first']],
    [{ first: 1001 }, 'BAD_INPUT', 'first must be 1 to 1000, not 1001', ['first']],
    [{ slower: { ratio: 0.5, minMs: 1 } }, 'BAD_INPUT', 'slower.ratio must be 1 to 1000000', ['slower', 'ratio']],
    [{ after: 'nowhere' }, 'CURSOR_INVALID', '"nowhere" is not a cursor of the calls of two replays', ['after']],
    [{ after: encodeSeqCursor(1) }, 'CURSOR_INVALID', 'is a cursor of the events of a replay', ['after']],
    [{ b: NOBODY }, 'REPLAY_NOT_FOUND', `there is no replay ${NOBODY}`, ['b']],
  ])('refuses %j as %s', async (variables, code, message, path) => {
    const { data } = await calls(variables);
    expect(data.compareReplayCalls).toMatchObject({ code, path, message: expect.stringContaining(message) });
  });

  test('refuses a list that is too long to hold calls against', async () => {
    const { data } = await calls({ filter: { differences: Array(10_001).fill('CHECKSUM') } });
    expect(data.compareReplayCalls).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      path: ['filter', 'differences'],
      message: 'filter.differences are 10001: give at most 10000',
    });
  });

  test('refuses a run that has not ended', async () => {
    const { id, feed } = await scriptedRun(backend.replays);
    expect((await calls({ b: id })).data.compareReplayCalls).toMatchObject({
      __typename: 'ConflictError',
      code: 'REPLAY_STATE',
      message: `replay ${id} is RUNNING: only runs that have ended can be compared`,
    });
    await feed.transition('FAIL', {}, null);
    await feed.close();
  });

  test('costs a page a bounded amount of work, which may find nothing and leads on', async () => {
    const runs: string[] = [];
    for (const rows of [1, 2]) {
      const { id, feed } = await scriptedRun(backend.replays);
      for (let n = 1; n <= 70_000; n++) {
        feed.emit(outcome(n, { rows: n === 69_999 ? rows : 0 }));
        if (n % 4000 === 0) await feed.flush();
      }
      await feed.transition('COMPLETE', {}, null);
      await feed.close();
      runs.push(id);
    }
    const ask = async (after: string | null) =>
      (await calls({ a: runs[0], b: runs[1], first: 10, after })).data.compareReplayCalls.calls;
    const empty = await ask(null);
    expect(empty).toMatchObject({ nodes: [], pageInfo: { hasNextPage: true, endCursor: expect.any(String) } });
    const found = await ask(empty.pageInfo.endCursor);
    expect(found.nodes).toMatchObject([{ sequence: 69_999, differences: ['ROW_COUNT'], entry: null }]);
    expect(found.pageInfo.hasNextPage).toBe(false);
  });
});

test('preflightReplay says what the target lacks, and what would be done', async () => {
  const { data, errors } = await ask(
    service.url,
    `query ($input: ReplayInput!) { preflightReplay(input: $input) { ... on Preflight {
      otherSessions transactions transactionsByStatus { committed rolledBack open } skipped { reason count }
      statementKinds kindsChecked reads writes estimatedMs problems { severity code message }
    } } }`,
    { input: inputOf(after) },
  );
  expect(errors).toEqual([]);
  expect(data.preflightReplay).toEqual({
    otherSessions: 0,
    transactions: 4,
    transactionsByStatus: { committed: 4, rolledBack: 0, open: 0 },
    skipped: [],
    statementKinds: 3,
    kindsChecked: 3,
    reads: 4,
    writes: 0,
    estimatedMs: 4000,
    problems: [
      {
        severity: 'ERROR',
        code: 'MISSING_COLUMN',
        message: 'column "b" does not exist (42703): 1 statement, 2 times, such as SELECT b FROM t WHERE a = ?',
      },
    ],
  });
});
