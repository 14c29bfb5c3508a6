import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { Deferred } from '../../src/replay/deferred.ts';
import { ORDERINGS } from '../../src/replay/request.ts';
import type { ReplayStore } from '../../src/replay/store.ts';
import { log, LOG_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { untilRunning, useBench } from '../support/replay.ts';

const bench = useBench();

async function sleeping() {
  const record = new HandMadeRecord();
  record.run('a', 'SELECT pg_sleep(600)');
  return { window: await record.store(bench.journal) };
}

it('several runs at once do not touch each other', async () => {
  const record = new HandMadeRecord();
  for (let step = 0; step < 100; step++) record.run(`s${step % 3}`, log(String(step)));
  const window = await record.store(bench.journal);
  const runs = await Promise.all(
    ORDERINGS.flatMap((ordering) => [ordering, ordering]).map(async (ordering) => {
      const target = await bench.target(SCHEMA);
      return { target, run: await bench.run(target, { window, ordering, restoreIds: false }) };
    }),
  );
  for (const { target, run } of runs) {
    expect(run.replay.summary).toMatchObject({ planned: 100, succeeded: 100 });
    expect(run.events.map((event) => event.seq)).toEqual(run.events.map((_, index) => index + 1));
    expect(await target.sql('SELECT count(DISTINCT who) FROM log')).toEqual(['100']);
  }
  expect(bench.engine.running).toBe(0);
});

it('one more than the limit is refused, also when all are asked for in one moment, and has its turn later', async () => {
  const target = await bench.target();
  const engine = bench.anotherEngine({ maxReplays: 2 });
  const input = { ...(await sleeping()), target: target.spec };
  const asked = await Promise.allSettled([1, 2, 3].map(() => engine.start(input)));
  const started = asked.flatMap((result) => (result.status === 'fulfilled' ? [result.value.id] : []));
  expect(started).toHaveLength(2);
  expect(asked.find((result) => result.status === 'rejected')).toMatchObject({ reason: { code: 'TOO_MANY_REPLAYS' } });
  await engine.cancel(started[0] as string);
  const next = await engine.start(input);
  await Promise.all([next.id, started[1] as string].map((id) => engine.cancel(id)));
});

it('a run that is being resumed uses up one place', async () => {
  const target = await bench.target();
  const input = { ...(await sleeping()), target: target.spec };
  const before = bench.anotherEngine();
  const { id } = await before.start(input);
  await before.stop();
  const asked = new Deferred<void>();
  const answer = new Deferred<void>();
  const transition: ReplayStore['transition'] = async (...args) => {
    if (args[1] === 'RESUME') {
      asked.resolve();
      await answer.promise;
    }
    return bench.store.transition(...args);
  };
  const engine = bench.anotherEngine({ maxReplays: 2, store: { ...bench.store, transition } });
  const resuming = engine.resume(id);
  await asked.promise;
  const beside = await engine.start(input);
  await expect(engine.start(input)).rejects.toMatchObject({ code: 'TOO_MANY_REPLAYS' });
  answer.resolve();
  await resuming;
  await Promise.all([id, beside.id].map((one) => engine.cancel(one)));
});

it('a run that is being interrupted is not resumed behind that by who took it for running', async () => {
  const target = await bench.target();
  const asked = new Deferred<void>();
  const answer = new Deferred<void>();
  const transition: ReplayStore['transition'] = async (...args) => {
    if (args[1] === 'INTERRUPT') {
      asked.resolve();
      await answer.promise;
    }
    return bench.store.transition(...args);
  };
  const engine = bench.anotherEngine({ store: { ...bench.store, transition } });
  const { id, event } = await bench.start(target, await sleeping(), engine);
  await event((one) => one.kind === 'STATE' && one.state === 'RUNNING');
  const stopping = engine.stop();
  await asked.promise;
  const resuming = engine.resume(id).catch((error) => error.code);
  // Its look at the run, which is RUNNING as yet, comes before this one's answer.
  await engine.get(id);
  answer.resolve();
  expect(await resuming).toBe('REPLAY_STATE');
  await stopping;
  expect((await bench.store.get(id))?.state).toBe('INTERRUPTED');
});

it('a refused request does not use up a place', async () => {
  const target = await bench.target();
  const engine = bench.anotherEngine({ maxReplays: 1 });
  const input = await sleeping();
  await expect(engine.start({ ...input, target: { alias: 'nobody knows' } })).rejects.toMatchObject({
    code: 'TARGET_UNKNOWN',
  });
  await expect(engine.start({ ...input, target: { host: '192.0.2.1', port: 5432 } })).rejects.toMatchObject({
    code: 'TARGET_REFUSED',
  });
  await engine.cancel((await engine.start({ ...input, target: target.spec })).id);
});

it('cancel works at every moment of a beginning', async () => {
  const target = await bench.target();
  const input = { ...(await sleeping()), target: target.spec };
  for (let turns = 0; turns < 40; turns += 3) {
    const { id } = await bench.engine.start(input);
    // Some turns of the event loop: PENDING, CONNECTING, the monitor's or the session's connection on its way.
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    expect((await bench.engine.cancel(id)).state).toBe('CANCELLED');
  }
});

it('an engine that stops interrupts its runs, whatever they are doing, and takes no new ones', async () => {
  const target = await bench.target(SCHEMA);
  const engine = bench.anotherEngine();
  const input = { ...(await sleeping()), target: target.spec };
  const watcher = await target.connect();
  const running = await bench.start(target, await sleeping(), engine);
  await untilRunning(watcher, 'pg_sleep(600)');
  const paused = await bench.start(target, await sleeping(), engine);
  await paused.event((event) => event.kind === 'STATE' && event.state === 'RUNNING');
  await engine.pause(paused.id);
  const silent = await silentPort();
  const connecting = await engine.start({
    ...input,
    target: { host: '127.0.0.1', port: silent.port, tls: 'DISABLE' },
    connectTimeoutMs: 3_000,
  });
  await silent.connected();
  const pending = await engine.start(input);
  const asked = engine.start(input);
  await engine.stop();
  const last = await asked;
  for (const id of [running.id, paused.id, connecting.id, pending.id, last.id]) {
    expect((await bench.store.get(id))?.state).toBe('INTERRUPTED');
    expect((await bench.ended(id)).events.at(-1)).toMatchObject({ kind: 'STATE', state: 'INTERRUPTED' });
  }
  await expect(engine.start(input)).rejects.toMatchObject({ code: 'REPLAY_STATE' });
  await engine.stop();
  await silent.close();
});

it('an engine that stops does not wait for a target at which a run is to log in again', async () => {
  const silent = await silentPort();
  const engine = bench.anotherEngine();
  const target = { host: '127.0.0.1', port: silent.port, tls: 'DISABLE' } as const;
  const { id } = await engine.start({ ...(await sleeping()), target, connectTimeoutMs: 600_000 });
  await silent.connected();
  await engine.stop();
  const another = bench.anotherEngine();
  const resuming = another.resume(id).catch((error) => error.code);
  await silent.connected();
  await another.stop();
  expect(await resuming).toBe('REPLAY_STATE');
  expect((await bench.store.get(id))?.state).toBe('INTERRUPTED');
  await silent.close();
});

it('leaving the loop over a window cancels its run', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'));
  record.run('a', 'SELECT pg_sleep(600)');
  const input = { window: await record.store(bench.journal), target: target.spec };
  for await (const event of bench.engine.replayWindow(input)) if (event.kind === 'OUTCOME') break;
  expect(bench.engine.running).toBe(0);
  const [last] = await bench.engine.list({}, null, 1);
  expect(last?.state).toBe('CANCELLED');
});

/** A port that accepts connections and never says a word. */
async function silentPort() {
  let arrived = new Deferred<void>();
  const server = createServer((socket) => {
    socket.on('error', () => {}).resume();
    arrived.resolve();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  // Ends when the run has closed its connection, so that a test which leaks one hangs.
  return {
    port,
    /** Each call: the next one. */
    async connected() {
      await arrived.promise;
      arrived = new Deferred<void>();
    },
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
