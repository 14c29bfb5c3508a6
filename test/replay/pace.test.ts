import { describe, expect, it } from 'vitest';
import { CommitPipeline } from '../../src/replay/commit-pipeline.ts';
import { DispatcherHolds } from '../../src/replay/dispatcher-holds.ts';
import { sendIsTimely } from '../../src/replay/due.ts';
import { Pacer } from '../../src/replay/pacer.ts';
import { ORDERINGS, type Pace } from '../../src/replay/request.ts';
import type { TargetSession } from '../../src/replay/target-session.ts';
import { log, LOG_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { startLoginGate } from '../support/login-gate.ts';
import { HandMadeRecord } from '../support/record.ts';
import { through, untilRunning, untilTrue, useBench } from '../support/replay.ts';
import { startProxy } from '../target/proxy.ts';
import { open, simple, targetOf } from '../target/support.ts';

const SECOND = 1_000_000;
const recorded = (speed: number, maxIdleMs: number | null = null): Pace => ({ mode: 'RECORDED', speed, maxIdleMs });

/** When entries at these recorded seconds are due, in ms of a clock that stands at 1,000. */
function dues(pacer: Pacer, seconds: readonly number[]): number[] {
  return seconds.map((second) => pacer.dueAt(pacer.placeOf(second * SECOND, 1_000) ?? Number.NaN));
}

describe('the schedule', () => {
  it('is none as fast as possible', () => {
    expect(new Pacer({ mode: 'AS_FAST_AS_POSSIBLE' }).placeOf(5 * SECOND, 1_000)).toBeNull();
  });

  it('begins with the first entry, and keeps recorded distances', () => {
    expect(dues(new Pacer(recorded(1)), [100, 101, 101, 103.5])).toEqual([1_000, 2_000, 2_000, 4_500]);
  });

  it.each([
    [0.1, 11_000],
    [2, 1_500],
    [100, 1_010],
  ])('at speed %d a second is due at %d', (speed, due) => {
    expect(dues(new Pacer(recorded(speed)), [100, 101])).toEqual([1_000, due]);
  });

  it('caps idle gaps by recorded time, and only those', () => {
    expect(dues(new Pacer(recorded(2, 500)), [0, 0.4, 3_600, 3_600.2])).toEqual([1_000, 1_200, 1_450, 1_550]);
  });

  it('never goes back, whatever the record does', () => {
    expect(dues(new Pacer(recorded(1)), [10, 12, 11, 13])).toEqual([1_000, 3_000, 3_000, 4_000]);
  });

  it('follows a change of speed for what is still to come, also for what is waited for already', () => {
    const pacer = new Pacer(recorded(1));
    const [, waited] = [0, 10].map((second) => pacer.placeOf(second * SECOND, 1_000) as number);
    expect(pacer.dueAt(waited as number)).toBe(11_000);
    pacer.setSpeed(2, 5_000);
    expect(pacer.dueAt(waited as number)).toBe(8_000);
    pacer.setSpeed(0.5, 7_000);
    expect(pacer.dueAt(waited as number)).toBe(11_000);
    expect(dues(pacer, [11])).toEqual([13_000]);
  });

  it('leaves what is due already due when it was, however the speed changes behind it', () => {
    const pacer = new Pacer(recorded(2));
    const [late, waited] = [0, 4, 10].map((second) => pacer.placeOf(second * SECOND, 1_000) as number).slice(1);
    pacer.setSpeed(0.1, 5_000);
    pacer.setSpeed(100, 6_000);
    expect([late, waited].map((place) => pacer.dueAt(place as number))).toEqual([3_000, 6_019]);
    pacer.shift(500);
    expect([late, waited].map((place) => pacer.dueAt(place as number))).toEqual([3_500, 6_519]);
  });

  it('was what it was before a change of speed: what is late by then becomes neither later nor earlier', () => {
    const pacer = new Pacer(recorded(100));
    const [, late = 0] = [0, 100].map((second) => pacer.placeOf(second * SECOND, 1_000) as number);
    expect(pacer.dueAt(late)).toBe(2_000);
    pacer.setSpeed(0.1, 2_500);
    expect(pacer.dueAt(late)).toBe(2_000);
    expect(dues(pacer, [150, 151])).toEqual([2_500, 12_500]);
    pacer.setSpeed(10, 12_500);
    expect(dues(pacer, [152])).toEqual([12_600]);
    pacer.shift(1_000);
    expect(pacer.dueAt(late)).toBe(3_000);
  });

  it('takes a speed that was set before the first entry', () => {
    const pacer = new Pacer(recorded(1));
    pacer.setSpeed(4, 200);
    expect(dues(pacer, [0, 8])).toEqual([1_000, 3_000]);
  });

  it('moves as a whole by a pause', () => {
    const pacer = new Pacer(recorded(2));
    const place = [0, 4].map((second) => pacer.placeOf(second * SECOND, 1_000) as number)[1] as number;
    pacer.shift(500);
    expect(pacer.dueAt(place)).toBe(3_500);
  });
});

const bench = useBench();

it.each(ORDERINGS)('%s: at recorded pace order is kept, and every statement tells its lag', async (ordering) => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (let step = 0; step < 6; step++) record.run(`s${step % 2}`, log(String(step)), { at: step * 400 });
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    ordering,
    restoreIds: false,
    pace: recorded(10),
  });
  expect(run.outcomes.every((event) => event.lagMs !== null && event.lagMs >= 0)).toBe(true);
  expect(run.outcomes.every((event) => event.lagCause !== 'NONE' || (event.lagMs ?? 0) <= 1)).toBe(true);
  const logged = await target.sql('SELECT who FROM log ORDER BY n');
  // Sessions of SESSION ordering wait for their own statements only.
  if (ordering !== 'SESSION') expect(logged).toEqual(['0', '1', '2', '3', '4', '5']);
  expect(logged.filter((step) => Number(step) % 2 === 0)).toEqual(['0', '2', '4']);
});

