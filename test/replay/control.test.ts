import { describe, expect, it } from 'vitest';
import { ORDERINGS } from '../../src/replay/request.ts';
import { LOGGED, log, ITEM_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { NOTHING_LEFT, through, untilRunning, untilTrue, useBench } from '../support/replay.ts';
import { startProxy } from '../target/proxy.ts';

const bench = useBench();

describe.each(ORDERINGS)('%s', (ordering) => {
  const input = { ordering, ...(ordering === 'COMMIT' ? { restoreIds: false } : {}) };

  it('cancel ends a statement under way, rolls back what is open, and reports the rest of nothing', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', log('undone'));
    const cut = record.run('a', 'SELECT pg_sleep(600)');
    record.run('a', log('never'));
    record.run('a', 'COMMIT');
    const watcher = await target.connect();
    const run = await bench.start(target, { window: await record.store(bench.journal), ...input });
    await untilRunning(watcher, 'pg_sleep(600)');
    const replay = await bench.engine.cancel(run.id);
    expect(replay.state).toBe('CANCELLED');
    const ended = await run.ended();
    expect(ended.states.at(-1)).toBe('CANCELLED');
    expect(ended.events.at(-1)).toMatchObject({ kind: 'STATE', state: 'CANCELLED', reason: 'cancelled on request' });
    expect(ended.outcome(cut)).toMatchObject({ status: 'SKIPPED', skipReason: 'RUN_ENDED' });
    await untilTrue(watcher, NOTHING_LEFT);
    expect(await target.sql(LOGGED)).toEqual([]);
    await expect(bench.engine.cancel(run.id)).rejects.toMatchObject({ code: 'REPLAY_STATE' });
  });

  it('cancel ends a run that waits for a lock of another client', async () => {
    const target = await bench.target(SCHEMA);
    const outsider = await target.connect();
    await outsider.query('BEGIN; UPDATE item SET v = 1 WHERE id = 1');
    const record = new HandMadeRecord();
    record.run('a', "UPDATE item SET v = 2 WHERE id = 1 RETURNING 'mine'");
    for (let step = 0; step < 100; step++) record.run('b', log('b'));
    const watcher = await target.connect();
    const run = await bench.start(target, { window: await record.store(bench.journal), ...input });
    await untilRunning(watcher, "RETURNING 'mine'");
    expect((await bench.engine.cancel(run.id)).state).toBe('CANCELLED');
    await untilTrue(watcher, NOTHING_LEFT);
  });

  it('cancel ends what is pipelined behind the statement under way too', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    for (let step = 0; step < 32; step++) record.run('a', `SELECT pg_sleep(600), ${step}`);
    const watcher = await target.connect();
    const run = await bench.start(target, { window: await record.store(bench.journal), ...input });
    await untilRunning(watcher, 'pg_sleep(600)');
    expect((await bench.engine.cancel(run.id)).state).toBe('CANCELLED');
    await untilTrue(watcher, NOTHING_LEFT);
    const ended = await run.ended();
    expect(ended.brief.every((brief) => brief === 'SKIPPED RUN_ENDED' || brief === 'UNKNOWN')).toBe(true);
  });

  it('a paused run sends nothing and goes on at the same place', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    for (let step = 0; step < 400; step++)
      record.run('a', step === 20 ? 'SELECT pg_advisory_xact_lock(1)' : log(String(step)));
    const outsider = await target.connect();
    await outsider.query('SELECT pg_advisory_lock(1)');
    const few = { ...input, inFlight: ordering === 'TIMESTAMP' ? 1 : 4 };
    const run = await bench.start(target, { window: await record.store(bench.journal), ...few });
    await untilRunning(outsider, 'pg_advisory_xact_lock(1)');
    expect((await bench.engine.pause(run.id)).state).toBe('PAUSED');
    await expect(bench.engine.pause(run.id)).rejects.toMatchObject({ code: 'REPLAY_STATE' });
    await outsider.query('SELECT pg_advisory_unlock(1)');
    // What was under way ends; nothing follows it.
    await untilTrue(
      outsider,
      `SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'reprise %' AND state = 'active'`,
    );
    const [before] = await target.sql('SELECT count(*) FROM log');
    expect(Number(before)).toBeLessThanOrEqual(24);
    expect((await bench.engine.get(run.id))?.state).toBe('PAUSED');
    expect(await target.sql('SELECT count(*) FROM log')).toEqual([before]);
    expect((await bench.engine.resume(run.id)).state).toBe('RUNNING');
    const ended = await run.ended();
    expect(ended.states).toEqual(['CONNECTING', 'RUNNING', 'PAUSED', 'RUNNING', 'COMPLETED']);
    expect(ended.replay.summary).toMatchObject({ planned: 400, succeeded: 400 });
    expect(
      await target.sql(
        'SELECT count(*) FROM (SELECT who::int - lag(who::int) OVER (ORDER BY n) AS step FROM log) WHERE step < 1',
      ),
    ).toEqual(['0']);
  });

  it('a paused run can be cancelled', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    for (let step = 0; step < 50; step++) record.run('a', 'SELECT pg_sleep(0.02)');
    const run = await bench.start(target, { window: await record.store(bench.journal), ...input });
    await run.event((event) => event.kind === 'STATE' && event.state === 'RUNNING');
    await bench.engine.pause(run.id);
    expect((await bench.engine.cancel(run.id)).state).toBe('CANCELLED');
    expect((await run.ended()).states).toEqual(['CONNECTING', 'RUNNING', 'PAUSED', 'CANCELLED']);
  });

  it('stops after so many failures, not counting those of the record', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'SELECT 1/0', { fails: '22012' });
    for (let step = 0; step < 5; step++) record.run('a', `SELECT * FROM missing_${step}`);
    for (let step = 0; step < 500; step++) record.run('a', log(String(step)));
    const run = await bench.run(target, {
      window: await record.store(bench.journal),
      ...input,
      stopAfterFailures: 2,
      inFlight: 1,
    });
    expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'REPLAY_STOPPED' } });
    expect(run.replay.error?.message).toContain('stopped after 2 failed statements');
    expect(run.outcomes.filter((event) => event.sqlstate === '42P01')).toHaveLength(2);
    expect(await target.sql(LOGGED)).toEqual([]);
  });

  it('that stops at the first failure has done nothing behind it', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', log('before'));
    record.run('a', 'SELECT * FROM missing');
    for (let step = 0; step < 100; step++) record.run('a', log(String(step)));
    const window = await record.store(bench.journal);
    const run = await bench.run(target, { window, ...input, stopAfterFailures: 1 });
    expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'REPLAY_STOPPED' } });
    expect(await target.sql(LOGGED)).toEqual(['before']);
  });

  it('a run that takes longer than its time fails and leaves nothing behind', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'SELECT pg_sleep(600)');
    const run = await bench.run(target, { window: await record.store(bench.journal), ...input, runTimeoutMs: 500 });
    expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'RUN_TIMEOUT' } });
    await untilTrue(await target.connect(), NOTHING_LEFT);
  });

  it('a target that lets nobody in any more fails the run', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'SELECT pg_advisory_xact_lock(1)');
    record.run('a', 'SELECT pg_terminate_backend(pg_backend_pid())');
    record.run('a', log('a'));
    const outsider = await target.connect();
    await outsider.query('SELECT pg_advisory_lock(1)');
    const started = await bench.start(target, { window: await record.store(bench.journal), ...input, inFlight: 1 });
    await untilRunning(outsider, 'pg_advisory_xact_lock(1)');
    await bench.database.maintain(`ALTER DATABASE "${target.name}" ALLOW_CONNECTIONS false`);
    await outsider.query('SELECT pg_advisory_unlock(1)');
    const run = await started.ended();
    expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'TARGET_UNREACHABLE' } });
    expect(run.replay.error?.message).toContain('not currently accepting connections');
  });
});

