import { expect, it } from 'vitest';
import { add, LOGGED, log, ITEM_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord, type Place } from '../support/record.ts';
import { untilFreezable, useBench } from '../support/replay.ts';

const SESSION = { ordering: 'SESSION' } as const;

const bench = useBench();

it('a wait for a prepared transaction that nothing ends is cancelled with the plan, whatever statement_timeout the record has set', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  const name = record.preparedName('a');
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
  const name = record.preparedName('a');
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

/** Waits until somebody has such a lock in the target. */
const until = (lock: string) => `DO $$ BEGIN WHILE NOT EXISTS (
    SELECT FROM pg_locks WHERE granted AND ${lock} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  ) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$`;
const VACUUM_BEGINS = until("relation = 'item'::regclass AND mode = 'ShareUpdateExclusiveLock'");

/** Session a has a cursor on a page that VACUUM in session b waits for; no statement_timeout ends anything. */
function vacuumBehindCursor(): { readonly record: HandMadeRecord; readonly vacuum: Place } {
  const record = new HandMadeRecord();
  for (const session of ['a', 'b', 'c']) record.run(session, 'SET statement_timeout = 0', { at: 0, durationMs: 0.1 });
  record.run('b', until("locktype = 'advisory' AND objid = 1"), { at: 1, durationMs: 6 });
  record.run('a', 'BEGIN', { at: 2 });
  record.run('a', 'DECLARE c CURSOR FOR SELECT id FROM item', { at: 3 });
  record.run('a', 'FETCH 1 FROM c', { at: 4 });
  record.run('a', 'SELECT pg_advisory_lock(1)', { at: 5 });
  return { record, vacuum: record.run('b', 'VACUUM (FREEZE) item', { at: 8, durationMs: 50 }) };
}

it.each([
  ['the plan is over', false],
  ['the dispatcher waits for its end', true],
])('VACUUM is cancelled that waits for a page of a session that waits for it, where %s', async (_, syncCommits) => {
  const target = await bench.target(SCHEMA);
  await untilFreezable(await target.connect(), 'item');
  const { record, vacuum } = vacuumBehindCursor();
  record.run('a', VACUUM_BEGINS, { at: 10 });
  record.run('a', 'LOCK TABLE item IN SHARE UPDATE EXCLUSIVE MODE', { at: 11 });
  record.run('a', log('a'), { at: 12 });
  record.run('a', 'COMMIT', { at: 13 });
  record.run('c', log('c'), { at: 100 });
  const window = await record.store(bench.journal);
  const input = { window, ...SESSION, syncCommits, statementTimeoutMs: 500, runTimeoutMs: 10_000 };
  const run = await bench.run(target, input);
  expect(run.replay.summary).toMatchObject({ planned: 14, succeeded: 13, failed: 1 });
  expect(run.outcome(vacuum)).toMatchObject({ status: 'FAILED', sqlstate: '57014' });
  expect([...(await target.sql(LOGGED))].sort()).toEqual(['a', 'c']);
});

it('syncCommits never waits for what waits for a VACUUM that waits for a cursor of a session that waits for it', async () => {
  const target = await bench.target(SCHEMA);
  await untilFreezable(await target.connect(), 'item');
  const { record } = vacuumBehindCursor();
  record.run('c', VACUUM_BEGINS, { at: 9, durationMs: 0.1 });
  record.run('c', 'ANALYZE item', { at: 10, durationMs: 40 });
  record.run('a', 'COMMIT', { at: 100 });
  const window = await record.store(bench.journal);
  const run = await bench.run(target, { window, ...SESSION, syncCommits: true, runTimeoutMs: 10_000 });
  expect(run.replay.summary).toMatchObject({ planned: 12, succeeded: 12 });
});
