import { expect, it } from 'vitest';
import { add, LOGGED, log, ITEM_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { through, untilFreezable, untilRunning, useBench } from '../support/replay.ts';
import { startProxy } from '../target/proxy.ts';

const VALUES = 'SELECT v FROM item ORDER BY id LIMIT 3';

const bench = useBench();

it('a session that waits for a lock of another is stalled, and goes on in its own order when it has it', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('b', 'BEGIN');
  const waits = record.run('b', add(1, 10));
  record.run('b', log('b first'));
  record.run('b', log('b second'));
  record.run('a', log('a'));
  record.run('a', 'COMMIT');
  record.run('c', log('c'));
  record.run('b', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.state).toBe('COMPLETED');
  expect(run.replay.summary).toMatchObject({ planned: 10, succeeded: 10, stalls: 1 });
  const [stall] = run.notices('STALL');
  expect(stall?.sessionId).toBe(record.sessionId('b'));
  expect(stall?.message).toContain(record.sessionId('a'));
  expect(run.notices('STALL_ENDED').map((notice) => notice.sessionId)).toEqual([record.sessionId('b')]);
  // The stall is told before what the walk went on with, and its end behind the statement that waited.
  const seq = (event: { seq: number } | undefined) => event?.seq ?? 0;
  expect(seq(run.outcome(waits))).toBeGreaterThan(seq(stall));
  expect(seq(run.notices('STALL_ENDED')[0])).toBeGreaterThan(seq(run.outcome(waits)));
  // Not ahead of what waited for the COMMIT before it.
  expect(await target.sql(LOGGED)).toEqual(['a', 'b first', 'b second', 'c']);
  expect(await target.sql(VALUES)).toEqual(['11', '0', '0']);
});

it('what queued behind several stalled sessions runs in total order before the walk takes the next entry', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'LOCK TABLE item IN ACCESS EXCLUSIVE MODE');
  for (const session of ['b', 'c', 'd']) record.run(session, 'SELECT count(*) FROM item');
  const order: string[] = [];
  for (const who of ['d1', 'b1', 'c1', 'b2', 'd2', 'c2']) {
    record.run(who[0] as string, log(who));
    order.push(who);
  }
  record.run('a', 'COMMIT');
  record.run('e', log('e'));
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ failed: 0, unknown: 0, stalls: 3 });
  expect(await target.sql(LOGGED)).toEqual([...order, 'e']);
});

it('a released session that meets the next lock is stalled again', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('b', 'BEGIN');
  record.run('b', add(2));
  record.run('c', 'BEGIN');
  record.run('c', add(1));
  record.run('c', add(2));
  record.run('c', log('c'));
  record.run('c', 'COMMIT');
  record.run('a', 'COMMIT');
  record.run('d', log('d'));
  record.run('b', 'COMMIT');
  record.run('d', log('d again'));
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ planned: 13, succeeded: 13, stalls: 2 });
  expect(run.notices('STALL').map(({ message }) => message)).toEqual([
    expect.stringContaining(`that session ${record.sessionId('a')} holds`),
    expect.stringContaining(`that session ${record.sessionId('b')} holds`),
  ]);
  expect(await target.sql(LOGGED)).toEqual(['d', 'c', 'd again']);
  expect(await target.sql(VALUES)).toEqual(['2', '2', '0']);
});

it('waiters of advisory locks are stalled too', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'SELECT pg_advisory_lock(7)');
  record.run('b', 'SELECT pg_advisory_lock(7)');
  record.run('b', log('b'));
  record.run('a', log('a'));
  record.run('a', 'SELECT pg_advisory_unlock(7)');
  record.run('b', 'SELECT pg_advisory_unlock(7)');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ succeeded: 6, stalls: 1 });
  expect(await target.sql(LOGGED)).toEqual(['a', 'b']);
});

it('a deferrable transaction that waits for one of the replay to end is stalled until it has', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN ISOLATION LEVEL SERIALIZABLE');
  record.run('a', add(1));
  record.run('b', 'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE');
  record.run('b', 'SELECT sum(v) FROM item');
  record.run('a', 'COMMIT');
  record.run('b', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), statementTimeoutMs: 10_000 });
  expect(run.replay.summary).toMatchObject({ succeeded: 6, stalls: 1 });
});