it('cancel ends a statement that traps the cancel request, also where the target ends sessions that are idle', async () => {
  const target = await bench.target();
  await target.sql(`ALTER DATABASE "${target.name}" SET idle_session_timeout = '100ms'`);
  const record = new HandMadeRecord();
  record.run(
    'a',
    `DO $$ BEGIN
       FOR second IN 1..600 LOOP
         BEGIN PERFORM pg_sleep(1); EXCEPTION WHEN query_canceled THEN NULL; END;
       END LOOP;
     END $$`,
  );
  const watcher = await target.connect();
  await watcher.query('SET idle_session_timeout = 0');
  const run = await bench.start(target, { window: await record.store(bench.journal) });
  await untilTrue(
    watcher,
    `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND strpos(query, 'query_canceled THEN') > 0
       AND pid <> pg_backend_pid() AND state = 'active' AND clock_timestamp() - query_start > interval '500ms'`,
  );
  expect((await bench.engine.cancel(run.id)).state).toBe('CANCELLED');
  await untilTrue(watcher, NOTHING_LEFT);
});

it('cancel ends a walk whose sessions are all stalled', async () => {
  const target = await bench.target(SCHEMA);
  const outsider = await target.connect();
  await outsider.query('SELECT pg_advisory_lock(1)');
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'UPDATE item SET v = 1 WHERE id = 1');
  record.run('b', 'UPDATE item SET v = 2 WHERE id = 1');
  record.run('b', log('b'));
  record.run('a', 'SELECT pg_advisory_lock(1)');
  const run = await bench.start(target, { window: await record.store(bench.journal) });
  await run.event((event) => event.kind === 'NOTICE' && event.code === 'STALL');
  await untilRunning(outsider, 'pg_advisory_lock(1)');
  expect((await bench.engine.cancel(run.id)).state).toBe('CANCELLED');
  await untilTrue(outsider, NOTHING_LEFT);
});

