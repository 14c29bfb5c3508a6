import { expect, it } from 'vitest';
import { LOGGED, log, LOG_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const setting = (name: string) => `INSERT INTO log (who) VALUES (current_setting('${name}'))`;
/** Ends every other session of the replay, the monitor apart. */
const KILL_OTHERS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
  AND pid <> pg_backend_pid() AND application_name LIKE 'reprise %' AND application_name NOT LIKE '% monitor'`;
const KILL_SELF = 'SELECT pg_terminate_backend(pg_backend_pid())';

const bench = useBench();

it('sessions without a transaction and without state lend their connections, and their settings follow them', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (const session of ['a', 'b', 'c']) record.run(session, `SET application_name = 'session ${session}'`);
  record.run('a', 'PREPARE p AS SELECT 1');
  record.run('b', "SELECT set_config('application_name', $1, false)", {
    parameters: [{ kind: 'text', value: 'by function', oid: null }],
  });
  for (const session of ['a', 'b', 'c']) record.run(session, setting('application_name'));
  record.run('a', 'EXECUTE p');
  const run = await bench.run(target, { window: await record.store(bench.journal), maxConnections: 2 });
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(run.replay.summary).toMatchObject({ planned: 9, succeeded: 9 });
  expect(run.notices('SESSION_PREPARED').every((notice) => !notice.message.includes('failed'))).toBe(true);
  expect(await target.sql(LOGGED)).toEqual(['session a', 'by function', 'session c']);
});

it.each([
  ['an open transaction', 'BEGIN'],
  ['a temporary table', 'CREATE TEMP TABLE t (v int)'],
  ['an advisory lock', 'SELECT pg_advisory_lock(1), pg_advisory_lock(2), pg_advisory_unlock(1)'],
  ['LISTEN', 'LISTEN somewhere'],
  ['a cursor WITH HOLD', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1'],
  ['a setting of a query that does more', "SELECT set_config('a.b', pg_backend_pid()::text, false)"],
])('%s keeps its connection; when another is needed beyond the limit the run fails', async (_, statement) => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', statement);
  record.run('b', log('b'));
  record.run('a', 'SELECT 1');
  const run = await bench.run(target, { window: await record.store(bench.journal), maxConnections: 2 });
  expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'CONNECTION_LIMIT' } });
  expect(run.replay.error?.message).toContain('maxConnections is 2');
  expect(run.brief).toEqual(['SUCCEEDED']);
});

it.each([
  ['temporary tables', 'CREATE TEMP TABLE t (v int)', 'DISCARD ALL'],
  ['advisory locks', 'SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_unlock(1)'],
  ['LISTEN', 'LISTEN somewhere', 'UNLISTEN *'],
])('%s that were given up keep no connection', async (_, take, give) => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', take);
  record.run('a', give);
  record.run('b', log('b'));
  record.run('a', log('a'));
  const run = await bench.run(target, { window: await record.store(bench.journal), maxConnections: 2 });
  expect(run.replay.state).toBe('COMPLETED');
  expect(await target.sql(LOGGED)).toEqual(['b', 'a']);
});

it.each(['TIMESTAMP', 'SESSION'] as const)(
  '%s: never more connections are open than maxConnections',
  async (ordering) => {
    const target = await bench.target(`${SCHEMA};
    CREATE FUNCTION seen() RETURNS int LANGUAGE sql AS $$
      SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' $$`);
    const record = new HandMadeRecord();
    for (let step = 0; step < 60; step++)
      record.run(`s${step % 20}`, 'INSERT INTO log (who) SELECT seen() FROM pg_sleep(0.005)');
    const run = await bench.run(target, { window: await record.store(bench.journal), ordering, maxConnections: 6 });
    expect(run.replay.summary).toMatchObject({ planned: 60, succeeded: 60 });
    const [most] = await target.sql('SELECT max(who::int) FROM log');
    expect(Number(most)).toBeLessThanOrEqual(6);
  },
);

it('a connection that is lost while nothing is open on it is opened again, with its settings', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', "SET application_name = 'a'");
  record.run('a', "SET work_mem = '111kB'");
  record.run('a', 'CREATE TEMP TABLE t (v int)');
  record.run('a', "SET application_name = 'reprise a'");
  record.run('b', KILL_OTHERS, { rows: 1 });
  // The news has to arrive: a statement that is on its way meanwhile would be UNKNOWN.
  record.run('b', 'SELECT pg_sleep(0.2)');
  record.run('a', setting('work_mem'));
  const inTable = record.run('a', 'INSERT INTO t VALUES (1)');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ succeeded: 7, failed: 1, unknown: 0, skipped: 0 });
  const { host, port } = target;
  const why = `target ${host}:${port}/${target.name}: connection lost: terminating connection due to administrator command (57P01)`;
  expect(run.notices('CONNECTION_LOST').map((notice) => notice.message)).toEqual([
    `the connection of session ${record.sessionId('a')} was lost, and with it temporary tables (${why})`,
  ]);
  expect(run.notices('CONNECTION_REOPENED').map((notice) => notice.sessionId)).toEqual([record.sessionId('a')]);
  expect(run.outcome(inTable).sqlstate).toBe('42P01');
  expect(await target.sql(LOGGED)).toEqual(['111kB']);
});

