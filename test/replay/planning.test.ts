import { expect, it, onTestFinished } from 'vitest';
import type { JournalStore } from '../../src/journal/store.ts';
import type { ReplayStore } from '../../src/replay/store.ts';
import { HandMadeRecord } from '../support/record.ts';
import { NOTHING_LEFT, untilTrue, useBench } from '../support/replay.ts';

/** True when nothing of a replay is connected to the database any more. */
type Read = 'sessionSpans' | 'straddlers' | 'committedCount' | 'page' | 'committed';

const bench = useBench();

/** The journal where one kind of read takes until `release` is called; `asked` resolves when it is first asked for. */
function heldAt(read: Read) {
  let onAsked = () => {};
  let release = () => {};
  const asked = new Promise<void>((resolve) => {
    onAsked = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const held = async (...args: unknown[]) => {
    onAsked();
    await released;
    return (bench.journal[read] as (...args: unknown[]) => Promise<unknown>)(...args);
  };
  const journal: JournalStore = { ...bench.journal, [read]: held };
  return { journal, asked, release };
}

async function startHeld(read: Read, input: { readonly ordering: 'TIMESTAMP' | 'SESSION' | 'COMMIT' }) {
  const { journal, asked, release } = heldAt(read);
  const target = await bench.target('CREATE TABLE log (n serial)');
  const record = new HandMadeRecord();
  record.run('a', 'SET work_mem = 64');
  record.run('a', 'INSERT INTO log DEFAULT VALUES', { at: 10 });
  await record.store(bench.journal);
  const engine = bench.anotherEngine({ journal });
  // Ahead of the engine's stop.
  onTestFinished(release);
  const run = await bench.start(target, { window: record.window(5), ...input, edges: 'INCLUDE' }, engine);
  await asked;
  return { target, engine, run, release };
}

const READS = [
  ['TIMESTAMP', 'sessionSpans'],
  ['TIMESTAMP', 'straddlers'],
  ['TIMESTAMP', 'page'],
  ['SESSION', 'straddlers'],
  ['SESSION', 'page'],
  ['COMMIT', 'sessionSpans'],
  ['COMMIT', 'committedCount'],
  ['COMMIT', 'straddlers'],
  ['COMMIT', 'page'],
  ['COMMIT', 'committed'],
] as const;

it.each(READS)('%s: cancel does not wait until the journal has answered a read (%s)', async (ordering, read) => {
  const { target, engine, run, release } = await startHeld(read, { ordering });
  expect((await engine.cancel(run.id)).state).toBe('CANCELLED');
  const watcher = await target.connect();
  await untilTrue(watcher, NOTHING_LEFT);
  // What the journal answers then does nothing any more.
  release();
  expect((await run.ended()).outcomes).toEqual([]);
  expect(await target.sql('SELECT count(*) FROM log')).toEqual(['0']);
  await untilTrue(watcher, NOTHING_LEFT);
});

it.each([
  ['TIMESTAMP', 'straddlers'],
  ['COMMIT', 'committedCount'],
] as const)('%s: the service stops while the plan is read (%s), and the run can be resumed', async (ordering, read) => {
  const { target, engine, run, release } = await startHeld(read, { ordering });
  await engine.stop();
  release();
  expect((await bench.ended(run.id)).states).toEqual(['CONNECTING', 'INTERRUPTED']);
  await bench.engine.resume(run.id);
  const resumed = await bench.ended(run.id);
  expect(resumed.replay).toMatchObject({ state: 'COMPLETED', summary: { planned: 1, succeeded: 1 } });
  expect(await target.sql('SELECT count(*) FROM log')).toEqual(['1']);
});

it('a run that may take so long ends at its deadline, also while its plan is read', async () => {
  const { journal, release } = heldAt('straddlers');
  const record = new HandMadeRecord();
  record.run('a', 'SELECT 1');
  const window = await record.store(bench.journal);
  const engine = bench.anotherEngine({ journal });
  onTestFinished(release);
  const run = await bench.start(await bench.target(), { window, runTimeoutMs: 300 }, engine);
  const { replay } = await run.ended();
  release();
  expect(replay).toMatchObject({ state: 'FAILED', error: { code: 'RUN_TIMEOUT' } });
});

it('a run whose plan is being read cannot be paused yet, and says what to do', async () => {
  const { engine, run, release } = await startHeld('straddlers', { ordering: 'TIMESTAMP' });
  await expect(engine.pause(run.id)).rejects.toMatchObject({
    code: 'REPLAY_STATE',
    message:
      'cannot pause a replay that is CONNECTING: it has sent nothing yet; pause it when it is RUNNING, or cancel it',
  });
  release();
  const ended = await run.ended();
  expect(ended.states).toEqual(['CONNECTING', 'RUNNING', 'COMPLETED']);
});

it.each([
  ['TIMESTAMP', 'sessionSpans'],
  ['TIMESTAMP', 'straddlers'],
  ['COMMIT', 'committedCount'],
] as const)('%s: a run tells that its plan takes a while to read (%s)', async (ordering, read) => {
  const { run, release } = await startHeld(read, { ordering });
  await run.event((event) => event.kind === 'NOTICE' && event.code === 'PLANNING');
  release();
  const ended = await run.ended();
  expect(ended.replay.state).toBe('COMPLETED');
  expect(ended.notices('PLANNING')).toHaveLength(1);
});

it('is not RUNNING before it has read from the target what its statements draw from', async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const saveSequenceStarts: ReplayStore['saveSequenceStarts'] = async (...starts) => {
    await released;
    return bench.store.saveSequenceStarts(...starts);
  };
  const engine = bench.anotherEngine({ store: { ...bench.store, saveSequenceStarts } });
  onTestFinished(release);
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO log DEFAULT VALUES');
  const window = await record.store(bench.journal);
  const target = await bench.target('CREATE TABLE log (n serial)');
  const run = await bench.start(target, { window, ordering: 'COMMIT' }, engine);
  await run.event((event) => event.kind === 'NOTICE' && event.code === 'PLANNING');
  await expect(engine.pause(run.id)).rejects.toMatchObject({ code: 'REPLAY_STATE' });
  release();
  const { events, replay } = await run.ended();
  expect(replay).toMatchObject({ state: 'COMPLETED', summary: { succeeded: 1 } });
  const told = events.flatMap((event) =>
    event.kind === 'STATE' ? [event.state] : event.kind === 'NOTICE' ? [event.code] : [],
  );
  expect(told).toEqual(['CONNECTING', 'PLANNING', 'RUNNING', 'COMPLETED']);
});
