import { expect, it } from 'vitest';
import type { Edges, Ordering } from '../../src/replay/request.ts';
import { LOGGED, log, LOG_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { type EndedRun, useBench } from '../support/replay.ts';

const bench = useBench();

/** A transaction over the beginning of the window [100, 200], one over its end, one inside, one around it. */
function straddling(): HandMadeRecord {
  const record = new HandMadeRecord();
  record.run('over', 'BEGIN', { at: 10 });
  record.run('over', log('around 1'), { at: 11 });
  record.run('early', 'BEGIN ISOLATION LEVEL REPEATABLE READ', { at: 50 });
  record.run('early', log('early 1'), { at: 51 });
  record.run('early', "INSERT INTO log (who) SELECT 'early ' || current_setting('transaction_isolation')", { at: 110 });
  record.run('over', log('around 2'), { at: 115 });
  record.run('early', 'COMMIT', { at: 120 });
  record.run('inside', 'BEGIN', { at: 130 });
  record.run('inside', log('inside'), { at: 131 });
  record.run('inside', 'COMMIT', { at: 140 });
  record.run('late', 'BEGIN', { at: 180 });
  record.run('late', log('late 1'), { at: 181 });
  record.run('late', log('late 2'), { at: 250 });
  record.run('late', 'COMMIT', { at: 251 });
  record.run('over', log('around 3'), { at: 299 });
  record.run('over', 'COMMIT', { at: 300 });
  return record;
}

async function replay(
  ordering: Ordering,
  edges?: Edges,
): Promise<{ run: EndedRun; logged: string[]; record: HandMadeRecord }> {
  const target = await bench.target(SCHEMA);
  const record = straddling();
  await record.store(bench.journal);
  const run = await bench.run(target, {
    window: record.window(100, 200),
    ordering,
    ...(edges === undefined ? {} : { edges }),
    ...(ordering === 'COMMIT' ? { restoreIds: false } : {}),
  });
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(run.replay.summary.planned).toBe(run.outcomes.length);
  return { run, logged: await target.sql(LOGGED), record };
}

it.each(['TIMESTAMP', 'SESSION'] as const)(
  '%s cuts at the edges unless told otherwise, and says so',
  async (ordering) => {
    const { run, logged, record } = await replay(ordering);
    // What commits outside is rolled back; what began outside begins with its own modes.
    expect([...logged].sort()).toEqual(['early repeatable read', 'inside']);
    const cut = run.notices('TRANSACTION_CUT').map((notice) => notice.sessionId);
    expect([...cut].sort()).toEqual([record.sessionId('early'), record.sessionId('over')]);
    const closed = run.notices('TRANSACTION_CLOSED').map((notice) => notice.sessionId);
    expect([...closed].sort()).toEqual([record.sessionId('late'), record.sessionId('over')]);
    expect(run.replay.summary).toMatchObject({ planned: 8, succeeded: 8 });
  },
);

it.each(['TIMESTAMP', 'SESSION'] as const)('%s includes straddling transactions whole when asked', async (ordering) => {
  const { run, logged } = await replay(ordering, 'INCLUDE');
  expect([...logged].sort()).toEqual([
    'around 1',
    'around 2',
    'around 3',
    'early 1',
    'early repeatable read',
    'inside',
    'late 1',
    'late 2',
  ]);
  expect(run.replay.summary).toMatchObject({ planned: 16, succeeded: 16 });
  expect(run.notices('TRANSACTION_CUT')).toEqual([]);
});

it.each(['TIMESTAMP', 'SESSION'] as const)('%s leaves straddling transactions out when asked', async (ordering) => {
  const { run, logged } = await replay(ordering, 'EXCLUDE');
  expect(logged).toEqual(['inside']);
  expect(run.replay.summary).toMatchObject({ planned: 3, succeeded: 3 });
});

it('COMMIT takes a transaction whole when its commit lies in the window', async () => {
  const { run, logged } = await replay('COMMIT');
  expect(logged).toEqual(['early 1', 'early repeatable read', 'inside']);
  expect(run.replay.summary).toMatchObject({ planned: 7, succeeded: 7 });
});

it('COMMIT can leave out what began before the window', async () => {
  const { logged } = await replay('COMMIT', 'EXCLUDE');
  expect(logged).toEqual(['inside']);
});

it('COMMIT can cut what began before the window, and says so', async () => {
  const { run, logged, record } = await replay('COMMIT', 'CUT');
  expect(logged).toEqual(['early repeatable read', 'inside']);
  expect(run.notices('TRANSACTION_CUT').map((notice) => notice.sessionId)).toEqual([record.sessionId('early')]);
});

it('a filter holds for the straddling entries outside of the window too, but never for transaction control', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 0 });
  record.run('a', 'SELECT 1', { at: 1 });
  record.run('a', log('before'), { at: 2 });
  record.run('a', log('inside'), { at: 101 });
  record.run('a', 'SELECT 2', { at: 102 });
  record.run('a', 'COMMIT', { at: 103 });
  await record.store(bench.journal);
  const run = await bench.run(target, {
    window: record.window(100, 200),
    edges: 'INCLUDE',
    filter: { statementTypes: ['INSERT'] },
  });
  expect(run.replay.summary).toMatchObject({ planned: 4, succeeded: 4 });
  expect(await target.sql(LOGGED)).toEqual(['before', 'inside']);
});

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  '%s makes settings and prepared statements from before the window again',
  async (ordering) => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', "SET application_name = 'first'", { at: 0 });
    record.run('a', "SET application_name = 'set before'", { at: 1 });
    const text = (value: string) => ({ kind: 'text', value, oid: null }) as const;
    for (const parameters of [
      ['search_path', 'public, a'],
      ['a.b', 'by function'],
    ].map((given) => given.map(text)))
      record.run('a', 'SELECT set_config($1, $2, false)', { at: 1, parameters });
    record.run('a', 'PREPARE p (text) AS INSERT INTO log (who) VALUES ($1)', { at: 2 });
    record.run('a', 'BEGIN', { at: 3 });
    record.run('a', "SET application_name = 'rolled back'", { at: 4 });
    record.run('a', 'PREPARE q (text) AS INSERT INTO log (who) VALUES (upper($1))', { at: 5 });
    record.run('a', 'ROLLBACK', { at: 6 });
    record.run('a', "SET application_name = 'failed'", { at: 7, fails: '22023' });
    record.run('a', "SET work_mem = '123kB'", { at: 8 });
    record.run('a', 'RESET work_mem', { at: 9 });
    record.run('b', 'LISTEN channel', { at: 10 });
    record.run('a', "EXECUTE p (current_setting('application_name'))", { at: 100 });
    record.run('b', 'SELECT 1', { at: 101 });
    record.run('a', "EXECUTE q ('q')", { at: 102 });
    record.run('a', "EXECUTE p (current_setting('work_mem'))", { at: 103 });
    record.run('a', "EXECUTE p (current_setting('search_path') || ' ' || current_setting('a.b'))", { at: 104 });
    await record.store(bench.journal);
    const run = await bench.run(target, {
      window: record.window(100, 200),
      ordering,
      ...(ordering === 'COMMIT' ? { restoreIds: false } : {}),
    });
    expect(run.replay.summary).toMatchObject({ planned: 5, succeeded: 5 });
    expect(run.notices('SESSION_PREPARED').map((notice) => notice.message)).toEqual([
      `made 5 of 5 earlier settings and prepared statements of session ${record.sessionId('a')} again`,
    ]);
    expect(await target.sql(LOGGED)).toEqual(['set before', 'Q', '4MB', 'public, a by function']);
  },
);

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  '%s does not send a block again that set something before the window, and says so',
  async (ordering) => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', "DO $$ BEGIN SET a.b = 'x'; INSERT INTO log (who) VALUES ('again'); END $$", { at: 0 });
    record.run('a', "SET application_name = 'set before'", { at: 1 });
    record.run('a', "INSERT INTO log (who) VALUES (current_setting('application_name'))", { at: 100 });
    await record.store(bench.journal);
    const run = await bench.run(target, {
      window: record.window(100, 200),
      ordering,
      ...(ordering === 'COMMIT' ? { restoreIds: false } : {}),
    });
    expect(await target.sql(LOGGED)).toEqual(['set before']);
    const said =
      'settings that 1 session has from before the window are not made again, since the statements that made them do more than set, or may: a.b';
    expect(run.notices('SESSION_PREPARED').map((notice) => notice.message)).toEqual([
      said,
      `made 1 of 1 earlier settings and prepared statements of session ${record.sessionId('a')} again`,
    ]);
    expect((await bench.engine.report(run.replay.id)).remarks).toContain(said);
  },
);

