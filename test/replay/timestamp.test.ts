import { expect, it } from 'vitest';
import { LOG_SCHEMA as LOG, LOGGED, log } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();

it('statements of several sessions run one after another in the order of the record', async () => {
  const target = await bench.target(LOG);
  const record = new HandMadeRecord();
  const order: string[] = [];
  for (let step = 0; step < 60; step++) {
    const who = `${'abc'[(step * 7) % 3]}${step}`;
    order.push(who);
    record.run(who[0] as string, log(who));
  }
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.state).toBe('COMPLETED');
  expect(run.states).toEqual(['CONNECTING', 'RUNNING', 'COMPLETED']);
  expect(run.outcomes.map((event) => event.ordinal)).toEqual(order.map((_, index) => index + 1));
  expect(run.events.map((event) => event.seq)).toEqual(run.events.map((_, index) => index + 1));
  expect(run.replay.summary).toMatchObject({ planned: 60, succeeded: 60, failed: 0, connectionsOpened: 3 });
  expect(await target.sql(LOGGED)).toEqual(order);
});

it('entries of one timestamp keep the order in which their transactions began', async () => {
  const target = await bench.target(LOG);
  const record = new HandMadeRecord();
  for (const session of ['c', 'a', 'b']) record.run(session, log(session), { at: 5 });
  await bench.run(target, { window: await record.store(bench.journal) });
  expect(await target.sql(LOGGED)).toEqual(['c', 'a', 'b']);
});

it('each recorded session has its own connection: transactions and settings stay apart', async () => {
  const target = await bench.target(`${LOG}; CREATE TABLE t (v text)`);
  const record = new HandMadeRecord();
  record.run('a', "SET application_name = 'is a'");
  record.run('b', "SET application_name = 'is b'");
  record.run('a', 'BEGIN');
  record.run('a', "INSERT INTO t VALUES ('undone')");
  record.run('b', "INSERT INTO t VALUES (current_setting('application_name'))");
  record.run('a', "INSERT INTO log (who) VALUES (current_setting('application_name'))");
  record.run('a', 'ROLLBACK');
  record.run('a', "INSERT INTO t VALUES (current_setting('application_name'))");
  await bench.run(target, { window: await record.store(bench.journal) });
  expect(await target.sql('SELECT v FROM t ORDER BY v')).toEqual(['is a', 'is b']);
});

it('a connection closes when the record of its session ends', async () => {
  const target = await bench.target(LOG);
  const record = new HandMadeRecord();
  record.run('a', "SET application_name = 'session a'");
  record.run('a', 'SELECT 1');
  record.run(
    'b',
    `INSERT INTO log (who) SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'session a'`,
  );
  await bench.run(target, { window: await record.store(bench.journal) });
  expect(await target.sql(LOGGED)).toEqual(['0']);
});

it('an open transaction is rolled back when the record of its session ends, and a notice says so', async () => {
  const target = await bench.target(LOG);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', log('never'));
  // Would wait for the lock if the transaction stayed open.
  record.run('b', 'LOCK TABLE log IN ACCESS EXCLUSIVE MODE', { fails: '25P01' });
  record.run('b', 'TRUNCATE log');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.state).toBe('COMPLETED');
  expect(run.notices('TRANSACTION_CLOSED').map((notice) => notice.sessionId)).toEqual([record.sessionId('a')]);
  expect(run.notices('STALL')).toEqual([]);
  expect(await target.sql(LOGGED)).toEqual([]);
});

it('entries that come into the window during the run are not part of it', async () => {
  const target = await bench.target(`${LOG}; CREATE TABLE gate ()`);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 0 });
  record.run('a', 'LOCK TABLE gate', { at: 1 });
  record.run('a', log('planned'), { at: 10 });
  record.run('a', 'COMMIT', { at: 20 });
  const window = await record.store(bench.journal);
  const outsider = await target.connect();
  await outsider.query('BEGIN; LOCK TABLE gate');
  const run = await bench.start(target, { window });
  await run.event((event) => event.kind === 'OUTCOME');
  record.run('a', log('late, known session'), { at: 30 });
  record.run('late', log('late, new session'), { at: 31 });
  await record.store(bench.journal);
  await outsider.query('COMMIT');
  const ended = await run.ended();
  expect(ended.brief).toEqual(['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
  expect(ended.replay.summary.planned).toBe(4);
  expect(ended.notices('TRANSACTION_CLOSED')).toEqual([]);
  expect(await target.sql(LOGGED)).toEqual(['planned']);
});

it('a plan of many pages is walked whole and in order', async () => {
  const target = await bench.target(LOG);
  const record = new HandMadeRecord();
  const count = 2_500;
  for (let step = 0; step < count; step++) record.run(step % 2 === 0 ? 'a' : 'b', log(String(step)));
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ planned: count, succeeded: count });
  expect(
    await target.sql(
      'SELECT count(*) FROM (SELECT who::int - lag(who::int) OVER (ORDER BY n) AS step FROM log) WHERE step <> 1',
    ),
  ).toEqual(['0']);
});