it('as fast as possible there is no lag', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'), { at: 0 });
  record.run('a', log('b'), { at: 3_000_000 });
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.outcomes.map((event) => [event.lagMs, event.lagCause])).toEqual([
    [null, 'NONE'],
    [null, 'NONE'],
  ]);
});

it.each(ORDERINGS)('%s: idle gaps are capped, so that a day of silence passes', async (ordering) => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'), { at: 0 });
  record.run('a', log('b'), { at: 3_000_000 });
  const window = await record.store(bench.journal);
  const run = await bench.run(target, { window, ordering, restoreIds: false, pace: recorded(1, 20) });
  expect(run.replay.summary).toMatchObject({ succeeded: 2 });
});

it.each(ORDERINGS)('%s: a faster speed takes effect within a gap, and a notice tells of it', async (ordering) => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'), { at: 0 });
  record.run('a', log('b'), { at: 10_000 });
  const window = await record.store(bench.journal);
  const run = await bench.start(target, { window, ordering, restoreIds: false, pace: recorded(0.1) });
  await run.event((event) => event.kind === 'OUTCOME');
  await bench.engine.setSpeed(run.id, 100);
  const ended = await run.ended();
  expect(ended.replay.summary).toMatchObject({ succeeded: 2 });
  expect(ended.notices('SPEED_CHANGED').map((notice) => notice.message)).toEqual(['speed 100']);
});

it.each(ORDERINGS)('%s: the speed that was set last is told, and holds when the run is resumed', async (ordering) => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  // Three minutes lie between two of them at the speed of the start.
  for (let step = 0; step < 4; step++) record.run('a', log(String(step)), { at: step * 18_000 });
  const engine = bench.anotherEngine();
  const input = { window: await record.store(bench.journal), ordering, restoreIds: false, pace: recorded(0.1) };
  const run = await bench.start(target, input, engine);
  await run.event((event) => event.kind === 'OUTCOME');
  await engine.setSpeed(run.id, 50);
  expect((await engine.setSpeed(run.id, 100)).request.pace).toEqual(recorded(100));
  await engine.stop();
  await bench.engine.resume(run.id);
  const ended = await run.ended();
  expect(ended.states).toEqual(['CONNECTING', 'RUNNING', 'INTERRUPTED', 'CONNECTING', 'RUNNING', 'COMPLETED']);
  expect(ended.replay.request.pace).toEqual(recorded(100));
});

