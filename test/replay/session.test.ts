import { expect, it } from 'vitest';
import { LOGGED, log, ITEM_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { untilFreezable, untilRunning, untilTrue, useBench } from '../support/replay.ts';

const SESSION = { ordering: 'SESSION' } as const;

const bench = useBench();

it('sessions run at once, each in its own order', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (let step = 0; step < 200; step++) record.run(`s${step % 5}`, log(`s${step % 5} ${step}`));
  const run = await bench.run(target, { window: await record.store(bench.journal), ...SESSION });
  expect(run.states).toEqual(['CONNECTING', 'RUNNING', 'COMPLETED']);
  expect(run.replay.summary).toMatchObject({ planned: 200, succeeded: 200, connectionsOpened: 5 });
  const logged = await target.sql(LOGGED);
  for (let session = 0; session < 5; session++) {
    const steps = logged.filter((who) => who.startsWith(`s${session} `)).map((who) => Number(who.split(' ')[1]));
    expect(steps).toEqual(Array.from({ length: 40 }, (_, index) => index * 5 + session));
  }
});

it('no session waits for another: one that sleeps holds nobody up', async () => {
  const target = await bench.target(SCHEMA);
  const outsider = await target.connect();
  await outsider.query('SELECT pg_advisory_lock(1)');
  const record = new HandMadeRecord();
  record.run('slow', 'SELECT pg_advisory_lock(1)');
  record.run('slow', log('slow'));
  record.run('a', log('a'));
  record.run('b', log('b'));
  const run = await bench.start(target, { window: await record.store(bench.journal), ...SESSION });
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 3);
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 4);
  await untilRunning(outsider, 'pg_advisory_lock(1)');
  await outsider.query('SELECT pg_advisory_unlock(1)');
  const ended = await run.ended();
  expect(ended.replay.summary).toMatchObject({ succeeded: 4 });
  expect((await target.sql(LOGGED)).at(-1)).toBe('slow');
});

it('one that has thousands of statements behind a long one holds nobody up', async () => {
  const target = await bench.target(SCHEMA);
  const outsider = await target.connect();
  await outsider.query('SELECT pg_advisory_lock(1)');
  const record = new HandMadeRecord();
  record.run('slow', 'SELECT pg_advisory_lock(1)');
  for (let step = 0; step < 4_000; step++) record.run('slow', 'SELECT 1');
  record.run('a', log('a'));
  const run = await bench.start(target, { window: await record.store(bench.journal), ...SESSION });
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 4_002);
  await outsider.query('SELECT pg_advisory_unlock(1)');
  const ended = await run.ended();
  expect(ended.replay.summary).toMatchObject({ succeeded: 4_002 });
});

it('every recorded session can be run several times at once, and each copy is counted', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', log('a'));
  record.run('b', log('b'));
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), ...SESSION, scale: 3 });
  expect(run.replay.summary).toMatchObject({ planned: 12, succeeded: 12, connectionsOpened: 6 });
  expect(run.outcomes.map((event) => event.ordinal).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 12 }, (_, index) => index + 1),
  );
  expect(await target.sql('SELECT who, count(*) FROM log GROUP BY who ORDER BY who')).toEqual(['a|3', 'b|3']);
});

it('with syncCommits a statement waits for the transactions that had committed before it', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  // In the record the writer was quick; on the target it sleeps.
  record.run('a', "INSERT INTO log (who) SELECT 'slow' FROM pg_sleep(0.3)", { at: 0, durationMs: 1 });
  record.run('b', log('overlaps'), { at: 0.5, durationMs: 0.1 });
  record.run('c', 'INSERT INTO log (who) SELECT count(*)::text FROM log', { at: 10 });
  const input = { window: await record.store(bench.journal), ...SESSION };
  const run = await bench.run(target, { ...input, syncCommits: true });
  expect(run.replay.summary).toMatchObject({ succeeded: 3 });
  expect(await target.sql(LOGGED)).toEqual(['overlaps', 'slow', '2']);
});

it('with syncCommits a SELECT that may write is waited for as well', async () => {
  const target = await bench.target(
    `${SCHEMA}; CREATE FUNCTION write() RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(0.2); INSERT INTO log (who) VALUES ('written') $$`,
  );
  const record = new HandMadeRecord();
  record.run('a', 'SELECT write()', { at: 0, durationMs: 1 });
  record.run('b', log('b'), { at: 10 });
  await bench.run(target, { window: await record.store(bench.journal), ...SESSION, syncCommits: true });
  expect(await target.sql(LOGGED)).toEqual(['written', 'b']);
});

