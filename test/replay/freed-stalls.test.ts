import { expect, it } from 'vitest';
import { add, LOGGED, log, ITEM_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { type Target, through, untilFreezable, untilRunning, useBench } from '../support/replay.ts';
import { startProxy } from '../target/proxy.ts';

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
  await untilFreezable(await target.connect(), 'item');
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

/** The target behind a proxy; `passes` is asked of all that is sent: 'CUT' cuts off who has sent it, 'SWALLOW' leaves it out. */
async function watched(
  target: Target,
  passes: (text: string, isMonitor: boolean) => 'PASS' | 'CUT' | 'SWALLOW',
): Promise<Target> {
  const port = await startProxy(target.port, ({ client, server }) => {
    let isMonitor = false;
    server.pipe(client);
    client.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      isMonitor ||= text.includes(' monitor\0');
      const how = passes(text, isMonitor);
      if (how === 'CUT') client.destroy();
      else if (how === 'PASS') server.write(chunk);
    });
  });
  return through(port, target);
}

it('who has been freed is found out also where the monitor loses its connection just then', async () => {
  const target = await bench.target(SCHEMA);
  let ends = false;
  const proxied = await watched(target, (text, isMonitor) => {
    if (text.includes('ROLLBACK\0')) ends = true;
    const isQuestion = isMonitor && ends && text.includes('pg_blocking_pids');
    if (isQuestion) ends = false;
    return isQuestion ? 'CUT' : 'PASS';
  });
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'SELECT pg_advisory_xact_lock(7)');
  record.run('b', "INSERT INTO log (who) SELECT 'b' FROM pg_advisory_xact_lock(7), pg_sleep(0.05)");
  record.run('a', 'ROLLBACK');
  record.run('c', log('c'));
  await bench.run(proxied, { window: await record.store(bench.journal) });
  expect(await target.sql(LOGGED)).toEqual(['b', 'c']);
});

it('a monitor whose new connection is never answered does not hold the walk behind each statement that frees something', async () => {
  const target = await bench.target(SCHEMA);
  let isGone = false;
  const proxied = await watched(target, (text, isMonitor) => {
    if (isMonitor && isGone) return text.includes('pg_blocking_pids') ? 'CUT' : 'SWALLOW';
    if (text.includes('ROLLBACK TO')) isGone = true;
    return 'PASS';
  });
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('b', add(1));
  for (let step = 0; step < 3; step++) {
    record.run('a', 'SAVEPOINT s');
    record.run('a', 'ROLLBACK TO SAVEPOINT s');
  }
  record.run('a', 'COMMIT');
  record.run('c', log('c'));
  const run = await bench.run(proxied, { window: await record.store(bench.journal), connectTimeoutMs: 600_000 });
  expect(run.replay.summary).toMatchObject({ succeeded: 11, stalls: 1 });
});

it('CLOSE of a cursor frees VACUUM that waits for its page before the walk goes on', async () => {
  const target = await bench.target(SCHEMA);
  await untilFreezable(await target.connect(), 'item');
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'DECLARE c CURSOR FOR SELECT id FROM item');
  record.run('a', 'FETCH 1 FROM c');
  record.run('b', 'VACUUM (FREEZE) item');
  record.run('b', log('b'));
  record.run('a', 'CLOSE c');
  record.run('c', log('c'));
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), statementTimeoutMs: 10_000 });
  expect(run.replay.summary).toMatchObject({ succeeded: 8, stalls: 1 });
  expect(await target.sql(LOGGED)).toEqual(['b', 'c']);
});

it('what a procedure frees that waits again for another session goes on before the walk does', async () => {
  const target = await bench.target(
    `${SCHEMA}; CREATE PROCEDURE carry_on() LANGUAGE plpgsql AS
       $$ BEGIN ${add(1)}; ${add(2)}; PERFORM pg_sleep(0.1); COMMIT; ${add(3)}; END $$`,
  );
  const record = new HandMadeRecord();
  for (const [session, id] of [
    ['a', 2],
    ['d', 3],
  ] as const) {
    record.run(session, 'BEGIN');
    record.run(session, add(id));
  }
  record.run('b', 'CALL carry_on()');
  record.run('c', `WITH u AS (${add(1)} RETURNING 1) INSERT INTO log (who) SELECT 'c' FROM u, pg_sleep(0.1)`);
  record.run('a', 'COMMIT');
  record.run('e', log('e'));
  record.run('d', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ succeeded: 9 });
  expect(await target.sql(LOGGED)).toEqual(['c', 'e']);
});