it('a speed that is out of range, or for a run without one, is refused', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'SELECT pg_sleep(600)');
  const run = await bench.start(target, { window: await record.store(bench.journal) });
  await expect(bench.engine.setSpeed(run.id, 1)).rejects.toMatchObject({ code: 'REPLAY_STATE' });
  await expect(bench.engine.setSpeed(run.id, 0.01)).rejects.toMatchObject({ code: 'BAD_INPUT' });
  await bench.engine.cancel(run.id);
});

it.each(ORDERINGS)('%s: nothing is sent in a pause, however long it is due', async (ordering) => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'), { at: 0 });
  record.run('a', log('b'), { at: 1_000 });
  const window = await record.store(bench.journal);
  const run = await bench.start(target, { window, ordering, restoreIds: false, pace: recorded(1) });
  await run.event((event) => event.kind === 'OUTCOME');
  await bench.engine.pause(run.id);
  const outsider = await target.connect();
  await outsider.query(`SELECT pg_sleep(1.2); ${log('resumed')}`);
  await bench.engine.resume(run.id);
  expect((await run.ended()).states).toEqual(['CONNECTING', 'RUNNING', 'PAUSED', 'RUNNING', 'COMPLETED']);
  expect(await target.sql('SELECT who FROM log ORDER BY n')).toEqual(['a', 'resumed', 'b']);
});

it('a speed that is set in a pause holds from where the schedule stood when it began', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'), { at: 0 });
  record.run('a', log('b'), { at: 100_000 });
  const run = await bench.start(target, { window: await record.store(bench.journal), pace: recorded(100) });
  await run.event((event) => event.kind === 'OUTCOME');
  await bench.engine.pause(run.id);
  const outsider = await target.connect();
  // Longer than the gap would be at the speed of before.
  await outsider.query('SELECT pg_sleep(1.5)');
  await bench.engine.setSpeed(run.id, 0.1);
  await bench.engine.resume(run.id);
  await outsider.query(`SELECT pg_sleep(0.3); ${log('outsider')}`);
  await bench.engine.setSpeed(run.id, 100);
  expect((await run.ended()).replay.summary).toMatchObject({ succeeded: 2 });
  expect(await target.sql('SELECT who FROM log ORDER BY n')).toEqual(['a', 'outsider', 'b']);
});

it.each(ORDERINGS)('%s: nothing is sent in a pause that begins while a connection is being made', async (ordering) => {
  const target = await bench.target(SCHEMA);
  const gate = await startLoginGate(target.port);
  const record = new HandMadeRecord();
  record.run('a', "SET application_name = 'its own'");
  record.run('a', log('a'));
  // A session with state of its own: COMMIT ordering opens a connection for it, too.
  record.run('b', "SET application_name = 'another'");
  record.run('a', log('a'));
  record.run('b', log('b'));
  const { id } = await bench.engine.start({
    window: await record.store(bench.journal),
    target: through(gate.port, target).spec,
    ordering,
    restoreIds: false,
    settleCommits: false,
  });
  await gate.held;
  await bench.engine.pause(id);
  gate.open();
  const outsider = await target.connect();
  await untilTrue(
    outsider,
    `SELECT count(*) = 2 FROM pg_stat_activity WHERE datname = current_database() AND application_name IN ('its own', 'reprise ${id.slice(0, 8)}')`,
  );
  await outsider.query('SELECT pg_sleep(0.3)');
  expect(
    await target.sql(
      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'another'",
    ),
  ).toEqual(['0']);
  await bench.engine.resume(id);
  expect((await bench.ended(id)).brief).toEqual(Array(5).fill('SUCCEEDED'));
});

