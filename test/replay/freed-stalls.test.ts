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
const RECORDED = { mode: 'RECORDED', speed: 1, maxIdleMs: null } as const;

const bench = useBench();

it('what is late because a freed session is waited for is late by a lock or the target', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('c', 'SELECT 0', { at: 0 });
  record.run('a', 'BEGIN', { at: 50 });
  record.run('a', 'SELECT pg_advisory_xact_lock(7)', { at: 60 });
  record.run('b', 'SELECT pg_advisory_xact_lock(7), pg_sleep(0.4)', { at: 70 });
  for (let at = 300; at < 600; at += 50) record.run('c', 'SELECT 1', { at });
  record.run('a', 'ROLLBACK', { at: 650 });
  const late = ['c', 'd', 'e'].map((session, index) => record.run(session, "SELECT 'late'", { at: 655 + 5 * index }));
  const run = await bench.run(target, { window: await record.store(bench.journal), pace: RECORDED });
  for (const place of late) expect(['LOCK', 'TARGET']).toContain(run.outcome(place).lagCause);
});

it('a session that ends with a skipped statement frees what waits before the walk goes on', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('b', `WITH u AS (${add(1)} RETURNING 1) INSERT INTO log (who) SELECT 'b' FROM u, pg_sleep(0.05)`);
  record.run('a', 'COPY item FROM STDIN', { unreplayable: 'COPY_DATA' });
  record.run('c', log('c'));
  await bench.run(target, { window: await record.store(bench.journal) });
  expect(await target.sql(LOGGED)).toEqual(['b', 'c']);
});

it('a stalled session that ends with its statement frees what waits behind it before the walk goes on', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  // Its backend takes a while to go, and holds its locks until it has.
  record.run(
    'b',
    `DO $$ BEGIN FOR i IN 1..400 LOOP EXECUTE 'CREATE TEMP TABLE t' || i || ' (id int PRIMARY KEY)'; END LOOP; END $$`,
  );
  record.run('a', 'SELECT pg_advisory_lock(7)');
  record.run('b', 'SELECT pg_advisory_lock(7)');
  record.run('c', 'SELECT pg_advisory_lock(7)');
  record.run('c', log('c'));
  record.run('a', 'SELECT pg_advisory_unlock(7)');
  record.run('d', log('d'));
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ succeeded: 7, stalls: 2 });
  expect(await target.sql(LOGGED)).toEqual(['c', 'd']);
});

it('a stalled session that waits for another client only, once the replay has freed its part, holds the walk', async () => {
  const target = await bench.target(SCHEMA);
  const outsider = await target.connect();
  await outsider.query('BEGIN; LOCK TABLE item IN ACCESS SHARE MODE');
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'LOCK TABLE item IN ACCESS SHARE MODE');
  record.run('b', 'BEGIN');
  record.run('b', 'LOCK TABLE item IN ACCESS EXCLUSIVE MODE');
  record.run('b', log('b'));
  record.run('b', 'COMMIT');
  const frees = record.run('a', 'COMMIT');
  record.run('c', log('c'));
  const run = await bench.start(target, { window: await record.store(bench.journal) });
  await run.event(
    (event) =>
      event.kind === 'OUTCOME' && event.transactionId === frees.transactionId && event.key.sequence === frees.sequence,
  );
  await outsider.query('COMMIT');
  expect((await run.ended()).replay.summary).toMatchObject({ succeeded: 8, stalls: 1 });
  expect(await target.sql(LOGGED)).toEqual(['b', 'c']);
});

it('a statement that waits for VACUUM, which waits for a page of the replay, is stalled as well', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'DECLARE c CURSOR FOR SELECT id FROM item');
  record.run('a', 'FETCH 1 FROM c');
  record.run('b', 'VACUUM (FREEZE) item');
  record.run('c', 'ANALYZE item');
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), statementTimeoutMs: 10_000 });
  expect(run.replay.summary).toMatchObject({ succeeded: 6, stalls: 2 });
});
it('what queued behind a stall that ended by itself is sent at once, not with the next entry of the schedule', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 0 });
  record.run('a', add(1), { at: 1 });
  record.run('b', 'SET statement_timeout = 200', { at: 2 });
  record.run('b', add(1), { at: 3 });
  record.run('b', log('b'), { at: 4 });
  record.run('c', log('c'), { at: 1_500 });
  record.run('a', 'COMMIT', { at: 1_510 });
  await bench.run(target, { window: await record.store(bench.journal), pace: RECORDED });
  expect(await target.sql(LOGGED)).toEqual(['b', 'c']);
});

it('a session that is lost while nothing of it is under way frees what waits for it', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'SET idle_in_transaction_session_timeout = 300', { at: 0 });
  record.run('a', 'BEGIN', { at: 1 });
  record.run('a', add(1), { at: 2 });
  record.run('b', add(1), { at: 3 });
  record.run('b', log('b'), { at: 4 });
  record.run('c', log('c'), { at: 1_500 });
  record.run('a', 'COMMIT', { at: 1_510 });
  await bench.run(target, { window: await record.store(bench.journal), pace: RECORDED });
  expect(await target.sql(LOGGED)).toEqual(['b', 'c']);
});