it('VACUUM that waits for a page on which a cursor of the replay stands is stalled until the walk has closed that', async () => {
  const target = await bench.target(SCHEMA);
  await untilFreezable(await target.connect(), 'item');
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'DECLARE c CURSOR FOR SELECT id FROM item');
  record.run('a', 'FETCH 1 FROM c');
  record.run('b', 'VACUUM (FREEZE) item');
  record.run('b', log('b'));
  record.run('c', log('c'));
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), statementTimeoutMs: 10_000 });
  expect(run.replay.summary).toMatchObject({ succeeded: 7, stalls: 1 });
  expect(run.notices('STALL')[0]?.sessionId).toBe(record.sessionId('b'));
  expect(run.notices('STALL')[0]?.message).toContain('may hold');
  expect(await target.sql(LOGGED)).toEqual(['c', 'b']);
});

it('more statements than may queue are queued where the walk itself has to free what their session waits for', {
  timeout: 120_000,
}, async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('b', add(1, 10));
  for (let queued = 0; queued < 50_500; queued++) record.run('b', 'SELECT 1', { unreplayable: 'TRUNCATED' });
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), statementTimeoutMs: 60_000 });
  expect(run.replay.summary).toMatchObject({ succeeded: 4, skipped: 50_500, stalls: 1 });
  expect(await target.sql(VALUES)).toEqual(['11', '0', '0']);
});

it('where no more may queue, what waits for the walk itself is cancelled, whatever statement_timeout the record has set', {
  timeout: 180_000,
}, async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('b', 'SET statement_timeout = 0');
  // One transaction: so many of one statement each take the journal four times as long.
  record.run('b', 'BEGIN');
  const waits = record.run('b', add(1, 10));
  for (let queued = 0; queued < 200_100; queued++) record.run('b', 'SELECT 1', { unreplayable: 'TRUNCATED' });
  record.run('a', 'COMMIT');
  const window = await record.store(bench.journal);
  const run = await bench.run(target, { window, statementTimeoutMs: 500, runTimeoutMs: 120_000 });
  expect(run.replay.summary).toMatchObject({ succeeded: 5, failed: 1, skipped: 200_100, stalls: 1 });
  expect(run.outcome(waits)).toMatchObject({ status: 'FAILED', sqlstate: '57014' });
});

it('VACUUM that waits for a page of a session that is stalled itself is stalled as well', async () => {
  const target = await bench.target(SCHEMA);
  await untilFreezable(await target.connect(), 'item');
  const record = new HandMadeRecord();
  record.run('a', 'SELECT pg_advisory_lock(1)');
  record.run('b', 'SET statement_timeout = 0');
  record.run('b', 'BEGIN');
  record.run('b', 'DECLARE c CURSOR FOR SELECT id FROM item');
  record.run('b', 'FETCH 1 FROM c');
  record.run('b', 'SELECT pg_advisory_lock(1)');
  record.run('c', 'SET statement_timeout = 0');
  record.run('c', 'VACUUM (FREEZE) item');
  record.run('c', log('c'));
  record.run('a', log('a'));
  record.run('a', 'SELECT pg_advisory_unlock(1)');
  record.run('b', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), runTimeoutMs: 10_000 });
  expect(run.replay.summary).toMatchObject({ planned: 12, succeeded: 12, stalls: 2 });
  expect(await target.sql(LOGGED)).toEqual(['a', 'c']);
});

it('VACUUM is cancelled that waits for a page of a session that waits for it, where no statement_timeout ends either', async () => {
  const target = await bench.target(SCHEMA);
  await untilFreezable(await target.connect(), 'item');
  const record = new HandMadeRecord();
  record.run('a', 'SET statement_timeout = 0');
  record.run('a', 'BEGIN');
  record.run('a', 'DECLARE c CURSOR FOR SELECT id FROM item');
  record.run('a', 'FETCH 1 FROM c');
  record.run('b', 'SET statement_timeout = 0');
  const vacuum = record.run('b', 'VACUUM (FREEZE) item');
  record.run('a', 'LOCK TABLE item IN SHARE UPDATE EXCLUSIVE MODE');
  record.run('a', log('a'));
  record.run('a', 'COMMIT');
  const window = await record.store(bench.journal);
  const run = await bench.run(target, { window, statementTimeoutMs: 500, runTimeoutMs: 10_000 });
  expect(run.replay.summary).toMatchObject({ planned: 9, succeeded: 8, failed: 1, stalls: 2 });
  expect(run.outcome(vacuum)).toMatchObject({ status: 'FAILED', sqlstate: '57014' });
  expect(await target.sql(LOGGED)).toEqual(['a']);
});