describe('lag says why', () => {
  const slow = 'SELECT pg_sleep(0.3)';

  it.each([
    ['TIMESTAMP', 'SESSION_BUSY'],
    ['SESSION', 'SESSION_BUSY'],
    ['COMMIT', 'TARGET'],
  ] as const)('%s: the statement before it in its session was still running: %s', async (ordering, cause) => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', slow, { at: 0 });
    const late = record.run('a', log('a'), { at: 10 });
    const input = {
      window: await record.store(bench.journal),
      ordering,
      restoreIds: false,
      pace: recorded(1),
      inFlight: 1,
    };
    expect((await bench.run(target, input)).outcome(late).lagCause).toBe(cause);
  });

  it.each(['SESSION', 'TIMESTAMP'] as const)('%s: the target let its session in late', async (ordering) => {
    const target = await bench.target(SCHEMA);
    const gate = await startLoginGate(target.port);
    const record = new HandMadeRecord();
    record.run('a', log('a'), { at: 0 });
    const late = record.run('b', log('b'), { at: 20 });
    const window = await record.store(bench.journal);
    // One place: the second session can log in only when the first has gone.
    const { id } = await bench.engine.start({
      window,
      target: through(gate.port, target).spec,
      ordering,
      pace: recorded(1),
      maxConnections: 2,
    });
    await gate.held;
    await (await target.connect()).query('SELECT pg_sleep(0.1)');
    gate.open();
    expect((await bench.ended(id)).outcome(late)).toMatchObject({ status: 'SUCCEEDED', lagCause: 'TARGET' });
  });

  it('COMMIT: what is under way holds nothing up where the window has room', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    for (let n = 0; n < 2_000; n++) record.run(`s${n % 20}`, 'SELECT 1', { at: n / 1_000 });
    const window = await record.store(bench.journal);
    const run = await bench.run(target, { window, ordering: 'COMMIT', pace: recorded(100), inFlight: 1_000 });
    expect(run.replay.summary).toMatchObject({ succeeded: 2_000, lagByCause: { SESSION_BUSY: 0, LOCK: 0 } });
  });

  it('COMMIT: a full window, or a slow statement in it', async () => {
    const target = await bench.target(SCHEMA);
    const connection = await open(targetOf(target));
    const pacer = new Pacer(recorded(1));
    const due = pacer.placeOf(0, performance.now() - 1_000) as number;
    const pipeline = new CommitPipeline(pacer);
    const services: number[] = [];
    const send = (text: string) => pipeline.send(connection, simple(text), ({ serviceMs }) => services.push(serviceMs));
    pipeline.lane = { connection } as TargetSession;
    send('SELECT 1');
    expect(pipeline.lagOf(due).cause).toBe('DISPATCHER');
    await pipeline.makeRoom(0);
    expect(pipeline.lagOf(due).cause).toBe(services.some((ms) => !sendIsTimely(ms)) ? 'TARGET' : 'SESSION_BUSY');
    send(slow);
    await pipeline.makeRoom(0);
    expect(pipeline.lagOf(due).cause).toBe('TARGET');
    // Due only when that was over: its lateness is the walk's own.
    const over = performance.now() + 0.1;
    pacer.shift(over - pacer.dueAt(due));
    while (performance.now() < over + 2);
    expect(pipeline.lagOf(due).cause).toBe('DISPATCHER');
  });

  it('the target was slow with another session, where order is strict', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', slow, { at: 0, durationMs: 1 });
    const late = record.run('b', log('b'), { at: 10 });
    const later = record.run('c', log('c'), { at: 20 });
    const window = await record.store(bench.journal);
    const strict = await bench.run(target, { window, pace: recorded(1) });
    expect(strict.outcome(late).lagCause).toBe('TARGET');
    // Still behind for the same reason.
    expect(strict.outcome(later).lagCause).toBe('TARGET');
  });

  it('the service was busy while a statement was under way, where order is strict', async () => {
    const target = await bench.target(SCHEMA);
    const port = await startProxy(target.port, ({ client, server }) => {
      client.pipe(server);
      server.on('data', (chunk: Buffer) => {
        // The proxy is of the service's process: what holds it up holds up the walk.
        const until = performance.now() + (chunk.includes('the answer') ? 250 : 0);
        while (performance.now() < until);
        client.write(chunk);
      });
    });
    const record = new HandMadeRecord();
    record.run('a', "SELECT 'the answer'", { at: 0, durationMs: 1 });
    const late = record.run('b', log('b'), { at: 10 });
    const window = await record.store(bench.journal);
    const run = await bench.run(through(port, target), { window, pace: recorded(1) });
    expect(run.outcome(late).lagMs).toBeGreaterThan(20);
    expect(run.outcome(late).lagCause).toBe('DISPATCHER');
  });

  it('the target was slower than the record', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', slow, { at: 0, durationMs: 1 });
    const late = record.run('a', log('a'), { at: 10 });
    const run = await bench.run(target, {
      window: await record.store(bench.journal),
      ordering: 'SESSION',
      pace: recorded(1),
    });
    expect(run.outcome(late).lagCause).toBe('TARGET');
  });

  it('a session of the replay held a lock, where order is strict', async () => {
    const target = await bench.target(`${SCHEMA}; CREATE TABLE item (id int); INSERT INTO item VALUES (1)`);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN', { at: 0 });
    record.run('a', 'UPDATE item SET id = 1', { at: 1 });
    record.run('b', 'UPDATE item SET id = 1', { at: 2 });
    const late = record.run('b', log('b'), { at: 3 });
    record.run('a', 'COMMIT', { at: 400 });
    const run = await bench.run(target, { window: await record.store(bench.journal), pace: recorded(1) });
    expect(run.outcome(late)).toMatchObject({ status: 'SUCCEEDED', lagCause: 'LOCK' });
    expect(run.replay.summary.lagByCause.LOCK).toBeGreaterThan(0);
  });

  it.each(['TIMESTAMP', 'SESSION'] as const)('%s: another client held a lock', async (ordering) => {
    const target = await bench.target(`${SCHEMA}; CREATE TABLE item (id int); INSERT INTO item VALUES (1)`);
    const outsider = await target.connect();
    await outsider.query('BEGIN; UPDATE item SET id = 1');
    const record = new HandMadeRecord();
    record.run('a', "UPDATE item SET id = 1 RETURNING 'mine'", { at: 0 });
    const late = record.run('a', log('a'), { at: 1 });
    const run = await bench.start(target, { window: await record.store(bench.journal), ordering, pace: recorded(1) });
    const watcher = await target.connect();
    await untilRunning(watcher, "RETURNING 'mine'");
    // Long enough for the run to look.
    await watcher.query('SELECT pg_sleep(0.5)');
    await outsider.query('COMMIT');
    expect((await run.ended()).outcome(late).lagCause).toBe('LOCK');
  });
});

