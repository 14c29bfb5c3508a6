import { expect, it } from 'vitest';
import { readDatabaseFacts } from '../../src/target/identity.ts';
import { createTargetPolicy } from '../../src/target/policy.ts';
import { LOG_SCHEMA, log } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();

it('says what a replay would do, without doing it', async () => {
  const target = await bench.target('CREATE TABLE log (who text)');
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 0 });
  record.run('a', 'INSERT INTO log VALUES (1)', { at: 10 });
  record.run('b', 'SELECT 1', { at: 20 });
  record.run('a', 'COMMIT', { at: 30 });
  record.run('c', 'SELECT 1', { at: 2_000 });
  const window = await record.store(bench.journal);
  const preflight = await bench.engine.preflight({
    window,
    target: target.spec,
    pace: { mode: 'RECORDED', speed: 2, maxIdleMs: null },
  });
  expect(preflight).toMatchObject({
    reachable: true,
    statements: 5,
    transactions: 3,
    sessions: 3,
    sessionsAtOnce: 2,
    reads: 2,
    writes: 1,
    byType: { SELECT: 2, INSERT: 1, TRANSACTION: 2 },
    estimatedMs: 1_000,
    problems: [],
  });
  expect(preflight.serverVersion).toMatch(/^\d+/);
  expect(await target.sql('SELECT count(*) FROM log')).toEqual(['0']);
});

it.each([
  [null, 100_000],
  [20_000, 20_000],
  [150_000, 100_000],
  [70_000, 70_000],
])('estimates a schedule with gaps of at most %s ms by what it takes at most', async (maxIdleMs, estimatedMs) => {
  const target = await bench.target();
  const record = new HandMadeRecord();
  for (const at of [0, 150_000, 200_000]) record.run('a', 'SELECT 1', { at });
  const window = await record.store(bench.journal);
  const pace = { mode: 'RECORDED', speed: 2, maxIdleMs } as const;
  expect(await bench.engine.preflight({ window, target: target.spec, pace })).toMatchObject({ estimatedMs });
});

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  '%s: counts as many statements as the replay then reports',
  async (ordering) => {
    const target = await bench.target();
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', 'SELECT 1');
    record.run('a', 'ROLLBACK');
    record.run('b', 'SELECT 1/0', { fails: '22012' });
    record.run('b', 'SELECT 1');
    const window = await record.store(bench.journal);
    const preflight = await bench.engine.preflight({ window, target: target.spec, ordering });
    const run = await bench.run(target, { window, ordering });
    expect(run.replay.summary.planned).toBe(preflight.statements);
    expect(run.outcomes).toHaveLength(preflight.statements);
  },
);

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  'counts what a run of the same window reports on, in %s ordering, whatever is done with transactions at its edges',
  async (ordering) => {
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN', { at: 0 });
    record.run('a', 'SELECT 1', { at: 10 });
    record.run('b', 'BEGIN', { at: 11 });
    record.run('b', 'SELECT 2', { at: 12 });
    record.run('a', 'COMMIT', { at: 13 });
    record.run('c', 'SELECT 3', { at: 14 });
    record.run('b', 'SELECT 4', { at: 30 });
    record.run('b', 'COMMIT', { at: 31 });
    await record.store(bench.journal);
    const target = await bench.target();
    const scale = ordering === 'SESSION' ? 2 : 1;
    for (const edges of ['CUT', 'INCLUDE', 'EXCLUDE'] as const) {
      const input = { window: record.window(5, 20), ordering, edges, scale };
      const preflight = await bench.engine.preflight({ ...input, target: target.spec });
      const run = await bench.run(target, input);
      const transactions = new Set(run.outcomes.map(({ transactionId, copy }) => `${transactionId} ${copy}`)).size;
      expect([edges, preflight.statements, preflight.transactions]).toEqual([edges, run.outcomes.length, transactions]);
    }
  },
);

it('names transactions at the edges that are too large to be included', async () => {
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 0 });
  for (let step = 0; step < 40; step++) record.run('a', `SELECT '${'x'.repeat(1_000_000)}'`, { at: 1 });
  record.run('a', 'COMMIT', { at: 10 });
  await record.store(bench.journal);
  const input = { window: record.window(5, 20), edges: 'INCLUDE' } as const;
  const target = await bench.target();
  const run = await bench.run(target, input);
  expect(run.replay.error?.code).toBe('LIMIT_EXCEEDED');
  const { problems } = await bench.engine.preflight({ ...input, target: target.spec });
  expect(problems).toContainEqual({ severity: 'ERROR', ...run.replay.error });
});

it('names what would fail and what would be less than was recorded', async () => {
  const target = await bench.target();
  const record = new HandMadeRecord();
  for (const session of ['a', 'b', 'c']) record.run(session, 'BEGIN', { database: session === 'a' ? 'shop' : 'stock' });
  for (const session of ['a', 'b', 'c'])
    record.run(session, 'DELETE FROM t', { database: session === 'a' ? 'shop' : 'stock' });
  const window = await record.store(bench.journal);
  await bench.journal.append({
    losses: [
      {
        reason: 'SESSION_JOINED_LATE',
        count: 3,
        from: window.from,
        to: window.from + 5,
        source: 'log:1',
        detail: 'no data',
      },
    ],
  });
  const preflight = await bench.engine.preflight({ window, target: target.spec, maxConnections: 3, readOnly: true });
  const problems = preflight.problems.map(({ severity, code }) => `${severity} ${code}`);
  expect(problems).toEqual(
    expect.arrayContaining([
      'ERROR DATABASES_AMBIGUOUS',
      'WARNING CONNECTION_LIMIT',
      'WARNING SESSION_JOINED_LATE',
      'WARNING READ_ONLY',
    ]),
  );
});