it('syncCommits never waits for a commit that waits for a lock of a session that waits for it', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 0 });
  record.run('a', 'UPDATE item SET v = 1 WHERE id = 1', { at: 1 });
  // Its duration is unknown: by the record it may have been over before the COMMIT that it waited for.
  // It looks at the row for a while, so that the other has locked it, whichever session connects first.
  record.run('b', 'UPDATE item SET v = v + 10 WHERE id = 1 AND pg_sleep(0.5) IS NOT NULL', { at: 2 });
  record.run('a', 'COMMIT', { at: 3 });
  const run = await bench.run(target, { window: await record.store(bench.journal), ...SESSION, syncCommits: true });
  expect(run.replay.summary).toMatchObject({ planned: 4, succeeded: 4, stalls: 1 });
  expect(run.notices('STALL').map((notice) => notice.sessionId)).toEqual([record.sessionId('b')]);
  expect(await target.sql('SELECT v FROM item WHERE id = 1')).toEqual(['11']);
});

it('a lost connection costs what was under way, not what waits behind it', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'SELECT pg_terminate_backend(pg_backend_pid())');
  for (let step = 0; step < 100; step++) record.run('a', log(`a ${step}`));
  const run = await bench.run(target, { window: await record.store(bench.journal), ...SESSION, inFlight: 4 });
  const { succeeded, unknown } = run.replay.summary;
  expect(succeeded + unknown).toBe(101);
  expect(unknown).toBeLessThanOrEqual(4);
  expect(run.notices('CONNECTION_LOST')).toHaveLength(1);
  expect(run.notices('CONNECTION_REOPENED')).toHaveLength(1);
  expect(await target.sql('SELECT count(*) FROM log')).toEqual([String(succeeded)]);
});

it('many sessions share what may be under way at once', async () => {
  const target = await bench.target(SCHEMA);
  const outsider = await target.connect();
  await outsider.query('BEGIN; UPDATE item SET v = 1 WHERE id = 1');
  const record = new HandMadeRecord();
  for (let n = 0; n < 39; n++) record.run(`s${n}`, 'UPDATE item SET v = 2 WHERE id = 1');
  record.run('a', "UPDATE item SET v = 3 WHERE id = 1 RETURNING 'a'");
  for (let step = 0; step < 300; step++) record.run('a', log(`a ${step}`));
  const watcher = await target.connect();
  const started = await bench.start(target, { window: await record.store(bench.journal), ...SESSION });
  const waiting = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  await untilTrue(watcher, `SELECT count(*) = 40 ${waiting}`);
  await watcher.query(`SELECT pg_terminate_backend(pid) ${waiting} AND query LIKE '%RETURNING ''a''%'`);
  await outsider.query('COMMIT');
  const run = await started.ended();
  const { succeeded, unknown } = run.replay.summary;
  expect(succeeded + unknown).toBe(340);
  // 4,096 over 40 of them.
  expect(unknown).toBeLessThanOrEqual(102);
});

it('at a connection limit sessions take turns, and the run does not end before all had theirs', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (let step = 0; step < 60; step++) {
    const session = `s${step % 12}`;
    record.run(session, 'BEGIN');
    record.run(session, log(session));
    record.run(session, 'COMMIT');
  }
  const run = await bench.run(target, { window: await record.store(bench.journal), ...SESSION, maxConnections: 3 });
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(run.replay.summary).toMatchObject({ planned: 180, succeeded: 180 });
  expect(await target.sql('SELECT count(*) FROM log GROUP BY who')).toEqual(Array(12).fill('5'));
});

it('a session that holds a lock gets its COMMIT, however many statements before it wait for a connection', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'UPDATE item SET v = v + 1 WHERE id = 1');
  record.run('b', 'UPDATE item SET v = v + 10 WHERE id = 1');
  for (let step = 0; step < 2_400; step++) record.run(`s${step % 30}`, 'SELECT 1');
  record.run('a', 'COMMIT');
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    ...SESSION,
    maxConnections: 3,
    statementTimeoutMs: 10_000,
  });
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(run.replay.summary).toMatchObject({ planned: 2_404, succeeded: 2_404 });
});

it('when the connections cannot suffice, the run fails and says so instead of waiting for ever', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 0, durationMs: 1 });
  record.run('b', log('b'), { at: 2, durationMs: 1 });
  record.run('a', log('a'), { at: 10, durationMs: 1 });
  record.run('a', 'COMMIT', { at: 12, durationMs: 1 });
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    ...SESSION,
    syncCommits: true,
    maxConnections: 2,
  });
  expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'CONNECTION_LIMIT' } });
});