it('a string that ends a transaction and begins the next frees what waits before the walk goes on', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('b', `WITH u AS (${add(1)} RETURNING 1) INSERT INTO log (who) SELECT 'b' FROM u, pg_sleep(0.05)`);
  record.run('a', 'COMMIT; BEGIN; SELECT 1');
  record.run('c', log('c'));
  record.run('a', 'COMMIT');
  await bench.run(target, { window: await record.store(bench.journal) });
  expect(await target.sql(LOGGED)).toEqual(['b', 'c']);
});

it('a wait for a prepared transaction that nothing ends is cancelled with the plan, whatever statement_timeout the record has set', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  const name = record.preparedName('a');
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('a', `PREPARE TRANSACTION '${name}'`);
  record.run('b', 'SET statement_timeout = 0');
  const waits = record.run('b', add(1, 10));
  record.run('b', log('b'));
  const run = await bench.run(target, { window: await record.store(bench.journal), statementTimeoutMs: 500 });
  await target.sql(`ROLLBACK PREPARED '${name}'`);
  expect(run.outcome(waits)).toMatchObject({ status: 'FAILED', sqlstate: '57014' });
  expect(await target.sql(LOGGED)).toEqual(['b']);
});

it('a wait for a prepared transaction is not cancelled as long as one that is queued behind a session that goes on may end it', async () => {
  const target = await bench.target(`${SCHEMA};
    CREATE FUNCTION hold() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(7)';
    CREATE FUNCTION leave() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_unlock(7)'`);
  const record = new HandMadeRecord();
  const name = record.preparedName('a');
  for (const session of ['b', 'c']) record.run(session, 'SET statement_timeout = 0');
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('a', `PREPARE TRANSACTION '${name}'`);
  record.run('d', 'SELECT hold()');
  record.run('b', add(1, 10));
  record.run('c', 'SELECT hold(), pg_sleep(1.5)');
  record.run('c', `COMMIT PREPARED '${name}'`);
  // What the function gives up is not seen: the walk goes on beside the session that waited for it.
  record.run('d', 'SELECT leave()');
  const run = await bench.run(target, { window: await record.store(bench.journal), statementTimeoutMs: 200 });
  expect(run.replay.summary).toMatchObject({ planned: 10, succeeded: 10, stalls: 2 });
});

it('what queued behind a stall that ends in a pause comes before the entry that the walk had in hand', async () => {
  const target = await bench.target(SCHEMA);
  const outsider = await target.connect();
  await outsider.query('SELECT pg_advisory_lock(5)');
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', `${add(1)} RETURNING 'holder'`);
  record.run('b', add(1, 10));
  record.run('b', log('b'));
  const last = record.run('c', 'SELECT pg_advisory_xact_lock(5)');
  record.run('c', log('c'));
  record.run('a', 'COMMIT');
  const run = await bench.start(target, { window: await record.store(bench.journal) });
  await untilRunning(outsider, 'pg_advisory_xact_lock(5)');
  await bench.engine.pause(run.id);
  await outsider.query('SELECT pg_advisory_unlock(5)');
  await run.event((event) => event.kind === 'OUTCOME' && event.transactionId === last.transactionId);
  await outsider.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%''holder''' AND pid <> pg_backend_pid()`,
  );
  await run.event((event) => event.kind === 'NOTICE' && event.code === 'STALL_ENDED');
  await bench.engine.resume(run.id);
  expect((await run.ended()).replay.summary).toMatchObject({ succeeded: 6, skipped: 1 });
  expect(await target.sql(LOGGED)).toEqual(['b', 'c']);
});

it('what a stall frees that ends by itself with the plan at its end goes on before what queued behind that stall', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  const name = record.preparedName('a');
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('a', `PREPARE TRANSACTION '${name}'`);
  record.run('b', 'BEGIN');
  record.run('b', add(2));
  record.run('b', 'SET LOCAL statement_timeout = 500');
  record.run('b', add(1));
  record.run('c', `${add(2)} RETURNING pg_sleep(0.2)`);
  const first = record.run('c', 'SELECT 1');
  const second = record.run('b', 'ROLLBACK');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  await target.sql(`ROLLBACK PREPARED '${name}'`);
  expect(run.replay.summary).toMatchObject({ failed: 1, stalls: 2 });
  expect(run.outcome(first).seq).toBeLessThan(run.outcome(second).seq);
});