it('a run that is paused while it waits for a stalled session goes on when it is resumed', async () => {
  const target = await bench.target(SCHEMA);
  const outsider = await target.connect();
  await outsider.query('SELECT pg_advisory_lock(1)');
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'UPDATE item SET v = v + 1 WHERE id = 1');
  record.run('b', 'UPDATE item SET v = v + 1 WHERE id = 1');
  record.run('b', log('b'));
  record.run('a', 'SELECT pg_advisory_lock(1)');
  record.run('a', 'COMMIT');
  const run = await bench.start(target, { window: await record.store(bench.journal) });
  await run.event((event) => event.kind === 'NOTICE' && event.code === 'STALL');
  await bench.engine.pause(run.id);
  await outsider.query('SELECT pg_advisory_unlock(1)');
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 5);
  await bench.engine.resume(run.id);
  expect((await run.ended()).replay.summary).toMatchObject({ planned: 6, succeeded: 6 });
});

it.each(['TIMESTAMP', 'SESSION'] as const)(
  '%s: a COMMIT whose connection is lost in a pause that began ahead of it is not sent on another',
  async (ordering) => {
    const target = await bench.target(SCHEMA);
    let asked = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    let answerAndBreakOff = () => {};
    let done = false;
    const port = await startProxy(target.port, ({ client, server }) => {
      server.pipe(client);
      client.on('data', (chunk: Buffer) => {
        // What the COMMIT is to end is asked for by a function call.
        const isQuestion = chunk[0] === 'F'.charCodeAt(0) && client === session;
        if (isQuestion && !done) {
          done = true;
          answerAndBreakOff = () => {
            server.once('data', () => client.end());
            server.write(chunk);
          };
          asked();
          return;
        }
        if (/application_name\0reprise \w{8}\0/.test(chunk.toString('latin1'))) session = client;
        server.write(chunk);
      });
    });
    let session: unknown = null;
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', log('undone'));
    const commit = record.run('a', 'COMMIT');
    record.run('a', log('next'));
    const proxied = through(port, target);
    const window = await record.store(bench.journal);
    const run = await bench.start(proxied, { window, ordering, inFlight: 1 });
    await isAsked;
    await bench.engine.pause(run.id);
    answerAndBreakOff();
    await run.event((event) => event.kind === 'NOTICE' && event.code === 'CONNECTION_LOST');
    await bench.engine.resume(run.id);
    const ended = await run.ended();
    expect(ended.outcome(commit)).toMatchObject({ status: 'SKIPPED', skipReason: 'TRANSACTION_LOST' });
    expect(await target.sql(LOGGED)).toEqual(['next']);
  },
);

it('a run that is paused while it begins a transaction that is cut sends nothing of that before it is resumed', async () => {
  const target = await bench.target(SCHEMA);
  const sent: string[] = [];
  let began = () => {};
  const hasBegun = new Promise<void>((resolve) => {
    began = resolve;
  });
  let answer = () => {};
  const port = await startProxy(target.port, ({ client, server }) => {
    let isHeld = false;
    client.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      sent.push(text);
      if (text.includes('BEGIN\0')) isHeld = true;
      server.write(chunk);
    });
    server.on('data', (chunk: Buffer) => {
      if (isHeld) {
        answer = () => client.write(chunk);
        isHeld = false;
        began();
      } else client.write(chunk);
    });
  });
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 10 });
  record.run('a', log('first'), { at: 110 });
  record.run('a', 'COMMIT', { at: 120 });
  await record.store(bench.journal);
  const proxied = through(port, target);
  const run = await bench.start(proxied, { window: record.window(100, 200) });
  await hasBegun;
  await bench.engine.pause(run.id);
  answer();
  await run.event((event) => event.kind === 'NOTICE' && event.code === 'TRANSACTION_CUT');
  expect(sent.filter((text) => text.includes('INSERT'))).toEqual([]);
  await bench.engine.resume(run.id);
  expect((await run.ended()).brief).toEqual(['SUCCEEDED', 'SUCCEEDED']);
  expect(await target.sql(LOGGED)).toEqual(['first']);
});