it.each([
  [
    'a query that writes',
    "WITH u AS (INSERT INTO log (who) VALUES ('x') RETURNING who) SELECT set_config('a.b', who, false) FROM u",
  ],
  ['a block', "DO $$ BEGIN SET a.b = 'x'; INSERT INTO log (who) VALUES ('x'); END $$"],
  ['a SELECT of more', "SELECT set_config('a.b', 'x', false), noted('x')"],
])('%s that also sets something is not sent again when its connection is lost', async (_, statement) => {
  const target = await bench.target(
    `${SCHEMA}; CREATE FUNCTION noted(text) RETURNS void LANGUAGE sql AS 'INSERT INTO log (who) VALUES ($1)'`,
  );
  const record = new HandMadeRecord();
  record.run('a', "SET application_name = 'reprise a'");
  record.run('a', statement);
  record.run('b', KILL_OTHERS, { rows: 1 });
  record.run('b', 'SELECT pg_sleep(0.2)');
  record.run('a', setting('application_name'));
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ succeeded: 5, failed: 0, unknown: 0, skipped: 0 });
  expect(await target.sql(LOGGED)).toEqual(['x', 'reprise a']);
  expect(run.notices('CONNECTION_LOST').map((notice) => notice.message)).toEqual([
    expect.stringContaining('was lost, and with it settings of statements that do more than set ('),
  ]);
});

it('with a transaction open, the statement under way is UNKNOWN, the rest of the transaction is skipped, the next runs', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', log('lost'));
  record.run('a', KILL_SELF);
  record.run('a', log('skipped'));
  record.run('b', log('b'));
  record.run('a', 'COMMIT');
  record.run('a', 'BEGIN');
  record.run('a', log('next'));
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.brief).toEqual([
    'SUCCEEDED',
    'SUCCEEDED',
    'UNKNOWN',
    'SKIPPED TRANSACTION_LOST',
    'SUCCEEDED',
    'SKIPPED TRANSACTION_LOST',
    'SUCCEEDED',
    'SUCCEEDED',
    'SUCCEEDED',
  ]);
  expect(run.replay.summary).toMatchObject({ planned: 9, succeeded: 6, unknown: 1, skipped: 2 });
  expect(await target.sql(LOGGED)).toEqual(['b', 'next']);
});

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  '%s: a transaction whose idle connection was lost is skipped to its end, not run without its beginning',
  async (ordering) => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN', { at: 0 });
    record.run('a', log('lost'), { at: 1 });
    // At recorded pace the connection dies in the pause between two statements of its transaction.
    record.run('a', log('skipped'), { at: 1_500 });
    record.run('a', 'COMMIT', { at: 1_501 });
    record.run('a', log('next'), { at: 1_502 });
    const run = await bench.start(target, {
      window: await record.store(bench.journal),
      ordering,
      pace: { mode: 'RECORDED', speed: 1, maxIdleMs: null },
      ...(ordering === 'COMMIT' ? { restoreIds: false } : {}),
    });
    await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 2);
    await target.sql(KILL_OTHERS);
    const ended = await run.ended();
    expect(ended.brief).toEqual([
      'SUCCEEDED',
      'SUCCEEDED',
      'SKIPPED TRANSACTION_LOST',
      'SKIPPED TRANSACTION_LOST',
      'SUCCEEDED',
    ]);
    expect(await target.sql(LOGGED)).toEqual(['next']);
  },
);

it('an EXTENDED statement that was named is parsed again on another connection', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  const text = (value: string) => [{ kind: 'text', value, oid: null }] as const;
  record.run('a', 'INSERT INTO log (who) VALUES ($1)', { name: 'q', parameters: text('one') });
  record.run('b', log('b'));
  record.run('a', 'INSERT INTO log (who) VALUES ($1)', { name: 'q', parameters: text('two') });
  const run = await bench.run(target, { window: await record.store(bench.journal), maxConnections: 2 });
  expect(run.replay.summary).toMatchObject({ succeeded: 3 });
  expect(await target.sql(LOGGED)).toEqual(['one', 'b', 'two']);
});