it.each(['TIMESTAMP', 'SESSION'] as const)(
  '%s refuses to include straddling transactions that take more memory than a run may',
  async (ordering) => {
    const record = new HandMadeRecord();
    const long = `SELECT '${'x'.repeat(1024 * 1024)}'`;
    record.run('a', 'BEGIN', { at: 10 });
    for (let at = 20; at < 53; at++) record.run('a', long, { at });
    record.run('a', 'COMMIT', { at: 120 });
    await record.store(bench.journal);
    const run = await bench.run(await bench.target(), { window: record.window(100, 200), ordering, edges: 'INCLUDE' });
    expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'LIMIT_EXCEEDED' } });
    expect(run.replay.error?.message).toMatch(/characters of transactions that straddle the window/);
    expect(run.outcomes).toEqual([]);
  },
);

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  '%s begins a straddling transaction that it includes with the settings of before it',
  async (ordering) => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', "SET application_name = 'outer'", { at: 10 });
    record.run('a', 'BEGIN', { at: 20 });
    const said = "INSERT INTO log (who) SELECT current_setting('application_name')";
    record.run('a', said, { at: 21 });
    record.run('a', "SET application_name = 'inner'", { at: 22 });
    record.run('a', said, { at: 110 });
    record.run('a', 'COMMIT', { at: 120 });
    await record.store(bench.journal);
    const run = await bench.run(target, { window: record.window(100, 200), ordering, edges: 'INCLUDE' });
    expect(run.replay.state).toBe('COMPLETED');
    expect(await target.sql(LOGGED)).toEqual(['outer', 'inner']);
  },
);

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  '%s begins an included transaction with what was set before it at the very time of its BEGIN, not with its own settings',
  async (ordering) => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    const said = "INSERT INTO log (who) SELECT current_setting('application_name')";
    record.run('a', "SET application_name = 'outer'", { at: 10 });
    record.run('a', 'BEGIN', { at: 10 });
    record.run('a', said, { at: 10 });
    record.run('a', "SET application_name = 'inner'", { at: 10 });
    record.run('a', said, { at: 110 });
    record.run('a', 'COMMIT', { at: 120 });
    await record.store(bench.journal);
    const run = await bench.run(target, { window: record.window(100, 200), ordering, edges: 'INCLUDE' });
    expect(run.replay.state).toBe('COMPLETED');
    expect(await target.sql(LOGGED)).toEqual(['outer', 'inner']);
  },
);