it('syncCommits never waits for a commit that waits for a transaction that was prepared', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 0, durationMs: 0.1 });
  record.run('a', 'UPDATE item SET v = v + 1 WHERE id = 1', { at: 1, durationMs: 0.1 });
  record.run('a', `PREPARE TRANSACTION '${record.preparedName('a')}'`, { at: 2, durationMs: 0.1 });
  record.run('b', 'UPDATE item SET v = v + 10 WHERE id = 1', { at: 3, durationMs: 0.1 });
  record.run('a', `COMMIT PREPARED '${record.preparedName('a')}'`, { at: 4, durationMs: 0.1 });
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    ...SESSION,
    syncCommits: true,
    statementTimeoutMs: 10_000,
  });
  expect(run.replay.summary).toMatchObject({ succeeded: 5, stalls: 1 });
  expect(await target.sql('SELECT v FROM item WHERE id = 1')).toEqual(['11']);
});

it('syncCommits never waits for a VACUUM that waits for a page on which a cursor stands of a session that waits for it', async () => {
  const target = await bench.target(SCHEMA);
  await untilFreezable(await target.connect(), 'item');
  const record = new HandMadeRecord();
  // The lock lets VACUUM begin only when the cursor stands on the page.
  record.run('a', 'SELECT pg_advisory_lock(1)', { at: 0, durationMs: 0.1 });
  record.run('b', 'SELECT pg_advisory_lock(1)', { at: 1, durationMs: 5 });
  record.run('a', 'BEGIN', { at: 2 });
  record.run('a', 'DECLARE c CURSOR FOR SELECT id FROM item', { at: 3 });
  record.run('a', 'FETCH 1 FROM c', { at: 4 });
  record.run('a', 'SELECT pg_advisory_unlock(1)', { at: 5 });
  record.run('b', 'VACUUM (FREEZE) item', { at: 7, durationMs: 1 });
  record.run('a', 'COMMIT', { at: 50 });
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    ...SESSION,
    syncCommits: true,
    statementTimeoutMs: 10_000,
  });
  expect(run.replay.summary).toMatchObject({ planned: 8, succeeded: 8 });
  expect(run.notices('STALL').map(({ message }) => message)).toContain(
    `session ${record.sessionId('b')} waits for a page that a cursor of session ${record.sessionId('a')} may hold: its end is not waited for`,
  );
});

it('sessions that conflict all the time come to their end', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (let step = 0; step < 80; step++) {
    const session = `s${step % 8}`;
    record.run(session, 'BEGIN');
    record.run(session, `UPDATE item SET v = v + 1 WHERE id = ${1 + (step % 3)}`);
    record.run(session, 'UPDATE item SET v = v + 1 WHERE id = 9');
    record.run(session, 'COMMIT');
  }
  const run = await bench.run(target, { window: await record.store(bench.journal), ...SESSION });
  expect(run.replay.summary).toMatchObject({ planned: 320, succeeded: 320 });
  expect(await target.sql('SELECT v FROM item WHERE id = 9')).toEqual(['80']);
});

it('with syncCommits a statement waits for rollbacks too, whose locks it would meet otherwise', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 0, durationMs: 0.1 });
  record.run('a', 'UPDATE item SET v = 100 FROM pg_sleep(0.2) WHERE id = 1', { at: 1, durationMs: 0.1 });
  record.run('a', 'ROLLBACK', { at: 2, durationMs: 0.1 });
  record.run('a', log('a'), { at: 3, durationMs: 0.1 });
  record.run('b', 'BEGIN', { at: 4, durationMs: 0.1 });
  record.run('b', 'UPDATE item SET v = v + 1 WHERE id = 1', { at: 5, durationMs: 0.1 });
  record.run('b', 'COMMIT', { at: 6, durationMs: 0.1 });
  record.run('c', 'INSERT INTO log (who) SELECT count(*)::text FROM log', { at: 7, durationMs: 0.1 });
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    ...SESSION,
    syncCommits: true,
    inFlight: 1,
  });
  expect(run.replay.summary).toMatchObject({ succeeded: 8, stalls: 0 });
  expect(await target.sql(LOGGED)).toEqual(['a', '1']);
});

it('syncCommits never waits for a commit that waits for a lock that a function took in a session that waits for it', async () => {
  const target = await bench.target(`
    CREATE FUNCTION take() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(7)';
    CREATE FUNCTION give() RETURNS boolean LANGUAGE sql AS 'SELECT pg_advisory_unlock(7)'`);
  const record = new HandMadeRecord();
  record.run('a', 'SELECT take()', { at: 0, durationMs: 0.1 });
  // Its duration is unknown: by the record it may have been over before the lock was given to it.
  record.run('b', 'SELECT take()', { at: 1 });
  record.run('a', 'SELECT give()', { at: 5, durationMs: 0.1 });
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    ...SESSION,
    syncCommits: true,
    statementTimeoutMs: 10_000,
  });
  expect(run.replay.summary).toMatchObject({ succeeded: 3, stalls: 1 });
});