it('a statement that waits for a lock of a prepared transaction is stalled until the walk has ended that', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('a', `PREPARE TRANSACTION '${record.preparedName('a')}'`);
  record.run('b', add(1, 10));
  record.run('c', `COMMIT PREPARED '${record.preparedName('a')}'`);
  const run = await bench.run(target, { window: await record.store(bench.journal), statementTimeoutMs: 10_000 });
  expect(run.replay.summary).toMatchObject({ succeeded: 5, stalls: 1 });
  expect(run.notices('STALL')[0]?.message).toContain('a prepared transaction holds');
  expect(await target.sql(VALUES)).toEqual(['11', '0', '0']);
});

it('a wait for another client of the target holds the walk, and is no stall', async () => {
  const target = await bench.target(SCHEMA);
  const outsider = await target.connect();
  await outsider.query(`BEGIN; ${add(1)}`);
  const record = new HandMadeRecord();
  record.run('a', `${add(1)} RETURNING 'mine'`);
  record.run('b', log('b'));
  const run = await bench.start(target, { window: await record.store(bench.journal) });
  // Within its own transaction it would see one snapshot of pg_stat_activity for ever.
  await untilRunning(await target.connect(), "RETURNING 'mine'");
  const { rows } = await outsider.query('SELECT who FROM log');
  expect(rows).toEqual([]);
  await outsider.query('COMMIT');
  const ended = await run.ended();
  expect(ended.replay.summary).toMatchObject({ succeeded: 2, stalls: 0 });
  expect(ended.outcomes.map((event) => event.ordinal)).toEqual([1, 2]);
});

it('a chain of waits that leads through another client back to the replay is broken', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 0 });
  record.run('a', add(1), { at: 1 });
  record.run('gate', 'SELECT pg_advisory_lock(1)', { at: 2 });
  record.run('b', add(2), { at: 3 });
  record.run('a', 'COMMIT', { at: 4 });
  record.run('gate', 'SELECT pg_advisory_unlock(1)', { at: 5 });
  const watcher = await target.connect();
  await watcher.query('SELECT pg_advisory_lock(1)');
  const run = await bench.start(target, { window: await record.store(bench.journal) });
  await untilRunning(watcher, 'pg_advisory_lock(1)');
  // The outsider holds row 2 and waits for row 1, which session a of the replay holds until its COMMIT.
  const outsider = await target.connect();
  await outsider.query(`BEGIN; ${add(2, 100)}`);
  const waits = outsider.query(`${add(1, 100)}; COMMIT`);
  await untilRunning(watcher, `${add(1, 100)}; COMMIT`);
  await watcher.query('SELECT pg_advisory_unlock(1)');
  const ended = await run.ended();
  await waits;
  expect(ended.replay.summary).toMatchObject({ planned: 6, succeeded: 6, stalls: 1 });
  expect(await target.sql(VALUES)).toEqual(['101', '101', '0']);
});

it('a holder whose record has ended gives its locks up, also to those that wait at the end of the plan', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', add(1, 5));
  record.run('b', 'BEGIN');
  record.run('b', add(1, 1));
  record.run('a', 'SELECT 1');
  record.run('b', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ planned: 6, succeeded: 6, stalls: 1 });
  expect(run.notices('TRANSACTION_CLOSED').map((notice) => notice.sessionId)).toEqual([record.sessionId('a')]);
  expect(await target.sql(VALUES)).toEqual(['1', '0', '0']);
});

it('sessions that hold a lock without a transaction are ended with the plan', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'SELECT pg_advisory_lock(7)');
  record.run('b', 'BEGIN');
  record.run('b', 'SELECT pg_advisory_lock(8)');
  record.run('c', 'SELECT pg_advisory_lock(7)');
  record.run('c', 'SELECT pg_advisory_lock(8)');
  record.run('b', log('b'));
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ planned: 6, succeeded: 6 });
});