it('a run tells what the journal lost of its window, and not again what it skips', async () => {
  const target = await bench.target(LOG_SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'));
  record.run('a', 'COPY log FROM STDIN', { unreplayable: 'COPY_DATA' });
  const window = await record.store(bench.journal);
  const at = { from: window.from, to: window.from, source: 'log:1' };
  await bench.journal.append({
    losses: [
      { ...at, reason: 'COPY_DATA', count: 1, detail: 'no data' },
      { ...at, reason: 'STATEMENT_TEXT_MISSING', count: 3, detail: 'an ERROR without its statement' },
      { ...at, reason: 'EVICTED_BY_AGE', count: 7, from: window.to + 1, to: window.to + 1, detail: null },
    ],
  });
  const run = await bench.run(target, { window });
  expect((await bench.engine.report(run.replay.id))?.remarks).toEqual([
    '3 × STATEMENT_TEXT_MISSING in the window: an ERROR without its statement',
  ]);
});

it('an empty window and a target that cannot be reached are problems, not errors', async () => {
  const record = new HandMadeRecord();
  const preflight = await bench.engine.preflight({
    window: record.window(),
    target: { host: '127.0.0.1', port: 1, database: 'nowhere' },
  });
  expect(preflight).toMatchObject({ reachable: false, serverVersion: null, statements: 0 });
  expect(preflight.problems.map(({ code }) => code)).toEqual(
    expect.arrayContaining(['EMPTY_WINDOW', 'TARGET_UNREACHABLE']),
  );
  expect(preflight.problems.find(({ code }) => code === 'TARGET_UNREACHABLE')?.message).toMatch(
    /^connect to target 127\.0\.0\.1:1\/nowhere: /,
  );
});

it('what no replay would begin with is refused here too', async () => {
  const record = new HandMadeRecord();
  const window = record.window();
  await expect(
    bench.engine.preflight({ window: { from: 2, to: 1 }, target: { alias: 'staging' } }),
  ).rejects.toMatchObject({ code: 'WINDOW_INVERTED' });
  await expect(bench.engine.preflight({ window, target: { alias: 'unknown' } })).rejects.toMatchObject({
    code: 'TARGET_UNKNOWN',
  });
  await expect(bench.engine.preflight({ window, target: { host: '192.0.2.1', port: 5432 } })).rejects.toMatchObject({
    code: 'TARGET_REFUSED',
  });
});

it('the database that keeps the journal is refused by preflight and by the run, whatever it is called', async () => {
  const target = await bench.target('CREATE TABLE log (who text)');
  const client = await target.connect();
  const journalFacts = await readDatabaseFacts({
    query: async (text) => {
      const { rows } = await client.query<string[]>({ text, rowMode: 'array' });
      return { rows };
    },
  });
  const engine = bench.anotherEngine({ journalFacts: async () => journalFacts });
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO log VALUES (1)');
  const input = { window: await record.store(bench.journal), target: target.spec };
  const preflight = await engine.preflight(input);
  expect(preflight.problems.map(({ severity, code }) => `${severity} ${code}`)).toContain('ERROR TARGET_REFUSED');
  const { id } = await engine.start(input);
  const run = await bench.ended(id, engine);
  expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'TARGET_REFUSED' } });
  expect(await target.sql('SELECT count(*) FROM log')).toEqual(['0']);
});

it('a run does not reach it as a database that recorded ones are mapped to', async () => {
  const target = await bench.target('CREATE TABLE log (who text)');
  const client = await target.connect();
  const journalFacts = await readDatabaseFacts({
    query: async (text) => ({ rows: (await client.query<string[]>({ text, rowMode: 'array' })).rows }),
  });
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO log VALUES (1)', { database: 'shop' });
  const { host, port, user, password, name } = target;
  const input = {
    window: await record.store(bench.journal),
    target: { host, port, user, password, database: 'postgres' },
    databases: [{ recorded: 'shop', target: name }],
  };
  const engine = bench.anotherEngine({ journalFacts: async () => journalFacts });
  const preflight = await engine.preflight(input);
  expect(preflight.problems.map(({ severity, code }) => `${severity} ${code}`)).toContain('ERROR TARGET_REFUSED');
  const run = await bench.ended((await engine.start(input)).id, engine);
  expect(run.replay).toMatchObject({
    state: 'FAILED',
    error: { code: 'TARGET_REFUSED', message: expect.stringContaining(`/${name} is the database that keeps`) },
  });
  const policy = createTargetPolicy({ aliases: [], allow: ['loopback'], forbidden: [{ host, port, database: name }] });
  const wary = bench.anotherEngine({ policy });
  await expect(wary.start(input)).rejects.toMatchObject({ code: 'TARGET_REFUSED' });
  await expect(wary.preflight(input)).rejects.toMatchObject({ code: 'TARGET_REFUSED' });
  expect(await target.sql('SELECT count(*) FROM log')).toEqual(['0']);
});