describe('lag of a statement that the dispatcher of SESSION ordering hands out late', () => {
  it('is by what it waited for most since it was on time', () => {
    const holds = new DispatcherHolds();
    holds.waited('LOCK', 1_000, 1_400);
    holds.waited('TARGET', 1_401, 1_402);
    expect(holds.causeOf(1_010, 392)).toBe('LOCK');
    holds.waited('TARGET', 1_403, 2_000);
    expect(holds.causeOf(1_010, 990)).toBe('TARGET');
    holds.caughtUp();
    holds.waited('LOCK', 3_000, 3_100);
    expect(holds.causeOf(3_001, 99)).toBe('LOCK');
  });

  it('is its own where it waited for little, or was due later', () => {
    const holds = new DispatcherHolds();
    expect(holds.causeOf(900, 100)).toBe('DISPATCHER');
    holds.waited('TARGET', 1_000, 1_010);
    expect(holds.causeOf(1_005, 5)).toBe('TARGET');
    expect(holds.causeOf(1_005, 50)).toBe('DISPATCHER');
    expect(holds.causeOf(1_010, 5)).toBe('DISPATCHER');
  });

  const sync = { ordering: 'SESSION', syncCommits: true, pace: recorded(1) } as const;

  it.each([
    ['another session: TARGET', 'b', 1, 'TARGET'],
    ['its own session, much slower than in the record: TARGET', 'a', 1, 'TARGET'],
    ['its own session, about as slow as in the record: SESSION_BUSY', 'a', 400, 'SESSION_BUSY'],
  ] as const)('is by the statement whose commit it waits for: %s', async (_, session, durationMs, cause) => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('b', 'SELECT 0', { at: 0, durationMs: 1 });
    record.run('a', 'SELECT pg_sleep(0.5)', { at: 20, durationMs });
    const late = record.run(session, log('late'), { at: 30 + durationMs, durationMs: 1 });
    const run = await bench.run(target, { window: await record.store(bench.journal), ...sync });
    expect(run.outcome(late).lagCause).toBe(cause);
    expect(run.replay.summary.lagByCause[cause]).toBeGreaterThan(0);
  });

  it('is by the lock that the commit waits for', async () => {
    const target = await bench.target(`${SCHEMA}; CREATE TABLE item (id int); INSERT INTO item VALUES (1)`);
    const outsider = await target.connect();
    await outsider.query('BEGIN; UPDATE item SET id = 1');
    const record = new HandMadeRecord();
    record.run('b', 'SELECT 0', { at: 0, durationMs: 1 });
    record.run('a', "UPDATE item SET id = 1 RETURNING 'mine'", { at: 20, durationMs: 1 });
    const late = record.run('b', log('b'), { at: 40, durationMs: 1 });
    const run = await bench.start(target, { window: await record.store(bench.journal), ...sync });
    const watcher = await target.connect();
    await untilRunning(watcher, "RETURNING 'mine'");
    // Long enough for the run to look.
    await watcher.query('SELECT pg_sleep(0.5)');
    await outsider.query('COMMIT');
    expect((await run.ended()).outcome(late).lagCause).toBe('LOCK');
  });

  it('is by the target where as much as may wait waits in another session', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('b', 'SELECT 0', { at: 0, durationMs: 1 });
    for (let step = 0; step < 2_400; step++) {
      record.run('a', 'SELECT pg_sleep(0.001)', { at: 300 + step / 10, durationMs: 0.05 });
    }
    record.run('b', log('b'), { at: 541, durationMs: 1 });
    const window = await record.store(bench.journal);
    const run = await bench.start(target, { window, ordering: 'SESSION', pace: recorded(1) });
    const late = await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 2_402);
    expect(late).toMatchObject({ lagCause: 'TARGET' });
    await bench.engine.cancel(run.id);
  });
});

describe.each(['SESSION', 'TIMESTAMP'] as const)('at recorded pace, %s', (ordering) => {
  const OPEN = `INSERT INTO log SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'reprise %' AND application_name NOT LIKE '%monitor'`;

  it.each([
    ['all', undefined, '3'],
    ['as many as there is room for', 3, '2'],
  ])('opens the connections of the next sessions ahead: %s', async (_, maxConnections, open) => {
    const target = await bench.target('CREATE TABLE log (open int)');
    const record = new HandMadeRecord();
    record.run('a', OPEN, { at: 0 });
    for (const session of ['b', 'c']) record.run(session, 'SELECT 1', { at: 500 });
    const window = await record.store(bench.journal);
    const options = { ordering, pace: recorded(1), ...(maxConnections === undefined ? {} : { maxConnections }) };
    const run = await bench.run(target, { window, ...options });
    expect(run.replay.summary).toMatchObject({ succeeded: 3, planned: 3 });
    expect(await target.sql('SELECT open FROM log')).toEqual([open]);
  });
});
