import { expect, it } from 'vitest';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const SCHEMA = `
  CREATE TABLE log (n bigint GENERATED ALWAYS AS IDENTITY, who text);
  CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL);
  INSERT INTO item SELECT id, 0 FROM generate_series(1, 9) AS id`;
const log = (who: string) => `INSERT INTO log (who) VALUES ('${who}')`;
const LOGGED = 'SELECT who FROM log ORDER BY n';
const add = (id: number, by = 1) => `UPDATE item SET v = v + ${by} WHERE id = ${id}`;
const SESSION = { ordering: 'SESSION' } as const;

const bench = useBench();

it('a wait for a prepared transaction that nothing ends is cancelled with the plan, whatever statement_timeout the record has set', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  const name = `${record.sessionId('a')} of ${process.pid}`;
  record.run('a', 'BEGIN', { at: 0, durationMs: 0.1 });
  record.run('a', add(1), { at: 1, durationMs: 0.1 });
  record.run('a', `PREPARE TRANSACTION '${name}'`, { at: 2, durationMs: 0.1 });
  record.run('b', 'SET statement_timeout = 0', { at: 3, durationMs: 0.1 });
  const waits = record.run('b', add(1, 10), { at: 4, durationMs: 0.1 });
  record.run('b', log('b'), { at: 4.5, durationMs: 0.1 });
  const window = await record.store(bench.journal);
  const input = { window, ...SESSION, syncCommits: true, statementTimeoutMs: 500, runTimeoutMs: 10_000 };
  const run = await bench.run(target, input);
  await target.sql(`ROLLBACK PREPARED '${name}'`);
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(run.outcome(waits)).toMatchObject({ status: 'FAILED', sqlstate: '57014' });
  expect(await target.sql(LOGGED)).toEqual(['b']);
});

it('a wait for a prepared transaction is not cancelled as long as a session that gets on may end that', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  const name = `${record.sessionId('a')} of ${process.pid}`;
  for (const session of ['b', 'c']) record.run(session, 'SET statement_timeout = 0', { at: 0, durationMs: 0.1 });
  record.run('a', 'BEGIN', { at: 1, durationMs: 0.1 });
  record.run('a', add(1), { at: 2, durationMs: 0.1 });
  record.run('a', `PREPARE TRANSACTION '${name}'`, { at: 3, durationMs: 0.1 });
  record.run('b', add(1, 10), { at: 4, durationMs: 900 });
  record.run('c', 'SELECT pg_sleep(1.5)', { at: 5, durationMs: 800 });
  record.run('c', `COMMIT PREPARED '${name}'`, { at: 6, durationMs: 799 });
  const window = await record.store(bench.journal);
  const run = await bench.run(target, { window, ...SESSION, syncCommits: true, statementTimeoutMs: 200 });
  expect(run.brief).toEqual(Array(8).fill('SUCCEEDED'));
  expect(await target.sql('SELECT v FROM item WHERE id = 1')).toEqual(['11']);
});

it('connections that cannot suffice end the run also where a statement waits for a lock of a session that waits for the run', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('b', 'SET statement_timeout = 0', { at: 0, durationMs: 0.1 });
  record.run('a', 'BEGIN', { at: 1, durationMs: 0.1 });
  record.run('a', add(1), { at: 2, durationMs: 0.1 });
  record.run('b', 'BEGIN', { at: 10, durationMs: 0.1 });
  record.run('b', `${add(1)} RETURNING pg_sleep(0)`, { at: 11, durationMs: 50 });
  // It has no connection, and the COMMIT that would give one free has to wait for it.
  record.run('c', log('c'), { at: 12, durationMs: 0.1 });
  record.run('a', 'COMMIT', { at: 20, durationMs: 0.1 });
  record.run('b', 'COMMIT', { at: 70, durationMs: 0.1 });
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    ...SESSION,
    syncCommits: true,
    maxConnections: 3,
    runTimeoutMs: 10_000,
  });
  expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'CONNECTION_LIMIT' } });
});

it('where no more may wait, what waits for the dispatcher itself is cancelled, whatever statement_timeout the record has set', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (const session of ['a', 'b']) record.run(session, 'SET statement_timeout = 0');
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('b', add(1, 10));
  for (let step = 0; step < 11_500; step++) record.run('b', 'SELECT 1');
  record.run('a', 'COMMIT');
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    ...SESSION,
    scale: 20,
    statementTimeoutMs: 500,
    runTimeoutMs: 60_000,
  });
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(run.replay.summary).toMatchObject({ planned: 20 * 11_506, skipped: 0, unknown: 0 });
  expect(run.outcomes.filter(({ sqlstate }) => sqlstate === '57014').length).toBeGreaterThan(0);
}, 120_000);