it('a deadlock that the target makes ends by its detector, as a failure of one statement', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (const session of ['a', 'b']) record.run(session, 'BEGIN');
  record.run('a', add(1));
  record.run('b', add(2));
  record.run('a', add(2));
  record.run('b', add(1));
  record.run('c', log('c'));
  for (const session of ['a', 'b']) record.run(session, 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.state).toBe('COMPLETED');
  expect(run.replay.summary).toMatchObject({ planned: 9, failed: 1, cascades: 1, succeeded: 7 });
  expect(run.outcomes.filter((event) => event.sqlstate === '40P01')).toHaveLength(1);
  expect(await target.sql(LOGGED)).toEqual(['c']);
});

it('a stalled wait ends by statement_timeout of the target session', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'LOCK TABLE item');
  const waits = record.run('b', add(1));
  record.run('b', log('b'));
  record.run('a', 'SELECT pg_sleep(0.8)');
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), statementTimeoutMs: 300 });
  expect(run.outcome(waits)).toMatchObject({ status: 'FAILED', sqlstate: '57014' });
  expect(run.brief.filter((brief) => brief === 'FAILED 57014')).toHaveLength(2);
  expect(await target.sql(LOGGED)).toEqual(['b']);
});

it('a stalled session whose connection is killed is taken up again', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  const killed = record.run('b', `${add(1)} RETURNING 'victim'`);
  record.run('b', log('b goes on'));
  record.run(
    'a',
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%''victim''%'",
  );
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.outcome(killed).status).toBe('UNKNOWN');
  expect(run.brief.filter((brief) => brief === 'SUCCEEDED')).toHaveLength(5);
  expect(run.notices('CONNECTION_LOST')).toHaveLength(1);
  expect(run.notices('CONNECTION_REOPENED')).toHaveLength(1);
  expect(await target.sql(LOGGED)).toEqual(['b goes on']);
});

it('a COMMIT that is found to wait for a lock when its connection is lost already holds nothing up', async () => {
  const target = await bench.target(
    `${SCHEMA}; CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED, who text)`,
  );
  let commits = false;
  let hold = () => {};
  let goOn = () => {};
  const held = new Promise<void>((resolve) => {
    hold = resolve;
  });
  const port = await startProxy(target.port, ({ client, server }) => {
    const answers: Buffer[] = [];
    let isMonitor = false;
    let isHeld = false;
    client.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      if (text.includes(' monitor\0')) isMonitor = true;
      if (text.includes('COMMIT\0')) commits = true;
      server.write(chunk);
    });
    server.on('data', (chunk: Buffer) => {
      // The first answer to the stall breaker that names somebody who holds the COMMIT up.
      if (isMonitor && commits && !isHeld && chunk.includes('SELECT 1\0')) {
        isHeld = true;
        goOn = () => {
          isHeld = false;
          isMonitor = false;
          for (const answer of answers) client.write(answer);
        };
        hold();
      }
      if (isHeld) answers.push(chunk);
      else client.write(chunk);
    });
  });
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', "INSERT INTO late VALUES (1, 'a')");
  record.run('b', 'BEGIN');
  record.run('b', "INSERT INTO late VALUES (1, 'b')");
  const commit = record.run('b', 'COMMIT');
  record.run('b', log('b'));
  record.run('a', 'COMMIT');
  const proxied = through(port, target);
  const watcher = await target.connect();
  const run = await bench.start(proxied, { window: await record.store(bench.journal) });
  await held;
  await watcher.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
  );
  await run.event((event) => event.kind === 'NOTICE' && event.code === 'CONNECTION_LOST');
  goOn();
  const ended = await run.ended();
  expect(ended.outcome(commit)).toMatchObject({ status: 'FAILED', sqlstate: '08006' });
  expect(ended.notices('STALL_ENDED')).toHaveLength(ended.notices('STALL').length);
  expect(await target.sql('SELECT who FROM late')).toEqual(['a']);
  expect(await target.sql(LOGGED)).toEqual(['b']);
});

it('stalls are found after the monitor has lost its connection', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run(
    'x',
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'reprise % monitor'",
    { rows: 1 },
  );
  record.run('a', 'BEGIN');
  record.run('a', add(1));
  record.run('b', add(1));
  record.run('a', log('a'));
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ planned: 6, succeeded: 6, stalls: 1, diverged: 0 });
  expect(await target.sql(VALUES)).toEqual(['2', '0', '0']);
});
