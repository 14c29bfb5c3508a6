import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { ORDERINGS } from '../../src/replay/request.ts';
import { log, LOG_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { ALIAS } from '../support/policy.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();

it.each(ORDERINGS)('%s: the window holds what lies on its ends, and nothing a microsecond beyond', async (ordering) => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (const at of [99.999, 100, 150, 200, 200.001]) record.run('a', log(String(at)), { at });
  await record.store(bench.journal);
  const run = await bench.run(target, { window: record.window(100, 200), ordering, restoreIds: false });
  expect(run.replay.summary).toMatchObject({ planned: 3, succeeded: 3 });
  expect(await target.sql('SELECT who FROM log ORDER BY n')).toEqual(['100', '150', '200']);
});

it('an inverted window is refused before a run exists', async () => {
  const target = await bench.target();
  const record = new HandMadeRecord();
  const before = await bench.engine.list({}, null, 100);
  await expect(bench.start(target, { window: record.window(200, 100) })).rejects.toMatchObject({
    code: 'WINDOW_INVERTED',
    path: ['input', 'window'],
  });
  expect(await bench.engine.list({}, null, 100)).toHaveLength(before.length);
});

it.each([
  ['TIMESTAMP', 'AS_FAST_AS_POSSIBLE', 'above 1 is for COMMIT and SESSION ordering'],
  ['SESSION', 'RECORDED', 'above 1 is not for SESSION ordering at recorded pace'],
] as const)('%s, %s: more in flight than it sends at once is refused', async (ordering, mode, why) => {
  const target = await bench.target();
  const pace = mode === 'RECORDED' ? { mode, speed: 1, maxIdleMs: null } : { mode };
  const input = { window: new HandMadeRecord().window(), ordering, pace };
  await expect(bench.start(target, { ...input, inFlight: 8 })).rejects.toMatchObject({
    code: 'BAD_INPUT',
    message: expect.stringContaining(`inFlight ${why}`),
    path: ['input', 'inFlight'],
  });
  expect((await bench.run(target, { ...input, inFlight: 1 })).replay.state).toBe('COMPLETED');
});

it.each(ORDERINGS)('%s: an empty window connects to the target and completes', async (ordering) => {
  const target = await bench.target();
  const run = await bench.run(target, { window: new HandMadeRecord().window(), ordering });
  expect(run.states).toEqual(['CONNECTING', 'RUNNING', 'COMPLETED']);
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(run.replay.summary).toMatchObject({ planned: 0, succeeded: 0, firstError: null });
  expect(run.replay.targetVersion).toMatch(/^\d+/);
});

it.each(ORDERINGS)('%s: an empty window on a target that cannot be reached fails the run', async (ordering) => {
  const port = await closedPort();
  const { id } = await bench.engine.start({
    window: new HandMadeRecord().window(),
    target: { host: '127.0.0.1', port, database: 'nowhere' },
    ordering,
  });
  const run = await bench.ended(id);
  expect(run.states).toEqual(['CONNECTING', 'FAILED']);
  expect(run.replay.error).toMatchObject({ code: 'TARGET_UNREACHABLE' });
  expect(run.replay.error?.message).toMatch(new RegExp(`^connect to target 127\\.0\\.0\\.1:${port}/nowhere: `));
});

it('a database that does not exist fails the run with what was attempted', async () => {
  const { id } = await bench.engine.start({
    window: new HandMadeRecord().window(),
    target: { alias: ALIAS, database: 'no_such_database' },
  });
  const run = await bench.ended(id);
  expect(run.replay.error?.message).toMatch(
    /^connect to target .*\/no_such_database: database "no_such_database" does not exist/,
  );
});

it('the first failure is named by transaction and sequence', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', log('a'));
  const first = record.run('a', 'SELECT no_such_column FROM log');
  record.run('a', 'ROLLBACK');
  record.run('a', 'SELECT 1/0');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary.firstError).toBe(`tx ${first.transactionId} seq 3: column "no_such_column" does not exist`);
  expect(run.replay.summary.failed).toBe(2);
});

it('a filter on statements never removes transaction control', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'SELECT 1');
  record.run('a', log('undone'));
  record.run('a', 'ROLLBACK');
  record.run('a', log('done'));
  const window = await record.store(bench.journal);
  const run = await bench.run(target, { window, filter: { statementTypes: ['INSERT'], textExcludes: 'nothing' } });
  expect(run.replay.summary).toMatchObject({ planned: 4, succeeded: 4 });
  expect(await target.sql('SELECT who FROM log')).toEqual(['done']);
});

it.each([...ORDERINGS])(
  '%s: a filter on statements never removes what later ones of their session go by',
  async (ordering) => {
    const target = await bench.target(
      `${SCHEMA}; CREATE SCHEMA tenant; CREATE TABLE tenant.log AS SELECT 'of tenant' AS who`,
    );
    const record = new HandMadeRecord();
    record.run('a', 'PREPARE q AS SELECT who FROM log');
    record.run('a', log('left out'));
    record.run('a', '/* one */ PREPARE r AS SELECT who FROM log; INSERT INTO log VALUES (1)');
    record.run('a', 'SET search_path = tenant');
    record.run('a', 'BEGIN');
    const seen = record.run('a', 'SELECT who FROM log', { rows: 1 });
    record.run('a', 'COMMIT');
    record.run('a', 'RESET search_path');
    record.run('a', 'DISCARD PLANS');
    const explained = record.run('a', 'EXPLAIN EXECUTE q');
    record.run('a', '-- one\nDeallocate q ; ');
    const window = await record.store(bench.journal);
    const filter = { statementTypes: ['SELECT'] as const, textExcludes: 'path' };
    const run = await bench.run(target, { window, ordering, filter, restoreIds: false });
    expect(run.brief).toEqual(Array(9).fill('SUCCEEDED'));
    expect([run.outcome(seen).rows, run.outcome(explained).status]).toEqual([1, 'SUCCEEDED']);
    expect((await bench.engine.preflight({ target: target.spec, window, ordering, filter })).statements).toBe(9);
  },
);

it('sessions and transactions can be picked', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (const session of ['a', 'b', 'c']) record.run(session, log(session));
  const picked = record.run('d', log('d'));
  record.run('d', log('not picked'));
  const window = await record.store(bench.journal);
  await bench.run(target, { window, filter: { sessionIds: [record.sessionId('b')] } });
  await bench.run(target, { window, filter: { transactionIds: [picked.transactionId] } });
  expect(await target.sql('SELECT who FROM log ORDER BY n')).toEqual(['b', 'd']);
});

it('the run is returned PENDING at once, and what it ran is kept without passwords', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'));
  const { host, port, user, password, name } = target;
  const replay = await bench.engine.start({
    window: await record.store(bench.journal),
    target: { host, port, user, password, database: name, tls: 'DISABLE' },
  });
  expect(replay.state).toBe('PENDING');
  const run = await bench.ended(replay.id);
  expect(run.replay.state).toBe('COMPLETED');
  expect(run.replay.targetLabel).toBe(`${host}:${port}/${name}`);
  expect(
    JSON.stringify([run.replay, run.events], (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  ).not.toContain(password);
});

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