it('a run that is paused at the end of its plan completes when it is resumed', async () => {
  const target = await bench.target(SCHEMA);
  const outsider = await target.connect();
  await outsider.query('SELECT pg_advisory_lock(1)');
  const record = new HandMadeRecord();
  record.run('a', 'SELECT pg_advisory_xact_lock(1)');
  const run = await bench.start(target, { window: await record.store(bench.journal) });
  await untilRunning(outsider, 'pg_advisory_xact_lock(1)');
  await bench.engine.pause(run.id);
  await outsider.query('SELECT pg_advisory_unlock(1)');
  await run.event((event) => event.kind === 'OUTCOME');
  expect((await bench.engine.get(run.id))?.state).toBe('PAUSED');
  await bench.engine.resume(run.id);
  expect((await run.ended()).states).toEqual(['CONNECTING', 'RUNNING', 'PAUSED', 'RUNNING', 'COMPLETED']);
});

it('a run that is paused while another client resumes it sends nothing, and can be resumed', async () => {
  const target = await bench.target(SCHEMA);
  const outsider = await target.connect();
  await outsider.query('SELECT pg_advisory_lock(1), pg_advisory_lock(2)');
  const record = new HandMadeRecord();
  record.run('a', 'SELECT pg_advisory_xact_lock(1)');
  record.run('a', 'SELECT pg_advisory_xact_lock(2)');
  let pausing: Promise<unknown> | null = null;
  let resuming = false;
  const engine = bench.anotherEngine({
    observer: {
      began: ({ id }) => ({
        state: (state) => {
          // Durable, and whoever asked for it has not been answered yet.
          if (state === 'RUNNING' && resuming) pausing ??= engine.pause(id);
        },
        finishing: () => {},
        ended: () => {},
      }),
    },
  });
  const run = await bench.start(target, { window: await record.store(bench.journal) }, engine);
  await untilRunning(outsider, 'pg_advisory_xact_lock(1)');
  await engine.pause(run.id);
  resuming = true;
  await engine.resume(run.id);
  await pausing;
  expect((await engine.get(run.id))?.state).toBe('PAUSED');
  await outsider.query('SELECT pg_advisory_unlock(1)');
  await run.event((event) => event.kind === 'OUTCOME');
  const locks =
    'SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())';
  expect(await target.sql(locks)).toEqual(['0']);
  await outsider.query('SELECT pg_advisory_unlock(2)');
  await engine.resume(run.id);
  const states = ['CONNECTING', 'RUNNING', 'PAUSED', 'RUNNING', 'PAUSED', 'RUNNING', 'COMPLETED'];
  expect((await run.ended()).states).toEqual(states);
});

it('pausing and resuming all the time loses nothing and hangs nothing', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (let step = 0; step < 600; step++) record.run(`s${step % 3}`, log(String(step)));
  const window = await record.store(bench.journal);
  const runs = await Promise.all(
    ORDERINGS.map((ordering) => bench.start(target, { window, ordering, restoreIds: false })),
  );
  await Promise.all(
    runs.map(async (run) => {
      for (;;) {
        // Refused before it runs and when it is over: both are fine.
        await bench.engine.pause(run.id).catch(() => {});
        await bench.engine.resume(run.id).catch(() => {});
        const replay = await bench.engine.get(run.id);
        if (replay?.state === 'COMPLETED') break;
        expect(replay?.state).toMatch(/PENDING|CONNECTING|RUNNING|PAUSED/);
      }
    }),
  );
  for (const run of runs) expect((await run.ended()).replay.summary).toMatchObject({ planned: 600, succeeded: 600 });
  expect(await target.sql('SELECT count(*) FROM log')).toEqual(['1800']);
});