it.each([
  ['has nothing in the window', []],
  ['goes on in the window', ['SELECT 1']],
])(
  'COMMIT begins a transaction of which only the end lies in the window with the settings of before it, where its session %s',
  async (_, later) => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    const said = "INSERT INTO log (who) SELECT current_setting('application_name')";
    record.run('a', "SET application_name = 'outer'", { at: 10 });
    record.run('a', 'BEGIN', { at: 10 });
    record.run('a', said, { at: 11 });
    record.run('a', "SET application_name = 'inner'", { at: 12 });
    record.run('a', 'COMMIT', { at: 90, durationMs: 20 });
    for (const statement of later) record.run('a', statement, { at: 120 });
    await record.store(bench.journal);
    const run = await bench.run(target, { window: record.window(100, 200), ordering: 'COMMIT' });
    expect(run.replay.state).toBe('COMPLETED');
    expect(await target.sql(LOGGED)).toEqual(['outer']);
  },
);

it.each(['TIMESTAMP', 'SESSION'] as const)(
  '%s sets the savepoints again that stand in a transaction where it is cut',
  async (ordering) => {
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN ISOLATION LEVEL REPEATABLE READ -- by hand', { at: 0 });
    record.run('a', 'SAVEPOINT whole');
    record.run('a', 'SAVEPOINT gone');
    record.run('a', 'RELEASE gone');
    record.run('a', 'SAVEPOINT "In ""ner"');
    record.run('a', 'SAVEPOINT undone');
    record.run('a', 'ROLLBACK TO "In ""ner"');
    record.run('a', 'SELECT broken', { fails: '42703' });
    record.run('a', 'ROLLBACK TO "In ""ner"', { at: 10 });
    record.run('a', log('kept'));
    record.run('a', 'RELEASE "In ""ner"');
    record.run('a', 'SAVEPOINT again');
    record.run('a', 'RELEASE SAVEPOINT undone', { fails: '3B001' });
    record.run('a', 'ROLLBACK TO again');
    record.run('a', 'RELEASE whole');
    record.run('a', 'COMMIT');
    await record.store(bench.journal);
    const target = await bench.target(SCHEMA);
    const run = await bench.run(target, { window: record.window(10), ordering });
    expect(run.outcomes.filter(({ verdict }) => verdict !== 'SAME')).toEqual([]);
    expect(await target.sql(LOGGED)).toEqual(['kept']);
    expect(run.notices('TRANSACTION_CUT')).toHaveLength(1);
  },
);