it('a session that kills its own connection again and again does not end the run', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (let round = 0; round < 8; round++) {
    record.run('a', KILL_SELF);
    record.run('b', log(String(round)));
  }
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ succeeded: 8, unknown: 8 });
  expect(run.notices('CONNECTION_REOPENED')).toHaveLength(7);
});

it('sessions that all keep state take turns on the connections that there are, in SESSION ordering', async () => {
  const target = await bench.target();
  const record = new HandMadeRecord();
  const sessions = Array.from({ length: 60 }, (_, n) => `s${n}`);
  for (const session of sessions) record.run(session, 'CREATE TEMP TABLE own (n int)');
  for (const session of sessions) record.run(session, 'INSERT INTO own VALUES (1)');
  const input = { window: await record.store(bench.journal), ordering: 'SESSION', maxConnections: 4 } as const;
  const run = await bench.run(target, input);
  expect(run.replay).toMatchObject({ state: 'COMPLETED', summary: { succeeded: 120 } });
});

it('what the target ends idle sessions and long transactions by does not end those that the replay keeps waiting', async () => {
  const target = await bench.target(SCHEMA);
  const timeouts = {
    idle_in_transaction_session_timeout: '100ms',
    idle_session_timeout: '100ms',
    transaction_timeout: '1h',
  };
  for (const [name, value] of Object.entries(timeouts))
    await target.sql(`ALTER DATABASE "${target.name}" SET ${name} = '${value}'`);
  const record = new HandMadeRecord();
  record.run('a', 'RESET ALL');
  record.run('c', 'SELECT 1');
  record.run('a', 'BEGIN');
  record.run('a', log('a'));
  record.run('b', 'SELECT pg_sleep(0.5)');
  for (const name of Object.keys(timeouts)) record.run('a', setting(name));
  record.run('a', 'COMMIT');
  record.run('c', log('c'));
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.notices('CONNECTION_LOST')).toEqual([]);
  expect(run.replay.summary).toMatchObject({ planned: 10, succeeded: 10 });
  expect(await target.sql(LOGGED)).toEqual(['a', '0', '0', '0', 'c']);
});

it('a recorded timeout of idle sessions ends them as it did', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', "SET idle_session_timeout = '100ms'");
  record.run('b', 'SELECT pg_sleep(0.5)');
  record.run('a', log('a'));
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.notices('CONNECTION_LOST').map(({ message }) => message)).toEqual([expect.stringContaining('57P05')]);
  expect(run.brief).toEqual(Array(3).fill('SUCCEEDED'));
});

it.each(['TIMESTAMP', 'SESSION'] as const)(
  '%s: what is prepared again on another connection may wait for a lock of the replay',
  async (ordering) => {
    const target = await bench.target(`${SCHEMA}; CREATE TABLE locked (v text)`);
    const record = new HandMadeRecord();
    record.run('b', 'PREPARE p AS INSERT INTO locked VALUES (1)');
    record.run('b', KILL_SELF);
    record.run('a', 'BEGIN');
    record.run('a', 'LOCK TABLE locked IN ACCESS EXCLUSIVE MODE');
    record.run('b', 'EXECUTE p');
    record.run('a', 'SELECT pg_sleep(0.3)');
    record.run('a', log('a'));
    record.run('a', 'COMMIT');
    const window = await record.store(bench.journal);
    const run = await bench.run(target, { window, ordering, statementTimeoutMs: 5_000, inFlight: 1 });
    expect(run.brief).toEqual(['SUCCEEDED', 'UNKNOWN', ...Array(6).fill('SUCCEEDED')]);
    expect(await target.sql('SELECT v FROM locked')).toEqual(['1']);
  },
);

it('COMMIT: what is prepared again on another connection may wait for a lock of somebody else', async () => {
  const target = await bench.target(`${SCHEMA}; CREATE TABLE locked (v text)`);
  const outsider = await target.connect();
  await outsider.query('BEGIN; LOCK TABLE locked IN ACCESS EXCLUSIVE MODE');
  const record = new HandMadeRecord();
  record.run('b', 'PREPARE p AS INSERT INTO locked VALUES (1)', { at: 0 });
  record.run('b', 'EXECUTE p', { at: 100 });
  await record.store(bench.journal);
  const run = await bench.start(target, { window: record.window(50), ordering: 'COMMIT', restoreIds: false });
  await run.event((event) => event.kind === 'NOTICE' && event.code === 'SESSION_PREPARED');
  await outsider.query('COMMIT');
  expect((await run.ended()).brief).toEqual(['SUCCEEDED']);
  expect(await target.sql('SELECT v FROM locked')).toEqual(['1']);
});
